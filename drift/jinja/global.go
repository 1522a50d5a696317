package jinja

import (
	"goodstate.dev/goodstate/core/py"
)

// The functions that every template has.
func init() {
	add := func(name, params string, do func(c *call) (any, error)) {
		b := family{}.add(name, params, do)
		globals[name] = function(func(f *frame, args []any, named *py.Dict) (any, error) { return b.function(f, name, args, named) })
	}
	add("range", "*args", func(c *call) (any, error) {
		n := make([]int64, len(c.rest))
		for i, a := range c.rest {
			if err := defined(a); err != nil {
				return nil, err
			}
			v, ok := index(a)
			if !ok {
				return nil, typeErrorf("'%s' object cannot be interpreted as an integer", py.TypeName(a))
			}
			n[i] = int64(v)
		}
		switch len(n) {
		case 1:
			return rangeOf{0, n[0], 1}, nil
		case 2:
			return rangeOf{n[0], n[1], 1}, nil
		case 3:
			if n[2] == 0 {
				return nil, valueErrorf("range() arg 3 must not be zero")
			}
			return rangeOf{n[0], n[1], n[2]}, nil
		}
		return nil, typeErrorf("range expected at least 1 argument, got %d", len(n))
	})
	add("dict", "*args **named", func(c *call) (any, error) {
		d := py.NewDict()
		if len(c.rest) > 0 {
			var err error
			if d, err = c.r.toDict(c.rest[0]); err != nil {
				return nil, err
			}
		}
		if c.named != nil {
			for k, v := range c.named.All() {
				d.Set(k, v)
			}
		}
		return d, nil
	})
	add("namespace", "*args **named", func(c *call) (any, error) {
		d := py.NewDict()
		if len(c.rest) > 0 {
			var err error
			if d, err = c.r.toDict(c.rest[0]); err != nil {
				return nil, err
			}
		}
		if c.named != nil {
			for k, v := range c.named.All() {
				d.Set(k, v)
			}
		}
		return &namespace{d}, nil
	})
	add("cycler", "*items", func(c *call) (any, error) {
		if len(c.rest) == 0 {
			return nil, typeErrorf("no items for cycling given")
		}
		return &cycler{items: c.rest}, nil
	})
	globals["joiner"] = function(func(_ *frame, args []any, named *py.Dict) (any, error) {
		var sep any = ", "
		if len(args) > 0 {
			sep = args[0]
		} else if named != nil {
			if v, ok := named.Get("sep"); ok {
				sep = v
			}
		}
		return &joiner{sep: sep}, nil
	})
	add("undef", "hint=None", func(c *call) (any, error) {
		hint, ok := py.Text(c.args[0])
		if !ok || hint == "" {
			hint = "Mandatory variable has not been overridden"
		}
		return py.Undefined{Hint: hint}, nil
	})
	add("now", "utc=False fmt=None", func(c *call) (any, error) {
		utc, err := c.bool(0)
		if err != nil {
			return nil, err
		}
		now := c.r.env.opt.Now()
		if utc {
			now = now.UTC()
		}
		if c.args[1] != nil {
			format, err := c.text(1)
			return strftime(now, format), err
		}
		return naive(now), nil
	})
	add("lipsum", "n=5 html=True min=20 max=100", func(c *call) (any, error) {
		return nil, typeErrorf("lipsum makes random text and is not known here")
	})
	globals["super"] = function(func(f *frame, _ []any, _ *py.Dict) (any, error) {
		if f.block == "" {
			return nil, &UndefinedError{"'super' is undefined"}
		}
		return f.superOf(f.block, f.super)
	})
	globals["self"] = selfOf{}
}

// superOf evaluates the block above one of the chain.
func (f *frame) superOf(name string, level int) (any, error) {
	if level+1 >= len(f.sc.blocks[name]) {
		return nil, &UndefinedError{"there is no parent block called " + quote(name) + "."}
	}
	out := &output{r: f.r}
	if err := f.runBlock(name, level+1, nil, out); err != nil {
		return nil, err
	}
	return out.result(f.r.convert())
}

// selfOf has the blocks of a template as functions.
type selfOf struct{}

func (selfOf) attr(f *frame, name string) (any, bool) {
	if len(f.sc.blocks[name]) == 0 {
		return nil, false
	}
	return function(func(f *frame, _ []any, _ *py.Dict) (any, error) { return f.superOf(name, -1) }), true
}

// TypeName is the name of the type in Jinja.
func (selfOf) TypeName() string { return "TemplateReference" }
