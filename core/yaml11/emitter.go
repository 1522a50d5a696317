package yaml11

import (
	"strings"
)

// emitter writes nodes with libyaml's layout.
type emitter struct {
	opt        DumpOptions
	b          strings.Builder
	indent     int
	step       int
	width      int
	column     int
	flow       int  // levels of [] and {}
	simpleKey  bool // a key on the line of its value is being written
	inMapping  bool // the node is a value of a mapping
	whitespace bool // what was written last is white space
	indention  bool // only white space and indicators stand in this line
	openEnded  bool
}

func (e *emitter) newline() {
	e.b.WriteByte('\n')
	e.column = 0
}

func (e *emitter) put(r rune) {
	e.b.WriteRune(r)
	e.column++
}

func (e *emitter) writeIndent() {
	indent := max(e.indent, 0)
	if !e.indention || e.column > indent || e.column == indent && !e.whitespace {
		e.newline()
	}
	for e.column < indent {
		e.put(' ')
	}
	e.whitespace, e.indention = true, true
}

func (e *emitter) indicator(text string, needSpace, isSpace, isIndention bool) {
	if needSpace && !e.whitespace {
		e.put(' ')
	}
	for _, r := range text {
		e.put(r)
	}
	e.whitespace = isSpace
	e.indention = e.indention && isIndention
	e.openEnded = false
}

// deeper goes one level in and returns what goes back.
func (e *emitter) deeper(flow, stay bool) func() {
	before := e.indent
	switch {
	case e.indent < 0:
		e.indent = 0
		if flow {
			e.indent = e.step
		}
	case !stay:
		e.indent += e.step
	}
	return func() { e.indent = before }
}

func (e *emitter) node(n *written, inMapping, simpleKey bool) {
	e.inMapping, e.simpleKey = inMapping, simpleKey
	if n.tag != "" {
		e.indicator(n.tag, true, false, false)
	}
	switch n.kind {
	case scalarNode:
		back := e.deeper(true, false)
		e.scalar(n)
		back()
	case sequenceNode:
		if e.flow > 0 || n.flow {
			e.flowSequence(n)
		} else {
			e.blockSequence(n)
		}
	case mappingNode:
		if e.flow > 0 || n.flow {
			e.flowMapping(n)
		} else {
			e.blockMapping(n)
		}
	}
}

func (e *emitter) flowSequence(n *written) {
	e.indicator("[", true, true, false)
	back := e.deeper(true, false)
	e.flow++
	for i, item := range n.items {
		if i > 0 {
			e.indicator(",", false, false, false)
		}
		if e.column > e.width {
			e.writeIndent()
		}
		e.node(item, false, false)
	}
	e.flow--
	back()
	e.indicator("]", false, false, false)
}

func (e *emitter) flowMapping(n *written) {
	e.indicator("{", true, true, false)
	back := e.deeper(true, false)
	e.flow++
	for i := 0; i < len(n.items); i += 2 {
		if i > 0 {
			e.indicator(",", false, false, false)
		}
		if e.column > e.width {
			e.writeIndent()
		}
		if e.isSimpleKey(n.items[i]) {
			e.node(n.items[i], true, true)
			e.indicator(":", false, false, false)
		} else {
			e.indicator("?", true, false, false)
			e.node(n.items[i], true, false)
			if e.column > e.width {
				e.writeIndent()
			}
			e.indicator(":", true, false, false)
		}
		e.node(n.items[i+1], true, false)
	}
	e.flow--
	back()
	e.indicator("}", false, false, false)
}

func (e *emitter) blockSequence(n *written) {
	back := e.deeper(false, e.inMapping && !e.indention)
	for _, item := range n.items {
		e.writeIndent()
		e.indicator("-", true, false, true)
		e.node(item, false, false)
	}
	back()
}

func (e *emitter) blockMapping(n *written) {
	back := e.deeper(false, false)
	for i := 0; i < len(n.items); i += 2 {
		e.writeIndent()
		if e.isSimpleKey(n.items[i]) {
			e.node(n.items[i], true, true)
			e.indicator(":", false, false, false)
		} else {
			e.indicator("?", true, false, true)
			e.node(n.items[i], true, false)
			e.writeIndent()
			e.indicator(":", true, false, true)
		}
		e.node(n.items[i+1], true, false)
	}
	back()
}

// isSimpleKey: short, and on one line.
func (e *emitter) isSimpleKey(n *written) bool {
	if n.kind != scalarNode {
		return len(n.items) == 0
	}
	return len(n.text) <= 128 && !analyze(n.text, !e.opt.ASCII).multiline
}

func (e *emitter) scalar(n *written) {
	a := analyze(n.text, !e.opt.ASCII)
	style := n.style
	if style == 0 {
		style = 'p'
	}
	if e.simpleKey && a.multiline {
		style = '"'
	}
	if style == 'p' && (e.flow > 0 && !a.flowPlain || e.flow == 0 && !a.blockPlain || n.text == "" && (e.flow > 0 || e.simpleKey) || !n.implicit && n.tag == "") {
		style = '\''
	}
	if style == '\'' && !a.single {
		style = '"'
	}
	if (style == '|' || style == '>') && (!a.block || e.flow > 0 || e.simpleKey) {
		style = '"'
	}
	breaks := !e.simpleKey
	switch style {
	case 'p':
		e.plain(n.text, breaks)
	case '\'':
		e.single(n.text, breaks)
	case '"':
		e.double(n.text, breaks)
	default:
		e.literal(n.text)
	}
}

func (e *emitter) plain(text string, breaks bool) {
	if !e.whitespace && (text != "" || e.flow > 0) {
		e.put(' ')
	}
	e.folded([]rune(text), breaks, false)
	e.whitespace, e.indention = false, false
}

// folded writes text that may be broken at spaces; in single quotes, quotes are doubled.
func (e *emitter) folded(text []rune, allow, quoted bool) {
	spaces, broken := false, false
	for i, r := range text {
		switch {
		case r == ' ':
			nextSpace := i+1 < len(text) && text[i+1] == ' '
			if allow && !spaces && e.column > e.width && !nextSpace && (!quoted || i > 0 && i < len(text)-1) {
				e.writeIndent()
			} else {
				e.put(' ')
			}
			spaces = true
		case isBreak(r):
			if !broken && r == '\n' {
				e.newline()
			}
			e.lineBreak(r)
			e.indention = true
			broken = true
		default:
			if broken {
				e.writeIndent()
			}
			if quoted && r == '\'' {
				e.put('\'')
			}
			e.put(r)
			e.indention = false
			spaces, broken = false, false
		}
	}
	if quoted && broken {
		e.writeIndent()
	}
}

func (e *emitter) lineBreak(r rune) {
	if r == '\n' {
		e.newline()
		return
	}
	e.b.WriteRune(r)
	e.column = 0
}

func (e *emitter) single(text string, breaks bool) {
	e.indicator("'", true, false, false)
	e.folded([]rune(text), breaks, true)
	e.indicator("'", false, false, false)
	e.whitespace, e.indention = false, false
}

var doubleEscapes = map[rune]byte{
	0: '0', 7: 'a', 8: 'b', 9: 't', 10: 'n', 11: 'v', 12: 'f', 13: 'r', 0x1b: 'e', '"': '"', '\\': '\\', 0x85: 'N', 0xa0: '_', 0x2028: 'L', 0x2029: 'P',
}

func (e *emitter) double(text string, allow bool) {
	e.indicator(`"`, true, false, false)
	runes := []rune(text)
	spaces := false
	for i, r := range runes {
		switch {
		case !printable(r) || e.opt.ASCII && r >= 0x80 || isBreak(r) || r == '"' || r == '\\':
			e.put('\\')
			if c, ok := doubleEscapes[r]; ok {
				e.put(rune(c))
			} else {
				e.hex(r)
			}
			spaces = false
		case r == ' ':
			if allow && !spaces && e.column > e.width && i > 0 && i < len(runes)-1 {
				e.writeIndent()
				if runes[i+1] == ' ' {
					e.put('\\')
				}
			} else {
				e.put(' ')
			}
			spaces = true
		default:
			e.put(r)
			spaces = false
		}
	}
	e.indicator(`"`, false, false, false)
	e.whitespace, e.indention = false, false
}

func (e *emitter) hex(r rune) {
	const digits = "0123456789ABCDEF"
	letter, n := 'x', 2
	switch {
	case r > 0xffff:
		letter, n = 'U', 8
	case r > 0xff:
		letter, n = 'u', 4
	}
	e.put(letter)
	for shift := (n - 1) * 4; shift >= 0; shift -= 4 {
		e.put(rune(digits[r>>shift&15]))
	}
}

func (e *emitter) literal(text string) {
	hints := ""
	switch {
	case text == "" || !strings.HasSuffix(text, "\n"):
		hints = "-"
	case text == "\n" || strings.HasSuffix(text, "\n\n"):
		hints = "+"
	}
	e.indicator("|"+hints, true, false, false)
	e.newline()
	e.indention, e.whitespace = true, true
	broken := true
	for _, r := range text {
		if isBreak(r) {
			e.lineBreak(r)
			e.indention, broken = true, true
			continue
		}
		if broken {
			e.writeIndent()
		}
		e.put(r)
		e.indention, broken = false, false
	}
}

// analysis says in which styles a text can be written.
type analysis struct {
	multiline, flowPlain, blockPlain, single, block bool
}

func isBreak(r rune) bool {
	return r == '\n' || r == '\r' || r == 0x85 || r == 0x2028 || r == 0x2029
}

// printable is libyaml's: characters beyond the first plane are not.
func printable(r rune) bool {
	return r == '\n' || r >= 0x20 && r <= 0x7e || r >= 0xa0 && r <= 0xd7ff || r >= 0xe000 && r <= 0xfffd && r != 0xfeff
}

func analyze(text string, unicode bool) analysis {
	if text == "" {
		return analysis{blockPlain: true, single: true}
	}
	runes := []rune(text)
	blank := func(i int) bool { return i >= len(runes) || runes[i] == ' ' || runes[i] == '\t' || isBreak(runes[i]) }
	var inBlock, inFlow, breaks, special, leading, trailing, trailingSpace, breakSpace, spaceBreak bool
	if strings.HasPrefix(text, "---") || strings.HasPrefix(text, "...") {
		inBlock, inFlow = true, true
	}
	previousSpace, previousBreak, preceded := false, false, true
	for i, r := range runes {
		followed := blank(i + 1)
		if i == 0 {
			switch {
			case strings.ContainsRune("#,[]{}&*!|>'\"%@`", r):
				inFlow, inBlock = true, true
			case r == '?' || r == ':':
				inFlow = true
				inBlock = inBlock || followed
			case r == '-' && followed:
				inFlow, inBlock = true, true
			}
		} else {
			switch {
			case strings.ContainsRune(",?[]{}", r):
				inFlow = true
			case r == ':':
				inFlow = true
				inBlock = inBlock || followed
			case r == '#' && preceded:
				inFlow, inBlock = true, true
			}
		}
		if !printable(r) || r >= 0x80 && !unicode {
			special = true
		}
		last := i == len(runes)-1
		switch {
		case r == ' ':
			leading = leading || i == 0
			trailing, trailingSpace = trailing || last, trailingSpace || last
			breakSpace = breakSpace || previousBreak
			previousSpace, previousBreak = true, false
		case isBreak(r):
			breaks = true
			leading, trailing = leading || i == 0, trailing || last
			spaceBreak = spaceBreak || previousSpace
			previousSpace, previousBreak = false, true
		default:
			previousSpace, previousBreak = false, false
		}
		preceded = blank(i)
	}
	plain := !leading && !trailing && !breakSpace && !spaceBreak && !special && !breaks
	return analysis{
		multiline: breaks, flowPlain: plain && !inFlow, blockPlain: plain && !inBlock,
		single: !breakSpace && !spaceBreak && !special, block: !trailingSpace && !spaceBreak && !special,
	}
}
