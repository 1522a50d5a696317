package jinja

import (
	"errors"
	"math"
	"math/big"
	"math/bits"
	"strings"
	"time"

	"goodstate.dev/goodstate/core/py"
)

var errDivision = &zeroDivision{"division by zero"}

// zeroDivision is Python's ZeroDivisionError.
type zeroDivision struct{ message string }

func (e *zeroDivision) Error() string { return e.message }

// Class is the name of the Python class.
func (*zeroDivision) Class() string { return "ZeroDivisionError" }

var errOverflow = errors.New("result too large")

// arith is Python's + - * / // % **.
func (r *run) arith(op string, a, b any) (any, error) {
	if err := defined(a); err != nil {
		return nil, err
	}
	if text, ok := py.Text(a); ok && op == "%" {
		_, dict := b.(*py.Dict)
		if _, list := b.(*py.List); (dict || list) && !strings.Contains(text, "%") {
			return a, nil
		}
		return r.percent(text, b)
	}
	if err := defined(b); err != nil {
		return nil, err
	}
	if x, ok := a.(int64); ok {
		if y, ok := b.(int64); ok {
			if v, ok := small(op, x, y); ok {
				return v, nil
			}
		}
	}
	_, _, _, ak := py.Number(a)
	_, _, _, bk := py.Number(b)
	if ak != py.NotNumber && bk != py.NotNumber {
		if ak == py.IsFloat || bk == py.IsFloat || op == "/" {
			return floats(op, a, b)
		}
		return bigs(op, toBig(a), toBig(b))
	}
	switch op {
	case "+":
		if v, err := r.joined(a, b); v != nil || err != nil {
			return v, err
		}
	case "*":
		if v, err := r.repeated(a, b); v != nil || err != nil {
			return v, err
		}
	case "-":
		if w, ok := a.(*view); ok {
			return r.without(w, b)
		}
	}
	if v, ok := moments(op, a, b); ok {
		return v, nil
	}
	if op == "**" {
		op = "** or pow()"
	}
	return nil, typeErrorf("unsupported operand type(s) for %s: '%s' and '%s'", op, py.TypeName(a), py.TypeName(b))
}

// small does what fits int64.
func small(op string, x, y int64) (any, bool) {
	switch op {
	case "+":
		if s := x + y; (s > x) == (y > 0) {
			return s, true
		}
	case "-":
		if s := x - y; (s < x) == (y > 0) {
			return s, true
		}
	case "*":
		if x == math.MinInt64 || y == math.MinInt64 {
			return nil, false
		}
		if hi, lo := bits.Mul64(uint64(max(x, -x)), uint64(max(y, -y))); hi == 0 && lo <= math.MaxInt64 { //nolint:gosec // not negative
			return x * y, true
		}
	case "//":
		if y != 0 && x != math.MinInt64 {
			q := x / y
			if x%y != 0 && (x < 0) != (y < 0) {
				q--
			}
			return q, true
		}
	case "%":
		if y != 0 && x != math.MinInt64 {
			m := x % y
			if m != 0 && (m < 0) != (y < 0) {
				m += y
			}
			return m, true
		}
	}
	return nil, false
}

func toBig(v any) *big.Int {
	i, b, _, kind := py.Number(v)
	if kind == py.IsBig {
		return b
	}
	return big.NewInt(i)
}

func toFloat(v any) float64 {
	i, b, f, kind := py.Number(v)
	switch kind {
	case py.IsInt:
		return float64(i)
	case py.IsBig:
		f, _ := new(big.Float).SetInt(b).Float64()
		return f
	case py.IsFloat, py.NotNumber:
	}
	return f
}

func floats(op string, a, b any) (any, error) {
	x, y := toFloat(a), toFloat(b)
	switch op {
	case "+":
		return x + y, nil
	case "-":
		return x - y, nil
	case "*":
		return x * y, nil
	case "/":
		if y == 0 {
			if _, isFloat := a.(float64); isFloat {
				return nil, &zeroDivision{"float division by zero"}
			}
			if _, isFloat := b.(float64); isFloat {
				return nil, &zeroDivision{"float division by zero"}
			}
			return nil, errDivision
		}
		if math.Abs(x) >= 1<<53 || math.Abs(y) >= 1<<53 {
			return quotient(a, b, x/y), nil
		}
		return x / y, nil
	case "//":
		if y == 0 {
			return nil, &zeroDivision{"float floor division by zero"}
		}
		return floorDivision(x, y), nil
	case "%":
		if y == 0 {
			return nil, &zeroDivision{"float modulo"}
		}
		return modulo(x, y), nil
	}
	if x == 0 && y < 0 {
		return nil, &zeroDivision{"0.0 cannot be raised to a negative power"}
	}
	v := power(x, y)
	if math.IsInf(v, 0) && !math.IsInf(x, 0) && !math.IsInf(y, 0) {
		return nil, errOverflow
	}
	return v, nil
}

// modulo has the sign of the divisor.
func modulo(x, y float64) float64 {
	m := math.Mod(x, y)
	switch {
	case m == 0:
		return math.Copysign(0, y)
	case (m < 0) != (y < 0):
		m += y
	}
	return m
}

func floorDivision(x, y float64) float64 {
	q := (x - modulo(x, y)) / y
	if q == 0 {
		return math.Copysign(0, x/y)
	}
	floor := math.Floor(q)
	if q-floor > 0.5 {
		floor++
	}
	return floor
}

// quotient rounds the exact quotient of whole numbers that a float cannot hold.
func quotient(a, b any, rough float64) float64 {
	_, isFloat := a.(float64)
	_, isFloat2 := b.(float64)
	if isFloat || isFloat2 {
		return rough
	}
	exact, _ := new(big.Rat).SetFrac(toBig(a), toBig(b)).Float64()
	return exact
}

const mostBits = 1 << 20 // of a big integer

func bigs(op string, x, y *big.Int) (any, error) {
	z := new(big.Int)
	switch op {
	case "+":
		return py.Int(z.Add(x, y)), nil
	case "-":
		return py.Int(z.Sub(x, y)), nil
	case "*":
		if x.BitLen()+y.BitLen() > mostBits {
			return nil, &LimitError{"a number with more than a million bits"}
		}
		return py.Int(z.Mul(x, y)), nil
	case "//", "%":
		if y.Sign() == 0 {
			if op == "%" {
				return nil, &zeroDivision{"integer modulo by zero"}
			}
			return nil, &zeroDivision{"integer division or modulo by zero"}
		}
		m := new(big.Int)
		z.QuoRem(x, y, m)
		if m.Sign() != 0 && (m.Sign() < 0) != (y.Sign() < 0) {
			z.Sub(z, big.NewInt(1))
			m.Add(m, y)
		}
		if op == "%" {
			return py.Int(m), nil
		}
		return py.Int(z), nil
	}
	if y.Sign() < 0 {
		return floats(op, py.Int(x), py.Int(y))
	}
	if !y.IsInt64() || x.BitLen() > 1 && y.Int64() > int64(mostBits/x.BitLen()) {
		return nil, &LimitError{"a number with more than a million bits"}
	}
	return py.Int(z.Exp(x, y, nil)), nil
}

func negative(v any) (any, error) {
	if err := defined(v); err != nil {
		return nil, err
	}
	i, b, f, kind := py.Number(v)
	switch kind {
	case py.IsFloat:
		return -f, nil
	case py.IsInt:
		if i != math.MinInt64 {
			return -i, nil
		}
		return py.Int(new(big.Int).Neg(big.NewInt(i))), nil
	case py.IsBig:
		return py.Int(new(big.Int).Neg(b)), nil
	case py.NotNumber:
	}
	if d, ok := v.(py.Timedelta); ok {
		return -d, nil
	}
	return nil, typeErrorf("bad operand type for unary -: '%s'", py.TypeName(v))
}

// joined is + of text and lists.
func (r *run) joined(a, b any) (any, error) {
	if x, ok := py.Text(a); ok {
		y, ok := py.Text(b)
		if !ok {
			return nil, typeErrorf("can only concatenate str (not \"%s\") to str", py.TypeName(b))
		}
		return x + y, r.wrote(len(x) + len(y))
	}
	switch x := a.(type) {
	case *py.List:
		y, ok := b.(*py.List)
		if !ok {
			return nil, typeErrorf("can only concatenate list (not \"%s\") to list", py.TypeName(b))
		}
		items := make([]any, 0, len(x.Items)+len(y.Items))
		return &py.List{Items: append(append(items, x.Items...), y.Items...)}, r.pay(len(x.Items) + len(y.Items))
	case py.Tuple:
		y, ok := b.(py.Tuple)
		if !ok {
			return nil, typeErrorf("can only concatenate tuple (not \"%s\") to tuple", py.TypeName(b))
		}
		items := make(py.Tuple, 0, len(x)+len(y))
		return append(append(items, x...), y...), r.pay(len(x) + len(y))
	}
	return nil, nil //nolint:nilnil // neither
}

// repeated is * of text and lists with a number.
func (r *run) repeated(a, b any) (any, error) {
	if _, _, _, kind := py.Number(a); kind == py.IsInt || kind == py.IsBig {
		a, b = b, a
	}
	_, text := py.Text(a)
	_, list := a.(*py.List)
	_, tuple := a.(py.Tuple)
	if !text && !list && !tuple {
		return nil, nil //nolint:nilnil // none of these
	}
	n, ok := index(b)
	if !ok {
		return nil, typeErrorf("can't multiply sequence by non-int of type '%s'", py.TypeName(b))
	}
	if _, _, _, kind := py.Number(b); kind == py.IsBig {
		return nil, valueErrorf("cannot fit 'int' into an index-sized integer")
	}
	n = max(n, 0)
	switch x := a.(type) {
	case *py.List:
		items, err := r.times(x.Items, n)
		return &py.List{Items: items}, err
	case py.Tuple:
		items, err := r.times(x, n)
		return py.Tuple(items), err
	}
	s, _ := py.Text(a)
	if len(s) > 0 && n > r.env.opt.Output/len(s) {
		return nil, r.wrote(r.env.opt.Output + 1)
	}
	return strings.Repeat(s, n), r.wrote(len(s) * n)
}

func (r *run) times(items []any, n int) ([]any, error) {
	if len(items) > 0 && n > longestRange/len(items) {
		return nil, &LimitError{"a list of more than 5 million items"}
	}
	all := make([]any, 0, len(items)*n)
	for range n {
		all = append(all, items...)
	}
	return all, r.pay(len(all))
}

// without is - of the keys of dicts, as of sets.
func (r *run) without(w *view, b any) (any, error) {
	gone, err := r.items(b)
	if err != nil {
		return nil, err
	}
	var kept []any
	for _, k := range w.list() {
		in, err := r.contains(py.NewList(gone...), k)
		if err != nil {
			return nil, err
		}
		if !in {
			kept = append(kept, k)
		}
	}
	return py.NewList(kept...), nil
}

// moments is arithmetic of times.
func moments(op string, a, b any) (any, bool) {
	switch x := a.(type) {
	case py.Datetime:
		switch y := b.(type) {
		case py.Datetime:
			if op == "-" && x.Zoned == y.Zoned {
				return py.Timedelta(x.Time.Sub(y.Time)), true
			}
		case py.Timedelta:
			if op == "+" || op == "-" {
				d := time.Duration(y)
				if op == "-" {
					d = -d
				}
				return py.Datetime{Time: x.Time.Add(d), Zoned: x.Zoned}, true
			}
		}
	case py.Date:
		if y, ok := b.(py.Date); ok && op == "-" {
			return py.Timedelta(midnight(x).Sub(midnight(y))), true
		}
	case py.Timedelta:
		switch y := b.(type) {
		case py.Timedelta:
			switch op {
			case "+":
				return x + y, true
			case "-":
				return x - y, true
			case "/":
				return float64(x) / float64(y), true
			}
		case int64:
			if op == "*" {
				return x * py.Timedelta(y), true
			}
		case py.Datetime:
			if op == "+" {
				return moments("+", y, x)
			}
		}
	}
	return nil, false
}

func midnight(d py.Date) time.Time { return time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, time.UTC) }
