package jinja

import (
	"fmt"

	"goodstate.dev/goodstate/core/py"
)

// defined is an error for what is undefined.
func defined(v any) error {
	if u, ok := v.(py.Undefined); ok {
		return &UndefinedError{u.Hint}
	}
	return nil
}

// truth is Python's bool, and an error for what is undefined.
func truth(v any) (bool, error) {
	if u, ok := v.(py.Undefined); ok && !u.Soft {
		return false, &UndefinedError{u.Hint}
	}
	return py.Truth(v), nil
}

func (e *constExpr) eval(*frame) (any, error) { return e.value, nil }

func (e *nameExpr) eval(f *frame) (any, error) { return f.lookup(e.name) }

func evalAll(items []expr, f *frame) ([]any, error) {
	values := make([]any, len(items))
	for i, item := range items {
		v, err := item.eval(f)
		if err != nil {
			return nil, err
		}
		values[i] = v
	}
	return values, nil
}

func (e *tupleExpr) eval(f *frame) (any, error) {
	values, err := evalAll(e.items, f)
	return py.Tuple(values), err
}

func (e *listExpr) eval(f *frame) (any, error) {
	values, err := evalAll(e.items, f)
	if err != nil {
		return nil, err
	}
	return &py.List{Items: values}, nil
}

func (e *dictExpr) eval(f *frame) (any, error) {
	d := py.NewDict()
	for i := range e.keys {
		k, err := e.keys[i].eval(f)
		if err != nil {
			return nil, err
		}
		if err := hashable(k); err != nil {
			return nil, err
		}
		v, err := e.values[i].eval(f)
		if err != nil {
			return nil, err
		}
		d.Set(k, v)
	}
	return d, nil
}

// hashable says whether a value may be a key.
func hashable(v any) error {
	switch x := v.(type) {
	case *py.List, *py.Dict, *view:
		return typeErrorf("unhashable type: '%s'", py.TypeName(v))
	case py.Undefined:
		if x.Soft {
			return nil
		}
		return &UndefinedError{x.Hint}
	case py.Tuple:
		for _, item := range x {
			if err := hashable(item); err != nil {
				return err
			}
		}
	}
	return nil
}

func (e *getattrExpr) eval(f *frame) (any, error) {
	on, err := e.on.eval(f)
	if err != nil {
		return nil, err
	}
	return f.getattr(on, e.name)
}

func (e *getitemExpr) eval(f *frame) (any, error) {
	on, err := e.on.eval(f)
	if err != nil {
		return nil, err
	}
	if s, ok := e.key.(*sliceExpr); ok {
		return s.of(f, on)
	}
	key, err := e.key.eval(f)
	if err != nil {
		return nil, err
	}
	return f.getitem(on, key)
}

func (e *sliceExpr) eval(*frame) (any, error) { return nil, typeErrorf("unhashable type: 'slice'") }

func (e *callExpr) eval(f *frame) (any, error) {
	on, err := e.on.eval(f)
	if err != nil {
		return nil, err
	}
	args, named, err := e.args.eval(f)
	if err != nil {
		return nil, err
	}
	return f.call(on, args, named)
}

// callable is what can be called from a template.
type callable interface {
	call(f *frame, args []any, named *py.Dict) (any, error)
}

func (f *frame) call(on any, args []any, named *py.Dict) (any, error) {
	if err := f.r.step(); err != nil {
		return nil, err
	}
	if c, ok := on.(callable); ok {
		return c.call(f, args, named)
	}
	if err := defined(on); err != nil {
		return nil, err
	}
	return nil, typeErrorf("'%s' object is not callable", py.TypeName(on))
}

// eval gives the values of arguments; named is nil where there are none.
func (a *arguments) eval(f *frame) (args []any, named *py.Dict, err error) {
	if len(a.list) > 0 {
		if args, err = evalAll(a.list, f); err != nil {
			return nil, nil, err
		}
	}
	if a.all != nil {
		v, err := a.all.eval(f)
		if err != nil {
			return nil, nil, err
		}
		more, err := f.r.items(v)
		if err != nil {
			return nil, nil, err
		}
		args = append(args, more...)
	}
	if len(a.named) == 0 && a.allName == nil {
		return args, nil, nil
	}
	named = py.NewDict()
	for i, e := range a.named {
		v, err := e.eval(f)
		if err != nil {
			return nil, nil, err
		}
		named.Set(a.names[i], v)
	}
	if a.allName != nil {
		v, err := a.allName.eval(f)
		if err != nil {
			return nil, nil, err
		}
		d, ok := v.(*py.Dict)
		if !ok {
			if err := defined(v); err != nil {
				return nil, nil, err
			}
			return nil, nil, typeErrorf("argument after ** must be a mapping, not %s", py.TypeName(v))
		}
		for k, v := range d.All() {
			named.Set(k, v)
		}
	}
	return args, named, nil
}

func (e *filterExpr) eval(f *frame) (any, error) {
	on, err := e.on.eval(f)
	if err != nil {
		return nil, err
	}
	return e.apply(f, on)
}

func (e *filterExpr) apply(f *frame, on any) (any, error) {
	args, named, err := e.args.eval(f)
	if err != nil {
		return nil, err
	}
	return f.filter(e.name, e.fn, on, args, named)
}

// filter applies one by its name; fn is nil where the caller has it.
func (f *frame) filter(name string, fn *builtin, on any, args []any, named *py.Dict) (any, error) {
	if err := f.r.step(); err != nil {
		return nil, err
	}
	if fn == nil {
		return f.plugin("filter", name, on, args, named)
	}
	if _, ok := on.(Object); ok && !fn.lazy && wantsDict[name] {
		var err error
		if on, err = f.r.solid(on); err != nil {
			return nil, err
		}
	}
	return fn.run(f, name, on, args, named)
}

// wantsDict are the filters that look into a dict as a whole.
var wantsDict = map[string]bool{
	"dict2items": true, "items": true, "dictsort": true, "combine": true, "to_json": true, "to_nice_json": true, "tojson": true, "json_query": true,
	"pprint": true, "string": true, "rekey_on_member": true, "subelements": true, "xmlattr": true, "hash": true, "checksum": true, "length": true,
}

func (f *frame) plugin(kind, name string, on any, args []any, named *py.Dict) (any, error) {
	if f.r.env.opt.Plugin != nil {
		if p, ok := f.r.env.opt.Plugin(kind, name); ok {
			if named == nil {
				named = py.NewDict()
			}
			all, err := f.r.solidItems(append([]any{on}, args...))
			if err != nil {
				return nil, err
			}
			return p(f.r.ctx, all, named)
		}
	}
	return nil, fmt.Errorf("No %s named %s.", kind, quote(name))
}

func (e *testExpr) eval(f *frame) (any, error) {
	on, err := e.on.eval(f)
	if err != nil {
		return nil, err
	}
	args, named, err := e.args.eval(f)
	if err != nil {
		return nil, err
	}
	return f.test(e.name, e.fn, on, args, named)
}

func (f *frame) test(name string, fn *builtin, on any, args []any, named *py.Dict) (any, error) {
	if err := f.r.step(); err != nil {
		return nil, err
	}
	if fn != nil {
		return fn.run(f, name, on, args, named)
	}
	return f.plugin("test", name, on, args, named)
}

func (e *notExpr) eval(f *frame) (any, error) {
	v, err := e.on.eval(f)
	if err != nil {
		return nil, err
	}
	ok, err := truth(v)
	return !ok, err
}

func (e *negExpr) eval(f *frame) (any, error) {
	v, err := e.on.eval(f)
	if err != nil {
		return nil, err
	}
	return negative(v)
}

func (e *posExpr) eval(f *frame) (any, error) {
	v, err := e.on.eval(f)
	if err != nil {
		return nil, err
	}
	if err := defined(v); err != nil {
		return nil, err
	}
	if b, ok := v.(bool); ok {
		if b {
			return int64(1), nil
		}
		return int64(0), nil
	}
	if _, _, _, kind := py.Number(v); kind == py.NotNumber {
		return nil, typeErrorf("bad operand type for unary +: '%s'", py.TypeName(v))
	}
	return v, nil
}

func (e *binaryExpr) eval(f *frame) (any, error) {
	left, err := e.left.eval(f)
	if err != nil {
		return nil, err
	}
	right, err := e.right.eval(f)
	if err != nil {
		return nil, err
	}
	return f.r.arith(e.op, left, right)
}

func (e *andExpr) eval(f *frame) (any, error) {
	left, err := e.left.eval(f)
	if err != nil {
		return nil, err
	}
	if ok, err := truth(left); !ok || err != nil {
		return left, err
	}
	return e.right.eval(f)
}

func (e *orExpr) eval(f *frame) (any, error) {
	left, err := e.left.eval(f)
	if err != nil {
		return nil, err
	}
	if ok, err := truth(left); ok || err != nil {
		return left, err
	}
	return e.right.eval(f)
}

func (e *concatExpr) eval(f *frame) (any, error) {
	values, err := evalAll(e.items, f)
	if err != nil {
		return nil, err
	}
	text := ""
	for _, v := range values {
		if u, ok := v.(py.Undefined); ok && !u.Soft {
			return nil, &UndefinedError{u.Hint}
		}
		s := py.Str(v)
		if err := f.r.wrote(len(s)); err != nil {
			return nil, err
		}
		text += s
	}
	return text, f.r.wrote(len(text))
}

func (e *condExpr) eval(f *frame) (any, error) {
	v, err := e.test.eval(f)
	if err != nil {
		return nil, err
	}
	ok, err := truth(v)
	if err != nil {
		return nil, err
	}
	if ok {
		return e.yes.eval(f)
	}
	if e.no == nil {
		return py.Undefined{Hint: "the inline if-expression on line 1 evaluated to false and no else section was defined.", Soft: true}, nil
	}
	return e.no.eval(f)
}

func (e *compareExpr) eval(f *frame) (any, error) {
	left, err := e.first.eval(f)
	if err != nil {
		return nil, err
	}
	for i, op := range e.ops {
		right, err := e.rest[i].eval(f)
		if err != nil {
			return nil, err
		}
		ok, err := f.r.compare(op, left, right)
		if !ok || err != nil {
			return false, err
		}
		left = right
	}
	return true, nil
}

func (r *run) compare(op string, a, b any) (bool, error) {
	if op == "in" || op == "not in" {
		in, err := r.contains(b, a)
		return in == (op == "in"), err
	}
	for _, v := range []any{a, b} {
		if u, ok := v.(py.Undefined); ok && (!u.Soft || op != "==" && op != "!=") {
			return false, &UndefinedError{u.Hint}
		}
	}
	switch op {
	case "==":
		return py.Equal(a, b), nil
	case "!=":
		return !py.Equal(a, b), nil
	}
	order, ok, err := py.Compare(a, b, op)
	if err != nil {
		return false, &typeError{err.Error()}
	}
	if !ok {
		return false, nil
	}
	switch op {
	case "<":
		return order < 0, nil
	case "<=":
		return order <= 0, nil
	case ">":
		return order > 0, nil
	}
	return order >= 0, nil
}
