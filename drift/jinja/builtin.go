package jinja

import (
	"errors"
	"fmt"
	"math/big"
	"strings"

	"goodstate.dev/goodstate/core/py"
)

// builtin is a filter, a test, a method, a lookup or a global function, with its parameters as Python has them.
type builtin struct {
	params []param
	rest   bool // *args
	named  bool // **kwargs
	lazy   bool // it takes what is undefined as its first argument
	do     func(c *call) (any, error)
}

type param struct {
	name     string
	fallback any
	optional bool
}

// call is one call of a builtin: args has a value for each parameter.
type call struct {
	f     *frame
	r     *run
	name  string
	args  []any
	rest  []any
	named *py.Dict
}

// family is a set of builtins by name.
type family map[string]*builtin

var (
	filters = family{}
	tests   = family{}
	lookups = family{}
	methods = map[string]family{}
	globals = map[string]any{}
	// properties are attributes that are no methods, by kind and name.
	properties = map[string]func(on any) any{}
)

// add registers a member under its names, which have bars between them. The parameters are words: "value", "width=79", "*rest", "**named".
func (fam family) add(names, params string, do func(c *call) (any, error)) *builtin {
	b := &builtin{do: do}
	for _, word := range strings.Fields(params) {
		switch name, fallback, optional := strings.Cut(word, "="); {
		case strings.HasPrefix(word, "**"):
			b.named = true
		case strings.HasPrefix(word, "*"):
			b.rest = true
		default:
			p := param{name: name, optional: optional}
			if optional {
				v, err := py.Literal(fallback, false)
				if err != nil {
					panic(names + ": " + word)
				}
				p.fallback = v
			}
			b.params = append(b.params, p)
		}
	}
	for _, name := range strings.Split(names, "|") {
		fam[name] = b
	}
	return b
}

// takesUndefined lets the first argument be undefined.
func (b *builtin) takesUndefined() { b.lazy = true }

// findBuiltin finds a member by its short or its full name.
func findBuiltin(fam family, name string) *builtin {
	if b, ok := fam[name]; ok {
		return b
	}
	for _, prefix := range []string{"ansible.builtin.", "ansible.legacy.", "community.general.", "ansible.utils.", "ansible.netcommon."} {
		if short, ok := strings.CutPrefix(name, prefix); ok {
			return fam[short]
		}
	}
	return nil
}

// run binds the arguments and calls. The first parameter is what the filter, the test or the method is on.
func (b *builtin) run(f *frame, name string, on any, args []any, named *py.Dict) (any, error) {
	if !b.lazy {
		if u, ok := on.(py.Undefined); ok && !u.Soft {
			return nil, &UndefinedError{u.Hint}
		}
	}
	c := &call{f: f, r: f.r, name: name, args: make([]any, len(b.params))}
	c.args[0] = on
	return b.bound(c, 1, args, named)
}

// plain calls a function that is on nothing.
func (b *builtin) function(f *frame, name string, args []any, named *py.Dict) (any, error) {
	c := &call{f: f, r: f.r, name: name, args: make([]any, len(b.params))}
	return b.bound(c, 0, args, named)
}

func (b *builtin) bound(c *call, from int, args []any, named *py.Dict) (any, error) {
	n := copy(c.args[from:], args)
	if n < len(args) {
		if !b.rest {
			return nil, typeErrorf("%s() takes %d positional arguments but %d were given", c.name, len(b.params), from+len(args))
		}
		c.rest = args[n:]
	}
	used := 0
	for i := from + n; i < len(b.params); i++ {
		p := &b.params[i]
		if named != nil {
			if v, ok := named.Get(p.name); ok {
				c.args[i] = v
				used++
				continue
			}
		}
		if !p.optional {
			return nil, typeErrorf("%s() missing 1 required positional argument: '%s'", c.name, p.name)
		}
		c.args[i] = p.fallback
	}
	if named != nil && named.Len() > used {
		if err := b.surplus(c, from+n, named); err != nil {
			return nil, err
		}
	}
	return b.do(c)
}

// surplus handles named arguments that are no parameters.
func (b *builtin) surplus(c *call, given int, named *py.Dict) error {
	more := named.Copy()
	for i := range b.params {
		if !more.Has(b.params[i].name) {
			continue
		}
		if i < given {
			return typeErrorf("%s() got multiple values for argument '%s'", c.name, b.params[i].name)
		}
		more.Delete(b.params[i].name)
	}
	if more.Len() > 0 && !b.named {
		return typeErrorf("%s() got an unexpected keyword argument %s", c.name, py.Repr(more.Keys()[0]))
	}
	c.named = more
	return nil
}

// filterError is Ansible's AnsibleFilterError and its kin.
type filterError struct{ class, message, cause string }

func (e *filterError) Error() string { return e.message }
func (e *filterError) Class() string { return e.class }

func filterErrorf(format string, args ...any) error {
	return &filterError{class: "ansible.errors.AnsibleFilterError", message: fmt.Sprintf(format, args...)}
}

// because says what was wrong inside, which Ansible repeats.
func because(err, cause error) error {
	var f *filterError
	if errors.As(err, &f) {
		f.cause = cause.Error()
	}
	return err
}

func filterTypeErrorf(format string, args ...any) error {
	return &filterError{class: "ansible.errors.AnsibleFilterTypeError", message: fmt.Sprintf(format, args...)}
}

// valueError is Python's ValueError.
type valueError struct{ message string }

func (e *valueError) Error() string { return e.message }

// Class is the name of the Python class.
func (*valueError) Class() string { return "ValueError" }

func valueErrorf(format string, args ...any) error { return &valueError{fmt.Sprintf(format, args...)} }

// text is an argument that must be a str.
func (c *call) text(i int) (string, error) {
	switch v := c.args[i].(type) {
	case string:
		return v, nil
	case py.Undefined:
		return "", &UndefinedError{v.Hint}
	}
	if s, ok := py.Text(c.args[i]); ok {
		return s, nil
	}
	return "", typeErrorf("%s() argument %d must be str, not %s", c.name, i, py.TypeName(c.args[i]))
}

// str is an argument as Ansible's to_text and Jinja's soft_str make text of it.
func (c *call) str(i int) (string, error) {
	if u, ok := c.args[i].(py.Undefined); ok && !u.Soft {
		return "", &UndefinedError{u.Hint}
	}
	if s, ok := c.args[i].(*py.Sealed); ok {
		return s.Text()
	}
	s := py.Str(c.args[i])
	return s, c.r.wrote(len(s))
}

// int is an argument that must be an int.
func (c *call) int(i int) (int, error) {
	if err := defined(c.args[i]); err != nil {
		return 0, err
	}
	if n, ok := index(c.args[i]); ok {
		return n, nil
	}
	return 0, typeErrorf("'%s' object cannot be interpreted as an integer", py.TypeName(c.args[i]))
}

// bool is the truth of an argument.
func (c *call) bool(i int) (bool, error) { return truth(c.args[i]) }

// items are the elements of an argument.
func (c *call) items(i int) ([]any, error) { return c.r.items(c.args[i]) }

// list makes a list and pays for it.
func (c *call) list(items []any) (any, error) {
	return &py.List{Items: items}, c.r.pay(len(items))
}

// big makes a Python int of a text of digits, as int() does.
func parseInt(text string, base int) (any, bool) {
	s := strings.TrimSpace(text)
	sign := ""
	if s != "" && (s[0] == '-' || s[0] == '+') {
		sign, s = strings.TrimPrefix(s[:1], "+"), s[1:]
	}
	if s == "" || s[0] == '_' || s[len(s)-1] == '_' || strings.Contains(s, "__") || s[0] == '-' || s[0] == '+' || len(s) > 100_000 {
		return nil, false
	}
	lower := strings.ToLower(s)
	for prefix, b := range map[string]int{"0x": 16, "0o": 8, "0b": 2} {
		if strings.HasPrefix(lower, prefix) && (base == b || base == 0) {
			s, base = strings.TrimPrefix(s[2:], "_"), b
			break
		}
	}
	s = strings.ReplaceAll(s, "_", "")
	if base == 0 {
		if strings.Trim(s, "0") == "" {
			return int64(0), s != ""
		}
		if s[0] == '0' {
			return nil, false
		}
		base = 10
	}
	v, ok := new(big.Int).SetString(sign+s, base)
	if !ok {
		return nil, false
	}
	return py.Int(v), true
}
