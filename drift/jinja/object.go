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
	if r.inner && vars.Soft() {
		scope = aloneScope{scope}
	}
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

// solid makes dicts of the caller's objects, also of those in lists and dicts; what has none stays the same.
func (r *run) solid(v any) (any, error) {
	if !hasObject(v, 0) {
		return v, nil
	}
	var out any
	err := r.nested(func() (err error) {
		out, err = r.solidified(v)
		return err
	})
	return out, err
}

func (r *run) solidified(v any) (any, error) {
	switch x := v.(type) {
	case *py.List:
		items, err := r.solidItems(x.Items)
		return &py.List{Items: items}, err
	case py.Tuple:
		items, err := r.solidItems(x)
		return py.Tuple(items), err
	case *py.Dict:
		return r.solidDict(x)
	case Object:
		inner := r.inner
		r.inner = true
		defer func() { r.inner = inner }()
		d, err := r.toDict(x)
		if err != nil {
			return nil, err
		}
		return r.solidDict(d)
	}
	return v, nil
}

func (r *run) solidItems(items []any) ([]any, error) {
	out := make([]any, len(items))
	for i, item := range items {
		var err error
		if out[i], err = r.solid(item); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (r *run) solidDict(d *py.Dict) (any, error) {
	out := py.NewDict()
	for k, item := range d.All() {
		s, err := r.solid(item)
		if err != nil {
			return nil, err
		}
		out.Set(k, s)
	}
	return out, nil
}

func hasObject(v any, depth int) bool {
	if depth > 100 {
		return false
	}
	switch x := v.(type) {
	case *py.List:
		return anyObject(x.Items, depth)
	case py.Tuple:
		return anyObject(x, depth)
	case *py.Dict:
		for _, item := range x.All() {
			if hasObject(item, depth+1) {
				return true
			}
		}
	case Object:
		return true
	}
	return false
}

func anyObject(items []any, depth int) bool {
	for _, item := range items {
		if hasObject(item, depth+1) {
			return true
		}
	}
	return false
}

// aloneScope is a scope as a part of a whole: there are no other hosts in it, else all of them would be in each of them.
type aloneScope struct{ Scope }

// Lookup finds all but the other hosts.
func (s aloneScope) Lookup(name string) (any, bool) {
	if name == "hostvars" || name == "vars" {
		return nil, false
	}
	return s.Scope.Lookup(name)
}
