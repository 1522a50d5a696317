package jinja

import (
	"strings"
	"unicode/utf8"

	"goodstate.dev/goodstate/core/py"
)

// sequence is a value of our own that can be walked over, such as range.
type sequence interface {
	items(r *run) ([]any, error)
}

// rolled makes a list of what Ansible unrolls at the end of an expression: ranges, views of dicts.
func rolled(v any) (*py.List, bool) {
	switch x := v.(type) {
	case *view:
		return py.NewList(x.list()...), true
	case rangeOf:
		items, err := x.items(nil)
		return py.NewList(items...), err == nil
	}
	return nil, false
}

// items are the elements that Python's iteration gives. The slice must not be changed.
func (r *run) items(v any) ([]any, error) {
	switch x := v.(type) {
	case *py.List:
		return x.Items, r.pay(len(x.Items))
	case py.Tuple:
		return x, r.pay(len(x))
	case *py.Dict:
		return x.Keys(), r.pay(x.Len())
	case py.Undefined:
		if x.Soft {
			return nil, nil
		}
		return nil, &UndefinedError{x.Hint}
	case sequence:
		return x.items(r)
	case Object:
		return x.Keys(), nil
	case py.Bytes:
		items := make([]any, len(x))
		for i, c := range x {
			items[i] = int64(c)
		}
		return items, r.pay(len(x))
	}
	if text, ok := py.Text(v); ok {
		items := make([]any, 0, len(text))
		for len(text) > 0 {
			_, size := utf8.DecodeRuneInString(text)
			items = append(items, text[:size])
			text = text[size:]
		}
		return items, r.pay(len(items))
	}
	return nil, typeErrorf("'%s' object is not iterable", py.TypeName(v))
}

// length is Python's len.
func (r *run) length(v any) (int, error) {
	switch x := v.(type) {
	case *py.List:
		return len(x.Items), nil
	case py.Tuple:
		return len(x), nil
	case *py.Dict:
		return x.Len(), nil
	case py.Bytes:
		return len(x), nil
	case py.Undefined:
		if x.Soft {
			return 0, nil
		}
		return 0, &UndefinedError{x.Hint}
	case Object:
		return len(x.Keys()), nil
	case sequence:
		items, err := x.items(r)
		return len(items), err
	}
	if text, ok := py.Text(v); ok {
		return utf8.RuneCountInString(text), nil
	}
	return 0, typeErrorf("object of type '%s' has no len()", py.TypeName(v))
}

// contains is Python's in.
func (r *run) contains(in, v any) (bool, error) {
	if u, ok := in.(py.Undefined); ok && !u.Soft {
		return false, &UndefinedError{u.Hint}
	}
	switch x := in.(type) {
	case *py.Dict:
		if err := hashable(v); err != nil {
			return false, err
		}
		return x.Has(v), nil
	case Object:
		_, ok, err := x.Get(v)
		return ok, err
	}
	if text, ok := py.Text(in); ok {
		if err := defined(v); err != nil {
			return false, err
		}
		part, ok := py.Text(v)
		if !ok {
			return false, typeErrorf("'in <string>' requires string as left operand, not %s", py.TypeName(v))
		}
		return strings.Contains(text, part), nil
	}
	if x, ok := in.(rangeOf); ok {
		return x.has(v), nil
	}
	items, err := r.items(in)
	if err != nil {
		return false, typeErrorf("argument of type '%s' is not iterable", py.TypeName(in))
	}
	if u, ok := v.(py.Undefined); ok && !u.Soft && len(items) > 0 {
		return false, &UndefinedError{u.Hint}
	}
	for _, item := range items {
		if u, ok := item.(py.Undefined); ok && !u.Soft {
			return false, &UndefinedError{u.Hint}
		}
		if py.Equal(item, v) {
			return true, nil
		}
	}
	return false, nil
}

// bound is a slice's or an index's number.
func index(v any) (int, bool) {
	i, b, _, kind := py.Number(v)
	switch kind {
	case py.IsInt:
		return int(max(min(i, 1<<40), -1<<40)), true
	case py.IsBig:
		return b.Sign() << 40, true
	case py.IsFloat, py.NotNumber:
	}
	return 0, false
}

// characters takes a text apart; a byte that is no UTF-8 stays one.
func characters(text string) []string {
	out := make([]string, 0, len(text))
	for i := range text {
		_, size := utf8.DecodeRuneInString(text[i:])
		out = append(out, text[i:i+size])
	}
	return out
}

// of cuts a piece out of a value.
func (e *sliceExpr) of(f *frame, on any) (any, error) {
	if u, ok := on.(py.Undefined); ok {
		if u.Soft {
			return nil, &UndefinedError{u.Hint}
		}
		return on, nil
	}
	var n [3]int
	var set [3]bool
	for i, part := range []expr{e.from, e.to, e.step} {
		if part == nil {
			continue
		}
		v, err := part.eval(f)
		if err != nil {
			return nil, err
		}
		if v == nil {
			continue
		}
		if n[i], set[i] = index(v); !set[i] {
			if err := defined(v); err != nil {
				return nil, err
			}
			return nil, typeErrorf("slice indices must be integers or None or have an __index__ method")
		}
	}
	if !set[2] {
		n[2] = 1
	}
	if n[2] == 0 {
		return nil, &valueError{"slice step cannot be zero"}
	}
	return f.r.slice(on, n, set)
}

func (r *run) slice(on any, n [3]int, set [3]bool) (any, error) {
	switch x := on.(type) {
	case *py.List:
		return &py.List{Items: pick(x.Items, n, set)}, r.pay(len(x.Items))
	case py.Tuple:
		return py.Tuple(pick(x, n, set)), r.pay(len(x))
	case py.Bytes:
		return py.Bytes(pick(x, n, set)), nil
	case rangeOf:
		items, err := x.items(r)
		return &py.List{Items: pick(items, n, set)}, err
	}
	if text, ok := py.Text(on); ok {
		if ascii(text) {
			if n[2] == 1 {
				from, to, _ := bounds(len(text), n, set)
				return text[from:max(from, to)], nil
			}
			return string(pick([]byte(text), n, set)), nil
		}
		return strings.Join(pick(characters(text), n, set), ""), r.pay(len(text))
	}
	if _, ok := on.(*py.Dict); ok {
		return nil, typeErrorf("unhashable type: 'slice'")
	}
	return nil, typeErrorf("'%s' object is not subscriptable", py.TypeName(on))
}

func ascii(text string) bool {
	for i := range len(text) {
		if text[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// bounds makes the numbers of a slice fit a length, as Python's slice.indices does.
func bounds(length int, n [3]int, set [3]bool) (from, to, step int) {
	step = n[2]
	low, high := 0, length
	if step < 0 {
		low, high = -1, length-1
	}
	fit := func(i int) int {
		if i < 0 {
			return max(i+length, low)
		}
		return min(i, high)
	}
	from, to = low, high
	if step < 0 {
		from, to = high, low
	}
	if set[0] {
		from = fit(n[0])
	}
	if set[1] {
		to = fit(n[1])
	}
	return from, to, step
}

func pick[T any](items []T, n [3]int, set [3]bool) []T {
	from, to, step := bounds(len(items), n, set)
	picked := []T{}
	for i := from; step > 0 && i < to || step < 0 && i > to; i += step {
		picked = append(picked, items[i])
	}
	return picked
}
