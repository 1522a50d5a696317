package engine

import (
	"fmt"
	"strings"

	"goodstate.dev/goodstate/core/py"
	"goodstate.dev/goodstate/drift/playbook"
)

// arguments resolves the arguments of the module, with its defaults, and leaves out what is omit.
func (e *executor) arguments(s *scope) (*py.Dict, error) {
	raw := e.task.Args
	args := py.NewDict()
	for key, value := range raw.All() {
		name, _ := key.(string)
		if e.info.local && contains(e.info.kind.Raw, name) {
			args.Set(key, value)
			continue
		}
		resolve := e.env().Value
		if e.info.local && e.info.kind.Facts {
			resolve = e.env().Fact
		}
		v, err := resolve(e.p.r.ctx, value, s)
		if err != nil {
			return nil, e.undefined(err)
		}
		args.Set(key, v)
	}
	if v, ok := args.Get("_variable_params"); ok {
		d, is := v.(*py.Dict)
		if !is {
			return nil, fmt.Errorf("invalid or malformed argument: '%s'", py.Str(v))
		}
		args.Delete("_variable_params")
		merged := d.Copy()
		update(merged, args)
		args = merged
	}
	defaults, err := e.defaults(s)
	if err != nil {
		return nil, e.undefined(err)
	}
	for k, v := range defaults.All() {
		if !args.Has(k) {
			args.Set(k, v)
		}
	}
	return e.without(args).(*py.Dict), nil
}

func contains(list []string, name string) bool {
	for _, s := range list {
		if s == name {
			return true
		}
	}
	return false
}

// defaults are what module_defaults says for the module.
func (e *executor) defaults(s *scope) (*py.Dict, error) {
	out := py.NewDict()
	for _, level := range e.task.ModuleDefaults {
		for key, value := range level.All() {
			name := py.Str(key)
			if group, ok := strings.CutPrefix(name, "group/"); ok {
				if !inActionGroup(group, e.task.Action) {
					continue
				}
			} else if playbook.Short(name) != e.task.Short() {
				continue
			}
			v, err := e.env().Value(e.p.r.ctx, value, s)
			if err != nil {
				return nil, err
			}
			if d, ok := v.(*py.Dict); ok {
				update(out, d)
			}
		}
	}
	return out, nil
}

// inActionGroup knows the groups by the collection that a module is of.
func inActionGroup(group, module string) bool {
	parts := strings.Split(group, ".")
	return len(parts) >= 2 && strings.HasPrefix(module, parts[0]+"."+parts[1]+".")
}

// without leaves out what is omit.
func (e *executor) without(value any) any {
	switch v := value.(type) {
	case *py.Dict:
		out := py.NewDict()
		for k, item := range v.All() {
			if item != e.p.r.omit {
				out.Set(k, e.without(item))
			}
		}
		return out
	case *py.List:
		out := py.NewList()
		for _, item := range v.Items {
			if item != e.p.r.omit {
				out.Items = append(out.Items, e.without(item))
			}
		}
		return out
	}
	return value
}
