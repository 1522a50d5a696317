// Package secrets is the rule that keeps passwords, tokens and keys out of a repository. It is driven by a table of expressions, ours or a
// gitleaks configuration, and it never writes what it found: a finding shows four characters of a secret and its length.
package secrets

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"unsafe"

	"goodstate.dev/goodstate/hooks/rule"
)

func init() {
	rule.Register(rule.Kind{
		Name:    "secrets",
		Aliases: []string{"gitleaks"},
		Help:    "no passwords, tokens and keys; reads .gitleaks.toml, .gitleaksignore and the mark gitleaks:allow",
		Example: "{}", // its options name files, which an example has not
		New: func(decode func(any) error) (any, error) {
			var o Options
			if err := decode(&o); err != nil {
				return nil, err
			}
			return New(o, workTree)
		},
	})
}

// Options say where the tables are, as paths from the root of the repository.
type Options struct {
	Config   string `json:"config"`   // a gitleaks configuration; by default .gitleaks.toml where there is one, and else our own table
	Ignore   string `json:"ignore"`   // fingerprints of accepted findings; by default .gitleaksignore where there is one
	Baseline string `json:"baseline"` // a report of gitleaks, as JSON, whose findings are accepted
}

// largestTable is the size in bytes of the largest configuration or baseline that is read.
const largestTable = 16 << 20

// workTree reads a file below the current folder, where Git starts its hooks; a link that leads out of it is refused.
func workTree(path string) ([]byte, error) {
	f, err := os.OpenInRoot(".", path)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(f, largestTable+1))
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil && len(data) > largestTable {
		err = fmt.Errorf("%s: larger than %d MB, want a configuration", path, largestTable>>20)
	}
	return data, err
}

// Rule judges files one by one.
type Rule struct {
	scanner *Scanner
	stamp   string
}

// Stamp is the digest of the tables that were read.
func (r *Rule) Stamp() string { return r.stamp }

// New reads the tables with from, which returns an error that is fs.ErrNotExist for a file that is not there. A server passes one that reads from
// where its policy is, so that a push does not choose what it is judged by. Expressions are compiled when they are needed: a wrong one is an error
// then, or of Verify.
func New(o Options, from func(path string) ([]byte, error)) (*Rule, error) {
	sum := sha256.New()
	load := func(path string) ([]byte, error) {
		data, err := from(path)
		fmt.Fprintf(sum, "%q %d %v\n", path, len(data), err == nil)
		sum.Write(data)
		return data, err
	}
	s, err := table(o, load)
	if err != nil {
		return nil, err
	}
	sc := newScanner(s)
	for _, path := range []string{o.Config, o.Baseline, ".gitleaks.toml"} {
		sc.skip[path] = true
	}
	data, err := optional(load, o.Ignore, ".gitleaksignore")
	if err != nil {
		return nil, fmt.Errorf("rule secrets: ignore: %w", err)
	}
	sc.known.readIgnore(data)
	if o.Baseline != "" {
		if data, err = load(o.Baseline); err != nil {
			return nil, fmt.Errorf("rule secrets: baseline: %w", err)
		}
		if err := sc.known.readBaseline(o.Baseline, data); err != nil {
			return nil, fmt.Errorf("rule secrets: %w", err)
		}
	}
	return &Rule{sc, hex.EncodeToString(sum.Sum(nil))}, nil
}

func table(o Options, load func(path string) ([]byte, error)) (*set, error) {
	const usual = ".gitleaks.toml"
	data, err := optional(load, o.Config, usual)
	if err != nil {
		return nil, fmt.Errorf("rule secrets: config: %w", err)
	}
	name := o.Config
	if name == "" {
		if name = usual; data == nil {
			return defaults(), nil
		}
	}
	s, err := parse(name, data, load, 0)
	if err != nil {
		return nil, fmt.Errorf("rule secrets: %w", err)
	}
	return s, nil
}

// optional reads the file that is named, or the usual one if it is there.
func optional(load func(path string) ([]byte, error), named, usual string) ([]byte, error) {
	if named != "" {
		return load(named)
	}
	data, err := load(usual)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil && data == nil {
		data = []byte{}
	}
	return data, err
}

// Verify compiles all expressions, for those who want to know of a wrong one before it is needed.
func (r *Rule) Verify() error {
	var all []*expression
	lists := r.scanner.allow
	for _, one := range r.scanner.rules {
		all = append(all, one.regex, one.path)
		lists = append(lists[:len(lists):len(lists)], one.allow...)
	}
	for _, a := range lists {
		all = append(all, a.regexes, a.paths)
	}
	for _, e := range all {
		if e == nil {
			continue
		}
		if _, err := e.compile(); err != nil {
			return fmt.Errorf("rule secrets: %w", err)
		}
	}
	for _, one := range r.scanner.rules {
		if one.regex == nil {
			continue
		}
		if regex, err := one.regex.compile(); err == nil && one.group > regex.NumSubexp() {
			return fmt.Errorf("rule secrets: %s: secretGroup is %d, and the expression has %d groups", one.id, one.group, regex.NumSubexp())
		}
	}
	return nil
}

// Wants leaves out links, submodules and the tables themselves.
func (r *Rule) Wants(f *rule.File) bool { return f.HasText() && !r.scanner.skip[f.Path] }

// Check looks at the name of every file, and at the content of those that are text.
func (r *Rule) Check(f *rule.File) ([]rule.Finding, error) {
	return r.CheckCommit(f, "")
}

// CheckCommit is Check for a file of a commit that exists: allow lists and fingerprints may name it.
func (r *Rule) CheckCommit(f *rule.File, commit string) ([]rule.Finding, error) {
	p := place{f.Path, commit}
	for _, a := range r.scanner.allow {
		if skip, err := a.skips(p); skip || err != nil {
			return nil, err
		}
	}
	looked := false
	var failed error
	found, err := rule.Text("secrets", f, func(text []byte) []rule.Finding {
		looked = true
		var findings []rule.Finding
		// Most texts have no secret: only what is kept of one is worth a copy.
		if findings, failed = r.findings(p, unsafe.String(unsafe.SliceData(text), len(text))); len(findings) > 0 { //nolint:gosec // nothing of it is kept
			findings, failed = r.findings(p, string(text))
		}
		return findings
	})
	if err = errors.Join(err, failed); err != nil || looked || f.Size == 0 {
		return found, err
	}
	named, err := r.findings(p, "") // a binary or a very large file can still have the name of a key store
	return append(found, named...), err
}
