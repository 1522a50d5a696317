package jinja

import (
	"errors"

	"goodstate.dev/goodstate/core/py"
)

type cache struct{}

func newCache() *cache { return &cache{} }

type scopeOf struct{}

type form struct{}

var plainText form

func textForm(TextOptions) form { return form{} }

func (r *run) text(text string, _ form) (any, error) {
	if !possible(text) {
		return text, nil
	}
	return nil, errors.New("templates are not evaluated yet")
}

func (r *run) value(v any) (any, error) {
	if text, ok := v.(string); ok {
		return r.text(text, plainText)
	}
	return v, nil
}

func (r *run) condition(expr any) (bool, error) {
	if expr == nil || expr == "" {
		return true, nil
	}
	if b, ok := expr.(bool); ok {
		return b, nil
	}
	return false, errors.New("conditions are not evaluated yet: " + py.Str(expr))
}
