package rule

import (
	"bytes"
	"strconv"
	"unicode/utf8"
)

// quoted reads a string, with the quote as the next byte.
func (s *jsonScan) quoted() (string, bool) {
	start := s.at
	s.at++
	plain := s.at
	var decoded []byte
	for s.at < len(s.text) {
		switch c := s.text[s.at]; {
		case c == '"':
			piece := s.text[plain:s.at]
			if !utf8.Valid(piece) {
				s.fail(plain, "the string is not UTF-8")
				return "", false
			}
			s.at++
			return string(append(decoded, piece...)), true
		case c < 0x20:
			s.fail(s.at, "a string has the control character 0x%02x in it; write it as an escape", c)
			return "", false
		case c == '\\':
			piece := s.text[plain:s.at]
			if !utf8.Valid(piece) {
				s.fail(plain, "the string is not UTF-8")
				return "", false
			}
			decoded = append(decoded, piece...)
			var ok bool
			if decoded, ok = s.escape(decoded); !ok {
				return "", false
			}
			plain = s.at
		default:
			s.at++
		}
	}
	s.fail(start, "the string is not closed")
	return "", false
}

var jsonEscapes = map[byte]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

func (s *jsonScan) escape(to []byte) ([]byte, bool) {
	start := s.at
	s.at++
	c := s.peek()
	if plain, ok := jsonEscapes[c]; ok {
		s.at++
		return append(to, plain), true
	}
	if c != 'u' {
		s.fail(start, "\\ is followed by %s, want one of \" \\ / b f n r t u", s.here())
		return nil, false
	}
	s.at++
	high, ok := s.hex(start)
	if !ok {
		return nil, false
	}
	if high >= 0xD800 && high < 0xDC00 && bytes.HasPrefix(s.text[s.at:], []byte(`\u`)) {
		back := s.at
		s.at += 2
		low, ok := s.hex(back)
		if !ok {
			return nil, false
		}
		if low >= 0xDC00 && low < 0xE000 {
			return utf8.AppendRune(to, (high-0xD800)<<10+(low-0xDC00)+0x10000), true
		}
		s.at = back
	}
	if high >= 0xD800 && high < 0xE000 {
		// half a pair is no character; its three bytes are kept as they would be, so that two different halves are two different keys
		return append(to, 0xE0|byte(high>>12), 0x80|byte(high>>6)&0x3F|0x80, 0x80|byte(high)&0x3F), true
	}
	return utf8.AppendRune(to, high), true
}

func (s *jsonScan) hex(start int) (rune, bool) {
	if s.at+4 <= len(s.text) {
		digits := s.text[s.at : s.at+4]
		if n, err := strconv.ParseUint(string(digits), 16, 16); err == nil && digits[0] != '+' {
			s.at += 4
			return rune(n), true
		}
	}
	s.fail(start, "\\u is not followed by four hexadecimal digits")
	return 0, false
}

// word reads numbers and the names of values.
func (s *jsonScan) word() {
	for _, name := range []string{"true", "false", "null", "NaN", "Infinity", "-Infinity"} {
		if bytes.HasPrefix(s.text[s.at:], []byte(name)) {
			s.at += len(name)
			s.tell('v', name)
			return
		}
	}
	start := s.at
	if s.peek() == '-' {
		s.at++
	}
	switch c := s.peek(); {
	case c == '0':
		s.at++
	case c >= '1' && c <= '9':
		s.digits()
	default:
		s.at = start
		s.fail(start, "want a value, found %s", s.here())
		return
	}
	if c := s.peek(); c >= '0' && c <= '9' {
		s.fail(start, "a number does not begin with 0")
		return
	}
	if s.peek() == '.' && s.at+1 < len(s.text) && isDigit(s.text[s.at+1]) {
		s.at++
		s.digits()
	}
	if c := s.peek(); c == 'e' || c == 'E' {
		back := s.at
		s.at++
		if c := s.peek(); c == '+' || c == '-' {
			s.at++
		}
		if !isDigit(s.peek()) {
			s.at = back
		}
		s.digits()
	}
	s.tell('v', string(s.text[start:s.at]))
}

func (s *jsonScan) digits() {
	for isDigit(s.peek()) {
		s.at++
	}
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
