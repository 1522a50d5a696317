package jinja

import (
	"strings"
	"unicode/utf8"

	"goodstate.dev/goodstate/core/py"
)

// attributed is a value of our own with attributes.
type attributed interface {
	attr(f *frame, name string) (any, bool)
}

// getattr is x.name: first an attribute or a method, then an element.
func (f *frame) getattr(on any, name string) (any, error) {
	if u, ok := on.(py.Undefined); ok {
		if u.Soft {
			return nil, &UndefinedError{u.Hint}
		}
		return on, nil
	}
	if v, ok := f.attribute(on, name); ok {
		return v, nil
	}
	if v, ok, err := f.element(on, name); ok || err != nil {
		return v, err
	}
	return undefinedAttr(on, name), nil
}

// getitem is x[key]: first an element, then for text an attribute.
func (f *frame) getitem(on, key any) (any, error) {
	if u, ok := on.(py.Undefined); ok {
		if u.Soft {
			return nil, &UndefinedError{u.Hint}
		}
		return on, nil
	}
	if err := defined(key); err != nil {
		return nil, err
	}
	if v, ok, err := f.element(on, key); ok || err != nil {
		return v, err
	}
	if name, ok := py.Text(key); ok {
		if v, ok := f.attribute(on, name); ok {
			return v, nil
		}
		return undefinedAttr(on, name), nil
	}
	return undefinedIndex(on, key), nil
}

func undefinedAttr(on any, name string) py.Undefined {
	if d, ok := on.(Describer); ok {
		if hint := d.Missing(name); hint != "" {
			return py.Undefined{Hint: hint}
		}
	}
	return py.Undefined{Hint: quote(objectName(on)) + " has no attribute " + quote(name), Of: &py.Lost{Obj: on, Name: name}}
}

func undefinedIndex(on, key any) py.Undefined {
	return py.Undefined{Hint: objectName(on) + " has no element " + py.Repr(key), Of: &py.Lost{Obj: on, Name: key}}
}

// objectName is how Jinja names the type of a value in an error.
func objectName(v any) string {
	switch v.(type) {
	case nil:
		return "None"
	case py.Unsafe:
		return "ansible.utils.unsafe_proxy.AnsibleUnsafeText object"
	case Describer:
	case Object:
		return "dict object"
	}
	return py.TypeName(v) + " object"
}

// element is Python's x[key]; ok is false where there is none.
func (f *frame) element(on, key any) (any, bool, error) {
	switch x := on.(type) {
	case *py.Dict:
		if hashable(key) != nil {
			return nil, false, nil
		}
		v, ok := x.Get(key)
		return v, ok, nil
	case *py.List:
		return at(x.Items, key)
	case py.Tuple:
		return at(x, key)
	case *group:
		return at([]any{x.grouper, x.list}, key)
	case rangeOf:
		items, err := x.items(f.r)
		if err != nil {
			return nil, false, err
		}
		return at(items, key)
	case Object:
		return f.fromObject(x, key)
	case py.Bytes:
		if i, ok := index(key); ok {
			if i < 0 {
				i += len(x)
			}
			if i >= 0 && i < len(x) {
				return int64(x[i]), true, nil
			}
		}
		return nil, false, nil
	}
	text, ok := py.Text(on)
	if !ok {
		return nil, false, nil
	}
	i, ok := index(key)
	if !ok {
		return nil, false, nil
	}
	if ascii(text) {
		if i < 0 {
			i += len(text)
		}
		if i < 0 || i >= len(text) {
			return nil, false, nil
		}
		return text[i : i+1], true, nil
	}
	if i < 0 {
		i += utf8.RuneCountInString(text)
	}
	for at := range text {
		if i == 0 {
			_, size := utf8.DecodeRuneInString(text[at:]) // one byte where it is no UTF-8
			return text[at : at+size], true, nil
		}
		i--
	}
	return nil, false, nil
}

func at(items []any, key any) (any, bool, error) {
	i, ok := index(key)
	if !ok {
		return nil, false, nil
	}
	if i < 0 {
		i += len(items)
	}
	if i < 0 || i >= len(items) {
		return nil, false, nil
	}
	return items[i], true, nil
}

// method is a function of a value.
type method struct {
	on   any
	name string
	kind string
	fn   *builtin
}

func (m *method) call(f *frame, args []any, named *py.Dict) (any, error) {
	return m.fn.run(f, m.kind+"."+m.name, m.on, args, named)
}

// TypeName is the name of the type in Python.
func (*method) TypeName() string { return "builtin_function_or_method" }

// attribute finds methods and other attributes.
func (f *frame) attribute(on any, name string) (any, bool) {
	if strings.HasPrefix(name, "_") {
		return nil, false // nothing of Python's insides is to be had
	}
	if a, ok := on.(attributed); ok {
		return a.attr(f, name)
	}
	kind := methodKind(on)
	if _, ok := on.(Object); ok {
		return f.objectMethod(on, name)
	}
	if kind == "" {
		return nil, false
	}
	if get, ok := properties[kind+"."+name]; ok {
		return get(on), true
	}
	fn, ok := methods[kind][name]
	if !ok {
		return nil, false
	}
	return &method{on, name, kind, fn}, true
}

func methodKind(on any) string {
	switch on.(type) {
	case string, py.Unsafe, py.Native, *py.Sealed:
		return "str"
	case *py.List:
		return "list"
	case *py.Dict:
		return "dict"
	case py.Tuple:
		return "tuple"
	case py.Bytes:
		return "bytes"
	case py.Date:
		return "date"
	case py.Datetime:
		return "datetime"
	case py.Timedelta:
		return "timedelta"
	case float64:
		return "float"
	case bool, int64:
		return "int"
	}
	if _, _, _, kind := py.Number(on); kind == py.IsBig {
		return "int"
	}
	return ""
}
