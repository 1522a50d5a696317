package jinja

import (
	"errors"
	"strconv"
	"strings"

	"goodstate.dev/goodstate/core/py"
)

func quote(text string) string { return py.Repr(text) }

// unescape reads the escapes of a string literal, as Python's unicode-escape does.
func unescape(text string) (string, error) {
	if strings.IndexByte(text, '\\') < 0 {
		return text, nil
	}
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' {
			b.WriteByte(text[i])
			continue
		}
		i++
		if i >= len(text) {
			return "", errors.New("\\ at end of string")
		}
		if simple, ok := simpleEscapes[text[i]]; ok {
			b.WriteString(simple)
			continue
		}
		n, width, err := escapedRune(text[i:])
		if err != nil {
			return "", err
		}
		if width == 0 {
			b.WriteByte('\\')
			b.WriteByte(text[i])
			continue
		}
		b.WriteRune(n)
		i += width - 1
	}
	return b.String(), nil
}

var simpleEscapes = map[byte]string{
	'\n': "", '\\': "\\", '\'': "'", '"': "\"", 'a': "\a", 'b': "\b", 'f': "\f", 'n': "\n", 'r': "\r", 't': "\t", 'v': "\v",
}

// escapedRune reads \ooo, \xhh, \uhhhh and \Uhhhhhhhh after the backslash; width 0 means that it is none of these.
func escapedRune(text string) (r rune, width int, err error) {
	hex := 0
	switch c := text[0]; {
	case c >= '0' && c <= '7':
		end := 1
		for end < 3 && end < len(text) && text[end] >= '0' && text[end] <= '7' {
			end++
		}
		n, err := strconv.ParseInt(text[:end], 8, 32)
		return rune(n), end, err
	case c == 'x':
		hex = 2
	case c == 'u':
		hex = 4
	case c == 'U':
		hex = 8
	default:
		return 0, 0, nil
	}
	if len(text) > hex {
		if n, err := strconv.ParseUint(text[1:1+hex], 16, 32); err == nil && n <= 0x10ffff {
			return rune(n), hex + 1, nil
		}
	}
	return 0, 0, errors.New("truncated or illegal \\" + text[:1] + " escape")
}
