package migrate

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Drivers, the values of `driver:`.
const (
	Postgres = "postgres"
	MySQL    = "mysql"
	SQLite   = "sqlite"
)

type tokenKind int

const (
	word    tokenKind = iota // keyword or name without quotes
	quoted                   // name in quotes; text is what they hold
	literal                  // string or number, as it is written
	sign                     // one character
	comment                  // as it is written
)

// token is the smallest part of SQL that has a meaning; at and end are offsets in the file.
type token struct {
	kind    tokenKind
	text    string
	at, end int
	line    int
}

func (t token) is(keyword string) bool { return t.kind == word && strings.EqualFold(t.text, keyword) }

func (t token) sign(c string) bool { return t.kind == sign && t.text == c }

// tokens splits SQL as the driver's database reads it. An open string, comment or quoted name is an error that says its line.
func tokens(driver, src string) ([]token, error) {
	s := &lexer{driver: driver, src: src, line: 1}
	for s.at < len(s.src) {
		if err := s.next(); err != nil {
			return nil, err
		}
	}
	return s.out, nil
}

type lexer struct {
	driver, src string
	at, line    int
	out         []token
}

func (s *lexer) rest() string { return s.src[s.at:] }

// add takes n bytes as one token.
func (s *lexer) add(kind tokenKind, text string, n int) {
	s.out = append(s.out, token{kind: kind, text: text, at: s.at, end: s.at + n, line: s.line})
	s.line += strings.Count(s.src[s.at:s.at+n], "\n")
	s.at += n
}

func (s *lexer) next() error {
	rest := s.rest()
	c, size := utf8.DecodeRuneInString(rest)
	switch {
	case c == '\n':
		s.line++
		s.at++
	case unicode.IsSpace(c):
		s.at += size
	case strings.HasPrefix(rest, "--") || c == '#' && s.driver == MySQL:
		n := strings.IndexByte(rest, '\n')
		if n < 0 {
			n = len(rest)
		}
		s.add(comment, rest[:n], n)
	case strings.HasPrefix(rest, "/*"):
		return s.block(rest)
	case c == '\'':
		return s.str(0, '\'', s.driver == MySQL)
	case (c == 'e' || c == 'E') && s.driver == Postgres && strings.HasPrefix(rest[1:], "'"):
		return s.str(1, '\'', true)
	case c == '"' && s.driver == MySQL:
		return s.str(0, '"', true)
	case c == '"', c == '`' && s.driver != Postgres:
		return s.name(byte(c), byte(c))
	case c == '[' && s.driver == SQLite:
		return s.name('[', ']')
	case c == '$' && s.driver == Postgres:
		return s.dollar(rest)
	case c == '_' || unicode.IsLetter(c):
		s.add(word, rest[:span(rest, part)], span(rest, part))
	case unicode.IsDigit(c):
		n := span(rest, func(r rune) bool { return part(r) || r == '.' })
		s.add(literal, rest[:n], n)
	default:
		s.add(sign, rest[:size], size)
	}
	return nil
}

func part(r rune) bool { return r == '_' || r == '$' || unicode.IsLetter(r) || unicode.IsDigit(r) }

// span is the length of the start of text whose characters are all wanted.
func span(text string, wanted func(rune) bool) int {
	n := strings.IndexFunc(text, func(r rune) bool { return !wanted(r) })
	if n < 0 {
		return len(text)
	}
	return n
}

// block reads a comment; PostgreSQL's may hold others.
func (s *lexer) block(rest string) error {
	depth := 0
	for i := 0; i+1 < len(rest); i++ {
		switch {
		case rest[i:i+2] == "/*" && (depth == 0 || s.driver == Postgres):
			depth++
			i++
		case rest[i:i+2] == "*/":
			depth--
			i++
			if depth == 0 {
				if s.driver == MySQL && (strings.HasPrefix(rest, "/*!") || strings.HasPrefix(rest, "/*M!")) {
					s.add(sign, "/*!", i+1) // not a comment there: it is executed
					return nil
				}
				s.add(comment, rest[:i+1], i+1)
				return nil
			}
		}
	}
	return fmt.Errorf("line %d: this comment has no end, want */", s.line)
}

// str reads a string whose first quote stands after n other characters.
func (s *lexer) str(n int, quote byte, escapes bool) error {
	rest := s.rest()
	for i := n + 1; i < len(rest); i++ {
		switch {
		case escapes && rest[i] == '\\':
			i++
		case rest[i] == quote && i+1 < len(rest) && rest[i+1] == quote:
			i++
		case rest[i] == quote:
			s.add(literal, rest[:i+1], i+1)
			return nil
		}
	}
	return fmt.Errorf("line %d: this string has no end, want %c", s.line, quote)
}

func (s *lexer) name(open, end byte) error {
	rest := s.rest()
	for i := 1; i < len(rest); i++ {
		switch {
		case rest[i] == end && open == end && i+1 < len(rest) && rest[i+1] == end:
			i++
		case rest[i] == end:
			text := rest[1:i]
			if open == end {
				text = strings.ReplaceAll(text, string([]byte{end, end}), string(end))
			}
			s.add(quoted, text, i+1)
			return nil
		}
	}
	return fmt.Errorf("line %d: this name has no end, want %c", s.line, end)
}

// dollar reads $tag$ ... $tag$, or the parameter $1.
func (s *lexer) dollar(rest string) error {
	n := span(rest[1:], func(r rune) bool { return part(r) && r != '$' }) + 1
	if n >= len(rest) || rest[n] != '$' || n > 1 && unicode.IsDigit(rune(rest[1])) {
		s.add(literal, rest[:n], n)
		return nil
	}
	tag := rest[:n+1]
	end := strings.Index(rest[len(tag):], tag)
	if end < 0 {
		return fmt.Errorf("line %d: this string has no end, want %s", s.line, tag)
	}
	s.add(literal, rest[:end+2*len(tag)], end+2*len(tag))
	return nil
}
