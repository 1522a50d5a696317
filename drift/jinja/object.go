package jinja

import (
	"goodstate.dev/goodstate/core/py"
)

// fromObject finds an element of an object of the caller's. What comes from hosts marks the result.
func (f *frame) fromObject(o Object, key any) (any, bool, error) {
	v, ok, err := f.r.objectValue(o, key)
	if ok && !f.sc.unsafe && py.IsUnsafe(v) {
		f.sc.unsafe = true
	}
	return v, ok, err
}

func (r *run) objectValue(o Object, key any) (any, bool, error) {
	vars, ok := o.(Variables)
	if !ok {
		return o.Get(key)
	}
	name, ok := py.Text(key)
	if !ok {
		return nil, false, nil
	}
	scope := vars.Scope()
	raw, ok := scope.Lookup(name)
	if !ok {
		return nil, false, nil
	}
	var v any
	err := r.nested(func() (err error) {
		before := r.scope
		r.scope = scope
		v, err = r.value(raw)
		r.scope = before
		return err
	})
	if vars.Soft() && IsUndefined(err) {
		return raw, true, nil
	}
	return v, err == nil, err
}

// objectMethod has the methods of a dict that change nothing.
func (f *frame) objectMethod(on any, name string) (any, bool) {
	switch name {
	case "keys", "values", "items", "get", "copy":
	default:
		return nil, false
	}
	return function(func(f *frame, args []any, named *py.Dict) (any, error) {
		if name == "get" && len(args) > 0 {
			v, ok, err := f.element(on, args[0])
			if !ok && err == nil && len(args) > 1 {
				v = args[1]
			}
			return v, err
		}
		d, err := f.r.toDict(on)
		if err != nil {
			return nil, err
		}
		return methods["dict"][name].run(f, name, d, args, named)
	}), true
}

// solid makes dicts of the caller's objects, also of those in them.
func (r *run) solid(v any) (any, error) {
	o, ok := v.(Object)
	if !ok {
		return v, nil
	}
	d, err := r.toDict(o)
	if err != nil {
		return nil, err
	}
	for k, item := range d.All() {
		if _, inner := item.(Object); !inner {
			continue
		}
		s, err := r.solid(item)
		if err != nil {
			return nil, err
		}
		d.Set(k, s)
	}
	return d, nil
}
