// Package moving reads what other tools for Git hooks are configured to do (pre-commit, lefthook, lint-staged, husky, commitlint), and writes the equal
// hooks section of goodstate.yaml. It runs nothing and asks no network. What it cannot translate exactly it names with file and line, and never widens,
// narrows or drops in silence.
package moving

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Found is what a repository is configured to do at its hooks.
type Found struct {
	files  []string
	stages []*stage
	notes  []string
	// remarks are comments at the top: what has no meaning here, so that nothing is missing.
	remarks []string
	// wantsCommitlint is where something starts commitlint.
	wantsCommitlint string
	// lintStaged and commitlint are true when their configuration was moved.
	lintStaged, commitlint bool
	node                   bool // there is a package.json
	lost                   []Lost
	env                    Environments // nil where the hooks are written down, and not run as they are
}

// Lost is something that is wanted at a stage and cannot be done here.
type Lost struct{ Stage, Name, Why string }

// Environments have what hooks of other repositories need to run.
type Environments interface {
	// Manifest is what a repository says of its hooks.
	Manifest(repo, rev string) ([]byte, error)
	// Source is the folder with the repository.
	Source(repo, rev string) (string, error)
	// Build is the folder with the programs of an environment; repo may be empty.
	Build(repo, rev, language, version string, more []string) (string, error)
}

// running are the tools whose configurations can be run as they are.
var running = map[string]source{"pre-commit": preCommit, "lefthook": lefthook}

// AsTheyAre reads the configurations of some tools in order to run them. What cannot be run is among Lost, by its stage.
func AsTheyAre(dir string, tools []string, env Environments) (Found, error) {
	f := Found{env: env}
	for _, tool := range tools {
		before := len(f.files)
		if err := running[tool](dir, &f); err != nil {
			return Found{}, err
		}
		if len(f.files) == before {
			return Found{}, fmt.Errorf("the configuration of %s is to be used, and there is none in %s", tool, dir)
		}
	}
	return f, f.settle()
}

// Lost is what is wanted and cannot be done.
func (f Found) Lost() []Lost { return slices.Clone(f.lost) }

// lose notes something that is not moved, of a stage; what is how the note calls it.
func (f *Found) lose(stage, name, place, what, why string) {
	if !strings.Contains(what, " is not moved") {
		what += " is not moved"
	}
	f.note(place, "%s: %s", what, why)
	f.lost = append(f.lost, Lost{Stage: stage, Name: name, Why: oneLine(place + ": " + why)})
}

// source reads the configuration of one tool, if there is one.
type source func(dir string, into *Found) error

// sources are read in this order. Those that start others come last, so that what they start is known by then.
var sources = []source{preCommit, lefthook, lintStaged, commitLint, husky}

// errNothing is the error of Read for a repository without any.
var errNothing = errors.New("no configuration of pre-commit, lefthook, lint-staged, husky or commitlint lies here, want for example .pre-commit-config.yaml at the root of the repository")

// Read finds the configurations that lie at the root of a repository. An error means that one of them could not be read at all.
func Read(dir string) (Found, error) {
	var f Found
	pkg, err := packageJSON(dir)
	if err != nil {
		return Found{}, err
	}
	f.node = pkg != nil
	for _, read := range sources {
		if err := read(dir, &f); err != nil {
			return Found{}, err
		}
	}
	if len(f.files) == 0 {
		return Found{}, errNothing
	}
	if f.node {
		f.linkNode()
	}
	if err := f.settle(); err != nil {
		return Found{}, err
	}
	return f, nil
}

// Files are the configurations that were read, from the root of the repository.
func (f Found) Files() []string { return slices.Clone(f.files) }

// Notes say what was not moved or is not the same, each with file, line and what to do.
func (f Found) Notes() []string { return slices.Clone(f.notes) }

// Empty is true when nothing could be moved.
func (f Found) Empty() bool {
	return !slices.ContainsFunc(f.stages, func(s *stage) bool { return !s.empty() })
}

// Stages are the names of the stages that do something now.
func (f Found) Stages() []string {
	var names []string
	for _, s := range f.ordered() {
		names = append(names, s.name)
	}
	return names
}

func (f *Found) read(name string) {
	if !slices.Contains(f.files, name) {
		f.files = append(f.files, name)
	}
}

// note names something that was not moved.
func (f *Found) note(place, format string, values ...any) {
	text := place + ": " + fmt.Sprintf(format, values...)
	if text = oneLine(text); !slices.Contains(f.notes, text) {
		f.notes = append(f.notes, text)
	}
}

func (f *Found) remark(text string) {
	if !slices.Contains(f.remarks, text) {
		f.remarks = append(f.remarks, text)
	}
}

// longestNote keeps a hostile name from filling a terminal, in bytes.
const longestNote = 500

// oneLine makes a text fit for a line of a terminal.
func oneLine(text string) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == 0x2028 || r == 0x2029 || r >= 0x202a && r <= 0x202e {
			return ' '
		}
		return r
	}, text)
	if len(text) > longestNote {
		text = strings.ToValidUTF8(text[:longestNote], "") + "..."
	}
	return strings.TrimSpace(text)
}

// stageNames are the Git hooks that have a stage, in the order of the documentation.
var stageNames = []string{"pre-commit", "prepare-commit-msg", "commit-msg", "pre-push", "post-commit", "post-checkout", "post-merge", "post-rewrite"}

// after are the stages that are about an event and not about files.
var after = []string{"post-commit", "post-checkout", "post-merge", "post-rewrite"}

// stage returns the stage of a Git hook, which stageNames has.
func (f *Found) stage(name string) *stage {
	for _, s := range f.stages {
		if s.name == name {
			return s
		}
	}
	s := &stage{name: name}
	f.stages = append(f.stages, s)
	return s
}

func (f Found) ordered() []*stage {
	all := slices.DeleteFunc(slices.Clone(f.stages), (*stage).empty)
	slices.SortStableFunc(all, func(a, b *stage) int {
		return slices.Index(stageNames, a.name) - slices.Index(stageNames, b.name)
	})
	return all
}
