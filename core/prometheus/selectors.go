package prometheus

import (
	"slices"
	"strings"
)

// A Prometheus gives the last sample of a series for five minutes after it was taken, so an instant selector can answer for
// something that is not measured any more. How old samples are says only timestamp(SELECTOR), and for that the selectors have to
// be found in the query. Ranges ([1m]) say themselves how old their samples may be.

var (
	operators = []string{"and", "or", "unless", "bool", "offset", "atan2", "inf", "nan"}
	grouping  = []string{"by", "without", "on", "ignoring", "group_left", "group_right"}
)

// instants are the query's instant selectors, each once.
func instants(query string) []string {
	s := scanner{text: query}
	var found []string
	for s.more() {
		c := s.text[s.at]
		switch {
		case c == '#':
			s.until('\n')
		case c == '"' || c == '\'' || c == '`':
			s.quoted(c)
		case c >= '0' && c <= '9' || c == '@':
			s.word("+-.")
		case c == '{', letter(c):
			if sel := s.selector(); sel != "" && !slices.Contains(found, sel) {
				found = append(found, sel)
			}
		default:
			s.at++
		}
	}
	return found
}

type scanner struct {
	text string
	at   int
}

func letter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c == ':' }

func (s *scanner) more() bool { return s.at < len(s.text) }

func (s *scanner) blanks() {
	for s.more() && strings.IndexByte(" \t\r\n", s.text[s.at]) >= 0 {
		s.at++
	}
}

// word reads letters, digits, and the other characters after an e or at the beginning: 1e+3, 5m, @1.5.
func (s *scanner) word(also string) string {
	from := s.at
	s.at++
	for s.more() {
		c := s.text[s.at]
		if !letter(c) && (c < '0' || c > '9') && (strings.IndexByte(also, c) < 0 || c != '.' && s.text[s.at-1]|0x20 != 'e' && s.at != from+1) {
			break
		}
		s.at++
	}
	return s.text[from:s.at]
}

func (s *scanner) until(end byte) {
	for s.more() && s.text[s.at] != end {
		s.at++
	}
	s.at = min(s.at+1, len(s.text))
}

func (s *scanner) quoted(by byte) {
	s.at++
	for s.more() && s.text[s.at] != by {
		if s.text[s.at] == '\\' && by != '`' {
			s.at++
		}
		s.at++
	}
	s.at = min(s.at+1, len(s.text))
}

// block passes over what stands between the bracket here and its partner.
func (s *scanner) block(open, end byte) {
	for depth := 0; s.more(); {
		switch c := s.text[s.at]; c {
		case '"', '\'', '`':
			s.quoted(c)
			continue
		case open:
			depth++
		case end:
			depth--
		}
		s.at++
		if depth == 0 {
			return
		}
	}
}

// selector reads a name or the matchers without one; "" for what is no instant selector: functions, operators, ranges.
func (s *scanner) selector() string {
	from := s.at
	named := letter(s.text[s.at])
	if named {
		switch name := strings.ToLower(s.word("")); {
		case slices.Contains(grouping, name):
			if s.blanks(); s.more() && s.text[s.at] == '(' {
				s.block('(', ')')
			}
			return ""
		case slices.Contains(operators, name):
			return ""
		}
	}
	end := s.at
	s.blanks()
	if s.more() && s.text[s.at] == '{' {
		s.block('{', '}')
		end = s.at
		s.blanks()
	} else if named {
		before := s.at
		next := ""
		if s.more() && letter(s.text[s.at]) {
			next = strings.ToLower(s.word(""))
		}
		s.at = before
		if s.more() && s.text[s.at] == '(' || next == "by" || next == "without" { // a function, or sum by (label) (...)
			return ""
		}
	}
	if s.more() && s.text[s.at] == '[' {
		s.block('[', ']')
		return ""
	}
	return s.text[from:end]
}
