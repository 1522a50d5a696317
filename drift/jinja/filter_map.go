package jinja

import (
	"fmt"
	"strings"

	"goodstate.dev/goodstate/core/py"
)

func filterMap(c *call) (any, error) {
	items, err := c.itemsIfAny()
	if err != nil {
		return nil, err
	}
	do, err := c.mapper()
	if err != nil {
		return nil, err
	}
	out := make([]any, len(items))
	for i, item := range items {
		if out[i], err = do(item); err != nil {
			return nil, err
		}
	}
	return &py.List{Items: out}, nil
}

func (c *call) mapper() (func(any) (any, error), error) {
	if len(c.rest) == 0 {
		attribute, ok := any(nil), false
		if c.named != nil {
			attribute, ok = c.named.Get("attribute")
		}
		if !ok {
			return nil, valueErrorf("map requires a filter argument")
		}
		fallback, _ := c.named.Get("default")
		for k := range c.named.All() {
			if name := py.Str(k); name != "attribute" && name != "default" {
				return nil, valueErrorf("Unexpected keyword argument %s", quote(name))
			}
		}
		return c.attribute(attribute, fallback), nil
	}
	name, ok := py.Text(c.rest[0])
	if !ok {
		return nil, typeErrorf("the name of a filter is a text, not %s", py.TypeName(c.rest[0]))
	}
	fn := findBuiltin(filters, name)
	if fn == nil && !c.r.env.plugin("filter", name) {
		return nil, fmt.Errorf("No filter named %s.", quote(name))
	}
	return func(v any) (any, error) { return c.f.filter(name, fn, v, c.rest[1:], c.named) }, nil
}

// itemsIfAny takes what is false for an empty list, as map and select do.
func (c *call) itemsIfAny() ([]any, error) {
	if ok, err := c.bool(0); !ok {
		return nil, err
	}
	return c.items(0)
}

func filterSelect(c *call, name string) (any, error) {
	items, err := c.itemsIfAny()
	if err != nil {
		return nil, err
	}
	rest := c.rest
	get := func(v any) (any, error) { return v, nil }
	if strings.HasSuffix(name, "attr") {
		if len(rest) == 0 {
			return nil, valueErrorf("Missing parameter for attribute name")
		}
		get = c.attribute(rest[0], nil)
		rest = rest[1:]
	}
	check := func(v any) (any, error) { return truth(v) }
	if len(rest) > 0 {
		test, ok := py.Text(rest[0])
		if !ok {
			return nil, typeErrorf("the name of a test is a text, not %s", py.TypeName(rest[0]))
		}
		fn := findBuiltin(tests, test)
		if fn == nil && !c.r.env.plugin("test", test) {
			return nil, fmt.Errorf("No test named %s.", quote(test))
		}
		check = func(v any) (any, error) { return c.f.test(test, fn, v, rest[1:], c.named) }
	}
	want := strings.HasPrefix(name, "select")
	out := py.NewList()
	for _, item := range items {
		if err := c.r.step(); err != nil {
			return nil, err
		}
		v, err := get(item)
		if err != nil {
			return nil, err
		}
		if v, err = check(v); err != nil {
			return nil, err
		}
		ok, err := truth(v)
		if err != nil {
			return nil, err
		}
		if ok == want {
			out.Items = append(out.Items, item)
		}
	}
	return out, nil
}
