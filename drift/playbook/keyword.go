package playbook

import (
	"slices"
	"strings"

	"goodstate.dev/goodstate/core/py"
	"goodstate.dev/goodstate/core/yaml11"
)

// Keywords are what plays, roles, blocks and tasks may all say. The one of a task has what is around it in it: the nearest value counts, and lists add up.
// A value may be a template; nil was not said.
type Keywords struct {
	Become, BecomeUser, BecomeMethod, BecomeFlags, BecomeExe any
	Connection, Port, RemoteUser                             any
	CheckMode, Diff, NoLog, IgnoreErrors, IgnoreUnreachable  any
	AnyErrorsFatal, RunOnce, Throttle, Timeout, Debugger     any
	DelegateTo, DelegateFacts                                any
	Environment, When, Tags, Notify                          []any
	ModuleDefaults                                           []*py.Dict
	Collections                                              []string
	Vars                                                     []*py.Dict // of blocks, includes and the task, the outermost first
	Params                                                   []*py.Dict // of includes around, which win over facts that were set
}

// fields are the keywords whose nearest value counts.
func (k *Keywords) fields() map[string]*any {
	return map[string]*any{
		"become": &k.Become, "become_user": &k.BecomeUser, "become_method": &k.BecomeMethod, "become_flags": &k.BecomeFlags, "become_exe": &k.BecomeExe,
		"connection": &k.Connection, "port": &k.Port, "remote_user": &k.RemoteUser, "check_mode": &k.CheckMode, "diff": &k.Diff, "no_log": &k.NoLog,
		"ignore_errors": &k.IgnoreErrors, "ignore_unreachable": &k.IgnoreUnreachable, "any_errors_fatal": &k.AnyErrorsFatal, "run_once": &k.RunOnce,
		"throttle": &k.Throttle, "timeout": &k.Timeout, "debugger": &k.Debugger, "delegate_to": &k.DelegateTo, "delegate_facts": &k.DelegateFacts,
	}
}

var baseKeys = []string{
	"name", "connection", "port", "remote_user", "vars", "module_defaults", "environment", "no_log", "run_once", "ignore_errors", "ignore_unreachable",
	"check_mode", "diff", "any_errors_fatal", "throttle", "timeout", "debugger", "become", "become_method", "become_user", "become_flags", "become_exe",
}

var (
	playKeys = keySet(baseKeys, "tags", "collections", "hosts", "gather_facts", "gather_subset", "gather_timeout", "fact_path", "vars_files", "vars_prompt",
		"roles", "handlers", "pre_tasks", "post_tasks", "tasks", "force_handlers", "max_fail_percentage", "serial", "strategy", "order", "user")
	blockKeys = keySet(baseKeys, "when", "tags", "collections", "block", "rescue", "always", "delegate_to", "delegate_facts", "notify")
	roleKeys  = keySet(baseKeys, "when", "tags", "collections", "delegate_to", "delegate_facts", "role")
	taskKeys  = keySet(baseKeys, "when", "tags", "collections", "action", "args", "async", "changed_when", "delay", "delegate_to", "delegate_facts", "failed_when",
		"loop", "loop_control", "notify", "poll", "register", "retries", "until", "local_action", "listen")
	includeKeys = keySet([]string{
		"action", "args", "collections", "debugger", "ignore_errors", "loop", "loop_control", "name", "no_log", "register", "run_once",
		"tags", "timeout", "vars", "when",
	})
)

func keySet(keys []string, more ...string) map[string]bool {
	set := map[string]bool{}
	for _, k := range keys {
		set[k] = true
	}
	for _, k := range more {
		set[k] = true
	}
	return set
}

// keywords reads the keywords of a mapping and adds what is around it.
func (l *Loader) keywords(n *yaml11.Node, around *Keywords) (*Keywords, error) {
	own := &Keywords{}
	fields := own.fields()
	for _, p := range n.Pairs {
		value, err := p.Value.Value()
		if err != nil {
			return nil, err
		}
		if field, ok := fields[p.Key.Text]; ok {
			if err := check(p, value); err != nil {
				return nil, err
			}
			*field = value
			continue
		}
		if err := l.listed(n, own, p, value); err != nil {
			return nil, err
		}
	}
	return own.within(around), nil
}

// listed reads the keywords that add up.
func (l *Loader) listed(n *yaml11.Node, own *Keywords, p yaml11.Pair, value any) (err error) {
	switch p.Key.Text {
	case "when":
		own.When = items(value)
	case "notify":
		own.Notify = items(value)
	case "environment":
		own.Environment = items(value)
	case "tags":
		own.Tags, err = tags(p.Value, value)
	case "collections":
		for _, c := range items(value) {
			own.Collections = append(own.Collections, text(c))
		}
	case "module_defaults":
		for _, d := range items(value) {
			dict, ok := d.(*py.Dict)
			if !ok {
				return errorf(p.Key, "The field 'module_defaults' is supposed to be a dictionary or list of dictionaries, the keys of which must be static action, module, or group names. "+
					"Only the values may contain templates. For example: {'ping': \"{{ ping_defaults }}\"}")
			}
			own.ModuleDefaults = append(own.ModuleDefaults, dict)
		}
	case "vars":
		var vars *py.Dict
		if vars, err = variables(p.Value, kindOf(n), value); err == nil && vars.Len() > 0 {
			own.Vars = []*py.Dict{vars}
		}
	}
	return err
}

// booleans are the keywords that must be true or false, or a template.
var booleans = keySet([]string{"become", "no_log", "run_once", "ignore_errors", "ignore_unreachable", "check_mode", "diff", "any_errors_fatal", "delegate_facts"})

func check(p yaml11.Pair, value any) error {
	if p.Key.Text == "debugger" && value != nil && value != "never" {
		return errorf(p.Value, "goodstate has no debugger for tasks: leave 'debugger: %s' out, or say never", text(value))
	}
	switch value.(type) {
	case *py.Dict, *py.List:
		if booleans[p.Key.Text] {
			break
		}
		return errorf(p.Value, "The field '%s' is supposed to be a string type, however the incoming data structure is a %s", p.Key.Text, pythonType(p.Value))
	}
	return nil
}

// within adds what is around.
func (k *Keywords) within(around *Keywords) *Keywords {
	mine, theirs := k.fields(), around.fields()
	for name, field := range mine {
		if *field == nil {
			*field = *theirs[name]
		}
	}
	k.Environment = slices.Concat(around.Environment, k.Environment)
	k.When = slices.Concat(around.When, k.When)
	k.Tags = slices.Concat(k.Tags, around.Tags)
	k.ModuleDefaults = slices.Concat(around.ModuleDefaults, k.ModuleDefaults)
	k.Vars = slices.Concat(around.Vars, k.Vars)
	k.Params = slices.Concat(around.Params, k.Params)
	if k.Notify == nil {
		k.Notify = around.Notify
	}
	if k.Collections == nil {
		k.Collections = around.Collections
	}
	return k
}

// items gives a list as it is, and one value as a list of it.
func items(value any) []any {
	switch v := value.(type) {
	case nil:
		return nil
	case *py.List:
		return v.Items
	}
	return []any{value}
}

func tags(n *yaml11.Node, value any) ([]any, error) {
	switch v := value.(type) {
	case *py.List:
		return v.Items, nil
	case string:
		var out []any
		for part := range strings.SplitSeq(v, ",") {
			out = append(out, strings.TrimSpace(part))
		}
		return out, nil
	case int64:
		return []any{v}, nil
	case nil:
		return nil, nil
	}
	return nil, errorf(n, "tags must be specified as a list")
}

// kindOf says what has keywords.
func kindOf(n *yaml11.Node) string {
	if _, play := n.Get("hosts"); play {
		return "Play"
	}
	if isBlock(n) {
		return "Block"
	}
	return "Task"
}

// variables reads vars: a dict, or a list of dicts.
func variables(n *yaml11.Node, kind string, value any) (*py.Dict, error) {
	out := py.NewDict()
	for _, item := range items(value) {
		d, ok := item.(*py.Dict)
		if !ok {
			return nil, errorf(n, "Vars in a %s must be specified as a dictionary, or a list of dictionaries", kind)
		}
		for k, v := range d.All() {
			name, ok := k.(string)
			if !ok || !Identifier(name) {
				return nil, errorf(n, "Invalid variable name in vars specified for %s: '%v' is not a valid variable name", "Task", k)
			}
			out.Set(name, v)
		}
	}
	return out, nil
}

var reserved = keySet([]string{
	"False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue", "def", "del", "elif", "else", "except", "finally", "for", "from",
	"global", "if", "import", "in", "is", "lambda", "nonlocal", "not", "or", "pass", "raise", "return", "try", "while", "with", "yield",
})

// Identifier says whether a name may be a variable.
func Identifier(name string) bool {
	if name == "" || reserved[name] {
		return false
	}
	for i := 0; i < len(name); i++ {
		c := name[i]
		if !(c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || i > 0 && c >= '0' && c <= '9') {
			return false
		}
	}
	return true
}
