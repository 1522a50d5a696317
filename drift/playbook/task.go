package playbook

import (
	"slices"
	"strings"

	"goodstate.dev/goodstate/core/py"
	"goodstate.dev/goodstate/core/yaml11"
)

// Task is one call of a module, with all that its surroundings say.
type Task struct {
	Keywords
	ID     int // of its place in the playbook; the same for all hosts
	Name   string
	Action string // as it was written
	Args   *py.Dict
	Node   *yaml11.Node
	Play   *Play
	Role   *Role
	Chain  []*Role // the roles that brought the role in, the outermost first

	Register                       string
	Loop                           any
	LoopWith                       string // the lookup of with_
	Control                        *LoopControl
	Until, ChangedWhen, FailedWhen []any
	Retries, Delay, Async, Poll    any

	Handler  bool
	Group    int // of a handler: those that stand together have one
	Listen   []any
	Implicit bool // goodstate's own: flushing handlers, the end of a role

	place *place
}

func (*Task) item() {}

// LoopControl says how a loop goes.
type LoopControl struct {
	Var, IndexVar, Label, Pause, Extended, ExtendedAll any
}

// Short is the module without a builtin collection.
func (t *Task) Short() string { return Short(t.Action) }

// Title is what is printed: the name of the task behind that of its role.
func (t *Task) Title() string { return t.TitleOf(t.Name) }

// TitleOf is the title with a name whose templates are resolved.
func (t *Task) TitleOf(name string) string {
	if t.Short() == "include_role" || t.Short() == "import_role" {
		if name == "" {
			role, ok := t.Args.Get("name")
			if !ok {
				role, _ = t.Args.Get("role")
			}
			name = t.Action + " : " + text(role)
		}
		return name
	}
	if name == "" {
		name = t.Action
	}
	if t.Role != nil {
		return t.Role.FullName() + " : " + name
	}
	return name
}

// Path is the file of the task, and Line its line there.
func (t *Task) Path() string {
	if t.Node == nil {
		return ""
	}
	return t.Node.File()
}

// Errorf makes an error at the task.
func (t *Task) Errorf(format string, args ...any) error { return errorf(t.Node, format, args...) }

// IsInclude says whether the task brings tasks in while hosts run.
func (t *Task) IsInclude() bool {
	switch t.Short() {
	case "include", "include_tasks", "include_role":
		return true
	}
	return false
}

// task reads one task; an import becomes what it imports.
func (c *place) task(n *yaml11.Node) ([]Item, error) {
	t, err := c.read(n)
	if err != nil {
		return nil, err
	}
	switch t.Short() {
	case "import_tasks":
		return c.importTasks(t)
	case "import_role":
		return c.importRole(t)
	case "include_role":
		if c.handlers {
			return nil, errorf(n, "Using '%s' as a handler is not supported.", t.Action)
		}
		return []Item{t}, checkRoleArgs(t)
	case "include_tasks", "include":
		return []Item{t}, checkTasksArgs(t)
	}
	return []Item{t}, nil
}

func (c *place) read(n *yaml11.Node) (*Task, error) {
	action, args, delegate, err := c.arguments(n)
	if err != nil {
		return nil, err
	}
	t := &Task{Action: action, Args: args, Node: n, Play: c.play, Role: c.role, Chain: c.chain, Handler: c.handlers, place: c}
	c.l.serial++
	t.ID = c.l.serial
	if err := c.attributes(t); err != nil {
		return nil, err
	}
	if delegate != nil {
		t.DelegateTo = delegate
	}
	if short := t.Short(); short == "command" || short == "shell" || short == "script" {
		if cmd, ok := args.Get("cmd"); ok {
			if raw, has := args.Get("_raw_params"); has && raw != "" {
				return nil, errorf(n, "The 'cmd' argument cannot be used when other raw parameters are specified. Please put everything in one or the other place.")
			}
			args.Delete("cmd")
			args.Set("_raw_params", cmd)
		}
	}
	return t, nil
}

// attributes reads what is said of the task beside its module.
func (c *place) attributes(t *Task) error {
	n := t.Node
	for _, p := range n.Pairs {
		key := p.Key.Text
		switch {
		case key == t.Action || taskKeys[key] || key == "shell" && t.Action == "shell":
		case strings.HasPrefix(key, "with_"):
			if t.LoopWith != "" || t.Loop != nil {
				return general(n, "duplicate loop in task: %s", strings.TrimPrefix(key, "with_"))
			}
			value, err := p.Value.Value()
			if err != nil {
				return err
			}
			if value == nil {
				return errorf(n, "you must specify a value when using %s", key)
			}
			t.LoopWith, t.Loop = strings.TrimPrefix(key, "with_"), value
		default:
			return errorf(n, "'%s' is not a valid attribute for a %s\nThis error can be suppressed as a warning using the \"invalid_task_attribute_failed\" configuration", key, t.class())
		}
		if key != t.Action && t.isIncludeKind() && !includeKeys[key] && !strings.HasPrefix(key, "with_") && !(t.Handler && key == "listen") {
			return errorf(n, "'%s' is not a valid attribute for a %s", key, t.class())
		}
		if key == "listen" && !c.handlers {
			return errorf(n, "'listen' is not a valid attribute for a Task\nThis error can be suppressed as a warning using the \"invalid_task_attribute_failed\" configuration")
		}
	}
	kw, err := c.l.keywords(n, c.around)
	if err != nil {
		return err
	}
	t.Keywords = *kw
	return t.fields()
}

func (t *Task) class() string {
	switch {
	case t.Short() == "include_role":
		return "IncludeRole"
	case t.isIncludeKind():
		return "TaskInclude"
	case t.Handler:
		return "Handler"
	}
	return "Task"
}

// isIncludeKind is true for includes whose keywords are few.
func (t *Task) isIncludeKind() bool {
	s := t.Short()
	return s == "include_tasks" || s == "include_role"
}

func (t *Task) fields() error {
	own := map[string]*any{"loop": &t.Loop, "retries": &t.Retries, "delay": &t.Delay, "async": &t.Async, "poll": &t.Poll}
	lists := map[string]*[]any{"until": &t.Until, "changed_when": &t.ChangedWhen, "failed_when": &t.FailedWhen, "listen": &t.Listen}
	for _, p := range t.Node.Pairs {
		value, err := p.Value.Value()
		if err != nil {
			return err
		}
		if field, ok := own[p.Key.Text]; ok {
			if p.Key.Text == "loop" && t.LoopWith != "" {
				return general(t.Node, "duplicate loop in task: %s", t.LoopWith)
			}
			*field = value
		}
		if list, ok := lists[p.Key.Text]; ok {
			*list = items(value)
		}
		switch p.Key.Text {
		case "name":
			t.Name = text(value)
		case "register":
			if p.Value.Kind != yaml11.Scalar {
				return errorf(t.Node, "The field 'register' is supposed to be a string type, however the incoming data structure is a %s", pythonType(p.Value))
			}
			t.Register = text(value)
		case "loop_control":
			if err := t.control(p.Value, value); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t *Task) control(n *yaml11.Node, value any) error {
	d, ok := value.(*py.Dict)
	if !ok {
		return errorf(n, "the `loop_control` value must be specified as a dictionary and cannot be a variable itself (though it can contain variables)")
	}
	t.Control = &LoopControl{}
	fields := map[any]*any{
		"loop_var": &t.Control.Var, "index_var": &t.Control.IndexVar, "label": &t.Control.Label, "pause": &t.Control.Pause,
		"extended": &t.Control.Extended, "extended_allitems": &t.Control.ExtendedAll,
	}
	for k, v := range d.All() {
		field, ok := fields[k]
		if !ok {
			return errorf(n, "'%v' is not a valid attribute for a LoopControl", k)
		}
		*field = v
	}
	return nil
}

func checkTasksArgs(t *Task) error {
	if bad := unknownArgs(t, "file", "_raw_params", "apply"); bad != "" && t.Short() != "include" {
		return t.Errorf("Invalid options for %s: %s", t.Action, bad)
	}
	raw, _ := t.Args.Get("_raw_params")
	if raw == nil || raw == "" {
		raw, _ = t.Args.Get("file")
		t.Args.Delete("file")
		if raw == nil || raw == "" {
			return t.Errorf("No file specified for %s", t.Action)
		}
		t.Args.Set("_raw_params", raw)
	}
	return checkApply(t, t.Short() == "include_tasks")
}

func checkRoleArgs(t *Task) error {
	name, ok := t.Args.Get("name")
	if !ok {
		name, ok = t.Args.Get("role")
	}
	if !ok || name == nil {
		return t.Errorf("'name' is a required field for %s.", t.Action)
	}
	if t.Args.Has("public") && t.Short() != "include_role" {
		return t.Errorf("Invalid options for %s: public", t.Action)
	}
	from := []string{"tasks_from", "vars_from", "defaults_from", "handlers_from"}
	if bad := unknownArgs(t, append(from, "name", "role", "apply", "public", "allow_duplicates", "rolespec_validate")...); bad != "" {
		return t.Errorf("Invalid options for %s: %s", t.Action, bad)
	}
	for _, key := range from {
		if v, ok := t.Args.Get(key); ok {
			if _, is := v.(string); !is {
				return t.Errorf("Expected a string for %s but got %T instead", key, v)
			}
		}
	}
	return checkApply(t, t.Short() == "include_role")
}

func checkApply(t *Task, allowed bool) error {
	value, ok := t.Args.Get("apply")
	if !ok || value == nil {
		return nil
	}
	if !allowed {
		return t.Errorf("Invalid options for %s: apply", t.Action)
	}
	if _, ok := value.(*py.Dict); !ok {
		return t.Errorf("Expected a dict for apply but got %T instead", value)
	}
	return nil
}

func unknownArgs(t *Task, known ...string) string {
	var bad []string
	for k := range t.Args.All() {
		if name, _ := k.(string); !slices.Contains(known, name) {
			bad = append(bad, name)
		}
	}
	return strings.Join(bad, ",")
}
