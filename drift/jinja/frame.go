package jinja

import (
	"errors"
	"fmt"

	"goodstate.dev/goodstate/core/py"
)

// scopeOf is what one template sees while it is evaluated: Jinja calls it the context.
type scopeOf struct {
	r        *run
	tmpl     *template
	names    []string // set at the top level, in their order
	set      map[string]any
	given    map[string]any // by the template that includes or imports this one
	isolated bool           // imported without context: there are only globals
	seen     map[string]any // variables that were evaluated before
	unsafe   bool
	blocks   map[string][]*blockOf
	parent   *template // of extends
}

// blockOf is a block with the template it stands in.
type blockOf struct {
	block *blockStmt
	tmpl  *template
}

// frame has the local names of a piece of a template.
type frame struct {
	r      *run
	sc     *scopeOf
	up     *frame
	names  []string
	values []any
	out    *output
	top    bool // what is set here is seen by blocks and importers
	depth  int  // of recursive loops
	block  string
	super  int
}

func (f *frame) child() *frame {
	return &frame{r: f.r, sc: f.sc, up: f, out: f.out, depth: f.depth, block: f.block, super: f.super}
}

// lookup finds a name: first what the template has set, then what it was given, then variables and globals.
func (f *frame) lookup(name string) (any, error) {
	for at := f; at != nil; at = at.up {
		for i := len(at.names) - 1; i >= 0; i-- {
			if at.names[i] == name {
				return at.values[i], nil
			}
		}
	}
	return f.sc.resolve(name)
}

// assign sets a name in this frame.
func (f *frame) assign(name string, value any) {
	if f.top {
		if _, there := f.sc.set[name]; !there {
			f.sc.names = append(f.sc.names, name)
		}
		if f.sc.set == nil {
			f.sc.set = map[string]any{}
		}
		f.sc.set[name] = value
	}
	for i, n := range f.names {
		if n == name {
			f.values[i] = value
			return
		}
	}
	f.names, f.values = append(f.names, name), append(f.values, value)
}

// locals are all names that frames have set, for templates that are included.
func (f *frame) locals() map[string]any {
	all := map[string]any{}
	for name, v := range f.sc.given {
		all[name] = v
	}
	for name, v := range f.sc.set {
		all[name] = v
	}
	var frames []*frame
	for at := f; at != nil; at = at.up {
		frames = append(frames, at)
	}
	for i := len(frames) - 1; i >= 0; i-- {
		for j, name := range frames[i].names {
			all[name] = frames[i].values[j]
		}
	}
	return all
}

func (s *scopeOf) resolve(name string) (any, error) {
	if v, ok := s.set[name]; ok {
		return v, nil
	}
	if v, ok := s.seen[name]; ok {
		return v, nil
	}
	v, err := s.find(name)
	if err != nil {
		return nil, err
	}
	if s.seen == nil {
		s.seen = make(map[string]any, 4)
	}
	s.seen[name] = v
	if !s.unsafe && py.IsUnsafe(v) {
		s.unsafe = true
	}
	return v, nil
}

func (s *scopeOf) find(name string) (any, error) {
	if v, ok := s.given[name]; ok {
		return v, nil
	}
	if !s.isolated {
		if v, ok := s.r.scope.Lookup(name); ok {
			return s.r.variable(name, v, s.tmpl.mutates)
		}
	}
	if v, ok := globals[name]; ok {
		return v, nil
	}
	if s.isolated && name == "omit" {
		return undefinedName(name), nil
	}
	return undefinedName(name), nil
}

func undefinedName(name string) py.Undefined {
	return py.Undefined{Hint: "'" + name + "' is undefined", Of: &py.Lost{Name: name, Top: true}}
}

// variable evaluates the value of a variable, which may be or hold templates. What fails because something is undefined is undefined itself, and fails when
// it is used.
func (r *run) variable(name string, v any, copied bool) (any, error) {
	switch x := v.(type) {
	case py.Unsafe, nil, bool, int64, float64, py.Native:
		return v, nil
	case int:
		return int64(x), nil
	case *py.Sealed:
		text, err := x.Text()
		if err != nil {
			return nil, fmt.Errorf("the encrypted variable %q: %w", name, err)
		}
		return text, nil
	case string:
		if !possible(x) {
			return v, nil
		}
	case *py.Dict:
		if name == "vars" {
			return v, nil
		}
		if !IsTemplated(v) {
			return share(v, copied), nil
		}
	case *py.List, py.Tuple:
		if !IsTemplated(v) {
			return share(v, copied), nil
		}
	default:
		return v, nil
	}
	value, err := r.value(v)
	var u *UndefinedError
	switch {
	case err == nil:
		return value, nil
	case errors.As(err, &u):
		return py.Undefined{Hint: shown(v) + ": " + u.Message}, nil
	case isLimit(err):
		return nil, err
	}
	return nil, &wrappedError{fmt.Sprintf("An unhandled exception occurred while templating '%s'. Error was a %s, original message: %v", shown(v), class(err), err), err}
}

// wrappedError is an error with more words around it.
type wrappedError struct {
	message string
	err     error
}

func (e *wrappedError) Error() string { return e.message }
func (e *wrappedError) Unwrap() error { return e.err }

// class is the name of the Python class that Ansible would say for an error.
func class(err error) string {
	var t *typeError
	if errors.As(err, &t) {
		return "<class 'ansible.errors.AnsibleError'>"
	}
	var c interface{ Class() string }
	if errors.As(err, &c) {
		return "<class '" + c.Class() + "'>"
	}
	return "<class 'ansible.errors.AnsibleError'>"
}

func isLimit(err error) bool {
	var l *LimitError
	return errors.As(err, &l) || errors.Is(err, errTooDeep)
}

// shown is a value in an error: encrypted text stays hidden, and it is not long.
func shown(v any) string {
	text := py.Str(hidden(v, 0))
	if len(text) > 1000 {
		text = text[:1000] + "..."
	}
	return text
}

func hidden(v any, depth int) any {
	if depth > 50 {
		return "..."
	}
	switch x := v.(type) {
	case *py.Sealed:
		return "!vault"
	case *py.List:
		list := py.NewList()
		for _, item := range x.Items {
			list.Items = append(list.Items, hidden(item, depth+1))
		}
		return list
	case *py.Dict:
		d := py.NewDict()
		for k, item := range x.All() {
			d.Set(k, hidden(item, depth+1))
		}
		return d
	}
	return v
}

// share gives a template a container; one that may change it gets its own.
func share(v any, copied bool) any {
	if !copied {
		return v
	}
	switch x := v.(type) {
	case *py.List:
		list := &py.List{Items: make([]any, len(x.Items))}
		for i, item := range x.Items {
			list.Items[i] = share(item, true)
		}
		return list
	case *py.Dict:
		d := py.NewDict()
		for k, item := range x.All() {
			d.Set(k, share(item, true))
		}
		return d
	}
	return v
}

// value evaluates all text in a value.
func (r *run) value(v any) (any, error) {
	if err := r.step(); err != nil {
		return nil, err
	}
	switch x := v.(type) {
	case string:
		return r.text(x, plainText)
	case *py.List:
		return r.values(x.Items)
	case py.Tuple:
		return r.values(x)
	case *py.Dict:
		d := py.NewDict()
		for k, item := range x.All() {
			value, err := r.value(item)
			if err != nil {
				return nil, err
			}
			d.Set(k, value)
		}
		return d, nil
	case int:
		return int64(x), nil
	case py.Undefined:
		return nil, &UndefinedError{x.Hint}
	}
	return v, nil
}

func (r *run) values(items []any) (any, error) {
	list := &py.List{Items: make([]any, len(items))}
	for i, item := range items {
		value, err := r.value(item)
		if err != nil {
			return nil, err
		}
		list.Items[i] = value
	}
	return list, nil
}
