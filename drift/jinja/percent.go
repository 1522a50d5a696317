package jinja

import (
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"

	"goodstate.dev/goodstate/core/py"
)

// spec is how one value is formatted, for % and for str.format.
type spec struct {
	fill      string
	align     byte // '<' '>' '^' '=' or 0
	sign      byte // '+', ' ', '-' or 0
	alt, zero bool
	width     int
	comma     byte // ',' or '_' or 0
	precision int  // -1 is none
	kind      byte
}

const widest = 1 << 20

// percent is Python's text % values.
func (r *run) percent(text string, values any) (any, error) {
	p := &percentOf{r: r, text: text, all: values}
	if t, ok := values.(py.Tuple); ok {
		p.tuple = t
	} else {
		p.tuple = py.Tuple{values}
	}
	var b strings.Builder
	for i := 0; i < len(text); {
		at := strings.IndexByte(text[i:], '%')
		if at < 0 {
			b.WriteString(text[i:])
			break
		}
		b.WriteString(text[i : i+at])
		piece, next, err := p.one(i + at + 1)
		if err != nil {
			return nil, err
		}
		b.WriteString(piece)
		if err := r.wrote(len(piece)); err != nil {
			return nil, err
		}
		i = next
	}
	_, isDict := values.(*py.Dict)
	_, isList := values.(*py.List)
	if _, undefined := values.(py.Undefined); undefined {
		isDict = true // it has elements, as far as Python can see
	}
	if p.used < len(p.tuple) && !p.mapped && !isDict && !isList {
		return nil, typeErrorf("not all arguments converted during string formatting")
	}
	if _, isTuple := values.(py.Tuple); isList && !isTuple && p.used == 0 && !p.mapped {
		return b.String(), nil
	}
	return b.String(), r.wrote(b.Len())
}

type percentOf struct {
	r      *run
	text   string
	all    any
	tuple  py.Tuple
	used   int
	mapped bool
}

func (p *percentOf) arg() (any, error) {
	if p.used >= len(p.tuple) {
		return nil, typeErrorf("not enough arguments for format string")
	}
	p.used++
	v := p.tuple[p.used-1]
	return v, defined(v)
}

// one reads a conversion after its percent sign.
func (p *percentOf) one(i int) (string, int, error) {
	s := spec{precision: -1, fill: " "}
	var value any
	have := false
	if i < len(p.text) && p.text[i] == '(' {
		end := strings.IndexByte(p.text[i:], ')')
		if end < 0 {
			return "", 0, valueErrorf("incomplete format key")
		}
		d, ok := p.all.(*py.Dict)
		if !ok {
			return "", 0, typeErrorf("format requires a mapping")
		}
		key := p.text[i+1 : i+end]
		if value, have = d.Get(key); !have {
			return "", 0, &indexError{py.Repr(key)}
		}
		p.mapped = true
		i += end + 1
	}
	for ; i < len(p.text) && strings.IndexByte("#0- +", p.text[i]) >= 0; i++ {
		switch p.text[i] {
		case '#':
			s.alt = true
		case '0':
			s.zero = true
		case '-':
			s.align = '<'
		default:
			s.sign = p.text[i]
		}
	}
	number := func() (int, error) {
		if i < len(p.text) && p.text[i] == '*' {
			i++
			v, err := p.arg()
			if err != nil {
				return 0, err
			}
			n, ok := index(v)
			if !ok {
				return 0, typeErrorf("* wants int")
			}
			return n, nil
		}
		from := i
		for i < len(p.text) && p.text[i] >= '0' && p.text[i] <= '9' {
			i++
		}
		n, _ := strconv.Atoi(p.text[from:i])
		return n, nil
	}
	var err error
	if s.width, err = number(); err != nil {
		return "", 0, err
	}
	if s.width < 0 {
		s.align, s.width = '<', -s.width
	}
	if i < len(p.text) && p.text[i] == '.' {
		i++
		if s.precision, err = number(); err != nil {
			return "", 0, err
		}
	}
	for i < len(p.text) && strings.IndexByte("hlL", p.text[i]) >= 0 {
		i++
	}
	if i >= len(p.text) {
		return "", 0, valueErrorf("incomplete format")
	}
	s.kind = p.text[i]
	if s.kind == '%' {
		return "%", i + 1, nil
	}
	if !have {
		if value, err = p.arg(); err != nil {
			return "", 0, err
		}
	}
	piece, err := p.convert(s, value, i)
	return piece, i + 1, err
}

func (p *percentOf) convert(s spec, v any, at int) (string, error) {
	if s.width > widest || s.precision > widest {
		return "", &LimitError{"a format wider than a million characters"}
	}
	if s.align == 0 {
		s.align = '>'
	}
	switch s.kind {
	case 's', 'r', 'a':
		text := py.Str(v)
		if s.kind != 's' {
			text = py.Repr(v)
		}
		s.zero = false
		return s.pad(cut(text, s.precision), ""), nil
	case 'd', 'i', 'u', 'x', 'X', 'o':
		_, _, f, kind := py.Number(v)
		if kind == py.IsFloat && (s.kind == 'd' || s.kind == 'i' || s.kind == 'u') {
			whole, _ := big.NewFloat(math.Trunc(f)).Int(nil)
			v, kind = py.Int(whole), py.IsInt
		}
		if kind == py.NotNumber || kind == py.IsFloat {
			if s.kind == 'd' || s.kind == 'i' || s.kind == 'u' {
				return "", typeErrorf("%%%c format: a real number is required, not %s", s.kind, py.TypeName(v))
			}
			return "", typeErrorf("%%%c format: an integer is required, not %s", s.kind, py.TypeName(v))
		}
		if s.kind == 'i' || s.kind == 'u' {
			s.kind = 'd'
		}
		return s.integer(toBig(v)), nil
	case 'f', 'F', 'e', 'E', 'g', 'G':
		if _, _, _, kind := py.Number(v); kind == py.NotNumber {
			return "", typeErrorf("must be real number, not %s", py.TypeName(v))
		}
		return s.float(toFloat(v)), nil
	case 'c':
		if n, ok := index(v); ok {
			return s.pad(string(rune(n)), ""), nil //nolint:gosec // a character of a number
		}
		text, ok := py.Text(v)
		if !ok || utf8.RuneCountInString(text) != 1 {
			return "", typeErrorf("%%c requires int or char")
		}
		return s.pad(text, ""), nil
	}
	return "", valueErrorf("unsupported format character '%c' (0x%x) at index %d", s.kind, s.kind, at)
}

func cut(text string, n int) string {
	if n < 0 || utf8.RuneCountInString(text) <= n {
		return text
	}
	return string([]rune(text)[:n])
}

// pad brings a text to its width; what prefix has (a sign, 0x) stays in front of zeros.
func (s spec) pad(text, prefix string) string {
	missing := s.width - utf8.RuneCountInString(prefix) - utf8.RuneCountInString(text)
	if missing <= 0 {
		return prefix + text
	}
	fill := s.fill
	if fill == "" {
		fill = " "
	}
	switch s.align {
	case '<':
		if s.zero && s.kind != 0 && fill == "0" {
			return prefix + text + strings.Repeat(fill, missing)
		}
		return prefix + text + strings.Repeat(fill, missing)
	case '^':
		return strings.Repeat(fill, missing/2) + prefix + text + strings.Repeat(fill, missing-missing/2)
	case '=':
		return prefix + strings.Repeat(fill, missing) + text
	}
	if s.zero {
		return prefix + strings.Repeat("0", missing) + text
	}
	return strings.Repeat(fill, missing) + prefix + text
}

func (s spec) integer(n *big.Int) string {
	base, mark := 10, ""
	switch s.kind {
	case 'x', 'X':
		base, mark = 16, "0"+string(s.kind)
	case 'o':
		base, mark = 8, "0o"
	case 'b':
		base, mark = 2, "0b"
	}
	digits := new(big.Int).Abs(n).Text(base)
	if s.kind == 'X' {
		digits = strings.ToUpper(digits)
	}
	if s.precision > len(digits) {
		digits = strings.Repeat("0", s.precision-len(digits)) + digits
	}
	prefix := s.signOf(n.Sign() < 0)
	if s.alt {
		prefix += mark
	}
	return s.pad(s.grouped(digits), prefix)
}

func (s spec) signOf(negative bool) string {
	switch {
	case negative:
		return "-"
	case s.sign == '+' || s.sign == ' ':
		return string(s.sign)
	}
	return ""
}

// grouped puts separators between digits, four by four for numbers that are not decimal.
func (s spec) grouped(digits string) string {
	if s.comma == 0 {
		return digits
	}
	n := 3
	if s.kind == 'x' || s.kind == 'X' || s.kind == 'o' || s.kind == 'b' {
		n = 4
	}
	whole, rest := digits, ""
	if i := strings.IndexAny(digits, ".e"); i >= 0 && n == 3 {
		whole, rest = digits[:i], digits[i:]
	}
	var b strings.Builder
	for i, c := range whole {
		if i > 0 && (len(whole)-i)%n == 0 {
			b.WriteByte(s.comma)
		}
		b.WriteRune(c)
	}
	return b.String() + rest
}

func (s spec) float(f float64) string {
	prefix := s.signOf(math.Signbit(f) && !math.IsNaN(f))
	if math.IsInf(f, 0) || math.IsNaN(f) {
		text := strings.ToLower(strings.TrimLeft(strconv.FormatFloat(f, 'g', -1, 64), "+-"))
		if s.kind >= 'A' && s.kind <= 'Z' {
			text = strings.ToUpper(text)
		}
		if s.fill == "0" || s.zero {
			s.zero = false
			s.fill = " "
		}
		return s.pad(text, prefix)
	}
	return s.pad(s.grouped(s.digits(math.Abs(f))), prefix)
}

func (s spec) digits(f float64) string {
	precision := s.precision
	if precision < 0 {
		precision = 6
	}
	switch s.kind {
	case 'f', 'F':
		text := strconv.FormatFloat(f, 'f', precision, 64)
		if s.alt && precision == 0 {
			text += "."
		}
		return text
	case 'e', 'E':
		return strconv.FormatFloat(f, s.kind, precision, 64)
	case '%':
		return strconv.FormatFloat(f*100, 'f', precision, 64) + "%"
	}
	if precision == 0 {
		precision = 1
	}
	upper := s.kind == 'G'
	if s.kind == 0 && s.precision < 0 {
		return py.FormatFloat(f)
	}
	text := general(f, precision, s.kind == 0)
	if upper {
		text = strings.ToUpper(text)
	}
	return text
}

// general is the g format: so many digits, with an exponent where it is short.
func general(f float64, precision int, keepPoint bool) string {
	if f == 0 {
		if keepPoint {
			return "0.0"
		}
		return "0"
	}
	e := strconv.FormatFloat(f, 'e', precision-1, 64)
	exp, _ := strconv.Atoi(e[strings.IndexByte(e, 'e')+1:])
	limit := precision
	if keepPoint {
		limit = precision - 1
		limit = max(limit, 0)
		if exp == 0 && precision == 1 {
			limit = 1
		}
	}
	if exp < -4 || exp >= limit {
		mantissa, exponent, _ := strings.Cut(e, "e")
		if strings.Contains(mantissa, ".") {
			mantissa = strings.TrimRight(strings.TrimRight(mantissa, "0"), ".")
		}
		return mantissa + "e" + exponent
	}
	text := strconv.FormatFloat(f, 'f', max(precision-1-exp, 0), 64)
	if strings.Contains(text, ".") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	if keepPoint && !strings.Contains(text, ".") {
		text += ".0"
	}
	return text
}
