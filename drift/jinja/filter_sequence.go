package jinja

import (
	"slices"
	"strconv"
	"strings"

	"goodstate.dev/goodstate/core/py"
)

// Filters over lists and dicts, as Jinja has them.
func init() {
	filters.add("length|count", "value", func(c *call) (any, error) {
		n, err := c.r.length(c.args[0])
		return int64(n), err
	})
	filters.add("list", "value", func(c *call) (any, error) {
		items, err := c.items(0)
		if err != nil {
			return nil, err
		}
		return c.list(slices.Clone(items))
	})
	filters.add("first", "seq", func(c *call) (any, error) {
		items, err := c.items(0)
		if err != nil {
			return nil, err
		}
		if len(items) == 0 {
			return py.Undefined{Hint: "No first item, sequence was empty."}, nil
		}
		return items[0], nil
	})
	filters.add("last", "seq", func(c *call) (any, error) {
		items, err := c.items(0)
		if err != nil {
			return nil, err
		}
		if len(items) == 0 {
			return py.Undefined{Hint: "No last item, sequence was empty."}, nil
		}
		return items[len(items)-1], nil
	})
	filters.add("reverse", "value", func(c *call) (any, error) {
		items, err := c.items(0)
		if err != nil {
			return nil, err
		}
		items = slices.Clone(items)
		slices.Reverse(items)
		if _, ok := py.Text(c.args[0]); ok {
			return strings.Join(strItems(items), ""), nil
		}
		return c.list(items)
	})
	filters.add("join", "value d='' attribute=None", filterJoin)
	filters.add("sort", "value reverse=False case_sensitive=False attribute=None", filterSort)
	filters.add("unique", "value case_sensitive=None attribute=None", filterUnique)
	filters.add("min", "value case_sensitive=False attribute=None", func(c *call) (any, error) { return filterEdge(c, -1) })
	filters.add("max", "value case_sensitive=False attribute=None", func(c *call) (any, error) { return filterEdge(c, 1) })
	filters.add("sum", "iterable attribute=None start=0", func(c *call) (any, error) {
		items, err := c.items(0)
		if err != nil {
			return nil, err
		}
		get := c.getter(1, nil)
		total := c.args[2]
		for _, item := range items {
			v, err := get(item)
			if err != nil {
				return nil, err
			}
			if total, err = c.r.arith("+", total, v); err != nil {
				return nil, err
			}
		}
		return total, nil
	})
	filters.add("batch", "value linecount fill_with=None", func(c *call) (any, error) {
		items, err := c.items(0)
		if err != nil {
			return nil, err
		}
		n, err := c.int(1)
		if err != nil {
			return nil, err
		}
		if n <= 0 {
			return nil, valueErrorf("batch() needs a positive count")
		}
		out := py.NewList()
		for part := range slices.Chunk(items, n) {
			row := py.NewList(part...)
			for c.args[2] != nil && len(row.Items) < n {
				if err := c.r.step(); err != nil {
					return nil, err
				}
				row.Items = append(row.Items, c.args[2])
			}
			out.Items = append(out.Items, row)
		}
		return out, nil
	})
	filters.add("slice", "value slices fill_with=None", filterSlice)
	filters.add("groupby", "value attribute default=None case_sensitive=False", filterGroup)
	filters.add("dictsort", "value case_sensitive=False by='key' reverse=False", filterDictSort)
	filters.add("items", "value", func(c *call) (any, error) {
		if _, undefined := c.args[0].(py.Undefined); undefined {
			return py.NewList(), nil
		}
		d, ok := c.args[0].(*py.Dict)
		if !ok {
			return nil, typeErrorf("Can only get item pairs from a mapping.")
		}
		return c.list((&view{"dict_items", d}).list())
	}).takesUndefined()
	filters.add("map", "value *args **named", filterMap)
	for _, name := range []string{"select", "reject", "selectattr", "rejectattr"} {
		filters.add(name, "value *args **named", func(c *call) (any, error) { return filterSelect(c, name) })
	}
}

func strItems(items []any) []string {
	out := make([]string, len(items))
	for i, item := range items {
		out[i] = py.Str(item)
	}
	return out
}

// getter makes a function that takes an attribute out of an item: "a.b.0", a number, or nothing.
func (c *call) getter(i int, fallback any) func(any) (any, error) {
	return c.attribute(c.args[i], fallback)
}

func (c *call) attribute(attribute, fallback any) func(any) (any, error) {
	var parts []any
	switch a := attribute.(type) {
	case nil:
		return func(v any) (any, error) { return v, nil }
	default:
		text, ok := py.Text(a)
		if !ok {
			parts = []any{a}
			break
		}
		for _, p := range strings.Split(text, ".") {
			if n, err := strconv.Atoi(p); err == nil && n >= 0 {
				parts = append(parts, int64(n))
			} else {
				parts = append(parts, p)
			}
		}
	}
	return func(v any) (any, error) {
		if err := c.r.step(); err != nil {
			return nil, err
		}
		for _, p := range parts {
			var err error
			if v, err = c.f.getitem(v, p); err != nil {
				return nil, err
			}
			if _, undefined := v.(py.Undefined); undefined && fallback != nil {
				v = fallback
			}
		}
		return v, nil
	}
}

func ignoreCase(v any) any {
	if text, ok := py.Text(v); ok {
		return strings.ToLower(text)
	}
	return v
}

func filterJoin(c *call) (any, error) {
	items, err := c.items(0)
	if err != nil {
		return nil, err
	}
	sep, err := c.str(1)
	if err != nil {
		return nil, err
	}
	get := c.getter(2, nil)
	var b strings.Builder
	for i, item := range items {
		if item, err = get(item); err != nil {
			return nil, err
		}
		if err := defined(item); err != nil {
			return nil, err
		}
		if i > 0 {
			b.WriteString(sep)
		}
		s := py.Str(item)
		b.WriteString(s)
		if err := c.r.wrote(len(s) + len(sep)); err != nil {
			return nil, err
		}
	}
	return b.String(), nil
}

// filterEdge finds the smallest or the largest.
func filterEdge(c *call, side int) (any, error) {
	items, err := c.items(0)
	if err != nil {
		return nil, err
	}
	sensitive, err := c.bool(1)
	if err != nil {
		return nil, err
	}
	if len(items) == 0 {
		return py.Undefined{Hint: "No aggregated item, sequence was empty."}, nil
	}
	get := c.getter(2, nil)
	var best, bestKey any
	for i, item := range items {
		k, err := get(item)
		if err != nil {
			return nil, err
		}
		if err := defined(k); err != nil {
			return nil, err
		}
		if !sensitive {
			k = ignoreCase(k)
		}
		if i > 0 {
			op := map[int]string{-1: "<", 1: ">"}[side]
			better, err := c.r.compare(op, k, bestKey)
			if err != nil {
				return nil, err
			}
			if !better {
				continue
			}
		}
		best, bestKey = item, k
	}
	return best, nil
}

func filterSlice(c *call) (any, error) {
	items, err := c.items(0)
	if err != nil {
		return nil, err
	}
	n, err := c.int(1)
	if err != nil {
		return nil, err
	}
	if n <= 0 {
		return nil, &zeroDivision{"integer division or modulo by zero"}
	}
	per, extra := len(items)/n, len(items)%n
	offset := 0
	out := py.NewList()
	for i := range n {
		if err := c.r.step(); err != nil {
			return nil, err
		}
		start := offset + i*per
		if i < extra {
			offset++
		}
		row := py.NewList(slices.Clone(items[start : offset+(i+1)*per])...)
		if c.args[2] != nil && i >= extra {
			row.Items = append(row.Items, c.args[2])
		}
		out.Items = append(out.Items, row)
	}
	return out, nil
}
