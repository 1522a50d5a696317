package jinja

import (
	"slices"
	"strings"

	"goodstate.dev/goodstate/core/py"
)

func filterSort(c *call) (any, error) {
	items, err := c.items(0)
	if err != nil {
		return nil, err
	}
	reverse, err := c.bool(1)
	if err != nil {
		return nil, err
	}
	sensitive, err := c.bool(2)
	if err != nil {
		return nil, err
	}
	var getters []func(any) (any, error)
	attributes := []any{c.args[3]}
	if text, ok := py.Text(c.args[3]); ok {
		attributes = nil
		for _, a := range strings.Split(text, ",") {
			attributes = append(attributes, a)
		}
	}
	for _, a := range attributes {
		getters = append(getters, c.attribute(a, nil))
	}
	key := func(v any) (any, error) {
		keys := make(py.Tuple, len(getters))
		for i, get := range getters {
			k, err := get(v)
			if err != nil {
				return nil, err
			}
			if err := defined(k); err != nil {
				return nil, err
			}
			if !sensitive {
				k = ignoreCase(k)
			}
			keys[i] = k
		}
		if len(keys) == 1 {
			return keys[0], nil
		}
		return keys, nil
	}
	sorted := slices.Clone(items)
	if err := c.r.sort(sorted, key, reverse); err != nil {
		return nil, err
	}
	return c.list(sorted)
}

func filterUnique(c *call) (any, error) {
	items, err := c.items(0)
	if err != nil {
		return nil, err
	}
	sensitive, err := c.bool(1)
	if err != nil {
		return nil, err
	}
	get := c.getter(2, nil)
	seen := py.NewDict()
	out := py.NewList()
	for _, item := range items {
		k, err := get(item)
		if err != nil {
			return nil, err
		}
		if !sensitive {
			k = ignoreCase(k)
		}
		if err := hashable(k); err != nil {
			if c.args[1] == false || c.args[2] != nil {
				return nil, filterErrorf("Jinja2's unique filter failed and we cannot fall back to Ansible's version as it does not support the parameters supplied")
			}
			return c.distinct(items)
		}
		if !seen.Has(k) {
			seen.Set(k, true)
			out.Items = append(out.Items, item)
		}
	}
	return out, nil
}

// distinct keeps the first of equal items; items need not be hashable.
func (c *call) distinct(items []any) (any, error) {
	out := py.NewList()
	seen := py.NewDict()
	for _, item := range items {
		if err := defined(item); err != nil {
			return nil, err
		}
		if hashable(item) == nil {
			if !seen.Has(item) {
				seen.Set(item, true)
				out.Items = append(out.Items, item)
			}
			continue
		}
		if err := c.r.pay(len(out.Items)); err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(out.Items, func(v any) bool { return py.Equal(v, item) }) {
			out.Items = append(out.Items, item)
		}
	}
	return out, nil
}

func filterDictSort(c *call) (any, error) {
	d, ok := c.args[0].(*py.Dict)
	if !ok {
		return nil, typeErrorf("'%s' object has no attribute 'items'", py.TypeName(c.args[0]))
	}
	sensitive, err := c.bool(1)
	if err != nil {
		return nil, err
	}
	by, err := c.str(2)
	if err != nil {
		return nil, err
	}
	at, ok := map[string]int{"key": 0, "value": 1}[by]
	if !ok {
		return nil, valueErrorf("You can only sort by either \"key\" or \"value\"")
	}
	reverse, err := c.bool(3)
	if err != nil {
		return nil, err
	}
	items := (&view{"dict_items", d}).list()
	err = c.r.sort(items, func(v any) (any, error) {
		pair, _ := v.(py.Tuple)
		if sensitive {
			return pair[at], nil
		}
		return ignoreCase(pair[at]), nil
	}, reverse)
	if err != nil {
		return nil, err
	}
	return c.list(items)
}
