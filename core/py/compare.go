package py

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"math/big"
	"strings"
)

// Text returns the text of a str, unsafe or not.
func Text(value any) (string, bool) {
	switch v := value.(type) {
	case string:
		return v, true
	case Unsafe:
		return string(v), true
	case Native:
		return v.Text, true
	case *Sealed:
		text, err := v.Text()
		return text, err == nil
	}
	return "", false
}

// Truth is Python's bool(value). Undefined is an error elsewhere and false here.
func Truth(value any) bool {
	switch v := value.(type) {
	case nil, Undefined:
		return false
	case bool:
		return v
	case int64:
		return v != 0
	case int:
		return v != 0
	case float64:
		return v != 0
	case string:
		return v != ""
	case Unsafe:
		return v != ""
	case *Sealed:
		text, err := v.Text()
		return err != nil || text != ""
	case Bytes:
		return len(v) != 0
	case *List:
		return len(v.Items) != 0
	case Tuple:
		return len(v) != 0
	case *Dict:
		return v.Len() != 0
	case *big.Int:
		return v.Sign() != 0
	case Timedelta:
		return v != 0
	case interface{ Len() int }:
		return v.Len() != 0
	}
	return true
}

// Number sees a bool, an int or a float as a number.
func Number(value any) (i int64, big *big.Int, f float64, kind NumberKind) {
	switch v := value.(type) {
	case bool:
		if v {
			return 1, nil, 0, IsInt
		}
		return 0, nil, 0, IsInt
	case int64:
		return v, nil, 0, IsInt
	case int:
		return int64(v), nil, 0, IsInt
	case float64:
		return 0, nil, v, IsFloat
	}
	if b, ok := value.(bigInt); ok {
		return 0, b, 0, IsBig
	}
	return 0, nil, 0, NotNumber
}

type bigInt = *big.Int

// NumberKind says in which of its results Number has the value.
type NumberKind int

// The kinds of numbers.
const (
	NotNumber NumberKind = iota
	IsInt
	IsBig
	IsFloat
)

// Equal is Python's ==.
func Equal(a, b any) bool { return equal(a, b, 0) }

func equal(a, b any, depth int) bool {
	if depth > deepest {
		return false
	}
	if text, ok := Text(a); ok {
		other, ok := Text(b)
		return ok && text == other
	}
	switch x := a.(type) {
	case nil:
		return b == nil
	case *List:
		y, ok := b.(*List)
		return ok && (x == y || equalItems(x.Items, y.Items, depth))
	case Tuple:
		y, ok := b.(Tuple)
		return ok && equalItems(x, y, depth)
	case *Dict:
		y, ok := b.(*Dict)
		return ok && (x == y || equalDicts(x, y, depth))
	case Bytes:
		y, ok := b.(Bytes)
		return ok && string(x) == string(y)
	case Datetime:
		y, ok := b.(Datetime)
		return ok && x.Zoned == y.Zoned && x.Time.Equal(y.Time)
	}
	if _, _, _, kind := Number(a); kind != NotNumber {
		if _, _, _, other := Number(b); other == NotNumber {
			return false
		}
		order, ok := compareNumbers(a, b)
		return ok && order == 0
	}
	if e, ok := a.(interface{ Equal(other any) bool }); ok {
		return e.Equal(b)
	}
	if e, ok := b.(interface{ Equal(other any) bool }); ok {
		return e.Equal(a)
	}
	switch a.(type) {
	case Date, Timedelta:
		return a == b
	}
	return identical(a, b)
}

// identical compares pointers of other types; what Go cannot compare is not the same.
func identical(a, b any) (same bool) {
	defer func() {
		if recover() != nil {
			same = false
		}
	}()
	return a == b
}

func equalItems(a, b []any, depth int) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !equal(a[i], b[i], depth+1) {
			return false
		}
	}
	return true
}

func equalDicts(a, b *Dict, depth int) bool {
	if a.Len() != b.Len() {
		return false
	}
	for k, v := range a.All() {
		w, ok := b.Get(k)
		if !ok || !equal(v, w, depth+1) {
			return false
		}
	}
	return true
}

// compareNumbers is false for NaN.
func compareNumbers(a, b any) (int, bool) {
	ai, ab, af, ak := Number(a)
	bi, bb, bf, bk := Number(b)
	if ak == IsInt && bk == IsInt {
		return cmp.Compare(ai, bi), true
	}
	if ak == IsFloat && math.IsNaN(af) || bk == IsFloat && math.IsNaN(bf) {
		return 0, false
	}
	if ak == IsFloat && bk == IsFloat {
		return cmp.Compare(af, bf), true
	}
	return exact(ai, ab, af, ak).Cmp(exact(bi, bb, bf, bk)), true
}

func exact(i int64, b *big.Int, f float64, kind NumberKind) *big.Float {
	x := new(big.Float).SetPrec(2200)
	switch kind {
	case IsInt:
		return x.SetInt64(i)
	case IsBig:
		return x.SetInt(b)
	case IsFloat, NotNumber:
	}
	return x.SetFloat64(f)
}

// ErrOrder is why two values have no order.
var ErrOrder = errors.New("not supported")

// Compare orders two values as Python's < and > do. What has no order is an error with Python's words, in which op is the operator that was asked for.
// ok is false where every comparison is false, as with NaN.
func Compare(a, b any, op string) (order int, ok bool, err error) {
	if _, _, _, kind := Number(a); kind != NotNumber {
		if _, _, _, other := Number(b); other != NotNumber {
			order, ok = compareNumbers(a, b)
			return order, ok, nil
		}
	}
	if x, is := Text(a); is {
		if y, is := Text(b); is {
			return strings.Compare(x, y), true, nil // UTF-8 keeps the order of code points
		}
	}
	switch x := a.(type) {
	case *List:
		if y, is := b.(*List); is {
			return compareItems(x.Items, y.Items, op)
		}
	case Tuple:
		if y, is := b.(Tuple); is {
			return compareItems(x, y, op)
		}
	case Bytes:
		if y, is := b.(Bytes); is {
			return strings.Compare(string(x), string(y)), true, nil
		}
	case Date:
		if y, is := b.(Date); is {
			return strings.Compare(x.String(), y.String()), true, nil
		}
	case Datetime:
		if y, is := b.(Datetime); is && x.Zoned == y.Zoned {
			return x.Time.Compare(y.Time), true, nil
		} else if is {
			return 0, false, errors.New("can't compare offset-naive and offset-aware datetimes")
		}
	case Timedelta:
		if y, is := b.(Timedelta); is {
			return cmp.Compare(x, y), true, nil
		}
	case interface {
		Compare(other any) (int, bool)
	}:
		if order, ok := x.Compare(b); ok {
			return order, true, nil
		}
	}
	return 0, false, fmt.Errorf("'%s' %w between instances of '%s' and '%s'", op, ErrOrder, TypeName(a), TypeName(b))
}

func compareItems(a, b []any, op string) (int, bool, error) {
	for i := range min(len(a), len(b)) {
		if !Equal(a[i], b[i]) {
			return Compare(a[i], b[i], op)
		}
	}
	return cmp.Compare(len(a), len(b)), true, nil
}
