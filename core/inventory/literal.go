package inventory

import (
	"errors"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"

	"goodstate.dev/goodstate/core/py"
)

// Value reads a value of an INI file as Python's literals: numbers, quoted text, lists, tuples, dicts, True, False and None. What is none of these is text.
func Value(text string) any {
	p := &literal{text: text}
	v, err := p.value(0)
	if err != nil {
		return text
	}
	p.space()
	if p.at < len(p.text) && p.text[p.at] == ',' {
		v, err = p.tuple(v)
		if err != nil {
			return text
		}
	}
	if p.space(); p.at < len(p.text) && p.text[p.at] != '#' {
		return text
	}
	return v
}

var errLiteral = errors.New("not a literal")

type literal struct {
	text string
	at   int
}

func (p *literal) space() {
	for p.at < len(p.text) && strings.IndexByte(" \t\n", p.text[p.at]) >= 0 {
		p.at++
	}
}

func (p *literal) peek() byte {
	p.space()
	if p.at < len(p.text) {
		return p.text[p.at]
	}
	return 0
}

func (p *literal) value(depth int) (any, error) {
	if depth > 100 {
		return nil, errLiteral
	}
	switch c := p.peek(); {
	case c == '[':
		p.at++
		items, _, err := p.items(']', depth)
		return py.NewList(items...), err
	case c == '(':
		p.at++
		items, comma, err := p.items(')', depth)
		if err == nil && len(items) == 1 && !comma {
			return items[0], nil
		}
		return py.Tuple(items), err
	case c == '{':
		p.at++
		return p.dict(depth)
	case c == '\'' || c == '"':
		return p.strings()
	case c >= '0' && c <= '9' || c == '.' || c == '-' || c == '+':
		return p.number()
	}
	return p.word()
}

// tuple reads what follows a first value and a comma at the top.
func (p *literal) tuple(first any) (any, error) {
	out := py.Tuple{first}
	for p.peek() == ',' {
		p.at++
		if c := p.peek(); c == 0 || c == '#' {
			break
		}
		v, err := p.value(1)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

func (p *literal) items(end byte, depth int) (items []any, comma bool, err error) {
	for {
		if p.peek() == end {
			p.at++
			return items, comma, nil
		}
		v, err := p.value(depth + 1)
		if err != nil {
			return nil, false, err
		}
		items = append(items, v)
		switch p.peek() {
		case ',':
			p.at++
			comma = true
		case end:
		default:
			return nil, false, errLiteral
		}
	}
}

func (p *literal) dict(depth int) (any, error) {
	d := py.NewDict()
	for {
		if p.peek() == '}' {
			p.at++
			return d, nil
		}
		key, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		switch key.(type) {
		case *py.List, *py.Dict:
			return nil, errLiteral
		}
		if p.peek() != ':' {
			return nil, errLiteral // a set has no form in JSON and YAML, and stays text
		}
		p.at++
		value, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		d.Set(key, value)
		switch p.peek() {
		case ',':
			p.at++
		case '}':
		default:
			return nil, errLiteral
		}
	}
}

func (p *literal) word() (any, error) {
	for word, value := range map[string]any{"True": true, "False": false, "None": nil} {
		if rest, ok := strings.CutPrefix(p.text[p.at:], word); ok && (rest == "" || !isWord(rest[0])) {
			p.at += len(word)
			return value, nil
		}
	}
	if p.at+1 < len(p.text) && strings.IndexByte("uUrR", p.text[p.at]) >= 0 && (p.text[p.at+1] == '\'' || p.text[p.at+1] == '"') {
		return p.strings()
	}
	return nil, errLiteral
}

func isWord(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}

func (p *literal) number() (any, error) {
	sign := int64(1)
	for c := p.peek(); c == '-' || c == '+'; c = p.peek() {
		if c == '-' {
			sign = -sign
		}
		p.at++
	}
	start := p.at
	for p.at < len(p.text) {
		c := p.text[p.at]
		exponent := (c == '-' || c == '+') && p.at > start && (p.text[p.at-1]|0x20) == 'e' && !strings.HasPrefix(strings.ToLower(p.text[start:]), "0x")
		if !isWord(c) && c != '.' && !exponent {
			break
		}
		p.at++
	}
	return number(p.text[start:p.at], sign)
}

func number(text string, sign int64) (any, error) {
	lower := strings.ToLower(text)
	if strings.HasSuffix(text, "_") || strings.HasPrefix(text, "_") || strings.Contains(text, "__") || text == "" {
		return nil, errLiteral
	}
	plain := strings.ReplaceAll(lower, "_", "")
	prefixed := strings.HasPrefix(plain, "0x") || strings.HasPrefix(plain, "0o") || strings.HasPrefix(plain, "0b")
	if !prefixed && strings.ContainsAny(plain, ".e") {
		f, err := strconv.ParseFloat(plain, 64)
		if err != nil || strings.ContainsAny(plain, "xpin") {
			return nil, errLiteral
		}
		return f * float64(sign), nil
	}
	if !prefixed && len(plain) > 1 && plain[0] == '0' && strings.Trim(plain, "0") != "" {
		return nil, errLiteral // Python refuses 0644
	}
	base := 10
	if prefixed {
		base = 0
	}
	n, ok := new(big.Int).SetString(plain, base)
	if !ok {
		return nil, errLiteral
	}
	if n.Mul(n, big.NewInt(sign)); n.IsInt64() {
		return n.Int64(), nil
	}
	return n, nil
}

// strings reads one or more pieces of quoted text, which are one value.
func (p *literal) strings() (any, error) {
	var out strings.Builder
	for {
		raw := false
		if c := p.peek(); c|0x20 == 'u' || c|0x20 == 'r' {
			if p.at+1 >= len(p.text) || p.text[p.at+1] != '\'' && p.text[p.at+1] != '"' {
				return nil, errLiteral
			}
			raw = c|0x20 == 'r'
			p.at++
		} else if c != '\'' && c != '"' {
			return out.String(), nil
		}
		if err := p.quoted(&out, raw); err != nil {
			return nil, err
		}
	}
}

func (p *literal) quoted(out *strings.Builder, raw bool) error {
	quote := p.text[p.at : p.at+1]
	if triple := strings.Repeat(quote, 3); strings.HasPrefix(p.text[p.at:], triple) {
		quote = triple
	}
	p.at += len(quote)
	for p.at < len(p.text) {
		switch {
		case strings.HasPrefix(p.text[p.at:], quote):
			p.at += len(quote)
			return nil
		case p.text[p.at] == '\n' && len(quote) == 1:
			return errLiteral
		case p.text[p.at] == '\\' && raw && p.at+1 < len(p.text):
			out.WriteString(p.text[p.at : p.at+2])
			p.at += 2
		case p.text[p.at] == '\\':
			if err := p.escape(out); err != nil {
				return err
			}
		default:
			out.WriteByte(p.text[p.at])
			p.at++
		}
	}
	return errLiteral
}

func (p *literal) escape(out *strings.Builder) error {
	if p.at+1 >= len(p.text) {
		return errLiteral
	}
	c := p.text[p.at+1]
	p.at += 2
	simple := map[byte]string{'\n': "", '\\': "\\", '\'': "'", '"': "\"", 'a': "\a", 'b': "\b", 'f': "\f", 'n': "\n", 'r': "\r", 't': "\t", 'v': "\v"}
	if text, ok := simple[c]; ok {
		out.WriteString(text)
		return nil
	}
	digits := map[byte]int{'x': 2, 'u': 4, 'U': 8}[c]
	switch {
	case digits > 0:
		if p.at+digits > len(p.text) {
			return errLiteral
		}
		n, err := strconv.ParseUint(p.text[p.at:p.at+digits], 16, 32)
		if err != nil || n > utf8.MaxRune {
			return errLiteral
		}
		p.at += digits
		out.WriteRune(rune(n))
	case c >= '0' && c <= '7':
		n := rune(c - '0')
		for i := 0; i < 2 && p.at < len(p.text) && p.text[p.at] >= '0' && p.text[p.at] <= '7'; i++ {
			n = n*8 + rune(p.text[p.at]-'0')
			p.at++
		}
		out.WriteRune(n)
	case c == 'N':
		return errLiteral
	default:
		out.WriteByte('\\')
		out.WriteByte(c)
	}
	return nil
}
