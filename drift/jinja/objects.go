package jinja

import (
	"fmt"
	"strings"

	"goodstate.dev/goodstate/core/py"
)

// loop is what a template sees as loop in a for.
type loop struct {
	items []any
	at    int
	depth int
	stmt  *forStmt
	f     *frame
	last  []any // of changed
	asked bool
}

func (l *loop) attr(_ *frame, name string) (any, bool) {
	n := len(l.items)
	switch name {
	case "index":
		return int64(l.at + 1), true
	case "index0":
		return int64(l.at), true
	case "revindex":
		return int64(n - l.at), true
	case "revindex0":
		return int64(n - l.at - 1), true
	case "first":
		return l.at == 0, true
	case "last":
		return l.at == n-1, true
	case "length":
		return int64(n), true
	case "depth":
		return int64(l.depth + 1), true
	case "depth0":
		return int64(l.depth), true
	case "previtem":
		if l.at == 0 {
			return py.Undefined{Hint: "there is no previous item"}, true
		}
		return l.items[l.at-1], true
	case "nextitem":
		if l.at == n-1 {
			return py.Undefined{Hint: "there is no next item"}, true
		}
		return l.items[l.at+1], true
	case "cycle":
		return function(func(_ *frame, args []any, _ *py.Dict) (any, error) {
			if len(args) == 0 {
				return nil, typeErrorf("no items for cycling given")
			}
			return args[l.at%len(args)], nil
		}), true
	case "changed":
		return function(func(_ *frame, args []any, _ *py.Dict) (any, error) {
			changed := !l.asked || !py.Equal(py.Tuple(l.last), py.Tuple(args))
			l.asked, l.last = true, args
			return changed, nil
		}), true
	}
	return nil, false
}

// call goes down in a recursive loop.
func (l *loop) call(f *frame, args []any, _ *py.Dict) (any, error) {
	if !l.stmt.recursive {
		return nil, typeErrorf("The loop must have the 'recursive' marker to be called recursively.")
	}
	if len(args) != 1 {
		return nil, typeErrorf("loop() takes one argument, %d were given", len(args))
	}
	out := &output{r: f.r}
	if err := l.stmt.loop(l.f, args[0], out, l.depth+1); err != nil {
		return nil, err
	}
	return out.result(f.r.convert())
}

// TypeName is the name of the type in Jinja.
func (*loop) TypeName() string { return "LoopContext" }

// Repr shows it as Jinja does.
func (l *loop) Repr() string { return fmt.Sprintf("<LoopContext %d/%d>", l.at+1, len(l.items)) }

// function is a function of ours as a value.
type function func(f *frame, args []any, named *py.Dict) (any, error)

func (fn function) call(f *frame, args []any, named *py.Dict) (any, error) { return fn(f, args, named) }

// TypeName is the name of the type in Python.
func (function) TypeName() string { return "function" }

// macro is a piece of a template that can be called.
type macro struct {
	name string
	sig  signature
	body []stmt
	uses macroUses
	f    *frame // where it was defined
}

func (m *macro) attr(_ *frame, name string) (any, bool) {
	switch name {
	case "name":
		return m.name, true
	case "arguments":
		names := make(py.Tuple, len(m.sig.names))
		for i, n := range m.sig.names {
			names[i] = n
		}
		return names, true
	case "catch_varargs":
		return m.uses.varargs, true
	case "catch_kwargs":
		return m.uses.kwargs, true
	case "caller":
		return m.uses.caller, true
	}
	return nil, false
}

// TypeName is the name of the type in Jinja.
func (*macro) TypeName() string { return "Macro" }

// Repr shows it as Jinja does.
func (m *macro) Repr() string { return "<Macro " + quote(m.name) + ">" }

func (m *macro) call(f *frame, args []any, named *py.Dict) (any, error) {
	var v any
	err := f.r.nested(func() error {
		inner := m.f.child()
		if err := m.bind(inner, args, named); err != nil {
			return err
		}
		var err error
		v, err = written(m.body, inner)
		return err
	})
	return v, err
}

// bind gives the parameters their values.
func (m *macro) bind(inner *frame, args []any, named *py.Dict) error {
	rest := named
	if rest != nil {
		rest = rest.Copy()
	} else {
		rest = py.NewDict()
	}
	for i, name := range m.sig.names {
		if i < len(args) {
			inner.assign(name, args[i])
			continue
		}
		if v, ok := rest.Get(name); ok {
			rest.Delete(name)
			inner.assign(name, v)
			continue
		}
		d := i - (len(m.sig.names) - len(m.sig.defaults))
		if d < 0 {
			inner.assign(name, py.Undefined{Hint: fmt.Sprintf("parameter %s was not provided", quote(name))})
			continue
		}
		v, err := m.sig.defaults[d].eval(inner)
		if err != nil {
			return err
		}
		inner.assign(name, v)
	}
	if m.uses.caller && !m.has("caller") {
		v, ok := rest.Get("caller")
		rest.Delete("caller")
		if !ok {
			v = py.Undefined{Hint: "No caller defined"}
		}
		inner.assign("caller", v)
	}
	if m.uses.kwargs {
		inner.assign("kwargs", rest)
	} else if rest.Len() > 0 {
		if rest.Has("caller") {
			return typeErrorf("macro %s was invoked with two values for the special caller argument. This is most likely a bug.", quote(m.name))
		}
		return typeErrorf("macro %s takes no keyword argument %s", quote(m.name), py.Repr(rest.Keys()[0]))
	}
	more := py.Tuple{}
	if len(args) > len(m.sig.names) {
		more = args[len(m.sig.names):]
	}
	if m.uses.varargs {
		inner.assign("varargs", more)
	} else if len(more) > 0 {
		return typeErrorf("macro %s takes not more than %d argument(s)", quote(m.name), len(m.sig.names))
	}
	return nil
}

func (m *macro) has(name string) bool {
	for _, n := range m.sig.names {
		if n == name {
			return true
		}
	}
	return false
}

// module is an imported template.
type module struct {
	name string
	sc   *scopeOf
	text any
}

func (m *module) attr(_ *frame, name string) (any, bool) {
	v, ok := m.sc.set[name]
	return v, ok
}

func (m *module) String() string { return py.Str(m.text) }

// TypeName is the name of the type in Jinja.
func (*module) TypeName() string { return "TemplateModule" }

// namespace is what namespace() makes: attributes of it can be set.
type namespace struct{ dict *py.Dict }

func (n *namespace) attr(_ *frame, name string) (any, bool) { return n.dict.Get(name) }

// TypeName is the name of the type in Jinja.
func (*namespace) TypeName() string { return "Namespace" }

// Repr shows it as Jinja does.
func (n *namespace) Repr() string { return "<Namespace " + py.Repr(n.dict) + ">" }

// cycler is what cycler() makes.
type cycler struct {
	items []any
	at    int
}

func (c *cycler) attr(_ *frame, name string) (any, bool) {
	switch name {
	case "current":
		return c.items[c.at], true
	case "next":
		return function(func(*frame, []any, *py.Dict) (any, error) {
			v := c.items[c.at]
			c.at = (c.at + 1) % len(c.items)
			return v, nil
		}), true
	case "reset":
		return function(func(*frame, []any, *py.Dict) (any, error) { c.at = 0; return nil, nil }), true
	}
	return nil, false
}

// TypeName is the name of the type in Jinja.
func (*cycler) TypeName() string { return "Cycler" }

// joiner is what joiner() makes: nothing at first, then the separator.
type joiner struct {
	sep  any
	used bool
}

func (j *joiner) call(*frame, []any, *py.Dict) (any, error) { //nolint:unparam // as all that can be called
	if !j.used {
		j.used = true
		return "", nil
	}
	return j.sep, nil
}

// TypeName is the name of the type in Jinja.
func (*joiner) TypeName() string { return "Joiner" }

// rangeOf is Python's range.
type rangeOf struct{ from, to, step int64 }

func (g rangeOf) Len() int {
	switch {
	case g.step > 0 && g.from < g.to:
		return int((g.to-g.from-1)/g.step + 1)
	case g.step < 0 && g.from > g.to:
		return int((g.from-g.to-1)/-g.step + 1)
	}
	return 0
}

const longestRange = 5_000_000

func (g rangeOf) items(r *run) ([]any, error) {
	n := g.Len()
	if n > longestRange || n < 0 {
		return nil, &LimitError{fmt.Sprintf("a range of more than %d numbers", longestRange)}
	}
	if r != nil {
		if err := r.pay(n); err != nil {
			return nil, err
		}
	}
	items := make([]any, n)
	for i := range items {
		items[i] = g.from + int64(i)*g.step
	}
	return items, nil
}

func (g rangeOf) has(v any) bool {
	i, _, f, kind := py.Number(v)
	if kind == py.IsFloat {
		i = int64(f)
		if float64(i) != f {
			return false
		}
	} else if kind != py.IsInt {
		return false
	}
	if g.step > 0 {
		return i >= g.from && i < g.to && (i-g.from)%g.step == 0
	}
	return i <= g.from && i > g.to && (g.from-i)%-g.step == 0
}

// TypeName is the name of the type in Python.
func (rangeOf) TypeName() string { return "range" }

// Repr shows it as Python does.
func (g rangeOf) Repr() string {
	if g.step == 1 {
		return fmt.Sprintf("range(%d, %d)", g.from, g.to)
	}
	return fmt.Sprintf("range(%d, %d, %d)", g.from, g.to, g.step)
}

// view is what keys, values and items of a dict give.
type view struct {
	kind string // "dict_keys", "dict_values" or "dict_items"
	of   *py.Dict
}

func (w *view) list() []any {
	items := make([]any, 0, w.of.Len())
	for k, v := range w.of.All() {
		switch w.kind {
		case "dict_keys":
			items = append(items, k)
		case "dict_values":
			items = append(items, v)
		default:
			items = append(items, py.Tuple{k, v})
		}
	}
	return items
}

func (w *view) items(r *run) ([]any, error) { return w.list(), r.pay(w.of.Len()) }

// Len is the count of keys.
func (w *view) Len() int { return w.of.Len() }

// TypeName is the name of the type in Python.
func (w *view) TypeName() string { return w.kind }

// Repr shows it as Python does.
func (w *view) Repr() string { return w.kind + "(" + py.Repr(py.NewList(w.list()...)) + ")" }

// Equal compares keys as sets do.
func (w *view) Equal(other any) bool {
	o, ok := other.(*view)
	return ok && o.kind == w.kind && w.kind != "dict_values" && strings.Join(strs(w.list()), "\x00") == strings.Join(strs(o.list()), "\x00")
}

func strs(items []any) []string {
	texts := make([]string, len(items))
	for i, item := range items {
		texts[i] = py.Repr(item)
	}
	return texts
}
