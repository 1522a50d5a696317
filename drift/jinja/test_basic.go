package jinja

import (
	"math"
	"strings"

	"goodstate.dev/goodstate/core/py"
)

// Tests of types, numbers and comparisons.
func init() {
	is := func(names string, do func(v any) bool) {
		tests.add(names, "value", func(c *call) (any, error) { return do(c.args[0]), nil })
	}
	tests.add("defined", "value", func(c *call) (any, error) {
		_, undefined := c.args[0].(py.Undefined)
		return !undefined, nil
	}).takesUndefined()
	tests.add("undefined", "value", func(c *call) (any, error) {
		_, undefined := c.args[0].(py.Undefined)
		return undefined, nil
	}).takesUndefined()
	for names, do := range map[string]func(v any) bool{
		"none":    func(v any) bool { return v == nil },
		"boolean": func(v any) bool { _, ok := v.(bool); return ok },
		"true":    func(v any) bool { return v == true },
		"false":   func(v any) bool { return v == false },
		"integer": func(v any) bool {
			_, b := v.(bool)
			_, _, _, k := py.Number(v)
			return !b && (k == py.IsInt || k == py.IsBig)
		},
		"float":    func(v any) bool { _, ok := v.(float64); return ok },
		"number":   func(v any) bool { _, _, _, k := py.Number(v); return k != py.NotNumber },
		"string":   isString,
		"mapping":  isMapping,
		"sequence": isSequence,
		"callable": func(v any) bool {
			_, undefined := v.(py.Undefined)
			_, ok := v.(callable)
			return ok || undefined
		},
		"escaped": func(any) bool { return false },
	} {
		tests.add(names, "value", func(c *call) (any, error) { return do(c.args[0]), nil }).takesUndefined()
	}
	is("iterable", func(v any) bool {
		_, seq := v.(sequence)
		return isSequence(v) || seq
	})
	for name, rest := range map[string]int64{"odd": 1, "even": 0} {
		tests.add(name, "value", func(c *call) (any, error) {
			m, err := c.r.arith("%", c.args[0], int64(2))
			return py.Equal(m, rest), err
		})
	}
	is("lower", func(v any) bool { s := py.Str(v); return strings.ToLower(s) == s && upper(s) != s })
	is("upper", func(v any) bool { s := py.Str(v); return upper(s) == s && strings.ToLower(s) != s })
	is("nan|isnan", func(v any) bool { f, ok := v.(float64); return ok && math.IsNaN(f) })
	tests.add("divisibleby", "value num", func(c *call) (any, error) {
		m, err := c.r.arith("%", c.args[0], c.args[1])
		return py.Equal(m, int64(0)), err
	})
	for names, op := range map[string]string{
		"eq|==|equalto": "==", "ne|!=": "!=", "gt|>|greaterthan": ">", "ge|>=": ">=", "lt|<|lessthan": "<", "le|<=": "<=",
	} {
		tests.add(names, "a b", func(c *call) (any, error) { return c.r.compare(op, c.args[0], c.args[1]) })
	}
	tests.add("in", "value seq", func(c *call) (any, error) { return c.r.contains(c.args[1], c.args[0]) })
	tests.add("contains", "seq value", func(c *call) (any, error) { return c.r.contains(c.args[0], c.args[1]) })
	tests.add("sameas", "value other", func(c *call) (any, error) {
		a, b := c.args[0], c.args[1]
		if _, text := py.Text(a); text {
			return py.Equal(a, b), nil
		}
		return same(a, b), nil
	}).takesUndefined()
	tests.add("filter", "value", func(c *call) (any, error) {
		name, err := c.str(0)
		return findBuiltin(filters, name) != nil || c.r.env.plugin("filter", name), err
	})
	tests.add("test", "value", func(c *call) (any, error) {
		name, err := c.str(0)
		return findBuiltin(tests, name) != nil || c.r.env.plugin("test", name), err
	})
	for name, want := range map[string]bool{"truthy": true, "falsy": false} {
		tests.add(name, "value convert_bool=False", func(c *call) (any, error) {
			v := c.args[0]
			convert, err := c.bool(1)
			if err != nil {
				return nil, err
			}
			if convert {
				v = looseBool(v)
			}
			return py.Truth(v) == want, nil
		})
	}
}

func same(a, b any) (equal bool) {
	defer func() {
		if recover() != nil {
			equal = false
		}
	}()
	return a == b
}

func isString(v any) bool { _, ok := py.Text(v); return ok }

func isMapping(v any) bool {
	_, dict := v.(*py.Dict)
	_, object := v.(Object)
	return dict || object
}

// isSequence: what has a length and elements.
func isSequence(v any) bool {
	switch v.(type) {
	case *py.List, py.Tuple, *py.Dict, Object, rangeOf, *group, py.Bytes:
		return true
	}
	if u, ok := v.(py.Undefined); ok {
		return u.Soft
	}
	return isString(v)
}

// looseBool reads the words for booleans that Ansible's modules take; other values stay.
func looseBool(v any) any {
	text, ok := py.Text(v)
	if ok {
		switch strings.ToLower(strings.TrimSpace(text)) {
		case "y", "yes", "on", "1", "true", "t":
			return true
		case "n", "no", "off", "0", "false", "f":
			return false
		}
		return v
	}
	if f, ok := pyFloat(v); ok && (f == 0 || f == 1) {
		return f == 1
	}
	return v
}
