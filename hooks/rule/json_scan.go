package rule

import (
	"fmt"
	"unicode/utf8"
)

// jsonScan reads JSON as RFC 8259 has it, with the numbers NaN and Infinity that many writers emit, and refuses a key that comes twice in one object.
type jsonScan struct {
	text []byte
	at   int
	deep int
	err  *jsonError
	node func(jsonEvent) // nil: only the syntax is wanted
}

type jsonError struct {
	offset int
	why    string
}

// jsonEvent is what a reader of the tree is told.
type jsonEvent struct {
	kind byte // { } [ ] for brackets, k for a key, s for a string, v for a number or word
	text string
}

// jsonDeepest is how many brackets may be open; deeper input is an attack or a mistake.
const jsonDeepest = 900

// scanJSON returns the first thing that is wrong with a document, or nil.
func scanJSON(text []byte, node func(jsonEvent)) *jsonError {
	s := &jsonScan{text: text, node: node}
	s.space()
	if s.value(); s.err == nil {
		if s.space(); s.at < len(s.text) {
			s.fail(s.at, "something follows the end of the document: %s", s.here())
		}
	}
	return s.err
}

func (s *jsonScan) fail(offset int, format string, values ...any) {
	if s.err == nil {
		s.err = &jsonError{offset, fmt.Sprintf(format, values...)}
	}
}

func (s *jsonScan) tell(kind byte, text string) {
	if s.node != nil {
		s.node(jsonEvent{kind, text})
	}
}

// here names the next character for a message.
func (s *jsonScan) here() string {
	if s.at >= len(s.text) {
		return "the end of the file"
	}
	r, size := utf8.DecodeRune(s.text[s.at:])
	if r == utf8.RuneError && size == 1 {
		return fmt.Sprintf("the byte 0x%02x", s.text[s.at])
	}
	return fmt.Sprintf("%q", r)
}

func (s *jsonScan) space() {
	for s.at < len(s.text) {
		switch s.text[s.at] {
		case ' ', '\t', '\n', '\r':
			s.at++
		default:
			return
		}
	}
}

func (s *jsonScan) peek() byte {
	if s.at < len(s.text) {
		return s.text[s.at]
	}
	return 0
}

func (s *jsonScan) value() {
	switch c := s.peek(); {
	case c == '{':
		s.object()
	case c == '[':
		s.array()
	case c == '"':
		if text, ok := s.quoted(); ok {
			s.tell('s', text)
		}
	default:
		s.word()
	}
}

// opened counts brackets; it is false when there are too many.
func (s *jsonScan) opened() bool {
	if s.deep++; s.deep > jsonDeepest {
		s.fail(s.at, "more than %d brackets are open", jsonDeepest)
	}
	s.tell(s.text[s.at], "")
	s.at++
	return s.err == nil
}

func (s *jsonScan) closed() {
	s.deep--
	s.tell(s.text[s.at], "")
	s.at++
}

func (s *jsonScan) object() {
	if !s.opened() {
		return
	}
	keys := map[string]bool{}
	for first := true; ; first = false {
		s.space()
		if s.peek() == '}' && first {
			s.closed()
			return
		}
		start := s.at
		if s.peek() != '"' {
			why := "want a key in double quotes, found " + s.here()
			if !first && s.peek() == '}' {
				why = "a comma before } is not allowed in JSON"
			}
			s.fail(s.at, "%s", why)
			return
		}
		key, ok := s.quoted()
		if !ok {
			return
		}
		if keys[key] {
			s.fail(start, "key %q is in this object twice", key)
			return
		}
		keys[key] = true
		s.tell('k', key)
		s.space()
		if s.peek() != ':' {
			s.fail(s.at, "want : after key %q, found %s", key, s.here())
			return
		}
		s.at++
		s.space()
		if s.value(); s.err != nil || s.ended('}') {
			return
		}
	}
}

func (s *jsonScan) array() {
	if !s.opened() {
		return
	}
	s.space()
	if s.peek() == ']' {
		s.closed()
		return
	}
	for {
		s.space()
		if s.peek() == ']' {
			s.fail(s.at, "a comma before ] is not allowed in JSON")
			return
		}
		if s.value(); s.err != nil || s.ended(']') {
			return
		}
	}
}

// ended reads what follows a member: a comma, after which there is more, or the bracket.
func (s *jsonScan) ended(bracket byte) bool {
	s.space()
	switch s.peek() {
	case ',':
		s.at++
		return false
	case bracket:
		s.closed()
	default:
		s.fail(s.at, "want a comma or %c, found %s", bracket, s.here())
	}
	return true
}
