package jinja

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// inside reads the tokens of an expression or a statement up to its end; without an end it goes to the end of the line.
func (l *lexer) inside(kind tokenKind, end string) error {
	var open []byte
	for l.pos < len(l.src) {
		if len(open) == 0 {
			if to, ok := l.closes(kind, end); ok {
				l.add(kind, "", l.pos, to)
				l.count(to)
				return nil
			}
		}
		c := l.src[l.pos]
		if isSpace(c) {
			l.count(l.pos + 1)
			continue
		}
		if err := l.one(c, &open, kind == tVariableEnd); err != nil {
			return err
		}
	}
	if end == "" {
		l.add(kind, "", l.pos, l.pos)
	}
	return nil
}

// closes says where the end sign and the white space that it takes with it end.
func (l *lexer) closes(kind tokenKind, end string) (int, bool) {
	rest := l.src[l.pos:]
	if end == "" {
		text := strings.TrimLeft(rest, " \t\v\f")
		if text == "" || text[0] == '\n' {
			return min(len(l.src)-len(text)+1, len(l.src)), true
		}
		return 0, false
	}
	switch {
	case strings.HasPrefix(rest, "-"+end):
		to := l.pos + 1 + len(end)
		for to < len(l.src) {
			r, size := utf8.DecodeRuneInString(l.src[to:])
			if !unicode.IsSpace(r) && (r < 0x1c || r > 0x1f) {
				break
			}
			to += size
		}
		return to, true
	case kind == tBlockEnd && strings.HasPrefix(rest, "+"+end):
		return l.pos + 1 + len(end), true
	case strings.HasPrefix(rest, end):
		to := l.pos + len(end)
		if kind == tBlockEnd && l.syn.trim && to < len(l.src) && l.src[to] == '\n' {
			to++
		}
		return to, true
	}
	return 0, false
}

var operators = []string{"//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[", "]", "(", ")", "{", "}", ">", "<", "=", ".", ":", "|", ",", ";"}

// one reads one token of an expression.
func (l *lexer) one(c byte, open *[]byte, variable bool) error {
	at := l.pos
	switch {
	case c >= '0' && c <= '9':
		kind, end := l.number()
		l.add(kind, strings.ReplaceAll(l.src[at:end], "_", ""), at, end)
		l.count(end)
		return nil
	case c == '\'' || c == '"':
		end, err := l.quoted(c)
		if err != nil {
			return err
		}
		text, err := unescape(strings.ReplaceAll(l.src[at+1:end-1], "\n", l.syn.newline))
		if err != nil {
			return l.fail("%v", err)
		}
		l.add(tString, text, at, end)
		l.tokens[len(l.tokens)-1].variable = variable
		l.count(end)
		return nil
	}
	if r, size := utf8.DecodeRuneInString(l.src[at:]); r == '_' || unicode.IsLetter(r) {
		end := at + size
		for end < len(l.src) {
			r, size := utf8.DecodeRuneInString(l.src[end:])
			if r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.Is(unicode.Mn, r) {
				break
			}
			end += size
		}
		l.add(tName, l.src[at:end], at, end)
		l.count(end)
		return nil
	}
	i := slices.IndexFunc(operators, func(o string) bool { return strings.HasPrefix(l.src[at:], o) })
	if i < 0 {
		r, _ := utf8.DecodeRuneInString(l.src[at:])
		return l.fail("unexpected char %s at %d", quote(string(r)), at)
	}
	o := operators[i]
	switch o {
	case "(", "[", "{":
		*open = append(*open, map[string]byte{"(": ')', "[": ']', "{": '}'}[o])
	case ")", "]", "}":
		if len(*open) == 0 {
			return l.fail("unexpected '%s'", o)
		}
		want := (*open)[len(*open)-1]
		*open = (*open)[:len(*open)-1]
		if want != o[0] {
			return l.fail("unexpected '%s', expected '%c'", o, want)
		}
	}
	l.add(tOperator, o, at, at+len(o))
	l.count(at + len(o))
	return nil
}

func (l *lexer) quoted(quote byte) (int, error) {
	for i := l.pos + 1; i < len(l.src); i++ {
		switch l.src[i] {
		case '\\':
			i++
		case quote:
			return i + 1, nil
		}
	}
	return 0, l.fail("unexpected char %s at %d", quoteByte(quote), l.pos)
}

func quoteByte(c byte) string { return quote(string(rune(c))) }

// number finds the end of a number.
func (l *lexer) number() (tokenKind, int) {
	src, at := l.src, l.pos
	digits := func(i int, ok func(byte) bool) int {
		for i < len(src) && (ok(src[i]) || src[i] == '_' && i+1 < len(src) && ok(src[i+1])) {
			i++
		}
		return i
	}
	decimal := func(c byte) bool { return c >= '0' && c <= '9' }
	end := digits(at, decimal)
	float := false
	if before := at > 0 && src[at-1] == '.'; !before {
		fraction := end
		if end+1 < len(src) && src[end] == '.' && decimal(src[end+1]) {
			fraction = digits(end+1, decimal)
			float = true
		}
		if fraction < len(src) && (src[fraction] == 'e' || src[fraction] == 'E') {
			e := fraction + 1
			if e < len(src) && (src[e] == '+' || src[e] == '-') {
				e++
			}
			if e < len(src) && decimal(src[e]) {
				return tFloat, digits(e, decimal)
			}
		}
		if float {
			return tFloat, fraction
		}
	}
	if src[at] != '0' {
		return tInteger, end
	}
	if at+2 < len(src) {
		var ok func(byte) bool
		switch src[at+1] {
		case 'b', 'B':
			ok = func(c byte) bool { return c == '0' || c == '1' }
		case 'o', 'O':
			ok = func(c byte) bool { return c >= '0' && c <= '7' }
		case 'x', 'X':
			ok = func(c byte) bool { return decimal(c) || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F' }
		}
		if ok != nil && ok(src[at+2]) {
			return tInteger, digits(at+2, ok)
		}
	}
	return tInteger, digits(at, func(c byte) bool { return c == '0' })
}
