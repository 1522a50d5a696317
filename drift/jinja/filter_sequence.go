package jinja

import (
	"fmt"
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

// group is one of groupby's: a tuple whose parts also have names.
type group struct {
	grouper any
	list    *py.List
}

func (g *group) attr(_ *frame, name string) (any, bool) {
	switch name {
	case "grouper":
		return g.grouper, true
	case "list":
		return g.list, true
	}
	return nil, false
}

func (g *group) items(*run) ([]any, error) { //nolint:unparam // as all that can be walked over
	return []any{g.grouper, g.list}, nil
}

// TypeName is the name of the type in Jinja.
func (*group) TypeName() string { return "_GroupTuple" }

// Repr shows it as a tuple.
func (g *group) Repr() string { return py.Repr(py.Tuple{g.grouper, g.list}) }

// Len is that of a pair.
func (*group) Len() int { return 2 }

func filterGroup(c *call) (any, error) {
	items, err := c.items(0)
	if err != nil {
		return nil, err
	}
	sensitive, err := c.bool(3)
	if err != nil {
		return nil, err
	}
	get := c.getter(1, c.args[2])
	key := func(v any) (any, error) {
		k, err := get(v)
		if err == nil && !sensitive {
			k = ignoreCase(k)
		}
		return k, err
	}
	sorted := slices.Clone(items)
	if err := c.r.sort(sorted, key, false); err != nil {
		return nil, err
	}
	out := py.NewList()
	var last any
	for i, item := range sorted {
		k, err := key(item)
		if err != nil {
			return nil, err
		}
		if i == 0 || !py.Equal(k, last) {
			shown := k
			if !sensitive {
				if shown, err = get(item); err != nil {
					return nil, err
				}
			}
			out.Items = append(out.Items, &group{shown, py.NewList()})
			last = k
		}
		g, _ := out.Items[len(out.Items)-1].(*group)
		g.list.Items = append(g.list.Items, item)
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
