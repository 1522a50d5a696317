package jinja

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"goodstate.dev/goodstate/core/py"
)

// lookupError is Ansible's AnsibleLookupError: errors='ignore' and 'warn' are for it.
type lookupError struct{ message string }

func (e *lookupError) Error() string { return e.message }

// Class is the name of the Python class.
func (*lookupError) Class() string { return "ansible.errors.AnsibleLookupError" }

func lookupErrorf(format string, args ...any) error {
	return &lookupError{fmt.Sprintf(format, args...)}
}

// Lookup runs a lookup as with_NAME does: the terms were evaluated before. What it finds may not be trusted; the caller marks it.
func (e *Env) Lookup(ctx context.Context, name string, terms []any, options *py.Dict, scope Scope) ([]any, error) {
	r := e.newRun(ctx, scope)
	f := &frame{r: r, sc: &scopeOf{r: r, tmpl: &template{}}}
	r.current = f.sc
	items, err := f.lookUp(name, terms, options)
	return items, r.told(err)
}

// lookUp finds the lookup and runs it.
func (f *frame) lookUp(name string, terms []any, options *py.Dict) ([]any, error) {
	if options == nil {
		options = py.NewDict()
	}
	if allowed := f.r.env.opt.Allowed; allowed != nil {
		if err := allowed(name); err != nil {
			return nil, err
		}
	}
	if fn := findBuiltin(lookups, name); fn != nil {
		c := &call{f: f, r: f.r, name: name, rest: terms, named: options}
		v, err := fn.do(c)
		if err != nil {
			return nil, err
		}
		return f.r.items(v)
	}
	if p := f.r.env.opt.Plugin; p != nil {
		if do, ok := p("lookup", name); ok {
			terms, err := f.r.solidItems(terms)
			if err != nil {
				return nil, err
			}
			v, err := do(f.r.ctx, terms, options)
			if err != nil {
				return nil, err
			}
			return f.r.items(v)
		}
	}
	return nil, &noLookup{fmt.Errorf("lookup plugin (%s) not found", name)}
}

type noLookup struct{ error }

func init() {
	globals["lookup"] = function(func(f *frame, args []any, named *py.Dict) (any, error) { return f.lookupCall(args, named, false) })
	for _, name := range []string{"query", "q"} {
		globals[name] = function(func(f *frame, args []any, named *py.Dict) (any, error) { return f.lookupCall(args, named, true) })
	}
}

// lookupCall is lookup() in a template: what it gives is unsafe.
func (f *frame) lookupCall(args []any, named *py.Dict, wantList bool) (any, error) {
	if len(args) == 0 {
		return nil, typeErrorf("Templar._lookup() missing 1 required positional argument: 'name'")
	}
	name, ok := py.Text(args[0])
	if !ok {
		return nil, typeErrorf("the name of a lookup is a text, not %s", py.TypeName(args[0]))
	}
	if f.r.noLookup {
		return nil, fmt.Errorf("The lookup `%s` was found, however lookups were disabled from templating", name)
	}
	options := py.NewDict()
	unsafe, mode := true, "strict"
	if named != nil {
		for k, v := range named.All() {
			switch py.Str(k) {
			case "wantlist":
				wantList = wantList || py.Truth(v)
			case "allow_unsafe":
				unsafe = !py.Truth(v)
			case "errors":
				mode = py.Str(v)
			default:
				options.Set(k, v)
			}
		}
	}
	terms := make([]any, 0, len(args)-1)
	for _, a := range args[1:] {
		v, err := f.r.value(a)
		if err != nil {
			return nil, err
		}
		terms = append(terms, v)
	}
	items, err := f.lookUp(name, terms, options)
	if err != nil {
		return f.lookupFailed(name, mode, wantList, err)
	}
	if len(items) == 0 || !unsafe {
		return &py.List{Items: items}, nil
	}
	f.sc.unsafe = true
	if wantList {
		return py.MarkUnsafe(&py.List{Items: items}), nil
	}
	return py.MarkUnsafe(joined(items)), nil
}

// joined is what lookup() makes of several items: text with commas, or the items.
func joined(items []any) any {
	texts := make([]string, len(items))
	for i, item := range items {
		text, ok := py.Text(item)
		if !ok {
			if len(items) == 1 {
				return items[0]
			}
			return &py.List{Items: items}
		}
		texts[i] = text
	}
	return strings.Join(texts, ",")
}

func (f *frame) lookupFailed(name, mode string, wantList bool, err error) (any, error) {
	var u *UndefinedError
	var none *noLookup
	var known *lookupError
	switch {
	case errors.As(err, &u):
		return nil, u
	case errors.As(err, &none), isLimit(err):
		return nil, err
	case errors.As(err, &known):
		if mode == "warn" {
			f.r.env.opt.Warn("Lookup failed but the error is being ignored: " + err.Error())
		}
	default:
		err = &wrappedError{fmt.Sprintf("An unhandled exception occurred while running the lookup plugin '%s'. Error was a %s, original message: %v", name, class(err), err), err}
		if mode == "warn" {
			f.r.env.opt.Warn(err.Error())
		}
	}
	if mode != "warn" && mode != "ignore" {
		return nil, err
	}
	if wantList {
		return py.NewList(), nil
	}
	return nil, nil
}

// option is a named argument of a lookup.
func (c *call) option(name string, fallback any) any {
	if v, ok := c.named.Get(name); ok {
		return v
	}
	return fallback
}

func (c *call) optionText(name, fallback string) string {
	if v, ok := c.named.Get(name); ok && v != nil {
		return py.Str(v)
	}
	return fallback
}

func (c *call) optionBool(name string, fallback bool) bool {
	if v, ok := c.named.Get(name); ok {
		return py.Truth(looseBool(v))
	}
	return fallback
}

// terms as text.
func (c *call) terms() ([]string, error) {
	out := make([]string, len(c.rest))
	for i, t := range c.rest {
		if err := defined(t); err != nil {
			return nil, err
		}
		text, ok := py.Text(t)
		if !ok {
			text = py.Str(t)
		}
		out[i] = text
	}
	return out, nil
}

// listOf makes a list of a term as Ansible does: lists stay, other things become a list of one.
func listOf(v any) []any {
	switch x := v.(type) {
	case *py.List:
		return x.Items
	case py.Tuple:
		return x
	case *view:
		return x.list()
	case rangeOf:
		items, err := x.items(nil)
		if err == nil {
			return items
		}
	}
	return []any{v}
}

// keyValues reads "a b k=v k2='v 2'" into the free text and the pairs.
func keyValues(text string) (free string, pairs *py.Dict) {
	pairs = py.NewDict()
	var words []string
	for _, w := range shellWords(text) {
		if i := strings.IndexByte(w, '='); i > 0 && (i == 0 || w[i-1] != '\\') {
			pairs.Set(strings.TrimSpace(w[:i]), unquoted(strings.TrimSpace(w[i+1:])))
		} else {
			words = append(words, w)
		}
	}
	return strings.Join(words, " "), pairs
}

func unquoted(s string) string {
	if len(s) > 1 && (s[0] == '"' || s[0] == '\'') && s[len(s)-1] == s[0] {
		return s[1 : len(s)-1]
	}
	return s
}

// shellWords splits at white space that is not in quotes; the quotes stay.
func shellWords(text string) []string {
	var words []string
	var b strings.Builder
	quote := rune(0)
	for _, r := range text {
		switch {
		case quote != 0:
			if r == quote {
				quote = 0
			}
			b.WriteRune(r)
		case r == '\'' || r == '"':
			quote = r
			b.WriteRune(r)
		case r == ' ' || r == '\n' || r == '\t':
			if b.Len() > 0 {
				words = append(words, b.String())
				b.Reset()
			}
		default:
			b.WriteRune(r)
		}
	}
	if b.Len() > 0 {
		words = append(words, b.String())
	}
	return words
}
