package jinja

import (
	"fmt"
	"strings"
)

// parser reads tokens into statements, by Jinja's grammar.
type parser struct {
	env    *Env
	tmpl   *template
	tokens []token
	pos    int
	depth  int
	tags   []string
	ends   [][]string
	uses   []*macroUses // of the macros that are being read
}

const deepestNesting = 150

// compile reads a template.
func (e *Env) compile(text, name string, syn syntax) (*template, error) {
	p := &parser{env: e, tmpl: &template{name: name, syn: syn, blocks: map[string]*blockStmt{}}}
	_, tokens, err := lex(text, syn)
	if err == nil {
		for _, t := range tokens {
			if t.kind != tComment && t.kind != tRaw {
				p.tokens = append(p.tokens, t)
			}
		}
		p.tmpl.body, err = p.until(nil)
	}
	if err != nil {
		if s, ok := err.(*SyntaxError); ok { //nolint:errorlint // it is made here
			s.Name, s.Text = name, text
		}
		return nil, err
	}
	return p.tmpl, nil
}

func (p *parser) cur() token { return p.tokens[p.pos] }

func (p *parser) look() token { return p.tokens[min(p.pos+1, len(p.tokens)-1)] }

func (p *parser) next() token {
	t := p.tokens[p.pos]
	if p.pos < len(p.tokens)-1 {
		p.pos++
	}
	return t
}

func (p *parser) is(op string) bool {
	t := p.cur()
	return t.kind == tOperator && t.text == op
}

func (t token) word(names ...string) bool {
	if t.kind != tName {
		return false
	}
	for _, name := range names {
		if t.text == name {
			return true
		}
	}
	return false
}

func (p *parser) skip(op string) bool {
	if p.is(op) {
		p.next()
		return true
	}
	return false
}

func (p *parser) skipWord(name string) bool {
	if p.cur().word(name) {
		p.next()
		return true
	}
	return false
}

func (p *parser) failAt(line int, format string, args ...any) error {
	return &SyntaxError{Message: fmt.Sprintf(format, args...), Line: line}
}

func (p *parser) fail(format string, args ...any) error {
	return p.failAt(p.cur().line, format, args...)
}

// describe names a token as Jinja does in its errors.
func (t token) describe() string {
	switch t.kind {
	case tEOF:
		return "end of template"
	case tVariableBegin, tVariableEnd, tBlockBegin, tBlockEnd, tData:
		return kindNames[t.kind]
	case tString:
		return t.text
	}
	return t.text
}

var kindNames = map[tokenKind]string{
	tEOF: "end of template", tVariableBegin: "begin of print statement", tVariableEnd: "end of print statement",
	tBlockBegin: "begin of statement block", tBlockEnd: "end of statement block", tData: "template data / text",
	tName: "name", tString: "string", tInteger: "integer", tFloat: "float",
}

// got is how an unexpected token is told: names by their text, strings and numbers by their kind.
func (t token) got() string {
	if t.kind == tString || t.kind == tInteger || t.kind == tFloat {
		return kindNames[t.kind]
	}
	return t.describe()
}

func (p *parser) expectOp(op string) error {
	if !p.skip(op) {
		return p.expected(op)
	}
	return nil
}

func (p *parser) expected(want string) error {
	if p.cur().kind == tEOF {
		return p.fail("unexpected end of template, expected %s.", quote(want))
	}
	return p.fail("expected token %s, got %s", quote(want), quote(p.cur().got()))
}

func (p *parser) expectWord(word string) error {
	if !p.skipWord(word) {
		return p.expected(word)
	}
	return nil
}

func (p *parser) expectKind(kind tokenKind) (token, error) {
	if p.cur().kind != kind {
		return token{}, p.expected(kindNames[kind])
	}
	return p.next(), nil
}

func (p *parser) deeper() error {
	if p.depth++; p.depth > deepestNesting {
		return p.fail("more than %d levels", deepestNesting)
	}
	return nil
}

// until reads statements up to a block that begins with one of the words; with none it reads to the end of the template.
func (p *parser) until(words []string) ([]stmt, error) {
	if err := p.deeper(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	if words != nil {
		p.ends = append(p.ends, words)
		defer func() { p.ends = p.ends[:len(p.ends)-1] }()
	}
	var body []stmt
	for {
		t := p.cur()
		switch t.kind {
		case tEOF:
			if words != nil {
				return nil, p.unknownTag("", t.line)
			}
			return body, nil
		case tData:
			p.next()
			body = append(body, &dataStmt{t.text})
		case tVariableBegin:
			p.next()
			e, err := p.tuple(tupleOf{})
			if err != nil {
				return nil, err
			}
			if _, err := p.expectKind(tVariableEnd); err != nil {
				return nil, err
			}
			body = append(body, &outputStmt{e})
		case tBlockBegin:
			p.next()
			if words != nil && p.cur().word(words...) {
				return body, nil
			}
			s, err := p.statement()
			if err != nil {
				return nil, err
			}
			body = append(body, s...)
			if _, err := p.expectKind(tBlockEnd); err != nil {
				return nil, err
			}
		default:
			return nil, p.fail("unexpected %s", quote(t.describe()))
		}
	}
}

// body reads statements after a tag, up to the word that ends them, which is read too.
func (p *parser) body(end string) ([]stmt, error) {
	body, err := p.part(end)
	if err == nil {
		p.next()
	}
	return body, err
}

// part leaves the word that ended it to be read.
func (p *parser) part(ends ...string) ([]stmt, error) {
	p.skip(":")
	if _, err := p.expectKind(tBlockEnd); err != nil {
		return nil, err
	}
	return p.until(ends)
}

func (p *parser) unknownTag(name string, line int) error {
	var wanted []string
	var looking string
	for i, words := range p.ends {
		wanted = append(wanted, words...)
		if i == len(p.ends)-1 {
			quoted := make([]string, len(words))
			for j, w := range words {
				quoted[j] = "'" + w + "'"
			}
			looking = strings.Join(quoted, " or ")
		}
	}
	var m []string
	if name == "" {
		m = append(m, "Unexpected end of template.")
	} else {
		m = append(m, "Encountered unknown tag "+quote(name)+".")
	}
	if looking != "" {
		known := false
		for _, w := range wanted {
			known = known || w == name
		}
		if known {
			m = append(m, "You probably made a nesting mistake. Jinja is expecting this tag, but currently looking for "+looking+".")
		} else {
			m = append(m, "Jinja was looking for the following tags: "+looking+".")
		}
	}
	if len(p.tags) > 0 {
		m = append(m, "The innermost block that needs to be closed is "+quote(p.tags[len(p.tags)-1])+".")
	}
	return p.failAt(line, "%s", strings.Join(m, " "))
}
