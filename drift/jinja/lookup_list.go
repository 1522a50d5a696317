package jinja

import (
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"goodstate.dev/goodstate/core/py"
)

// Lookups over lists that are given.
func init() {
	lookups.add("list", "", func(c *call) (any, error) { return c.list(c.rest) })
	lookups.add("items", "", func(c *call) (any, error) { return c.list(flatOnce(c.rest)) })
	lookups.add("flattened", "", func(c *call) (any, error) {
		items, err := c.flatten(c.rest, -1, true)
		if err != nil {
			return nil, err
		}
		return c.list(items)
	})
	lookups.add("indexed_items", "", func(c *call) (any, error) {
		out := py.NewList()
		for i, item := range flatOnce(c.rest) {
			out.Items = append(out.Items, py.Tuple{int64(i), item})
		}
		return out, nil
	})
	lookups.add("dict", "", func(c *call) (any, error) {
		out := py.NewList()
		for _, t := range c.rest {
			d, ok := t.(*py.Dict)
			if o, object := t.(Object); object {
				var err error
				if d, err = c.r.toDict(o); err != nil {
					return nil, err
				}
				ok = true
			}
			if !ok {
				if err := defined(t); err != nil {
					return nil, err
				}
				return nil, fmt.Errorf("with_dict expects a dict")
			}
			for k, v := range d.All() {
				out.Items = append(out.Items, py.DictOf("key", k, "value", v))
			}
		}
		return out, nil
	})
	lookups.add("together", "", lookupTogether)
	lookups.add("nested|cartesian", "", lookupNested)
	lookups.add("subelements", "", lookupSubelements)
	lookups.add("random_choice", "", func(c *call) (any, error) {
		if len(c.rest) == 0 {
			return py.NewList(), nil
		}
		items := c.rest
		if len(items) == 1 {
			items = listOf(items[0])
		}
		if len(items) == 0 {
			return nil, fmt.Errorf("Unable to choose random term: Cannot choose from an empty sequence")
		}
		n, err := rand.Int(rand.Reader, big.NewInt(int64(len(items))))
		if err != nil {
			return nil, err
		}
		return py.NewList(items[n.Int64()]), nil
	})
	lookups.add("sequence", "", lookupSequence)
}

// flatOnce takes lists in a list apart, one level.
func flatOnce(terms []any) []any {
	out := []any{}
	for _, t := range terms {
		switch x := t.(type) {
		case *py.List:
			out = append(out, x.Items...)
		case py.Tuple:
			out = append(out, x...)
		default:
			out = append(out, t)
		}
	}
	return out
}

func lookupTogether(c *call) (any, error) {
	if len(c.rest) == 0 {
		return nil, fmt.Errorf("with_together requires at least one element in each list")
	}
	lists := make([][]any, len(c.rest))
	longest := 0
	for i, t := range c.rest {
		lists[i] = listOf(t)
		longest = max(longest, len(lists[i]))
	}
	out := py.NewList()
	for at := range longest {
		row := py.NewList()
		for _, l := range lists {
			if at < len(l) {
				row.Items = append(row.Items, flatOnce([]any{l[at]})...)
			} else {
				row.Items = append(row.Items, nil)
			}
		}
		out.Items = append(out.Items, row)
	}
	return out, c.r.pay(longest * len(lists))
}

func lookupNested(c *call) (any, error) {
	if len(c.rest) == 0 {
		return nil, fmt.Errorf("with_nested requires at least one element in the nested list")
	}
	rows := [][]any{{}}
	for _, t := range c.rest {
		if err := defined(t); err != nil {
			return nil, err
		}
		items := listOf(t)
		if err := c.r.pay(len(rows) * len(items) * 32); err != nil {
			return nil, err
		}
		var next [][]any
		for _, row := range rows {
			for _, item := range items {
				next = append(next, append(slices.Clone(row), item))
			}
		}
		rows = next
	}
	out := py.NewList()
	for _, row := range rows {
		out.Items = append(out.Items, py.NewList(flatOnce(row)...))
	}
	return out, nil
}

func lookupSubelements(c *call) (any, error) {
	const wants = "subelements lookup expects a list of two or three items, "
	if len(c.rest) < 2 || len(c.rest) > 3 {
		return nil, errors.New(wants)
	}
	key, ok := py.Text(c.rest[1])
	var elements []any
	switch x := c.rest[0].(type) {
	case *py.List:
		elements = x.Items
	case *py.Dict:
		if v, ok := x.Get("skipped"); ok && py.Truth(v) {
			return py.NewList(), nil
		}
		elements = (&view{"dict_values", x}).list()
	default:
		ok = false
	}
	if !ok {
		return nil, errors.New(wants + "first a dict or a list, second a string pointing to the subkey")
	}
	skip := false
	if len(c.rest) == 3 {
		if flags, ok := c.rest[2].(*py.Dict); ok {
			v, _ := flags.Get("skip_missing")
			skip = py.Truth(looseBool(v))
		}
	}
	out := py.NewList()
	for _, e := range elements {
		d, ok := e.(*py.Dict)
		if !ok {
			return nil, fmt.Errorf("subelements lookup expects a dictionary, got '%s'", shown(e))
		}
		if v, ok := d.Get("skipped"); ok && py.Truth(v) {
			continue
		}
		whole, subs, err := below(d, strings.Split(key, "."), skip)
		if err != nil {
			return nil, err
		}
		for _, s := range subs {
			out.Items = append(out.Items, py.Tuple{whole, s})
		}
	}
	return out, nil
}

// below finds the list under a path of keys, and the dict without it.
func below(d *py.Dict, keys []string, skip bool) (*py.Dict, []any, error) {
	rest := d.Copy()
	at := rest
	for i, k := range keys {
		v, ok := at.Get(k)
		switch {
		case !ok && skip:
			return rest, nil, nil
		case !ok:
			return nil, nil, fmt.Errorf("could not find '%s' key in iterated item '%s'", k, shown(at))
		}
		if i == len(keys)-1 {
			l, ok := v.(*py.List)
			if !ok {
				return nil, nil, fmt.Errorf("the key %s should point to a list, got '%s'", k, shown(v))
			}
			at.Delete(k)
			return rest, l.Items, nil
		}
		next, ok := v.(*py.Dict)
		if !ok {
			if skip {
				return rest, nil, nil
			}
			return nil, nil, fmt.Errorf("the key %s should point to a dictionary, got '%s'", k, shown(v))
		}
		next = next.Copy()
		at.Set(k, next)
		at = next
	}
	return rest, nil, nil
}

// lookupSequence counts: "start=1 end=5 stride=2 format=web%02d", "1-5/2:web%02d", or options.
func lookupSequence(c *call) (any, error) {
	terms, err := c.terms()
	if err != nil {
		return nil, err
	}
	out := py.NewList()
	for _, term := range terms {
		s := sequenceOf{start: 1, stride: 1, format: "%d"}
		if err := s.options(c.named); err != nil {
			return nil, err
		}
		if !s.short(term) {
			_, pairs := keyValues(term)
			if err := s.options(pairs); err != nil {
				return nil, err
			}
		}
		if err := s.count(c, out); err != nil {
			return nil, err
		}
	}
	return out, nil
}

type sequenceOf struct {
	start, end, stride int64
	items              int64
	hasEnd, hasCount   bool
	format             string
}

func (s *sequenceOf) options(d *py.Dict) error {
	for k, v := range d.All() {
		name := py.Str(k)
		if name == "format" {
			s.format = py.Str(v)
			continue
		}
		n, err := strconv.ParseInt(py.Str(v), 0, 64)
		if err != nil {
			return fmt.Errorf("can't parse %s=%s as integer", name, py.Str(v))
		}
		switch name {
		case "start":
			s.start = n
		case "end":
			s.end, s.hasEnd = n, true
		case "stride":
			s.stride = n
		case "count":
			s.items, s.hasCount = n, true
		default:
			return fmt.Errorf("unrecognized arguments to with_sequence: [%s]", quote(name))
		}
	}
	return nil
}

// short reads [start-]end[/stride][:format].
func (s *sequenceOf) short(term string) bool {
	spec, format, hasFormat := strings.Cut(term, ":")
	spec, stride, hasStride := strings.Cut(spec, "/")
	start, end, hasStart := strings.Cut(spec, "-")
	if !hasStart {
		start, end = "1", spec
	}
	parse := func(text string, to *int64) bool {
		base := 10
		if strings.HasPrefix(text, "0x") {
			base, text = 16, text[2:]
		} else if len(text) > 1 && text[0] == '0' {
			base = 8
		}
		n, err := strconv.ParseInt(text, base, 64)
		*to = n
		return err == nil
	}
	from, to, by := s.start, s.end, s.stride
	if !parse(start, &from) || !parse(end, &to) || hasStride && !parse(stride, &by) {
		return false
	}
	s.start, s.end, s.stride, s.hasEnd = from, to, by, true
	if hasFormat {
		s.format = format
	}
	return true
}

func (s *sequenceOf) count(c *call, out *py.List) error {
	switch {
	case !s.hasEnd && !s.hasCount:
		return fmt.Errorf("must specify count or end in with_sequence")
	case s.hasEnd && s.hasCount:
		return fmt.Errorf("can't specify both count and end in with_sequence")
	case s.hasCount && s.items == 0:
		return nil
	case s.hasCount:
		s.end = s.start + s.items*s.stride - 1
		if s.stride < 0 {
			s.end = s.start + s.items*s.stride + 1
		}
	}
	switch {
	case s.stride > 0 && s.end < s.start:
		return fmt.Errorf("to count backwards make stride negative")
	case s.stride < 0 && s.end > s.start:
		return fmt.Errorf("to count forward don't make stride negative")
	case strings.Count(s.format, "%") != 1:
		return fmt.Errorf("bad formatting string: %s", s.format)
	case s.stride == 0:
		return nil
	}
	for i := s.start; s.stride > 0 && i <= s.end || s.stride < 0 && i >= s.end; i += s.stride {
		if err := c.r.step(); err != nil {
			return err
		}
		text, err := c.r.percent(s.format, i)
		if err != nil {
			return fmt.Errorf("problem formatting %d with %s", i, quote(s.format))
		}
		out.Items = append(out.Items, text)
	}
	return nil
}
