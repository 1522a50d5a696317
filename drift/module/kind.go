// Package module holds the modules of playbooks as they run on a host: each first says what it would change and then changes it, so that check
// mode, diff and the change itself come from one code path. It is linked into the agent and stands on the standard library and x/sys alone;
// a module must never change anything before it has said so, and never prints or logs: all it has to say is in its result.
package module

import (
	"context"
	"maps"
	"slices"
)

// Checkable says what a module can do in check mode.
type Checkable int

// What check mode does with a module. The zero value is the one that promises nothing.
const (
	CheckNone    Checkable = iota // skipped in check mode: nobody can tell what it would do
	CheckPartial                  // some calls can be predicted; the others say that they are skipped
	CheckFull                     // check mode says what a run would do
)

// Kind registers one module.
type Kind struct {
	Name    string   // short name, as in ansible.builtin.NAME
	Also    []string // full names of other collections under which the same module is known
	Help    string   // one line
	Example string   // a task in YAML's flow form, parsed by the family's test
	Options []Option
	Check   Checkable
	Diff    bool // it tells before and after
	// FileArgs adds owner, group, mode and the other options that all modules with files share.
	FileArgs          bool
	MutuallyExclusive [][]string
	RequiredTogether  [][]string
	RequiredOneOf     [][]string
	RequiredIf        []RequiredIf
	RequiredBy        map[string][]string
	// Raw takes arguments that no list of options describes: they are not checked.
	Raw   bool
	Since string // the release of ansible-core that has it first, where that is after 2.14
	// Own says that Ansible has no module of this name on the host: it is a part of one that the controller carries out.
	Own bool
	// Choose names the module that does the work on this host, with its arguments; then there is no Plan.
	Choose func(t *Task) (name string, args map[string]any, err error)
	// Plan looks at the host and adds what it would change to the task with Change. It changes nothing itself.
	Plan func(ctx context.Context, t *Task) error
}

// RequiredIf asks for options when another one has a value.
type RequiredIf struct {
	Option   string
	Value    any
	Requires []string
	Any      bool // one of them is enough
}

var (
	kinds = map[string]*Kind{}
	names = map[string]string{} // every name under which a module is called
)

// register adds a module; it is called from init functions.
func register(k Kind) {
	if _, twice := kinds[k.Name]; twice {
		panic("module " + k.Name + " is registered twice")
	}
	if k.FileArgs {
		k.Options = append(slices.Clone(k.Options), fileOptions...)
	}
	kinds[k.Name] = &k
	for _, name := range append([]string{k.Name, "ansible.builtin." + k.Name, "ansible.legacy." + k.Name}, k.Also...) {
		if other, twice := names[name]; twice {
			panic("module name " + name + " belongs to " + other + " and " + k.Name)
		}
		names[name] = k.Name
	}
}

// Find returns the module with this short or full name.
func Find(name string) (Kind, bool) {
	k, ok := kinds[names[name]]
	if !ok {
		return Kind{}, false
	}
	return *k, true
}

// Kinds lists the family, by name.
func Kinds() []Kind {
	list := make([]Kind, 0, len(kinds))
	for _, name := range slices.Sorted(maps.Keys(kinds)) {
		list = append(list, *kinds[name])
	}
	return list
}
