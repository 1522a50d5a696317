package action

import (
	"context"
	"errors"
	"fmt"

	"goodstate.dev/goodstate/core/py"
)

func init() {
	register(Kind{Name: "assert", Help: "Fail unless conditions hold", Raw: []string{"that"}, Run: assert})
	register(Kind{Name: "fail", Help: "Fail with a message", Run: func(_ context.Context, t *Task) (*py.Dict, error) {
		if err := t.Only("msg"); err != nil {
			return nil, err
		}
		msg, ok := t.Args.Get("msg")
		if !ok {
			msg = "Failed as requested from task"
		}
		return py.DictOf("failed", true, "msg", py.MarkUnsafe(msg)), nil
	}})
}

func assert(_ context.Context, t *Task) (*py.Dict, error) {
	if err := t.Only("fail_msg", "msg", "quiet", "success_msg", "that"); err != nil {
		return nil, err
	}
	that, ok := t.Args.Get("that")
	if !ok {
		return nil, errors.New(`conditional required in "that" string`)
	}
	bad, err := message(t, "fail_msg or msg", "Assertion failed", "fail_msg", "msg")
	if err != nil {
		return nil, err
	}
	good, err := message(t, "success_msg", "All assertions passed", "success_msg")
	if err != nil {
		return nil, err
	}
	quiet, err := t.Bool("quiet", false)
	if err != nil {
		return nil, err
	}
	if _, text := that.(string); text {
		if that, err = t.Vars.Value(that); err != nil {
			return nil, err
		}
	}
	list, ok := that.(*py.List)
	if !ok {
		list = py.NewList(that)
	}
	out := py.NewDict()
	if !quiet {
		out.Set("_ansible_verbose_always", true)
	}
	for _, condition := range list.Items {
		holds, err := t.Vars.Condition(condition)
		if err != nil {
			return nil, err
		}
		if !holds {
			out.Set("failed", true)
			out.Set("evaluated_to", false)
			out.Set("assertion", py.MarkUnsafe(condition))
			out.Set("msg", bad)
			return out, nil
		}
	}
	out.Set("changed", false)
	out.Set("msg", good)
	return out, nil
}

func message(t *Task, what, otherwise string, names ...string) (any, error) {
	for _, name := range names {
		value, ok := t.Args.Get(name)
		if !ok || value == nil {
			continue
		}
		switch v := value.(type) {
		case string, py.Unsafe:
		case *py.List:
			for _, item := range v.Items {
				switch item.(type) {
				case string, py.Unsafe:
				default:
					return nil, fmt.Errorf("Type of one of the elements in %s list is not string type", what)
				}
			}
		default:
			return nil, fmt.Errorf("Incorrect type for %s, expected a string or list and got %s", what, py.TypeName(value))
		}
		return py.MarkUnsafe(value), nil
	}
	return otherwise, nil
}
