package jinja

import (
	"fmt"
	"slices"
	"strings"

	"goodstate.dev/goodstate/core/py"
	"goodstate.dev/goodstate/core/yaml11"
)

// Ansible's filters over lists and dicts.
func init() {
	filters.add("combine", "value *args **named", filterCombine)
	filters.add("flatten", "mylist levels=None skip_nulls=True", func(c *call) (any, error) {
		items, err := c.items(0)
		if err != nil {
			return nil, err
		}
		levels := -1
		if c.args[1] != nil {
			if levels, err = c.int(1); err != nil {
				return nil, err
			}
		}
		skip, err := c.bool(2)
		if err != nil {
			return nil, err
		}
		flat, err := c.flatten(items, levels, skip)
		if err != nil {
			return nil, err
		}
		return c.list(flat)
	})
	filters.add("dict2items", "mydict key_name='key' value_name='value'", func(c *call) (any, error) {
		d, ok := c.args[0].(*py.Dict)
		if !ok {
			return nil, filterTypeErrorf("dict2items requires a dictionary, got %s instead.", class2(c.args[0]))
		}
		out := py.NewList()
		for k, v := range d.All() {
			out.Items = append(out.Items, py.DictOf(c.args[1], k, c.args[2], v))
		}
		return out, c.r.pay(d.Len())
	})
	filters.add("items2dict", "mylist key_name='key' value_name='value'", func(c *call) (any, error) {
		l, ok := c.args[0].(*py.List)
		if !ok {
			return nil, filterTypeErrorf("items2dict requires a list, got %s instead.", class2(c.args[0]))
		}
		out := py.NewDict()
		for _, item := range l.Items {
			d, ok := item.(*py.Dict)
			if !ok {
				return nil, filterTypeErrorf("items2dict requires a list of dictionaries, got %s instead.", shown(l))
			}
			k, ok := d.Get(c.args[1])
			v, ok2 := d.Get(c.args[2])
			if !ok || !ok2 {
				return nil, filterTypeErrorf("items2dict requires each dictionary in the list to contain the keys '%s' and '%s', got %s instead.",
					py.Str(c.args[1]), py.Str(c.args[2]), shown(l))
			}
			if err := hashable(k); err != nil {
				return nil, filterTypeErrorf("items2dict requires a list of dictionaries, got %s instead.", shown(l))
			}
			out.Set(k, v)
		}
		return out, c.r.pay(len(l.Items))
	})
	filters.add("subelements", "obj subelements skip_missing=False", filterSubelements).takesUndefined()
	filters.add("extract", "item container morekeys=None", func(c *call) (any, error) {
		keys := []any{c.args[0]}
		switch x := c.args[2].(type) {
		case nil:
		case *py.List:
			keys = append(keys, x.Items...)
		default:
			keys = append(keys, x)
		}
		v := c.args[1]
		for _, k := range keys {
			var err error
			if v, err = c.f.getitem(v, k); err != nil {
				return nil, err
			}
		}
		return v, nil
	})
	filters.add("rekey_on_member", "data key duplicates='error'", filterRekey)
	filters.add("zip", "value *args", func(c *call) (any, error) { return c.zipped(false) })
	filters.add("zip_longest", "value *args **named", func(c *call) (any, error) { return c.zipped(true) })
	filters.add("from_yaml", "data", func(c *call) (any, error) {
		text, ok := py.Text(c.args[0])
		if !ok {
			return c.args[0], nil
		}
		v, err := yaml11.Load("<unicode string>", []byte(text), yaml11.Options{MaxBytes: 16 << 20, MaxNodes: 500_000})
		return v, err
	}).takesUndefined()
	filters.add("from_yaml_all", "data", func(c *call) (any, error) {
		text, ok := py.Text(c.args[0])
		if !ok {
			return c.args[0], nil
		}
		all, err := yaml11.LoadAll("<unicode string>", []byte(text), yaml11.Options{MaxBytes: 16 << 20, MaxNodes: 500_000})
		if err != nil {
			return nil, err
		}
		return c.list(all)
	})
	for name, block := range map[string]bool{"to_yaml": false, "to_nice_yaml": true} {
		params := "a *args **named"
		if block {
			params = "a indent=4 *args **named"
		}
		filters.add(name, params, func(c *call) (any, error) { return filterYAML(c, name, block) }).takesUndefined()
	}
}

func class2(v any) string { return "<class '" + py.TypeName(v) + "'>" }

// flatten takes lists in lists apart; levels below zero means all.
func (c *call) flatten(items []any, levels int, skipNulls bool) ([]any, error) {
	out := []any{}
	err := c.r.nested(func() error {
		for _, item := range items {
			if err := c.r.step(); err != nil {
				return err
			}
			if err := defined(item); err != nil {
				return err
			}
			if text, ok := py.Text(item); skipNulls && (item == nil || ok && (text == "None" || text == "null")) {
				continue
			}
			var inner []any
			switch x := item.(type) {
			case *py.List:
				inner = x.Items
			case py.Tuple:
				inner = x
			}
			_, isList := item.(*py.List)
			_, isTuple := item.(py.Tuple)
			if levels == 0 || !isList && !isTuple {
				out = append(out, item)
				continue
			}
			flat, err := c.flatten(inner, levels-1, skipNulls)
			if err != nil {
				return err
			}
			out = append(out, flat...)
		}
		return nil
	})
	return out, err
}

func filterCombine(c *call) (any, error) {
	recursive, merge := false, "replace"
	if c.named != nil {
		for k, v := range c.named.All() {
			switch py.Str(k) {
			case "recursive":
				var err error
				if recursive, err = truth(v); err != nil {
					return nil, err
				}
			case "list_merge":
				merge = py.Str(v)
			default:
				return nil, filterErrorf("'recursive' and 'list_merge' are the only valid keyword arguments")
			}
		}
	}
	dicts, err := c.flatten(append([]any{c.args[0]}, c.rest...), 1, true)
	if err != nil {
		return nil, err
	}
	for _, d := range dicts {
		if err := allDefined(d, 0); err != nil {
			return nil, filterErrorf("%v", err)
		}
	}
	switch len(dicts) {
	case 0:
		return py.NewDict(), nil
	case 1:
		return dicts[0], nil
	}
	if !slices.Contains([]string{"replace", "keep", "append", "prepend", "append_rp", "prepend_rp"}, merge) {
		return nil, fmt.Errorf("merge_hash: 'list_merge' argument can only be equal to 'replace', 'keep', 'append', 'prepend', 'append_rp' or 'prepend_rp'")
	}
	result := dicts[len(dicts)-1]
	for i := len(dicts) - 2; i >= 0; i-- {
		x, ok := dicts[i].(*py.Dict)
		y, ok2 := result.(*py.Dict)
		if !ok || !ok2 {
			return nil, fmt.Errorf("failed to combine variables, expected dicts but got a '%s' and a '%s': \n%s\n%s",
				py.TypeName(dicts[i]), py.TypeName(result), c.dumped(dicts[i]), c.dumped(result))
		}
		if result, err = c.merge(x, y, recursive, merge); err != nil {
			return nil, err
		}
	}
	return result, nil
}

// merge makes a dict of x with y over it.
func (c *call) merge(x, y *py.Dict, recursive bool, lists string) (any, error) {
	if err := c.r.pay(x.Len() + y.Len()); err != nil {
		return nil, err
	}
	if x.Len() == 0 {
		return y.Copy(), nil
	}
	out := x.Copy()
	for k, yv := range y.All() {
		xv, ok := out.Get(k)
		if !ok {
			out.Set(k, yv)
			continue
		}
		xd, ok := xv.(*py.Dict)
		yd, ok2 := yv.(*py.Dict)
		if ok && ok2 && recursive {
			err := c.r.nested(func() error {
				merged, err := c.merge(xd, yd, recursive, lists)
				out.Set(k, merged)
				return err
			})
			if err != nil {
				return nil, err
			}
			continue
		}
		xl, ok := xv.(*py.List)
		yl, ok2 := yv.(*py.List)
		if !ok || !ok2 {
			out.Set(k, yv)
			continue
		}
		merged, err := c.mergeLists(xl, yl, lists)
		if err != nil {
			return nil, err
		}
		out.Set(k, merged)
	}
	return out, nil
}

func (c *call) mergeLists(x, y *py.List, how string) (any, error) {
	switch how {
	case "keep":
		return x, nil
	case "append":
		return c.list(slices.Concat(x.Items, y.Items))
	case "prepend":
		return c.list(slices.Concat(y.Items, x.Items))
	case "append_rp", "prepend_rp":
		var kept []any
		for _, v := range x.Items {
			in, err := c.r.contains(y, v)
			if err != nil {
				return nil, err
			}
			if !in {
				kept = append(kept, v)
			}
		}
		if how == "append_rp" {
			return c.list(slices.Concat(kept, y.Items))
		}
		return c.list(slices.Concat(y.Items, kept))
	}
	return y, nil
}

func filterSubelements(c *call) (any, error) {
	var elements []any
	switch x := c.args[0].(type) {
	case *py.Dict:
		elements = (&view{"dict_values", x}).list()
	case *py.List:
		elements = x.Items
	default:
		return nil, filterErrorf("obj must be a list of dicts or a nested dict")
	}
	var keys []any
	if l, ok := c.args[1].(*py.List); ok {
		keys = l.Items
	} else if text, ok := py.Text(c.args[1]); ok {
		keys = texts(strings.Split(text, "."))
	} else {
		return nil, filterTypeErrorf("subelements must be a list or a string")
	}
	skip, err := c.bool(2)
	if err != nil {
		return nil, err
	}
	out := py.NewList()
	for _, e := range elements {
		v := e
		missing := false
		for _, k := range keys {
			d, ok := v.(*py.Dict)
			if !ok {
				return nil, filterTypeErrorf("the key %s should point to a dictionary, got '%s'", py.Str(k), shown(v))
			}
			next, ok := d.Get(k)
			if !ok {
				if !skip {
					return nil, filterErrorf("could not find %s key in iterated item %s", py.Repr(k), shown(v))
				}
				missing = true
				break
			}
			v = next
		}
		if missing {
			continue
		}
		l, ok := v.(*py.List)
		if !ok {
			return nil, filterTypeErrorf("the key %s should point to a list, got %s", py.Repr(keys[len(keys)-1]), shown(v))
		}
		for _, item := range l.Items {
			out.Items = append(out.Items, py.Tuple{e, item})
		}
	}
	return out, c.r.pay(len(out.Items))
}

func filterRekey(c *call) (any, error) {
	twice, err := c.str(2)
	if err != nil {
		return nil, err
	}
	if twice != "error" && twice != "overwrite" {
		return nil, filterErrorf("duplicates parameter to rekey_on_member has unknown value: %s", twice)
	}
	if _, err := c.bool(1); err != nil {
		return nil, err
	}
	var items []any
	switch x := c.args[0].(type) {
	case *py.Dict:
		items = (&view{"dict_values", x}).list()
	case *py.List:
		items = x.Items
	case py.Tuple:
		items = x
	default:
		return nil, filterTypeErrorf("Type is not a valid list, set, or dict")
	}
	out := py.NewDict()
	for _, item := range items {
		d, ok := item.(*py.Dict)
		if !ok {
			return nil, filterTypeErrorf("List item is not a valid dict")
		}
		k, ok := d.Get(c.args[1])
		if !ok {
			return nil, filterErrorf("Key %s was not found", py.Str(c.args[1]))
		}
		if err := hashable(k); err != nil {
			return nil, err
		}
		if out.Has(k) && twice == "error" {
			return nil, filterErrorf("Key %s is not unique, cannot correctly turn into dict", py.Str(k))
		}
		out.Set(k, item)
	}
	return out, nil
}

func (c *call) zipped(longest bool) (any, error) {
	lists := make([][]any, 0, 1+len(c.rest))
	length := -1
	for _, v := range append([]any{c.args[0]}, c.rest...) {
		items, err := c.r.items(v)
		if err != nil {
			return nil, err
		}
		lists = append(lists, items)
		if length < 0 || longest && len(items) > length || !longest && len(items) < length {
			length = len(items)
		}
	}
	var fill any
	if longest && c.named != nil {
		fill, _ = c.named.Get("fillvalue")
	}
	if err := c.r.pay(length * len(lists)); err != nil {
		return nil, err
	}
	out := py.NewList()
	for i := range length {
		row := make(py.Tuple, len(lists))
		for j, l := range lists {
			if i < len(l) {
				row[j] = l[i]
			} else {
				row[j] = fill
			}
		}
		out.Items = append(out.Items, row)
	}
	return out, nil
}

func filterYAML(c *call, name string, block bool) (any, error) {
	opt := yaml11.DumpOptions{Block: block}
	if block && c.args[1] != nil {
		n, err := c.int(1)
		if err != nil {
			return nil, err
		}
		opt.Indent = n
	}
	if c.named != nil {
		for k, v := range c.named.All() {
			n, _ := index(v)
			switch py.Str(k) {
			case "indent":
				opt.Indent = n
			case "width":
				opt.Width = n
				if f, ok := v.(float64); ok {
					opt.Width = int(min(f, 1<<30))
				}
			case "sort_keys":
				opt.Unsorted = !py.Truth(v)
			case "default_flow_style":
				opt.Block = v == false
				opt.Flow = v == true
			case "allow_unicode":
				opt.ASCII = !py.Truth(v)
			case "explicit_start":
				opt.ExplicitStart = py.Truth(v)
			case "explicit_end":
				opt.ExplicitEnd = py.Truth(v)
			case "default_style":
				opt.Quote = py.Str(v)
			case "canonical", "line_break", "encoding", "version", "tags":
			default:
				return nil, filterErrorf("%s - dump_all() got an unexpected keyword argument %s", name, py.Repr(k))
			}
		}
	}
	v := c.args[0]
	if l, ok := rolled(v); ok {
		v = l
	}
	v, err := c.r.solid(v)
	if err != nil {
		return nil, err
	}
	if err := allDefined(v, 0); err != nil {
		return nil, because(filterErrorf("%s - %v", name, err), err)
	}
	text, err := yaml11.Dump(v, opt)
	if err != nil {
		return nil, filterErrorf("%s - %v", name, err)
	}
	return py.Native{Text: text}, c.r.wrote(len(text))
}
