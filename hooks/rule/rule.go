// Package rule is the family of checks on what a change contains: each sees paths and bytes, never a work tree, so the same rule says the same
// thing in pre-commit, in pre-receive and in CI. Rules do no I/O and keep no state; goodstate-hook links them, so they stand on little.
package rule

import (
	"cmp"
	"fmt"
	"slices"
)

// Mode is what Git records of a file beside its bytes.
type Mode uint32

// The modes that Git knows of files (git-fast-import(1)).
const (
	Regular    Mode = 0o100644
	Executable Mode = 0o100755
	Symlink    Mode = 0o120000 // the content is the target
	Submodule  Mode = 0o160000 // no content
)

// File is one file of a change as it will be recorded.
type File struct {
	Path string // from the root of the repository, with slashes; any bytes but NUL
	Mode Mode
	Old  Mode  // before the change; 0 when the file is new
	Size int64 // of the content, in bytes
	// Content returns the bytes; callers must not change them. It is called only when a rule wants them, and may fail.
	Content func() ([]byte, error)
	// OldContent returns the bytes before the change. It is nil where they cannot be had: rules then judge by what they see.
	OldContent func() ([]byte, error)
}

// Change is everything that one judgement is about. Most rules look at one file at a time and need nothing else.
type Change struct {
	Files []*File // added or changed; deleted ones are not judged
	// Tree tells the mode of a path after the change, 0 when there is none. A directory has mode 0o040000.
	Tree func(path string) (Mode, error)
	// Paths lists all paths after the change. It is asked only by rules that compare names.
	Paths func() ([]string, error)
	// Branch is the branch that the change goes to, without refs/heads/; empty when there is none.
	Branch string
}

// Finding is one thing that a rule does not accept.
type Finding struct {
	Rule    string `json:"rule"`
	Path    string `json:"path"`
	Line    int    `json:"line,omitempty"`   // from 1; 0 is the file as a whole
	Column  int    `json:"column,omitempty"` // from 1, in bytes; 0 is the line as a whole
	Message string `json:"message"`
	// Unchecked says that the file could not be judged: that is neither accepted nor refused, and is shown.
	Unchecked bool `json:"unchecked,omitempty"`
}

// String is the finding as editors read it: path:line:column: message (rule).
func (f Finding) String() string {
	place := f.Path
	if f.Line > 0 {
		place += fmt.Sprintf(":%d", f.Line)
		if f.Column > 0 {
			place += fmt.Sprintf(":%d", f.Column)
		}
	}
	if place == "" {
		return fmt.Sprintf("%s (%s)", f.Message, f.Rule) // the change as a whole
	}
	return fmt.Sprintf("%s: %s (%s)", place, f.Message, f.Rule)
}

// FileRule judges files one at a time, in any order, from several goroutines at once.
type FileRule interface {
	// Wants tells from path, modes and size alone whether the rule would look at the file, so that nobody reads what nobody looks at.
	Wants(f *File) bool
	Check(f *File) ([]Finding, error)
}

// ChangeRule judges a change as a whole.
type ChangeRule interface {
	CheckChange(c *Change) ([]Finding, error)
}

// Fixer is a rule that can repair what it finds. What Fix returns passes the rule, and fixing it again changes nothing.
type Fixer interface {
	// Fix returns the repaired content and true, or false when there is nothing that it would change.
	Fix(f *File) ([]byte, bool, error)
}

// Stamped is a rule that judges by more than its options and the file, such as a table in another file.
type Stamped interface {
	// Stamp tells one state of that from another. An empty one says that it cannot be told, so that nobody keeps the rule's verdicts.
	Stamp() string
}

// Kind registers one member of the family.
type Kind struct {
	Name    string   // as in goodstate.yaml
	Aliases []string // ids of the same rule in other tools, for moving over
	Help    string   // one line
	Example string   // options in YAML's flow form, parsed and run by the family's test
	Args    []Arg    // the arguments that the aliases take in the tool they come from
	// As has, for an id of another tool, the options under which this rule gives that id's verdicts, where they are not our defaults.
	As map[string]map[string]any
	// New builds the rule; decode fills a struct with json tags from the options and refuses unknown keys. The result is a FileRule, a ChangeRule or both.
	New func(decode func(any) error) (any, error)
}

var kinds = map[string]Kind{}

// Register adds a member; it is called from init functions.
func Register(k Kind) {
	for _, name := range append([]string{k.Name}, k.Aliases...) {
		if _, twice := kinds[name]; twice {
			panic("rule " + name + " is registered twice")
		}
		kinds[name] = k
	}
}

// Find returns the kind with this name or alias.
func Find(name string) (Kind, bool) {
	k, ok := kinds[name]
	return k, ok
}

// Kinds lists the family, by name.
func Kinds() []Kind {
	seen := map[string]bool{}
	var all []Kind
	for _, k := range kinds {
		if !seen[k.Name] {
			seen[k.Name] = true
			all = append(all, k)
		}
	}
	slices.SortFunc(all, func(a, b Kind) int { return cmp.Compare(a.Name, b.Name) })
	return all
}
