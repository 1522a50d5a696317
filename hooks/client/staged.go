package client

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"strings"

	"goodstate.dev/goodstate/hooks/rule"
)

// file is one file that a stage looks at.
type file struct {
	path string
	mode rule.Mode
	old  rule.Mode // before the change, 0 when it is new
	oid  string    // of the content, as it is in the index now
	was  string    // of the content before the change; empty or zeros when it is new or nobody asked
	disk onDisk
	size int64 // of the content; -1 when nobody has asked yet
}

// regular is true for what has content that can be repaired.
func (f *file) regular() bool { return f.mode == rule.Regular || f.mode == rule.Executable }

// changes is what a stage is about.
type changes struct {
	files   []*file
	deleted []string
}

// none is the object name of nothing, as Git writes it.
func none(oid string) bool { return strings.Trim(oid, "0") == "" }

// staged asks Git what the index changes. While a merge is being concluded that is what differs from every parent: what came as it is from the other side
// has been judged there.
func (repo *Repo) staged(ctx context.Context, index string) (changes, error) {
	against := func(commit string) ([]byte, error) {
		return repo.git(ctx, index, nil, "diff-index", "--cached", "--raw", "-z", "--no-renames", "--no-abbrev", "--ita-invisible-in-index", commit, "--")
	}
	out, err := against("HEAD")
	if err != nil {
		if _, born := repo.git(ctx, index, nil, "rev-parse", "-q", "--verify", "HEAD^{commit}"); born == nil {
			return changes{}, err
		}
		empty, emptyErr := repo.git(ctx, index, []byte{}, "hash-object", "-t", "tree", "--stdin")
		if emptyErr != nil {
			return changes{}, emptyErr
		}
		if out, err = against(strings.TrimSpace(string(empty))); err != nil {
			return changes{}, err
		}
	}
	all, err := parseRaw(out)
	if err != nil {
		return changes{}, err
	}
	for _, other := range repo.merging() {
		out, err := against(other)
		if err != nil {
			return changes{}, err
		}
		theirs, err := parseRaw(out)
		if err != nil {
			return changes{}, err
		}
		all = all.both(theirs)
	}
	return all, nil
}

// both keeps the files that two comparisons name.
func (c changes) both(other changes) changes {
	named := map[string]bool{}
	for _, f := range other.files {
		named[f.path] = true
	}
	kept := changes{deleted: c.deleted}
	for _, f := range c.files {
		if named[f.path] {
			kept.files = append(kept.files, f)
		}
	}
	return kept
}

// parseRaw reads the raw format of git diff with -z: ":oldmode newmode oldid newid status", NUL, path, NUL.
func parseRaw(out []byte) (changes, error) {
	var c changes
	for len(out) > 0 {
		head, rest, ok := bytes.Cut(out, []byte{0})
		name, rest, ok2 := bytes.Cut(rest, []byte{0})
		words := strings.Fields(strings.TrimPrefix(string(head), ":"))
		if !ok || !ok2 || len(words) != 5 || len(name) == 0 {
			return c, fmt.Errorf("git diff said %.80q, want its raw format", head)
		}
		out = rest
		old, err := mode(words[0])
		if err != nil {
			return c, err
		}
		now, err := mode(words[1])
		if err != nil {
			return c, err
		}
		switch words[4][0] {
		case 'D':
			c.deleted = append(c.deleted, string(name))
		case 'U': // a conflict that is not resolved cannot be committed: Git itself refuses it
		default:
			c.files = append(c.files, &file{path: string(name), mode: now, old: old, oid: words[3], was: words[2], size: -1})
		}
	}
	return c, nil
}

func mode(octal string) (rule.Mode, error) {
	n, err := strconv.ParseUint(octal, 8, 32)
	if err != nil {
		return 0, fmt.Errorf("mode of a file: %w", err)
	}
	return rule.Mode(n), nil
}

// listed is an entry of the index.
type listed struct {
	mode rule.Mode
	oid  string
}

// maxPathArgs is how many bytes of paths go onto a command line; beyond it the whole index is listed.
const maxPathArgs = 64 << 10

// entries reads entries of an index, by path; all of them when no paths are given. Paths that are not there, or in conflict, are left out.
func (repo *Repo) entries(ctx context.Context, index string, paths []string) (map[string]listed, error) {
	args := []string{"ls-files", "-s", "-z", "--full-name", "--"}
	length := 0
	for _, p := range paths {
		length += len(p) + 1
	}
	if length < maxPathArgs {
		args = append(args, paths...)
	}
	out, err := repo.git(ctx, index, nil, args...)
	if err != nil {
		return nil, err
	}
	all := map[string]listed{}
	for line := range bytes.SplitSeq(bytes.TrimSuffix(out, []byte{0}), []byte{0}) {
		if len(line) == 0 {
			continue
		}
		meta, name, ok := strings.Cut(string(line), "\t")
		words := strings.Fields(meta)
		if !ok || len(words) != 3 {
			return nil, fmt.Errorf("git ls-files said %.80q, want mode, id, stage and path", line)
		}
		if words[2] != "0" {
			continue
		}
		m, err := mode(words[0])
		if err != nil {
			return nil, err
		}
		all[name] = listed{m, words[1]}
	}
	return all, nil
}
