package jinja

import (
	"slices"

	"goodstate.dev/goodstate/core/py"
)

// The methods of list, tuple and dict.
func init() {
	l := family{}
	methods["list"] = l
	self := func(c *call) *py.List { list, _ := c.args[0].(*py.List); return list }
	l.add("append", "self item", func(c *call) (any, error) {
		self(c).Items = append(self(c).Items, c.args[1])
		return nil, c.r.step()
	})
	l.add("extend", "self items", func(c *call) (any, error) {
		items, err := c.items(1)
		self(c).Items = append(self(c).Items, slices.Clone(items)...)
		return nil, err
	})
	l.add("insert", "self at item", func(c *call) (any, error) {
		i, err := c.int(1)
		if err != nil {
			return nil, err
		}
		n := len(self(c).Items)
		if i < 0 {
			i = max(i+n, 0)
		}
		self(c).Items = slices.Insert(self(c).Items, min(i, n), c.args[2])
		return nil, c.r.pay(n)
	})
	l.add("pop", "self at=-1", func(c *call) (any, error) {
		i, err := c.int(1)
		if err != nil {
			return nil, err
		}
		items := self(c).Items
		if len(items) == 0 {
			return nil, &indexError{"pop from empty list"}
		}
		if i < 0 {
			i += len(items)
		}
		if i < 0 || i >= len(items) {
			return nil, &indexError{"pop index out of range"}
		}
		v := items[i]
		self(c).Items = slices.Delete(items, i, i+1)
		return v, nil
	})
	l.add("remove", "self item", func(c *call) (any, error) {
		i := slices.IndexFunc(self(c).Items, func(v any) bool { return py.Equal(v, c.args[1]) })
		if i < 0 {
			return nil, valueErrorf("list.remove(x): x not in list")
		}
		self(c).Items = slices.Delete(self(c).Items, i, i+1)
		return nil, nil
	})
	l.add("clear", "self", func(c *call) (any, error) { self(c).Items = nil; return nil, nil })
	l.add("copy", "self", func(c *call) (any, error) { return c.list(slices.Clone(self(c).Items)) })
	l.add("reverse", "self", func(c *call) (any, error) { slices.Reverse(self(c).Items); return nil, nil })
	l.add("sort", "self key=None reverse=False", func(c *call) (any, error) {
		if c.args[1] != nil {
			return nil, typeErrorf("sort of a list by a key function is not known in templates; use the sort filter")
		}
		reverse, err := c.bool(2)
		if err != nil {
			return nil, err
		}
		return nil, c.r.sort(self(c).Items, func(v any) (any, error) { return v, nil }, reverse)
	})
	t := family{}
	methods["tuple"] = t
	for _, fam := range []family{l, t} {
		fam.add("index", "self item", func(c *call) (any, error) {
			items, err := c.comparable()
			if err != nil {
				return nil, err
			}
			i := slices.IndexFunc(items, func(v any) bool { return py.Equal(v, c.args[1]) })
			if i < 0 {
				return nil, valueErrorf("%s is not in list", py.Repr(c.args[1]))
			}
			return int64(i), nil
		})
		fam.add("count", "self item", func(c *call) (any, error) {
			items, err := c.comparable()
			n := int64(0)
			for _, v := range items {
				if py.Equal(v, c.args[1]) {
					n++
				}
			}
			return n, err
		})
	}
	dictMethods()
}

// comparable are the items; comparing what is undefined is an error.
func (c *call) comparable() ([]any, error) {
	items, err := c.items(0)
	for _, item := range items {
		if u, ok := item.(py.Undefined); ok && !u.Soft {
			return nil, &UndefinedError{u.Hint}
		}
	}
	return items, err
}

// indexError is Python's IndexError and KeyError.
type indexError struct{ message string }

func (e *indexError) Error() string { return e.message }

// Class is the name of the Python class.
func (*indexError) Class() string { return "IndexError" }

func dictMethods() {
	m := family{}
	methods["dict"] = m
	self := func(c *call) *py.Dict { d, _ := c.args[0].(*py.Dict); return d }
	for _, kind := range []string{"keys", "values", "items"} {
		m.add(kind, "self", func(c *call) (any, error) { return &view{"dict_" + kind, self(c)}, nil })
	}
	m.add("get", "self key default=None", func(c *call) (any, error) {
		if err := hashable(c.args[1]); err != nil {
			return nil, err
		}
		if v, ok := self(c).Get(c.args[1]); ok {
			return v, nil
		}
		return c.args[2], nil
	})
	m.add("update", "self *args **named", func(c *call) (any, error) {
		if len(c.rest) > 0 {
			d, err := c.r.toDict(c.rest[0])
			if err != nil {
				return nil, err
			}
			for k, v := range d.All() {
				self(c).Set(k, v)
			}
		}
		if c.named != nil {
			for k, v := range c.named.All() {
				self(c).Set(k, v)
			}
		}
		return nil, c.r.pay(self(c).Len())
	})
	m.add("setdefault", "self key default=None", func(c *call) (any, error) {
		if err := hashable(c.args[1]); err != nil {
			return nil, err
		}
		if v, ok := self(c).Get(c.args[1]); ok {
			return v, nil
		}
		self(c).Set(c.args[1], c.args[2])
		return c.args[2], nil
	})
	m.add("pop", "self key *default", func(c *call) (any, error) {
		if err := hashable(c.args[1]); err != nil {
			return nil, err
		}
		v, ok := self(c).Get(c.args[1])
		switch {
		case ok:
			self(c).Delete(c.args[1])
			return v, nil
		case len(c.rest) > 0:
			return c.rest[0], nil
		}
		return nil, &indexError{py.Repr(c.args[1])}
	})
	m.add("popitem", "self", func(c *call) (any, error) {
		keys := self(c).Keys()
		if len(keys) == 0 {
			return nil, &indexError{"'popitem(): dictionary is empty'"}
		}
		k := keys[len(keys)-1]
		v, _ := self(c).Get(k)
		self(c).Delete(k)
		return py.Tuple{k, v}, nil
	})
	m.add("clear", "self", func(c *call) (any, error) {
		for _, k := range self(c).Keys() {
			self(c).Delete(k)
		}
		return nil, nil
	})
	m.add("copy", "self", func(c *call) (any, error) { return self(c).Copy(), c.r.pay(self(c).Len()) })
	m.add("fromkeys", "self keys value=None", func(c *call) (any, error) {
		keys, err := c.items(1)
		d := py.NewDict()
		for _, k := range keys {
			if err := hashable(k); err != nil {
				return nil, err
			}
			d.Set(k, c.args[2])
		}
		return d, err
	})
}

// toDict is Python's dict(value): of a dict or of pairs.
func (r *run) toDict(v any) (*py.Dict, error) {
	if d, ok := v.(*py.Dict); ok {
		return d.Copy(), r.pay(d.Len())
	}
	if o, ok := v.(Object); ok {
		d := py.NewDict()
		for _, k := range o.Keys() {
			item, ok, err := r.objectValue(o, k)
			if err != nil {
				return nil, err
			}
			if ok {
				d.Set(k, item)
			}
		}
		return d, nil
	}
	items, err := r.items(v)
	if err != nil {
		return nil, err
	}
	d := py.NewDict()
	for i, item := range items {
		pair, err := r.items(item)
		if err != nil {
			return nil, typeErrorf("cannot convert dictionary update sequence element #%d to a sequence", i)
		}
		if len(pair) != 2 {
			return nil, valueErrorf("dictionary update sequence element #%d has length %d; 2 is required", i, len(pair))
		}
		if err := hashable(pair[0]); err != nil {
			return nil, err
		}
		d.Set(pair[0], pair[1])
	}
	return d, nil
}

// sort sorts in place and stably by a key; what has no order is an error.
func (r *run) sort(items []any, key func(any) (any, error), reverse bool) error {
	type keyed struct{ key, item any }
	all := make([]keyed, len(items))
	for i, item := range items {
		k, err := key(item)
		if err != nil {
			return err
		}
		if len(items) > 1 {
			if err := defined(k); err != nil {
				return err
			}
		}
		all[i] = keyed{k, item}
	}
	var failed error
	slices.SortStableFunc(all, func(a, b keyed) int {
		if failed != nil {
			return 0
		}
		if failed = r.step(); failed != nil {
			return 0
		}
		order, ok, err := py.Compare(a.key, b.key, "<")
		if err != nil {
			failed = &typeError{err.Error()}
		}
		if !ok {
			return 0
		}
		if reverse {
			return -order
		}
		return order
	})
	if failed != nil {
		return failed
	}
	for i := range all {
		items[i] = all[i].item
	}
	return nil
}
