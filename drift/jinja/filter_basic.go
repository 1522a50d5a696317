package jinja

import (
	"math"
	"math/big"
	"strconv"
	"strings"

	"goodstate.dev/goodstate/core/py"
)

// Filters over single values.
func init() {
	filters.add("default|d", "value default_value='' boolean=False", func(c *call) (any, error) {
		if _, undefined := c.args[0].(py.Undefined); undefined {
			return c.args[1], nil
		}
		boolean, err := c.bool(2)
		if err != nil {
			return nil, err
		}
		if boolean && !py.Truth(c.args[0]) {
			return c.args[1], nil
		}
		return c.args[0], nil
	}).takesUndefined()
	filters.add("mandatory", "a msg=None", func(c *call) (any, error) {
		u, undefined := c.args[0].(py.Undefined)
		if !undefined {
			return c.args[0], nil
		}
		if c.args[1] != nil {
			return nil, filterErrorf("%s", py.Str(c.args[1]))
		}
		name := ""
		if n, ok := strings.CutSuffix(u.Hint, " is undefined"); ok && strings.HasPrefix(n, "'") {
			name = n + " "
		}
		return nil, filterErrorf("Mandatory variable %s not defined.", name)
	}).takesUndefined()
	filters.add("ternary", "value true_val false_val none_val=None", func(c *call) (any, error) {
		if c.args[0] == nil && c.args[3] != nil {
			return c.args[3], nil
		}
		ok, err := c.bool(0)
		if ok {
			return c.args[1], err
		}
		return c.args[2], err
	})
	filters.add("type_debug", "o", func(c *call) (any, error) { return py.TypeName(c.args[0]), nil }).takesUndefined()
	filters.add("bool", "a", func(c *call) (any, error) { return toBool(c.args[0]), nil })
	filters.add("int", "value default=0 base=10", filterInt)
	filters.add("float", "value default=0.0", func(c *call) (any, error) {
		if err := defined(c.args[0]); err != nil {
			return nil, err
		}
		if f, ok := pyFloat(c.args[0]); ok {
			return f, nil
		}
		return c.args[1], nil
	})
	filters.add("string", "value", func(c *call) (any, error) {
		s, err := c.str(0)
		return py.Native{Text: s}, err
	})
	filters.add("abs", "x", func(c *call) (any, error) {
		i, b, f, kind := py.Number(c.args[0])
		switch kind {
		case py.IsInt:
			if i != math.MinInt64 {
				return max(i, -i), nil
			}
			b = big.NewInt(i)
			fallthrough
		case py.IsBig:
			return py.Int(new(big.Int).Abs(b)), nil
		case py.IsFloat:
			return math.Abs(f), nil
		case py.NotNumber:
		}
		return nil, typeErrorf("bad operand type for abs(): '%s'", py.TypeName(c.args[0]))
	})
	filters.add("round", "value precision=0 method='common'", filterRound)
	filters.add("attr", "obj name", func(c *call) (any, error) {
		name, err := c.str(1)
		if err != nil {
			return nil, err
		}
		if v, ok := c.f.attribute(c.args[0], name); ok {
			return v, nil
		}
		return undefinedAttr(c.args[0], name), nil
	})
	filters.add("filesizeformat", "value binary=False", filterSize)
	filters.add("safe", "value", func(c *call) (any, error) { return c.str(0) })
	filters.add("log", "x base=2.718281828459045", func(c *call) (any, error) {
		return mathOf(c, "log", func(x, base float64) (float64, error) {
			switch {
			case x <= 0:
				return 0, valueErrorf("math domain error")
			case math.IsInf(x, 0) || math.IsNaN(x) || base <= 0 || math.IsInf(base, 0) || math.IsNaN(base):
				return math.Log(x) / math.Log(base), nil
			case base == 10:
				return nearest(logarithm(x).Quo(logarithm(x), logarithm(10))), nil
			case base == math.E:
				return nearest(logarithm(x)), nil
			}
			return nearest(logarithm(x)) / nearest(logarithm(base)), nil
		})
	})
	filters.add("pow", "x y", func(c *call) (any, error) {
		return mathOf(c, "pow", func(x, y float64) (float64, error) { return power(x, y), nil })
	})
	filters.add("root", "x base=2", func(c *call) (any, error) {
		return mathOf(c, "root", func(x, base float64) (float64, error) {
			if x < 0 {
				return 0, filterTypeErrorf("root() can only be used on numbers: math domain error")
			}
			if base == 2 {
				return math.Sqrt(x), nil
			}
			return power(x, 1/base), nil
		})
	})
}

func mathOf(c *call, name string, do func(x, y float64) (float64, error)) (any, error) {
	for _, v := range c.args[:2] {
		if err := defined(v); err != nil {
			return nil, err
		}
		if _, _, _, kind := py.Number(v); kind == py.NotNumber {
			return nil, filterTypeErrorf("%s() can only be used on numbers: must be real number, not %s", name, py.TypeName(v))
		}
	}
	f, err := do(toFloat(c.args[0]), toFloat(c.args[1]))
	return f, err
}

// toBool is Ansible's bool filter.
func toBool(v any) any {
	if v == nil {
		return nil
	}
	if text, ok := py.Text(v); ok {
		switch strings.ToLower(text) {
		case "yes", "on", "1", "true":
			return true
		}
		return false
	}
	return py.Equal(v, int64(1))
}

func filterInt(c *call) (any, error) {
	if err := defined(c.args[0]); err != nil {
		return nil, err
	}
	base, err := c.int(2)
	if err != nil {
		return nil, err
	}
	if text, ok := py.Text(c.args[0]); ok {
		if v, ok := parseInt(text, base); ok {
			return v, nil
		}
	} else if v, ok := pyInt(c.args[0]); ok {
		return v, nil
	}
	if f, ok := pyFloat(c.args[0]); ok {
		if v, ok := pyInt(f); ok {
			return v, nil
		}
	}
	return c.args[1], nil
}

// pyInt is int() of a number.
func pyInt(v any) (any, bool) {
	i, b, f, kind := py.Number(v)
	switch kind {
	case py.IsInt:
		return i, true
	case py.IsBig:
		return py.Int(b), true
	case py.IsFloat:
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return nil, false
		}
		whole, _ := big.NewFloat(math.Trunc(f)).Int(nil)
		return py.Int(whole), true
	case py.NotNumber:
	}
	return nil, false
}

// pyFloat is float() of a number or a text.
func pyFloat(v any) (float64, bool) {
	if _, _, _, kind := py.Number(v); kind != py.NotNumber {
		return toFloat(v), true
	}
	text, ok := py.Text(v)
	if !ok {
		return 0, false
	}
	text = strings.ToLower(strings.TrimSpace(text))
	if strings.HasPrefix(text, "_") || strings.HasSuffix(text, "_") || strings.Contains(text, "__") || strings.ContainsAny(text, "xp") {
		return 0, false
	}
	f, err := strconv.ParseFloat(strings.ReplaceAll(text, "_", ""), 64)
	if err != nil && !math.IsInf(f, 0) {
		return 0, false
	}
	return f, true
}

func filterRound(c *call) (any, error) {
	method, err := c.str(2)
	if err != nil {
		return nil, err
	}
	n, err := c.int(1)
	if err != nil {
		return nil, err
	}
	i, _, f, kind := py.Number(c.args[0])
	if kind == py.NotNumber {
		return nil, typeErrorf("type %s doesn't define __round__ method", py.TypeName(c.args[0]))
	}
	if n > 400 || n < -400 {
		n = max(min(n, 400), -400)
	}
	switch method {
	case "common":
		if kind != py.IsFloat {
			return roundInt(toBig(c.args[0]), n), nil
		}
		if math.IsInf(f, 0) || math.IsNaN(f) {
			return f, nil
		}
		return roundFloat(f, n), nil
	case "ceil", "floor":
		do := math.Ceil
		if method == "floor" {
			do = math.Floor
		}
		if kind != py.IsFloat {
			f = toFloat(c.args[0])
			if n == 0 && kind == py.IsInt {
				f = float64(i)
			}
		}
		scale := math.Pow(10, float64(n))
		return do(f*scale) / scale, nil
	}
	return nil, valueErrorf("method must be common, ceil or floor")
}

// roundFloat rounds the exact value half to even, as Python does.
func roundFloat(f float64, n int) float64 {
	if n >= 0 {
		r, _ := strconv.ParseFloat(strconv.FormatFloat(f, 'f', n, 64), 64)
		return math.Copysign(r, f)
	}
	whole, _ := new(big.Float).SetFloat64(math.Trunc(f)).Int(nil)
	rest := f - math.Trunc(f)
	scale := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(-n)), nil)
	q, m := new(big.Int).QuoRem(new(big.Int).Abs(whole), scale, new(big.Int))
	twice := m.Lsh(m, 1).Cmp(scale)
	if twice > 0 || twice == 0 && (rest != 0 || q.Bit(0) == 1) {
		q.Add(q, big.NewInt(1))
	}
	r, _ := new(big.Float).SetInt(q.Mul(q, scale)).Float64()
	return math.Copysign(r, f)
}

func roundInt(i *big.Int, n int) any {
	if n >= 0 {
		return py.Int(i)
	}
	scale := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(-n)), nil)
	q, m := new(big.Int).QuoRem(new(big.Int).Abs(i), scale, new(big.Int))
	if twice := m.Lsh(m, 1).Cmp(scale); twice > 0 || twice == 0 && q.Bit(0) == 1 {
		q.Add(q, big.NewInt(1))
	}
	q.Mul(q, scale)
	if i.Sign() < 0 {
		q.Neg(q)
	}
	return py.Int(q)
}

func filterSize(c *call) (any, error) {
	f, ok := pyFloat(c.args[0])
	if !ok {
		return nil, valueErrorf("could not convert string to float: %s", py.Repr(c.args[0]))
	}
	binary, err := c.bool(1)
	if err != nil {
		return nil, err
	}
	base, units := 1000.0, []string{"kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"}
	if binary {
		base, units = 1024, []string{"KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"}
	}
	switch {
	case f == 1:
		return "1 Byte", nil
	case f < base:
		return strconv.FormatInt(int64(f), 10) + " Bytes", nil
	}
	unit := base
	for i, name := range units {
		unit *= base
		if f < unit || i == len(units)-1 {
			return strconv.FormatFloat(base*f/unit, 'f', 1, 64) + " " + name, nil
		}
	}
	return "", nil
}
