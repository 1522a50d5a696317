package jinja

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// lexer cuts a template into tokens, by the rules of Jinja's lexer.
type lexer struct {
	syn      syntax
	src      string
	pos      int
	line     int
	tokens   []token
	newlined bool   // what came before ended with a line
	found    [3]int // where the signs for comments, blocks and variables come next, as far as it is known
}

// lex returns the tokens, the last one tEOF.
func lex(source string, syn syntax) (src string, tokens []token, err error) {
	l := &lexer{syn: syn, src: normal(source, syn.keepNewline), line: 1, newlined: true}
	for l.pos < len(l.src) {
		if err := l.root(); err != nil {
			return l.src, l.tokens, err
		}
	}
	l.add(tEOF, "", len(l.src), len(l.src))
	return l.src, l.tokens, nil
}

// normal makes every line end one byte and takes the last one away.
func normal(source string, keep bool) string {
	if strings.IndexByte(source, '\r') >= 0 {
		source = strings.ReplaceAll(strings.ReplaceAll(source, "\r\n", "\n"), "\r", "\n")
	}
	if !keep {
		source = strings.TrimSuffix(source, "\n")
	}
	return source
}

func (l *lexer) add(kind tokenKind, text string, at, end int) {
	l.tokens = append(l.tokens, token{kind: kind, text: text, line: l.line, at: at, end: end})
}

func (l *lexer) fail(format string, args ...any) error {
	return &SyntaxError{Message: fmt.Sprintf(format, args...), Line: l.line}
}

// count moves on to a place and counts the lines on the way.
func (l *lexer) count(to int) {
	l.line += strings.Count(l.src[l.pos:to], "\n")
	l.newlined = to > 0 && l.src[to-1] == '\n'
	l.pos = to
}

// opening is the beginning of something in template text.
type opening struct {
	at, end int  // of the sign, with the - or + after it
	kind    byte // 'v', 'b', 'c', 'r' raw, 's' line statement, 'l' line comment
	sign    byte // '-', '+' or 0
}

// next finds the first opening from the position.
func (l *lexer) next() (opening, bool) {
	best := opening{at: -1}
	for i, o := range [3]struct {
		kind byte
		sign string
	}{{'c', l.syn.commentStart}, {'b', l.syn.blockStart}, {'v', l.syn.variableStart}} {
		at := l.find(i, o.sign)
		if at < 0 {
			continue
		}
		if best.at < 0 || at < best.at || at == best.at && len(o.sign) > best.end-best.at {
			best = opening{at: at, end: at + len(o.sign), kind: o.kind}
		}
	}
	if o, ok := l.nextLine(); ok && (best.at < 0 || o.at < best.at) {
		return o, true
	}
	if best.at < 0 {
		return best, false
	}
	if best.end < len(l.src) && (l.src[best.end] == '-' || l.src[best.end] == '+') {
		best.sign = l.src[best.end]
		best.end++
	}
	if best.kind == 'b' {
		if end, ok := l.rawTag(best.end, "raw", false); ok {
			best.kind, best.end = 'r', end
		}
	}
	return best, true
}

// find is where a sign comes next, -1 if it does not. Each sign is looked for once in the text.
func (l *lexer) find(i int, sign string) int {
	if at := l.found[i]; at < 0 || at > l.pos {
		return at
	}
	at := strings.Index(l.src[l.pos:], sign)
	if sign == "" || at < 0 {
		l.found[i] = -1
	} else {
		l.found[i] = l.pos + at
	}
	return l.found[i]
}

// nextLine finds a line statement or a line comment.
func (l *lexer) nextLine() (opening, bool) {
	if l.syn.lineStatement == "" && l.syn.lineComment == "" {
		return opening{}, false
	}
	for at := l.pos; at < len(l.src); {
		rest := l.src[at:]
		text := strings.TrimLeft(rest, " \t\v")
		start := at + len(rest) - len(text)
		lineStart := at == 0 || l.src[at-1] == '\n'
		if c := l.syn.lineComment; c != "" && lineStart && strings.HasPrefix(text, c) {
			return opening{at: at, end: start + len(c), kind: 'l'}, true
		}
		if s := l.syn.lineStatement; s != "" && lineStart && strings.HasPrefix(text, s) {
			o := opening{at: at, end: start + len(s), kind: 's'}
			if o.end < len(l.src) && (l.src[o.end] == '-' || l.src[o.end] == '+') {
				o.sign = l.src[o.end]
				o.end++
			}
			return o, true
		}
		if c := l.syn.lineComment; c != "" {
			line, _, _ := strings.Cut(rest, "\n")
			if i := strings.Index(line, c); i >= 0 {
				return opening{at: at + i, end: at + i + len(c), kind: 'l'}, true
			}
		}
		i := strings.IndexByte(rest, '\n')
		if i < 0 {
			break
		}
		at += i + 1
	}
	return opening{}, false
}

// rawTag reads the rest of {% raw %} or {% endraw %} after the sign and says where it ends.
func (l *lexer) rawTag(at int, word string, trim bool) (int, bool) {
	skip := func() {
		for at < len(l.src) && isSpace(l.src[at]) {
			at++
		}
	}
	skip()
	if !strings.HasPrefix(l.src[at:], word) {
		return 0, false
	}
	at += len(word)
	skip()
	rest := l.src[at:]
	switch {
	case strings.HasPrefix(rest, "-"+l.syn.blockEnd):
		at += 1 + len(l.syn.blockEnd)
		skip()
		return at, true
	case trim && strings.HasPrefix(rest, "+"+l.syn.blockEnd):
		return at + 1 + len(l.syn.blockEnd), true
	case strings.HasPrefix(rest, l.syn.blockEnd):
		at += len(l.syn.blockEnd)
		if trim && l.syn.trim && at < len(l.src) && l.src[at] == '\n' {
			at++
		}
		return at, true
	}
	return 0, false
}

func isSpace(c byte) bool {
	return c == ' ' || c >= '\t' && c <= '\r' || c >= 0x1c && c <= 0x1f
}

// data adds the text up to an opening, with the white space taken away that the opening asks for.
func (l *lexer) data(to int, sign byte, variable bool) {
	text := l.src[l.pos:to]
	switch {
	case sign == '-':
		text = strings.TrimRightFunc(text, unicode.IsSpace)
	case sign != '+' && l.syn.lstrip && !variable:
		line := strings.LastIndexByte(text, '\n') + 1
		if (line > 0 || l.newlined) && strings.TrimSpace(text[line:]) == "" {
			text = text[:line]
		}
	}
	if text != "" {
		if l.syn.newline != "\n" {
			text = strings.ReplaceAll(text, "\n", l.syn.newline)
		}
		l.add(tData, text, l.pos, to)
	}
	l.count(to)
}

// root reads text and what opens after it.
func (l *lexer) root() error {
	o, ok := l.next()
	if !ok {
		l.data(len(l.src), '+', false)
		return nil
	}
	l.data(o.at, o.sign, o.kind == 'v')
	switch o.kind {
	case 'c':
		return l.comment(o)
	case 'r':
		return l.raw(o)
	case 'l':
		end := strings.IndexByte(l.src[o.end:], '\n')
		if end < 0 {
			end = len(l.src) - o.end
		}
		l.count(o.end + end)
		return nil
	case 's':
		l.add(tBlockBegin, "", o.at, o.end)
		l.count(o.end)
		return l.inside(tBlockEnd, "")
	case 'v':
		l.add(tVariableBegin, "", o.at, o.end)
		l.count(o.end)
		return l.inside(tVariableEnd, l.syn.variableEnd)
	}
	l.add(tBlockBegin, "", o.at, o.end)
	l.count(o.end)
	return l.inside(tBlockEnd, l.syn.blockEnd)
}

func (l *lexer) comment(o opening) error {
	i := strings.Index(l.src[o.end:], l.syn.commentEnd)
	if i < 0 {
		l.count(o.end)
		return l.fail("Missing end of comment tag")
	}
	at := o.end + i
	end := at + len(l.syn.commentEnd)
	switch sign := l.src[at-1]; {
	case sign == '-' && at-1 >= o.end:
		for end < len(l.src) && isSpace(l.src[end]) {
			end++
		}
	case sign == '+' && at-1 >= o.end:
	case l.syn.trim && end < len(l.src) && l.src[end] == '\n':
		end++
	}
	l.add(tComment, "", o.at, end)
	l.count(end)
	return nil
}

func (l *lexer) raw(o opening) error {
	l.count(o.end)
	for from := o.end; ; {
		i := strings.Index(l.src[from:], l.syn.blockStart)
		if i < 0 {
			return l.fail("Missing end of raw directive")
		}
		at := from + i
		after := at + len(l.syn.blockStart)
		var sign byte
		if after < len(l.src) && (l.src[after] == '-' || l.src[after] == '+') {
			sign = l.src[after]
			after++
		}
		end, ok := l.rawTag(after, "endraw", true)
		if !ok {
			from = at + 1
			continue
		}
		l.data(at, sign, false)
		l.add(tRaw, "", o.at, end)
		l.count(end)
		return nil
	}
}

// isTemplate looks for the first pair of opening and closing signs.
func isTemplate(text string) bool {
	_, tokens, _ := lex(text, usual)
	return slices.ContainsFunc(tokens, func(t token) bool {
		return t.kind == tVariableEnd || t.kind == tBlockEnd || t.kind == tComment || t.kind == tRaw
	})
}

// doubled doubles the backslashes in strings between {{ and }}: what stands in a playbook between quotes there is taken as it is.
func doubled(text string, syn syntax) (string, error) {
	if strings.IndexByte(text, '\\') < 0 || !strings.Contains(text, "{{") {
		return text, nil
	}
	src, tokens, err := lex(text, syn)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	last := 0
	for _, t := range tokens {
		if t.kind == tString && t.variable {
			b.WriteString(src[last:t.at])
			b.WriteString(strings.ReplaceAll(src[t.at:t.end], `\`, `\\`))
			last = t.end
		}
	}
	b.WriteString(src[last:])
	return b.String(), nil
}
