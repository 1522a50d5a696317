package jinja

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"goodstate.dev/goodstate/core/py"
)

// Template evaluates one text as Ansible does with the values of a playbook: the result is text, unless it looks like a list, a dict or a boolean; then it is one.
func (e *Env) Template(ctx context.Context, text string, scope Scope) (any, error) {
	if !mayBeTemplate(text, usual) {
		return text, nil
	}
	r := e.newRun(ctx, scope)
	v, err := r.text(text, plainText)
	if err == nil {
		v, err = r.solid(v)
	}
	return plain(v), r.told(err)
}

// Value evaluates all text in lists and dicts, which are made anew. Text that is py.Unsafe stays as it is.
func (e *Env) Value(ctx context.Context, value any, scope Scope) (any, error) {
	v, err := e.Fact(ctx, value, scope)
	return plain(v), err
}

// Fact is Value for what becomes a variable: the result may be or hold py.Native, text that stays text when the variable is used, as with to_json.
func (e *Env) Fact(ctx context.Context, value any, scope Scope) (any, error) {
	r := e.newRun(ctx, scope)
	v, err := r.value(value)
	if err == nil {
		v, err = r.solid(v)
	}
	return v, r.told(err)
}

// plain makes text of native text.
func plain(v any) any {
	switch v := v.(type) {
	case py.Native:
		if v.Unsafe {
			return py.Unsafe(v.Text)
		}
		return v.Text
	case *py.List:
		for i, item := range v.Items {
			if n, ok := item.(py.Native); ok {
				v.Items[i] = plain(n)
			} else {
				plain(item)
			}
		}
	case *py.Dict:
		for k, item := range v.All() {
			if n, ok := item.(py.Native); ok {
				v.Set(k, plain(n))
			} else {
				plain(item)
			}
		}
	}
	return v
}

// Condition evaluates what when, until, changed_when and failed_when say: an expression without braces, or a boolean. Empty is true.
func (e *Env) Condition(ctx context.Context, expr any, scope Scope) (bool, error) {
	r := e.newRun(ctx, scope)
	ok, err := r.condition(expr)
	if err = r.told(err); err != nil {
		return false, fmt.Errorf("The conditional check '%s' failed. The error was: %w", py.Str(expr), err)
	}
	return ok, nil
}

// IsTemplate says whether a text has a complete template in it.
func (e *Env) IsTemplate(text string) bool {
	if !possible(text) {
		return false
	}
	return isTemplate(text)
}

// IsTemplated says whether there is text that could be a template anywhere in a value.
func IsTemplated(value any) bool {
	switch v := value.(type) {
	case string:
		return possible(v)
	case *py.List:
		for _, item := range v.Items {
			if IsTemplated(item) {
				return true
			}
		}
	case py.Tuple:
		for _, item := range v {
			if IsTemplated(item) {
				return true
			}
		}
	case *py.Dict:
		if py.FromHost(v) {
			return false
		}
		for _, item := range v.All() {
			if IsTemplated(item) {
				return true
			}
		}
	}
	return false
}

// possible is the quick look for the beginning of a template.
func possible(text string) bool {
	for i := strings.IndexByte(text, '{'); i >= 0 && i+1 < len(text); {
		switch text[i+1] {
		case '{', '%', '#':
			return true
		}
		next := strings.IndexByte(text[i+1:], '{')
		if next < 0 {
			return false
		}
		i += 1 + next
	}
	return false
}

// TextOptions are those of the template module.
type TextOptions struct {
	Name                       string // of the file, for errors and for the names of includes beside it
	NoTrimBlocks               bool
	LstripBlocks               bool
	Newline                    string // "\n", "\r\n" or "\r"
	BlockStart, BlockEnd       string
	VariableStart, VariableEnd string
	CommentStart, CommentEnd   string
	Search                     []string // folders where includes and imports are looked for
}

// Text evaluates a template to text, as the template module does: nothing is made of text that looks like a list.
func (e *Env) Text(ctx context.Context, text string, scope Scope, opt TextOptions) (string, error) {
	r := e.newRun(ctx, scope)
	r.search, r.asText = opt.Search, true
	v, err := r.text(text, textForm(opt))
	if err = r.told(err); err != nil {
		return "", err
	}
	return py.Str(v), nil
}

var errTooDeep = errors.New("recursive loop detected in template string")
