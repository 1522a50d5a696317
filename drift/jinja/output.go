package jinja

import (
	"strings"

	"goodstate.dev/goodstate/core/py"
)

// output collects what a template writes. A single value stays a value until it is known that nothing follows.
type output struct {
	r      *run
	count  int
	first  any
	text   strings.Builder
	unsafe bool
}

func (o *output) data(text string) error {
	if o.count == 0 {
		o.count, o.first = 1, text
		return o.r.wrote(len(text))
	}
	return o.more(text)
}

func (o *output) more(text string) error {
	if o.count == 1 {
		first, err := o.r.solid(o.first)
		if err != nil {
			return err
		}
		o.unsafe = o.unsafe || py.IsUnsafe(first)
		o.text.WriteString(py.Str(first))
		o.first = nil
	}
	o.count++
	o.text.WriteString(text)
	return o.r.wrote(len(text))
}

// value writes the result of an expression: None is nothing, and what is undefined, also deep in it, is an error.
func (o *output) value(v any) error {
	switch x := v.(type) {
	case nil:
		if !o.r.env.opt.Native {
			return o.data("")
		}
	case string:
		return o.data(x)
	}
	if l, ok := rolled(v); ok {
		v = l
	}
	if err := allDefined(v, 0); err != nil {
		return err
	}
	if o.count == 0 {
		o.count, o.first = 1, v
		return nil
	}
	v, err := o.r.solid(v)
	if err != nil {
		return err
	}
	o.unsafe = o.unsafe || py.IsUnsafe(v)
	if s, ok := v.(*py.Sealed); ok {
		if _, err := s.Text(); err != nil {
			return err
		}
	}
	return o.more(py.Str(v))
}

// allDefined finds what is undefined in lists and dicts.
func allDefined(v any, depth int) error {
	if depth > 200 {
		return nil
	}
	switch x := v.(type) {
	case py.Undefined:
		if !x.Soft {
			return &UndefinedError{x.Hint}
		}
	case *py.List:
		for _, item := range x.Items {
			if err := allDefined(item, depth+1); err != nil {
				return err
			}
		}
	case py.Tuple:
		for _, item := range x {
			if err := allDefined(item, depth+1); err != nil {
				return err
			}
		}
	case *group:
		return allDefined(py.Tuple{x.grouper, x.list}, depth+1)
	case *py.Dict:
		for _, item := range x.All() {
			if err := allDefined(item, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

// result makes a value of what was written. With convert, text that looks like a list, a dict or a boolean becomes one, as Ansible does it.
func (o *output) result(convert bool) (any, error) {
	if convert && o.r.env.opt.Native {
		return o.native()
	}
	var text string
	switch o.count {
	case 0:
		return "", nil
	case 1:
		if n, ok := o.first.(py.Native); ok && convert {
			return n, nil
		}
		o.unsafe = o.unsafe || py.IsUnsafe(o.first)
		switch x := o.first.(type) {
		case string:
			text = x
		case bool:
			if convert {
				return x, nil
			}
		case *py.List, *py.Dict, Object:
			if convert {
				if v, ok := clean(x, 0); ok {
					return o.marked(v), nil
				}
			}
		}
		if text == "" {
			first, err := o.r.solid(o.first)
			if err != nil {
				return nil, err
			}
			o.unsafe = o.unsafe || py.IsUnsafe(first)
			text = py.Str(first)
		}
	default:
		text = o.text.String()
	}
	if err := o.r.wrote(len(text)); err != nil {
		return nil, err
	}
	if convert && text != "" && (text[0] == '{' || text[0] == '[' || text == "True" || text == "False") {
		v, err := py.Literal(text, true)
		if err == nil {
			return o.marked(v), nil
		}
		if err == py.ErrUnhashable { //nolint:errorlint // it is returned as it is
			return nil, typeErrorf("unhashable type")
		}
	}
	return o.marked(text), nil
}

// native is what jinja2_native makes of what was written.
func (o *output) native() (any, error) {
	switch o.count {
	case 0:
		return nil, nil //nolint:nilnil // None
	case 1:
		if _, text := o.first.(string); !text {
			if u, unsafe := o.first.(py.Unsafe); !unsafe {
				return o.first, nil
			} else if v, err := py.Literal(string(u), false); err == nil && !isString(v) {
				return py.MarkUnsafe(v), nil
			}
			return o.first, nil
		}
	}
	text := o.text.String()
	if o.count == 1 {
		text = py.Str(o.first)
	}
	if strings.HasPrefix(text, " ") || strings.HasPrefix(text, "\t") {
		return o.marked(text), nil
	}
	v, err := py.Literal(text, false)
	if err != nil {
		return o.marked(text), nil //nolint:nilerr // then it is text
	}
	if _, is := v.(string); is {
		return o.marked(text), nil
	}
	return o.marked(v), nil
}

func (o *output) marked(v any) any {
	if o.unsafe {
		return py.MarkUnsafe(v)
	}
	return v
}

// clean copies a value that would read back from its repr as it is, so that it need not be written and read. Unsafe text becomes plain; the caller marks it.
func clean(v any, depth int) (any, bool) {
	if depth > 100 {
		return nil, false
	}
	switch x := v.(type) {
	case nil, bool, int64:
		return v, true
	case string:
		return v, plainUTF8(x)
	case py.Unsafe:
		return string(x), plainUTF8(string(x))
	case py.Native:
		return x.Text, plainUTF8(x.Text)
	case float64:
		return v, x-x == 0
	case *py.List:
		list := &py.List{Items: make([]any, len(x.Items))}
		for i, item := range x.Items {
			c, ok := clean(item, depth+1)
			if !ok {
				return nil, false
			}
			list.Items[i] = c
		}
		return list, true
	case *py.Dict:
		d := py.NewDict()
		for k, item := range x.All() {
			key, ok := clean(k, depth+1)
			if !ok {
				return nil, false
			}
			c, ok := clean(item, depth+1)
			if !ok {
				return nil, false
			}
			d.Set(key, c)
		}
		return d, true
	case Object:
		return v, true // it becomes a dict where it is needed as one
	}
	return nil, false
}

func plainUTF8(text string) bool { return strings.ToValidUTF8(text, "") == text }
