package py

import (
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"
)

// ErrLiteral says that a text is no Python literal.
var ErrLiteral = errors.New("malformed node or string")

// ErrUnhashable says that a literal has a list or a dict as a key.
var ErrUnhashable = errors.New("unhashable type")

// Literal reads a text as Python's ast.literal_eval does: numbers, text, True, False, None, lists, tuples and dicts. With json, also true, false and null.
func Literal(text string, json bool) (any, error) {
	l := &literal{text: strings.TrimRight(text, " \t\n\r"), json: json}
	l.text = strings.TrimLeft(l.text, " \t")
	v, err := l.value(0)
	if err != nil {
		return nil, err
	}
	if l.done() {
		return v, nil
	}
	if l.text[l.pos] != ',' {
		return nil, ErrLiteral
	}
	items := Tuple{v}
	for l.comma() {
		if l.done() {
			return items, nil
		}
		if v, err = l.value(0); err != nil {
			return nil, err
		}
		items = append(items, v)
	}
	if !l.done() {
		return nil, ErrLiteral
	}
	return items, nil
}

type literal struct {
	text string
	pos  int
	open int
	json bool
}

// space skips white space, in brackets also line ends and comments.
func (l *literal) space() {
	for l.pos < len(l.text) {
		switch c := l.text[l.pos]; {
		case c == ' ' || c == '\t' || c == '\f' || l.open > 0 && (c == '\n' || c == '\r'):
			l.pos++
		case c == '#' && l.open > 0:
			for l.pos < len(l.text) && l.text[l.pos] != '\n' {
				l.pos++
			}
		case c == '\\' && strings.HasPrefix(l.text[l.pos:], "\\\n"):
			l.pos += 2
		default:
			return
		}
	}
}

// done says whether there is nothing more but white space and comments.
func (l *literal) done() bool {
	at := l.pos
	l.open++
	l.space()
	l.open--
	if l.pos == len(l.text) {
		return true
	}
	l.pos = at
	l.space()
	return false
}

func (l *literal) comma() bool {
	l.space()
	if l.pos < len(l.text) && l.text[l.pos] == ',' {
		l.pos++
		return true
	}
	return false
}

func (l *literal) peek() byte {
	l.space()
	if l.pos < len(l.text) {
		return l.text[l.pos]
	}
	return 0
}

func (l *literal) value(depth int) (any, error) {
	if depth > deepest/2 {
		return nil, ErrLiteral
	}
	switch c := l.peek(); {
	case c == '[':
		items, _, err := l.items(']', depth)
		return &List{Items: items}, err
	case c == '(':
		items, comma, err := l.items(')', depth)
		if err == nil && len(items) == 1 && !comma {
			return items[0], nil
		}
		return Tuple(items), err
	case c == '{':
		return l.dict(depth)
	case c == '\'' || c == '"':
		return l.strings("")
	case c == '-' || c == '+':
		l.pos++
		v, err := l.value(depth + 1)
		if err != nil {
			return nil, err
		}
		return signed(c, v)
	case c >= '0' && c <= '9' || c == '.':
		return l.number()
	case c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
		return l.word()
	}
	return nil, ErrLiteral
}

func signed(sign byte, v any) (any, error) {
	if _, is := v.(bool); is {
		return nil, ErrLiteral
	}
	i, b, f, kind := Number(v)
	switch {
	case kind == NotNumber:
		return nil, ErrLiteral
	case sign == '+':
		return v, nil
	case kind == IsFloat:
		return -f, nil
	case kind == IsBig:
		return Int(new(big.Int).Neg(b)), nil
	}
	return -i, nil
}

func (l *literal) items(end byte, depth int) (items []any, comma bool, err error) {
	l.pos++
	l.open++
	defer func() { l.open-- }()
	items = []any{}
	for l.peek() != end {
		if len(items) > 0 && !comma {
			return nil, false, ErrLiteral
		}
		v, err := l.value(depth + 1)
		if err != nil {
			return nil, false, err
		}
		items = append(items, v)
		comma = l.comma()
	}
	l.pos++
	return items, comma, nil
}

func (l *literal) dict(depth int) (any, error) {
	l.pos++
	l.open++
	defer func() { l.open-- }()
	d := NewDict()
	comma := true
	for l.peek() != '}' {
		if !comma {
			return nil, ErrLiteral
		}
		k, err := l.value(depth + 1)
		if err != nil {
			return nil, err
		}
		if l.peek() != ':' {
			return nil, ErrLiteral
		}
		l.pos++
		v, err := l.value(depth + 1)
		if err != nil {
			return nil, err
		}
		if !Hashable(k) {
			return nil, ErrUnhashable
		}
		d.Set(k, v)
		comma = l.comma()
	}
	l.pos++
	return d, nil
}

// Hashable says whether a value may be a key of a dict.
func Hashable(v any) bool {
	switch x := v.(type) {
	case *List, *Dict:
		return false
	case Tuple:
		for _, item := range x {
			if !Hashable(item) {
				return false
			}
		}
	}
	return true
}

func (l *literal) word() (any, error) {
	from := l.pos
	for l.pos < len(l.text) {
		c := l.text[l.pos]
		if c != '_' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			break
		}
		l.pos++
	}
	word := l.text[from:l.pos]
	if l.pos < len(l.text) && (l.text[l.pos] == '\'' || l.text[l.pos] == '"') {
		switch strings.ToLower(word) {
		case "u", "r", "b", "br", "rb":
			return l.strings(strings.ToLower(word))
		}
		return nil, ErrLiteral
	}
	switch {
	case word == "True" || word == "true" && l.json:
		return true, nil
	case word == "False" || word == "false" && l.json:
		return false, nil
	case word == "None" || word == "null" && l.json:
		return nil, nil //nolint:nilnil // None
	}
	return nil, ErrLiteral
}

// strings reads string literals that follow each other.
func (l *literal) strings(prefix string) (any, error) {
	text, err := l.one(prefix)
	if err != nil {
		return nil, err
	}
	for {
		switch c := l.peek(); {
		case c == '\'' || c == '"':
			more, err := l.one("")
			if err != nil || strings.Contains(prefix, "b") {
				return nil, ErrLiteral
			}
			text += more
		default:
			if strings.Contains(prefix, "b") {
				return Bytes(text), nil
			}
			return text, nil
		}
	}
}

// one reads one string literal from its quote.
func (l *literal) one(prefix string) (string, error) {
	quote := l.text[l.pos : l.pos+1]
	if triple := strings.Repeat(quote, 3); strings.HasPrefix(l.text[l.pos:], triple) {
		quote = triple
	}
	l.pos += len(quote)
	raw := strings.Contains(prefix, "r")
	bytes := strings.Contains(prefix, "b")
	var b strings.Builder
	for l.pos < len(l.text) {
		rest := l.text[l.pos:]
		if strings.HasPrefix(rest, quote) {
			l.pos += len(quote)
			return b.String(), nil
		}
		switch c := rest[0]; {
		case c == 0 || c == '\n' && len(quote) == 1 || bytes && c >= utf8.RuneSelf:
			return "", ErrLiteral
		case c == '\\' && len(rest) > 1 && raw:
			b.WriteString(rest[:2])
			l.pos += 2
		case c == '\\' && len(rest) > 1:
			width, err := unescape(&b, rest[1:], bytes)
			if err != nil {
				return "", err
			}
			l.pos += 1 + width
		default:
			b.WriteByte(c)
			l.pos++
		}
	}
	return "", ErrLiteral
}

var escapes = map[byte]string{
	'\n': "", '\\': "\\", '\'': "'", '"': "\"", 'a': "\a", 'b': "\b", 'f': "\f", 'n': "\n", 'r': "\r", 't': "\t", 'v': "\v",
}

// unescape writes what an escape means and says how long it is after the backslash.
func unescape(b *strings.Builder, text string, bytes bool) (int, error) {
	if s, ok := escapes[text[0]]; ok {
		b.WriteString(s)
		return 1, nil
	}
	digits := map[byte]int{'x': 2, 'u': 4, 'U': 8}[text[0]]
	if bytes && text[0] != 'x' {
		digits = 0
	}
	switch c := text[0]; {
	case c >= '0' && c <= '7':
		end := 1
		for end < 3 && end < len(text) && text[end] >= '0' && text[end] <= '7' {
			end++
		}
		n, err := strconv.ParseUint(text[:end], 8, 32)
		writeChar(b, rune(n), bytes) //nolint:gosec // three octal digits
		return end, err
	case digits > 0:
		if len(text) < 1+digits {
			return 0, ErrLiteral
		}
		n, err := strconv.ParseUint(text[1:1+digits], 16, 32)
		if err != nil || n > utf8.MaxRune {
			return 0, ErrLiteral
		}
		if n >= 0xdc80 && n <= 0xdcff && !bytes {
			b.WriteByte(byte(n)) // Python's surrogateescape: a byte that is no UTF-8
		} else {
			writeChar(b, rune(n), bytes)
		}
		return 1 + digits, nil
	case c == 'N' && !bytes:
		return 0, ErrLiteral // names of characters
	}
	b.WriteByte('\\')
	b.WriteByte(text[0])
	return 1, nil
}

func writeChar(b *strings.Builder, r rune, bytes bool) {
	if bytes {
		b.WriteByte(byte(r))
		return
	}
	b.WriteRune(r)
}

func (l *literal) number() (any, error) {
	from := l.pos
	for l.pos < len(l.text) {
		c := l.text[l.pos]
		sign := (c == '+' || c == '-') && l.pos > from && (l.text[l.pos-1] == 'e' || l.text[l.pos-1] == 'E') && !strings.HasPrefix(strings.ToLower(l.text[from:]), "0x")
		if !sign && c != '.' && c != '_' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			break
		}
		l.pos++
	}
	text := l.text[from:l.pos]
	if strings.HasPrefix(text, "_") || strings.HasSuffix(text, "_") || strings.Contains(text, "__") {
		return nil, ErrLiteral
	}
	plain := strings.ReplaceAll(text, "_", "")
	lower := strings.ToLower(plain)
	prefixed := strings.HasPrefix(lower, "0x") || strings.HasPrefix(lower, "0o") || strings.HasPrefix(lower, "0b")
	if !prefixed {
		if strings.ContainsAny(plain, ".eE") {
			if strings.ContainsAny(lower, "xpn") {
				return nil, ErrLiteral
			}
			f, err := strconv.ParseFloat(plain, 64)
			if err != nil && f == 0 {
				return nil, ErrLiteral
			}
			return f, nil
		}
		if len(plain) > 1 && plain[0] == '0' {
			if strings.Trim(plain, "0") == "" {
				return int64(0), nil
			}
			return nil, ErrLiteral // leading zeros are not permitted
		}
	}
	if i, err := strconv.ParseInt(plain, 0, 64); err == nil {
		return i, nil
	}
	b, ok := new(big.Int).SetString(plain, 0)
	if !ok {
		return nil, fmt.Errorf("%w: number", ErrLiteral)
	}
	return Int(b), nil
}
