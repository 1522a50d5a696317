package jinja

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/big"
	"slices"
	"strings"

	"github.com/jmespath/go-jmespath"
	"golang.org/x/text/unicode/norm"

	"goodstate.dev/goodstate/core/py"
)

// Filters of community.general and ansible.utils that are used most.
func init() {
	filters.add("json_query", "data expr", func(c *call) (any, error) {
		expr, err := c.str(1)
		if err != nil {
			return nil, err
		}
		q, err := jmespath.Compile(quoteLiterals(expr))
		if err != nil {
			return nil, filterErrorf("JMESPathError in json_query filter plugin:\n%v\nHint: Check your filter expression: %s", err, expr)
		}
		v, err := q.Search(toGo(c.args[0], 0))
		if err != nil {
			return nil, filterErrorf("Error in jmespath.search in json_query filter plugin:\n%v", err)
		}
		return fromGo(v, c.args[0]), nil
	})
	filters.add("dict", "sequence", func(c *call) (any, error) { return c.r.toDict(c.args[0]) })
	filters.add("dict_kv", "value key", func(c *call) (any, error) { return py.DictOf(c.args[1], c.args[0]), hashable(c.args[1]) })
	filters.add("counter", "sequence", func(c *call) (any, error) {
		items, err := c.items(0)
		if err != nil {
			return nil, err
		}
		d := py.NewDict()
		for _, item := range items {
			if err := hashable(item); err != nil {
				return nil, filterErrorf("community.general.counter needs a sequence with hashable elements (int, float or str) - %v", err)
			}
			n, _ := d.Get(item)
			count, _ := n.(int64)
			d.Set(item, count+1)
		}
		return d, nil
	})
	filters.add("version_sort", "value reverse=False", func(c *call) (any, error) {
		items, err := c.items(0)
		if err != nil {
			return nil, err
		}
		reverse, err := c.bool(1)
		if err != nil {
			return nil, err
		}
		out := slices.Clone(items)
		return &py.List{Items: out}, c.r.sort(out, func(v any) (any, error) { return looseVersion(py.Str(v)) }, reverse)
	})
	filters.add("groupby_as_dict", "sequence attribute", func(c *call) (any, error) {
		items, err := c.items(0)
		if err != nil {
			return nil, err
		}
		out := py.NewDict()
		for i, item := range items {
			d, ok := item.(*py.Dict)
			if !ok {
				return nil, filterErrorf("Sequence element #%d is not a mapping", i)
			}
			k, ok := d.Get(c.args[1])
			if !ok {
				return nil, filterErrorf("Attribute not contained in element #%d of sequence", i)
			}
			if err := hashable(k); err != nil {
				return nil, err
			}
			if out.Has(k) {
				return nil, filterErrorf("Multiple sequence entries have attribute value %s", py.Repr(k))
			}
			out.Set(k, item)
		}
		return out, nil
	})
	filters.add("lists_mergeby", "value *args **named", filterMergeBy)
	filters.add("from_csv", "content dialect='excel' fieldnames=None delimiter=None skipinitialspace=None strict=None", filterCSV)
	filters.add("crc32", "value", func(c *call) (any, error) {
		s, err := c.str(0)
		return fmt.Sprintf("%x", crc32.ChecksumIEEE([]byte(s))), err
	})
	filters.add("unicode_normalize", "data form='NFC'", func(c *call) (any, error) {
		s, err := c.text(0)
		if err != nil {
			return nil, err
		}
		form, ok := map[string]norm.Form{"NFC": norm.NFC, "NFD": norm.NFD, "NFKC": norm.NFKC, "NFKD": norm.NFKD}[py.Str(c.args[1])]
		if !ok {
			return nil, filterErrorf("%s is not a valid Unicode normalization form", py.Str(c.args[1]))
		}
		return form.String(s), nil
	})
	filters.add("pprint", "value", func(c *call) (any, error) {
		return pretty(c.args[0], 0, 80), nil
	})
	filters.add("index_of", "data test value=None key=None fail_on_missing=False wantlist=False", filterIndexOf)
}

// quoteLiterals makes JSON of what stands between backticks and is none, as Python's JMESPath takes it.
func quoteLiterals(expr string) string {
	parts := strings.Split(expr, "`")
	for i := 1; i+1 < len(parts); i += 2 {
		if !json.Valid([]byte(parts[i])) {
			text, err := json.Marshal(strings.TrimLeft(parts[i], " "))
			if err == nil {
				parts[i] = string(text)
			}
		}
	}
	return strings.Join(parts, "`")
}

// toGo and fromGo carry values over to the JMESPath library and back.
func toGo(v any, depth int) any {
	if depth > 200 {
		return nil
	}
	switch x := v.(type) {
	case *py.List:
		out := make([]any, len(x.Items))
		for i, item := range x.Items {
			out[i] = toGo(item, depth+1)
		}
		return out
	case py.Tuple:
		return toGo(py.NewList(x...), depth)
	case *py.Dict:
		out := make(map[string]any, x.Len())
		for k, item := range x.All() {
			out[py.Str(k)] = toGo(item, depth+1)
		}
		return out
	case int64:
		return float64(x)
	case *big.Int:
		return toFloat(x)
	}
	if text, ok := py.Text(v); ok {
		return text
	}
	return v
}

// fromGo makes values again; whole numbers are ints, and dicts get the order of the keys of the data they came from, as far as it is known.
func fromGo(v, data any) any {
	order := map[string]int{}
	keyOrder(data, order, 0)
	return fromGoOrdered(v, order)
}

func keyOrder(v any, order map[string]int, depth int) {
	if depth > 200 {
		return
	}
	switch x := v.(type) {
	case *py.List:
		for _, item := range x.Items {
			keyOrder(item, order, depth+1)
		}
	case *py.Dict:
		for k, item := range x.All() {
			name := py.Str(k)
			if _, seen := order[name]; !seen {
				order[name] = len(order)
			}
			keyOrder(item, order, depth+1)
		}
	}
}

func fromGoOrdered(v any, order map[string]int) any {
	switch x := v.(type) {
	case []any:
		out := py.NewList()
		for _, item := range x {
			out.Items = append(out.Items, fromGoOrdered(item, order))
		}
		return out
	case map[string]any:
		keys := make([]string, 0, len(x))
		for k := range x {
			keys = append(keys, k)
		}
		place := func(k string) int {
			if i, ok := order[k]; ok {
				return i
			}
			return len(order)
		}
		slices.SortFunc(keys, func(a, b string) int {
			if d := place(a) - place(b); d != 0 {
				return d
			}
			return strings.Compare(a, b)
		})
		d := py.NewDict()
		for _, k := range keys {
			d.Set(k, fromGoOrdered(x[k], order))
		}
		return d
	case float64:
		if x == float64(int64(x)) && x < 1<<53 && x > -1<<53 {
			return int64(x)
		}
	}
	return v
}

func filterMergeBy(c *call) (any, error) {
	recursive, how := false, "replace"
	if c.named != nil {
		for k, v := range c.named.All() {
			switch py.Str(k) {
			case "recursive":
				recursive = py.Truth(v)
			case "list_merge":
				how = py.Str(v)
			default:
				return nil, filterErrorf("'recursive' and 'list_merge' are the only valid keyword arguments.")
			}
		}
	}
	terms := append([]any{c.args[0]}, c.rest...)
	if len(terms) < 2 {
		return nil, filterErrorf("At least one list and index are needed.")
	}
	key, ok := py.Text(terms[len(terms)-1])
	if !ok {
		return nil, filterErrorf("First argument after the lists for community.general.lists_mergeby must be string.")
	}
	var lists [][]any
	for _, t := range terms[:len(terms)-1] {
		items, err := c.r.items(t)
		if err != nil {
			return nil, err
		}
		nested := len(items) > 0 && !slices.ContainsFunc(items, func(v any) bool { _, is := v.(*py.List); return !is })
		if !nested {
			if len(items) > 0 {
				lists = append(lists, items)
			}
			continue
		}
		for _, item := range items {
			l, _ := item.(*py.List)
			lists = append(lists, l.Items)
		}
	}
	switch len(lists) {
	case 0:
		return py.NewList(), nil
	case 1:
		return c.list(lists[0])
	}
	result := lists[len(lists)-1]
	for i := len(lists) - 2; i >= 0; i-- {
		merged, err := c.mergeBy(lists[i], result, key, recursive, how)
		if err != nil {
			return nil, err
		}
		result = merged
	}
	return c.list(result)
}

func (c *call) mergeBy(x, y []any, key string, recursive bool, how string) ([]any, error) {
	by := py.NewDict()
	for _, item := range slices.Concat(x, y) {
		d, ok := item.(*py.Dict)
		if !ok {
			return nil, filterErrorf("Elements of list arguments for lists_mergeby must be dictionaries. %s is %s", shown(item), class2(item))
		}
		k, ok := d.Get(key)
		if !ok {
			continue
		}
		old, ok := by.Get(k)
		if !ok {
			by.Set(k, d.Copy())
			continue
		}
		before, _ := old.(*py.Dict)
		merged, err := c.merge(before, d, recursive, how)
		if err != nil {
			return nil, err
		}
		by.Set(k, merged)
	}
	out := (&view{"dict_values", by}).list()
	return out, c.r.sort(out, func(v any) (any, error) { d, _ := v.(*py.Dict); k, _ := d.Get(key); return k, nil }, false)
}

func filterCSV(c *call) (any, error) {
	text, err := c.str(0)
	if err != nil {
		return nil, err
	}
	reader := csv.NewReader(strings.NewReader(text))
	reader.FieldsPerRecord, reader.LazyQuotes = -1, true
	switch py.Str(c.args[1]) {
	case "excel-tab":
		reader.Comma = '\t'
	case "excel", "unix":
	default:
		return nil, filterErrorf("Dialect '%s' is not supported by your version of python.", py.Str(c.args[1]))
	}
	if d, ok := py.Text(c.args[3]); ok && d != "" {
		reader.Comma = []rune(d)[0]
	}
	reader.TrimLeadingSpace = py.Truth(c.args[4])
	var names []string
	if c.args[2] != nil {
		items, err := c.items(2)
		if err != nil {
			return nil, err
		}
		names = strItems(items)
	}
	out := py.NewList()
	for {
		row, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, filterErrorf("Unable to process file: %v", err)
		}
		if names == nil {
			names = row
			continue
		}
		d := py.NewDict()
		for i, name := range names {
			if i < len(row) {
				d.Set(name, row[i])
			} else {
				d.Set(name, nil)
			}
		}
		out.Items = append(out.Items, d)
		if err := c.r.pay(len(names)); err != nil {
			return nil, err
		}
	}
}

func filterIndexOf(c *call) (any, error) {
	items, err := c.items(0)
	if err != nil {
		return nil, err
	}
	name, err := c.str(1)
	if err != nil {
		return nil, err
	}
	negate := false
	if rest, ok := strings.CutPrefix(name, "!"); ok {
		name, negate = rest, true
	}
	if rest, ok := strings.CutPrefix(name, "not "); ok {
		name, negate = rest, true
	}
	fn := findBuiltin(tests, name)
	if fn == nil && !c.r.env.plugin("test", name) {
		return nil, filterErrorf("Error when using plugin 'index_of': the test '%s' was not found", name)
	}
	var found []any
	for i, item := range items {
		v := item
		if c.args[3] != nil {
			if v, err = c.f.getitem(item, c.args[3]); err != nil {
				return nil, err
			}
			if _, missing := v.(py.Undefined); missing {
				if py.Truth(c.args[4]) {
					return nil, filterErrorf("Error when using plugin 'index_of': '%s' key not found", py.Str(c.args[3]))
				}
				continue
			}
		}
		var args []any
		if c.args[2] != nil {
			args = []any{c.args[2]}
		}
		ok, err := c.f.test(name, fn, v, args, nil)
		if err != nil {
			return nil, err
		}
		if py.Truth(ok) != negate {
			found = append(found, int64(i))
		}
	}
	if len(found) == 1 && !py.Truth(c.args[5]) {
		return found[0], nil
	}
	return c.list(found)
}

// pretty is Python's pprint.pformat for lists and dicts.
func pretty(v any, indent, width int) string {
	one := py.Repr(sortedKeys(v, 0))
	if len([]rune(one)) <= width-indent {
		return one
	}
	pad := strings.Repeat(" ", indent+1)
	var parts []string
	left, right := "[", "]"
	switch x := v.(type) {
	case *py.List:
		for _, item := range x.Items {
			parts = append(parts, pretty(item, indent+1, width))
		}
	case *py.Dict:
		left, right = "{", "}"
		d, _ := sortedKeys(x, 0).(*py.Dict)
		for k, item := range d.All() {
			key := py.Repr(k) + ": "
			parts = append(parts, key+pretty(item, indent+1+len([]rune(key)), width))
		}
	default:
		return one
	}
	return left + strings.Join(parts, ",\n"+pad) + right
}

func sortedKeys(v any, depth int) any {
	if depth > 100 {
		return v
	}
	switch x := v.(type) {
	case *py.List:
		out := py.NewList()
		for _, item := range x.Items {
			out.Items = append(out.Items, sortedKeys(item, depth+1))
		}
		return out
	case *py.Dict:
		keys := x.Keys()
		slices.SortStableFunc(keys, func(a, b any) int {
			order, ok, err := py.Compare(a, b, "<")
			if err != nil || !ok {
				return strings.Compare(py.TypeName(a), py.TypeName(b))
			}
			return order
		})
		out := py.NewDict()
		for _, k := range keys {
			item, _ := x.Get(k)
			out.Set(k, sortedKeys(item, depth+1))
		}
		return out
	}
	return v
}
