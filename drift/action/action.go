// Package action has what runs on the controller for a task: all of the task, as debug and set_fact do, or the part of it that needs files or variables of
// the controller, as copy and template do. Each action is one file with its registration; a task whose name has no action goes to the module on the host.
package action

import (
	"context"
	"errors"
	"fmt"

	"goodstate.dev/goodstate/core/py"
)

// Kind is one action.
type Kind struct {
	Name string   // without collection
	Also []string // full names in collections
	Help string
	// Once says that the action runs once for all hosts of a batch (add_host, pause).
	Once bool
	// Facts says that the result brings variables that may be templates, as set_fact does.
	Facts bool
	// Raw are options that are handed over without being templated, because the action templates them itself (assert's that).
	Raw []string
	// Run carries the task out on one host. What it returns is the result of the task; an error is a failed result, except for Unreachable.
	Run func(ctx context.Context, t *Task) (*py.Dict, error)
}

var kinds = map[string]Kind{}

func register(k Kind) {
	if _, twice := kinds[k.Name]; twice {
		panic("action " + k.Name + " is registered twice")
	}
	for _, name := range append([]string{k.Name}, k.Also...) {
		kinds[name] = k
	}
}

// Find gives the action of a module's short name.
func Find(name string) (Kind, bool) {
	k, ok := kinds[name]
	return k, ok
}

// Names lists the actions, in no order.
func Names() []string {
	names := make([]string, 0, len(kinds))
	for name := range kinds {
		names = append(names, name)
	}
	return names
}

// Variables is what a task sees: names, templates and conditions over them.
type Variables interface {
	// Get finds a variable and resolves templates in it.
	Get(name string) (any, bool, error)
	// Value resolves the templates in a value, also in lists and dicts.
	Value(value any) (any, error)
	// Fact is Value for what becomes a variable: text that only looks like a list stays text.
	Fact(value any) (any, error)
	// Condition judges one condition, text or boolean.
	Condition(condition any) (bool, error)
	// File renders the text of a template file with the settings that a template may have, and more variables. The name of the file is for errors,
	// its folder for includes.
	File(path, text string, more *py.Dict, settings Settings) (string, error)
}

// Settings are how a template file is read.
type Settings struct {
	NewlineSequence                                                            string
	TrimBlocks, LstripBlocks, KeepTrailingNewline                              bool
	VariableStart, VariableEnd, BlockStart, BlockEnd, CommentStart, CommentEnd string
}

// Blob is content for a module, sent to the host once and named by its hash.
type Blob struct {
	Hash string // SHA-256, hex
	Path string // on the controller, or
	Data []byte
}

// Remote is the host of a task, with the task's user, environment and check mode.
type Remote interface {
	// Module runs a module there and returns its result. Blobs are what its arguments name by hash.
	Module(ctx context.Context, name string, args *py.Dict, blobs ...Blob) (*py.Dict, error)
	// Reset closes the connection, so that the next use connects again.
	Reset(ctx context.Context) error
}

// Task is one task on one host, with everything resolved.
type Task struct {
	Name     string // the module, without collection
	Full     string // the module as it was written
	Title    string // the name of the task
	Args     *py.Dict
	Unsolved *py.Dict // the arguments before templates were resolved
	Host     string   // in the inventory; not the one delegated to
	Vars     Variables
	Remote   Remote
	Check    bool
	Diff     bool
	NoLog    bool
	Verbose  int
	Path     string // the file of the task
	// Find looks for a file as a task of a role or playbook does: kind is "files", "templates", "vars" or "tasks".
	Find func(kind, name string) (string, error)
	// Decrypt opens a file that may be a vault.
	Decrypt func(path string, text []byte) ([]byte, error)
	// Load reads a YAML or JSON file.
	Load func(path string) (any, error)
	// Console talks to the person at the terminal.
	Console Console
}

// Console is where pause asks.
type Console interface {
	// Display prints a line.
	Display(text string)
	// Warn prints a warning once.
	Warn(text string)
	// Ask reads a line; hidden input is not echoed. Without a terminal it says so by ok=false.
	Ask(ctx context.Context, prompt string, hidden bool) (answer string, ok bool, err error)
}

// Unreachable is a host that does not answer.
type Unreachable struct{ Err error }

func (u *Unreachable) Error() string { return u.Err.Error() }
func (u *Unreachable) Unwrap() error { return u.Err }

// Failed is a result with a message. It is what an action says that cannot do its task.
func Failed(format string, args ...any) *py.Dict {
	return py.DictOf("failed", true, "msg", py.Unsafe(fmt.Sprintf(format, args...)))
}

// ErrSkipped ends an action without doing anything; the result is "skipped".
var ErrSkipped = errors.New("skipped")

// Text gives an argument as text; none is "".
func (t *Task) Text(name string) string {
	value, ok := t.Args.Get(name)
	if !ok || value == nil {
		return ""
	}
	return Text(value)
}

// Bool gives an argument as a boolean.
func (t *Task) Bool(name string, otherwise bool) (bool, error) {
	value, ok := t.Args.Get(name)
	if !ok || value == nil {
		return otherwise, nil
	}
	b, ok := Bool(value)
	if !ok {
		return false, fmt.Errorf("The value '%s' is not a valid boolean. Valid booleans include: 0, 'f', 1, 'yes', 'y', 't', 'on', 'true', 'off', '0', '1', 'no', 'n', 'false'", Text(value))
	}
	return b, nil
}

// Only refuses arguments that the action does not know.
func (t *Task) Only(known ...string) error {
	for key := range t.Args.All() {
		found := false
		for _, k := range known {
			found = found || key == k
		}
		if !found {
			return fmt.Errorf("Invalid options for %s: %v", t.Full, key)
		}
	}
	return nil
}
