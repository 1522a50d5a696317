package jinja

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"goodstate.dev/goodstate/core/py"
)

// format is Python's str.format.
func (f *frame) format(text string, args []any, named *py.Dict) (any, error) {
	fm := &formatter{f: f, args: args, named: named}
	s, err := fm.format(text, 2)
	if err != nil {
		return nil, err
	}
	return s, f.r.wrote(len(s))
}

type formatter struct {
	f      *frame
	args   []any
	named  *py.Dict
	auto   int
	manual bool
}

func (fm *formatter) format(text string, depth int) (string, error) {
	if depth == 0 {
		return "", valueErrorf("Max string recursion exceeded")
	}
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		c := text[i]
		if (c == '{' || c == '}') && i+1 < len(text) && text[i+1] == c {
			b.WriteByte(c)
			i++
			continue
		}
		switch c {
		case '}':
			return "", valueErrorf("Single '}' encountered in format string")
		case '{':
			end := closing(text, i)
			if end < 0 {
				if i+1 == len(text) {
					return "", valueErrorf("Single '{' encountered in format string")
				}
				return "", valueErrorf("expected '}' before end of string")
			}
			piece, err := fm.field(text[i+1:end], depth)
			if err != nil {
				return "", err
			}
			b.WriteString(piece)
			if err := fm.f.r.wrote(len(piece)); err != nil {
				return "", err
			}
			i = end
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), nil
}

// closing finds the brace that closes the one at i.
func closing(text string, i int) int {
	open := 0
	for ; i < len(text); i++ {
		switch text[i] {
		case '{':
			open++
		case '}':
			if open--; open == 0 {
				return i
			}
		}
	}
	return -1
}

// field formats what stands in braces: name, !conversion and :spec.
func (fm *formatter) field(text string, depth int) (string, error) {
	name, conversion, specText := text, byte(0), ""
	bracket := false
	for i := range len(text) {
		c := text[i]
		switch c {
		case '[':
			bracket = true
		case ']':
			bracket = false
		}
		if bracket || c != '!' && c != ':' {
			continue
		}
		name = text[:i]
		rest := text[i:]
		if c == '!' {
			if len(rest) < 2 {
				return "", valueErrorf("end of string while looking for conversion specifier")
			}
			conversion = rest[1]
			if rest = rest[2:]; rest != "" && rest[0] != ':' {
				return "", valueErrorf("expected ':' after conversion specifier")
			}
		}
		if rest != "" {
			specText = rest[1:]
		}
		break
	}
	v, err := fm.value(name)
	if err != nil {
		return "", err
	}
	if specText, err = fm.format(specText, depth-1); err != nil {
		return "", err
	}
	switch conversion {
	case 0:
	case 's':
		v = py.Str(v)
	case 'r', 'a':
		v = py.Repr(v)
	default:
		return "", valueErrorf("Unknown conversion specifier %c", conversion)
	}
	return formatted(v, specText)
}

// value finds what a field names: a number, a name, with .attributes and [elements].
func (fm *formatter) value(name string) (any, error) {
	end := strings.IndexAny(name, ".[")
	if end < 0 {
		end = len(name)
	}
	first, rest := name[:end], name[end:]
	v, err := fm.first(first)
	if err != nil {
		return nil, err
	}
	for rest != "" {
		if rest[0] == '.' {
			end := strings.IndexAny(rest[1:], ".[")
			if end < 0 {
				end = len(rest) - 1
			}
			attr := rest[1 : 1+end]
			rest = rest[1+end:]
			a, ok := fm.f.attribute(v, attr)
			if !ok {
				return nil, typeErrorf("'%s' object has no attribute '%s'", py.TypeName(v), attr)
			}
			v = a
			continue
		}
		end := strings.IndexByte(rest, ']')
		if end < 0 {
			return nil, valueErrorf("Missing ']' in format string")
		}
		var key any = rest[1:end]
		if n, err := strconv.ParseInt(rest[1:end], 10, 64); err == nil {
			key = n
		}
		rest = rest[end+1:]
		item, ok, err := fm.f.element(v, key)
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, &indexError{py.Repr(key)}
		}
		v = item
	}
	return v, defined(v)
}

func (fm *formatter) first(name string) (any, error) {
	if name == "" {
		if fm.manual {
			return nil, valueErrorf("cannot switch from manual field specification to automatic field numbering")
		}
		name = strconv.Itoa(fm.auto)
		fm.auto++
	} else if _, err := strconv.Atoi(name); err == nil {
		if fm.auto > 0 {
			return nil, valueErrorf("cannot switch from automatic field numbering to manual field specification")
		}
		fm.manual = true
	}
	if i, err := strconv.Atoi(name); err == nil {
		if i >= len(fm.args) {
			return nil, &indexError{"Replacement index " + name + " out of range for positional args tuple"}
		}
		return fm.args[i], nil
	}
	if fm.named != nil {
		if v, ok := fm.named.Get(name); ok {
			return v, nil
		}
	}
	return nil, &indexError{py.Repr(name)}
}

// formatted is Python's format(value, spec).
func formatted(v any, text string) (string, error) {
	if err := defined(v); err != nil {
		return "", err
	}
	if text == "" {
		return py.Str(v), nil
	}
	if t, ok := v.(py.Datetime); ok {
		return strftime(t.Time, text), nil
	}
	s, err := parseSpec(text)
	if err != nil {
		return "", err
	}
	if s.width > widest || s.precision > widest {
		return "", &LimitError{"a format wider than a million characters"}
	}
	if t, ok := py.Text(v); ok {
		if s.kind != 0 && s.kind != 's' {
			return "", valueErrorf("Unknown format code '%c' for object of type 'str'", s.kind)
		}
		switch {
		case s.sign != 0:
			return "", valueErrorf("Sign not allowed in string format specifier")
		case s.align == '=':
			return "", valueErrorf("'=' alignment not allowed in string format specifier")
		case s.comma != 0:
			return "", valueErrorf("Cannot specify '%c' with 's'.", s.comma)
		case s.align == 0:
			s.align = '<'
		}
		if s.zero {
			s.fill = "0"
		}
		s.zero = false
		return s.pad(cut(t, s.precision), ""), nil
	}
	if _, ok := v.(bool); ok && s.kind == 's' {
		return "", valueErrorf("Unknown format code 's' for object of type 'bool'")
	}
	_, _, _, kind := py.Number(v)
	if kind == py.NotNumber {
		return "", typeErrorf("unsupported format string passed to %s.__format__", py.TypeName(v))
	}
	return s.number(v, kind)
}

func (s spec) number(v any, kind py.NumberKind) (string, error) {
	if s.zero && s.align == 0 {
		s.align, s.fill = '=', "0"
	} else if s.zero && s.fill == "" {
		s.fill = "0"
	}
	s.zero = false
	if s.align == 0 {
		s.align = '>'
	}
	switch s.kind {
	case 'f', 'F', 'e', 'E', 'g', 'G', '%':
		return s.float(toFloat(v)), nil
	case 0, 'n':
		if kind == py.IsFloat {
			s.kind = 0
			return s.float(toFloat(v)), nil
		}
		s.kind = 'd'
	}
	switch s.kind {
	case 'd', 'x', 'X', 'o', 'b':
		if kind == py.IsFloat {
			return "", valueErrorf("Unknown format code '%c' for object of type 'float'", s.kind)
		}
		if s.precision >= 0 {
			return "", valueErrorf("Precision not allowed in integer format specifier")
		}
		return s.integer(toBig(v)), nil
	case 'c':
		return s.pad(string(rune(toBig(v).Int64())), ""), nil //nolint:gosec // a character of a number
	}
	return "", valueErrorf("Unknown format code '%c' for object of type '%s'", s.kind, py.TypeName(v))
}

// parseSpec reads [[fill]align][sign][#][0][width][,][.precision][type].
func parseSpec(text string) (spec, error) {
	s := spec{precision: -1}
	isAlign := func(c byte) bool { return strings.IndexByte("<>=^", c) >= 0 }
	if r, size := utf8.DecodeRuneInString(text); r != utf8.RuneError && len(text) > size && isAlign(text[size]) {
		s.fill, s.align = text[:size], text[size]
		text = text[size+1:]
	} else if text != "" && isAlign(text[0]) {
		s.align = text[0]
		text = text[1:]
	}
	take := func(chars string) byte {
		if text != "" && strings.IndexByte(chars, text[0]) >= 0 {
			c := text[0]
			text = text[1:]
			return c
		}
		return 0
	}
	number := func() int {
		i := 0
		for i < len(text) && text[i] >= '0' && text[i] <= '9' {
			i++
		}
		n, err := strconv.Atoi(text[:i])
		if err != nil && i > 0 {
			n = widest + 1
		}
		text = text[i:]
		return n
	}
	s.sign = take("+- ")
	take("z")
	s.alt = take("#") != 0
	s.zero = take("0") != 0
	s.width = number()
	s.comma = take(",_")
	if take(".") != 0 {
		if text == "" || text[0] < '0' || text[0] > '9' {
			return s, valueErrorf("Format specifier missing precision")
		}
		s.precision = number()
	}
	if len(text) > 1 {
		return s, valueErrorf("Invalid format specifier")
	}
	if text != "" {
		s.kind = text[0]
	}
	return s, nil
}
