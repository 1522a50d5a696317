package jinja

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"goodstate.dev/goodstate/core/py"
)

// Ansible's filters of sets and of combinations.
func init() {
	set := func(name string, do func(c *call, a, b []any) ([]any, error)) {
		filters.add(name, "a b", func(c *call) (any, error) {
			a, err := c.items(0)
			if err != nil {
				return nil, err
			}
			b, err := c.items(1)
			if err != nil {
				return nil, err
			}
			items, err := do(c, a, b)
			if err != nil {
				return nil, err
			}
			return c.distinct(items)
		})
	}
	keep := func(c *call, a, b []any, want bool) ([]any, error) {
		has, err := c.holder(b)
		if err != nil {
			return nil, err
		}
		var out []any
		for _, v := range a {
			if err := defined(v); err != nil {
				return nil, err
			}
			in, err := has(v)
			if err != nil {
				return nil, err
			}
			if in == want {
				out = append(out, v)
			}
		}
		return out, nil
	}
	set("intersect", func(c *call, a, b []any) ([]any, error) { return keep(c, a, b, true) })
	set("difference", func(c *call, a, b []any) ([]any, error) { return keep(c, a, b, false) })
	set("union", func(c *call, a, b []any) ([]any, error) {
		_, list := c.args[0].(*py.List)
		_, list2 := c.args[1].(*py.List)
		if list != list2 {
			return nil, typeErrorf("can only concatenate list (not \"%s\") to list", py.TypeName(c.args[1]))
		}
		return slices.Concat(a, b), nil
	})
	set("symmetric_difference", func(c *call, a, b []any) ([]any, error) {
		left, err := keep(c, a, b, false)
		if err != nil {
			return nil, err
		}
		right, err := keep(c, b, a, false)
		return slices.Concat(left, right), err
	})
	filters.add("product", "value *args **named", filterProduct)
	filters.add("permutations", "value r=None", func(c *call) (any, error) { return c.choices(true) })
	filters.add("combinations", "value r", func(c *call) (any, error) { return c.choices(false) })
	filters.add("human_readable", "size isbits=False unit=None", filterHumanReadable)
	filters.add("human_to_bytes", "size default_unit=None isbits=False", filterHumanToBytes)
}

// holder says quickly what is in a list.
func (c *call) holder(items []any) (func(v any) (bool, error), error) {
	set := py.NewDict()
	var rest []any
	for _, v := range items {
		if err := defined(v); err != nil {
			return nil, err
		}
		if hashable(v) == nil {
			set.Set(v, true)
		} else {
			rest = append(rest, v)
		}
	}
	return func(v any) (bool, error) {
		if hashable(v) == nil && set.Has(v) {
			return true, nil
		}
		if err := c.r.pay(len(rest)); err != nil {
			return false, err
		}
		return slices.ContainsFunc(rest, func(o any) bool { return py.Equal(o, v) }), nil
	}, nil
}

func filterProduct(c *call) (any, error) {
	repeat := 1
	if c.named != nil {
		if v, ok := c.named.Get("repeat"); ok {
			repeat, _ = index(v)
		}
	}
	var lists [][]any
	for range max(0, min(repeat, 20)) {
		for _, v := range append([]any{c.args[0]}, c.rest...) {
			items, err := c.r.items(v)
			if err != nil {
				return nil, err
			}
			lists = append(lists, items)
		}
	}
	rows := []py.Tuple{{}}
	for _, items := range lists {
		if err := c.r.pay(len(rows) * len(items) * 32); err != nil {
			return nil, err
		}
		var next []py.Tuple
		for _, row := range rows {
			for _, item := range items {
				next = append(next, append(slices.Clone(row), item))
			}
		}
		rows = next
	}
	out := &py.List{Items: make([]any, len(rows))}
	for i, row := range rows {
		out.Items[i] = row
	}
	return out, nil
}

// choices are permutations or combinations of r items.
func (c *call) choices(ordered bool) (any, error) {
	items, err := c.items(0)
	if err != nil {
		return nil, err
	}
	r := len(items)
	if c.args[1] != nil {
		if r, err = c.int(1); err != nil {
			return nil, err
		}
	}
	if r < 0 {
		return nil, valueErrorf("r must be non-negative")
	}
	out := py.NewList()
	if r > len(items) {
		return out, nil
	}
	used := make([]bool, len(items))
	row := make(py.Tuple, 0, r)
	var walk func(from int) error
	walk = func(from int) error {
		if err := c.r.step(); err != nil {
			return err
		}
		if len(row) == r {
			out.Items = append(out.Items, slices.Clone(row))
			return c.r.pay(r * 32)
		}
		for i := from; i < len(items); i++ {
			if used[i] {
				continue
			}
			used[i] = true
			row = append(row, items[i])
			next := i + 1
			if ordered {
				next = 0
			}
			err := walk(next)
			row = row[:len(row)-1]
			used[i] = false
			if err != nil {
				return err
			}
		}
		return nil
	}
	return out, walk(0)
}

var sizes = []struct {
	letter string
	size   float64
}{
	{"Y", 1 << 80}, {"Z", 1 << 70}, {"E", 1 << 60}, {"P", 1 << 50}, {"T", 1 << 40}, {"G", 1 << 30}, {"M", 1 << 20}, {"K", 1 << 10}, {"B", 1},
}

func filterHumanReadable(c *call) (any, error) {
	if _, _, _, kind := py.Number(c.args[0]); kind == py.NotNumber {
		return nil, filterTypeErrorf("human_readable() failed on bad input: '>=' not supported between instances of '%s' and 'int'", py.TypeName(c.args[0]))
	}
	n := toFloat(c.args[0])
	bits, err := c.bool(1)
	if err != nil {
		return nil, err
	}
	unit, hasUnit := py.Text(c.args[2])
	base := "Bytes"
	if bits {
		base = "bits"
	}
	at := len(sizes) - 1
	for i, s := range sizes {
		if !hasUnit && n >= s.size || hasUnit && strings.ToUpper(unit) == s.letter {
			at = i
			break
		}
	}
	suffix := base
	if sizes[at].size != 1 {
		suffix = sizes[at].letter + base[:1]
	}
	return strconv.FormatFloat(n/sizes[at].size, 'f', 2, 64) + " " + suffix, nil
}

var humanSize = regexp.MustCompile(`^\s*(\d*\.?\d*)\s*([A-Za-z]+)?`)

func filterHumanToBytes(c *call) (any, error) {
	text, err := c.str(0)
	if err != nil {
		return nil, err
	}
	bad := filterErrorf("human_to_bytes() can't interpret following string: %s", text)
	bits, err := c.bool(2)
	if err != nil {
		return nil, err
	}
	m := humanSize.FindStringSubmatch(text)
	n, ok := pyFloat(m[1])
	if !ok {
		return nil, bad
	}
	unit := m[2]
	if unit == "" && c.args[1] != nil {
		unit = py.Str(c.args[1])
	}
	if unit == "" {
		v, _ := pyInt(roundFloat(n, 0))
		return v, nil
	}
	class, name := "B", "byte"
	if bits {
		class, name = "b", "bit"
	}
	for _, s := range sizes {
		if s.letter != strings.ToUpper(unit[:1]) {
			continue
		}
		if len(unit) > 1 && !strings.Contains(strings.ToLower(unit), name) && unit[1:2] != class {
			return nil, bad
		}
		v, _ := pyInt(roundFloat(n*s.size, 0))
		return v, nil
	}
	return nil, bad
}
