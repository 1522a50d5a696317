package action

import (
	"context"
	"strconv"

	"goodstate.dev/goodstate/core/py"
)

func init() {
	register(Kind{Name: "debug", Help: "Print a message or a variable", Raw: []string{"var"}, Run: debug})
}

func debug(_ context.Context, t *Task) (*py.Dict, error) {
	msg, hasMsg := t.Args.Get("msg")
	variable, hasVar := t.Args.Get("var")
	if hasMsg && hasVar {
		return Failed("'msg' and 'var' are incompatible options"), nil
	}
	if err := t.Only("msg", "var", "verbosity"); err != nil {
		return nil, err
	}
	least := 0
	if v := t.Text("verbosity"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil {
			return Failed("invalid literal for int() with base 10: '%s'", v), nil
		}
		least = n
	}
	if least > t.Verbose {
		return py.DictOf("skipped_reason", "Verbosity threshold not met.", "skipped", true, "failed", false), nil
	}
	out := py.NewDict()
	switch {
	case hasMsg:
		out.Set("msg", py.MarkUnsafe(msg))
	case hasVar:
		key, value := show(t, variable)
		out.Set(key, py.MarkUnsafe(value))
	default:
		out.Set("msg", "Hello world!")
	}
	out.Set("_ansible_verbose_always", true)
	out.Set("failed", false)
	return out, nil
}

// show evaluates what var names.
func show(t *Task, variable any) (string, any) {
	switch variable.(type) {
	case *py.List, *py.Dict:
		value, err := t.Vars.Value(variable)
		if err != nil {
			value = undefined(t, err)
		}
		if _, ok := variable.(*py.Dict); ok {
			return "<class 'dict'>", value
		}
		return "<class 'list'>", value
	}
	name := Text(variable)
	if resolved, err := t.Vars.Value(variable); err != nil {
		return name, undefined(t, err)
	} else if resolved != variable {
		if text, ok := resolved.(string); !ok {
			return name, resolved
		} else {
			name = text
		}
	}
	value, err := t.Vars.Value("{{" + name + "}}")
	if err != nil {
		return Text(variable), undefined(t, err)
	}
	return Text(variable), value
}

func undefined(t *Task, err error) any {
	text := "VARIABLE IS NOT DEFINED!"
	if t.Verbose > 0 {
		text += ": " + err.Error()
	}
	return py.Unsafe(text)
}
