package rule

import (
	"bytes"
	"strings"
)

// pyToken is one word of Python source: a name, a number, a string with its prefix and quotes, or one byte of anything else.
// Comments, blanks and backslashes at the end of a line are left out.
type pyToken struct {
	kind   byte // n name, 0 number, s string, o operator, ; the end of a statement
	text   string
	offset int
	first  bool // at the first column of a line
}

// pyTokens splits source into words (https://docs.python.org/3/reference/lexical_analysis.html), as far as it has to be split to tell code from
// strings and comments. It is false when a string or a bracket is not closed: such a file is not Python, and rules for Python have no say.
func pyTokens(text []byte) ([]pyToken, bool) {
	all := make([]pyToken, 0, len(text)/5)
	source := string(text) // one copy that all words share
	depth, start := 0, len(text)-len(bytes.TrimPrefix(text, mark))
	for i := start; i < len(text); {
		c := text[i]
		first := i == start || text[i-1] == '\n'
		switch {
		case c == '\n':
			if depth == 0 && len(all) > 0 && all[len(all)-1].kind != ';' {
				all = append(all, pyToken{kind: ';', offset: i})
			}
			i++
		case c == ' ' || c == '\t' || c == '\r' || c == '\f':
			i++
		case c == '\\' && i+1 < len(text) && (text[i+1] == '\n' || text[i+1] == '\r'):
			i++
			if text[i] == '\r' && i+1 < len(text) && text[i+1] == '\n' {
				i++
			}
			i++
		case c == '#':
			for i < len(text) && text[i] != '\n' {
				i++
			}
		case c == '"' || c == '\'':
			end := pyString(text, i, false)
			if end < 0 {
				return nil, false
			}
			all = append(all, pyToken{'s', source[i:end], i, first})
			i = end
		case isNameByte(c):
			end := i
			for end < len(text) && isNameByte(text[end]) {
				end++
			}
			if word := text[i:end]; end < len(text) && (text[end] == '"' || text[end] == '\'') && isPrefix(word) {
				close := pyString(text, end, bytes.ContainsAny(word, "fFtT"))
				if close < 0 {
					return nil, false
				}
				all = append(all, pyToken{'s', source[i:close], i, first})
				i = close
				continue
			}
			kind := byte('n')
			if isDigit(c) {
				kind = '0'
			}
			all = append(all, pyToken{kind, source[i:end], i, first})
			i = end
		default:
			switch c {
			case '(', '[', '{':
				depth++
			case ')', ']', '}':
				depth--
			}
			kind := byte('o')
			if c == ';' {
				kind = ';'
			}
			all = append(all, pyToken{kind, source[i : i+1], i, first})
			i++
		}
		if depth < 0 {
			return nil, false
		}
	}
	return all, depth == 0
}

func isNameByte(c byte) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || isDigit(c) || c >= 0x80
}

// isPrefix tells the letters that stand before a string and say how it is meant.
func isPrefix(word []byte) bool {
	switch strings.ToLower(string(word)) {
	case "r", "u", "b", "f", "t", "br", "rb", "fr", "rf", "tr", "rt":
		return true
	}
	return false
}

// pyString returns the offset after a string whose quote is at start, -1 when it is not closed. In a formatted string the parts in braces are
// expressions with strings of their own, which since Python 3.12 may use the same quote.
func pyString(text []byte, start int, formatted bool) int {
	return pyStringDeep(text, start, formatted, 0)
}

// pyDeepest is how many formatted strings may be one in another.
const pyDeepest = 50

func pyStringDeep(text []byte, start int, formatted bool, deep int) int {
	quote := text[start : start+1]
	long := bytes.HasPrefix(text[start:], bytes.Repeat(quote, 3))
	if long {
		quote = text[start : start+3]
	}
	braces := 0
	for i := start + len(quote); i < len(text); {
		c := text[i]
		switch {
		case bytes.HasPrefix(text[i:], quote) && braces == 0:
			return i + len(quote)
		case c == '\\' && braces == 0:
			i += 2
			if i <= len(text) && text[i-1] == '\r' && i < len(text) && text[i] == '\n' {
				i++
			}
			continue
		case c == '\n' && !long && braces == 0:
			return -1
		case formatted && braces == 0 && (bytes.HasPrefix(text[i:], []byte("{{")) || bytes.HasPrefix(text[i:], []byte("}}"))):
			i += 2
			continue
		case formatted && c == '{':
			braces++
		case formatted && c == '}' && braces > 0:
			braces--
		case braces > 0 && (c == '"' || c == '\''):
			if deep == pyDeepest {
				return -1
			}
			from := i
			for from > start && isNameByte(text[from-1]) {
				from--
			}
			end := pyStringDeep(text, i, isPrefix(text[from:i]) && bytes.ContainsAny(text[from:i], "fFtT"), deep+1)
			if end < 0 {
				// before 3.12 the quote could not be used inside, so it is the end of the whole
				if bytes.HasPrefix(text[i:], quote) {
					return i + len(quote)
				}
				return -1
			}
			i = end
			continue
		}
		i++
	}
	return -1
}
