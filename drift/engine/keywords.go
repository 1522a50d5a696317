package engine

import (
	"fmt"
	"strconv"
	"strings"

	"goodstate.dev/goodstate/core/py"
	"goodstate.dev/goodstate/drift/playbook"
)

// keywords resolves what is said of the task beside its arguments.
func (e *executor) keywords(s *scope) error {
	t, p := e.task, e.p
	f := &fields{}
	var first error
	wrong := func(err error) bool {
		if first == nil {
			first = err
		}
		return err != nil
	}
	flag := func(value any, otherwise bool, name string) bool {
		if value == nil {
			return otherwise
		}
		b, err := p.flagIn(value, otherwise, name, s)
		wrong(err)
		return b
	}
	set := p.r.opt.Settings
	f.noLog = flag(t.NoLog, set.NoLog, "no_log")
	f.ignoreErrors = flag(t.IgnoreErrors, false, "ignore_errors") || first != nil && t.IgnoreErrors != nil // what is not false
	f.ignoreUnreachable = flag(t.IgnoreUnreachable, false, "ignore_unreachable")
	f.diff = flag(t.Diff, p.r.opt.Diff, "diff")
	f.check = flag(t.CheckMode, p.r.opt.Check, "check_mode")
	f.runOnce = flag(t.RunOnce, false, "run_once")
	if t.DelegateTo != nil {
		v, err := e.env().Value(p.r.ctx, t.DelegateTo, s)
		if wrong(inField("delegate_to", err)) {
			f.delegate = py.Str(t.DelegateTo)
		} else if v != nil && v != p.r.omit && py.Str(v) != "" {
			f.delegate = py.Str(v)
		}
	}
	if t.Notify != nil {
		v, err := e.env().Value(p.r.ctx, py.NewList(t.Notify...), s)
		wrong(inField("notify", err))
		for _, n := range flat(v) {
			f.notify = append(f.notify, py.Str(n))
		}
	}
	f.title = e.shown.Name
	if playbook.IsTemplate(t.Name) && len(s.local) > 0 {
		if v, err := e.env().Value(p.r.ctx, t.Name, s); err == nil {
			f.title = t.TitleOf(py.Str(v))
		}
	}
	f.title = strings.TrimSpace(f.title)
	e.fields = f
	return first
}

func flat(v any) []any {
	var out []any
	for _, item := range itemsOf(v) {
		if list, ok := item.(*py.List); ok {
			out = append(out, flat(list)...)
			continue
		}
		out = append(out, item)
	}
	return out
}

// number resolves a keyword that is a whole number.
func (e *executor) number(value any, s *scope, name string, otherwise int) (int, error) {
	if value == nil {
		return otherwise, nil
	}
	v, err := e.env().Value(e.p.r.ctx, value, s)
	if err != nil {
		return 0, err
	}
	if v == e.p.r.omit {
		return otherwise, nil
	}
	n, err := strconv.Atoi(py.Str(v))
	if err != nil {
		return 0, fmt.Errorf("the field '%s' has an invalid value (%s), and could not be converted to an int.The error was: invalid literal for int() with base 10: '%s'", name, py.Str(v), py.Str(v))
	}
	return n, nil
}
