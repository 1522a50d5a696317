package jinja

import (
	"slices"

	"goodstate.dev/goodstate/core/py"
)

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
