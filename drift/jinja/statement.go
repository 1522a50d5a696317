package jinja

import "strings"

// statement reads what is between {% and %}, and for blocks all up to its end tag.
func (p *parser) statement() ([]stmt, error) {
	t := p.cur()
	if t.kind != tName {
		return nil, p.fail("tag name expected")
	}
	read, ok := statements[t.text]
	if t.text == "do" && !p.tmpl.syn.do || (t.text == "break" || t.text == "continue") && !p.tmpl.syn.loopControls {
		ok = false
	}
	if !ok {
		return nil, p.unknownTag(t.text, t.line)
	}
	p.tags = append(p.tags, t.text)
	p.next()
	s, err := read(p)
	if err != nil {
		return nil, err
	}
	p.tags = p.tags[:len(p.tags)-1]
	if s == nil {
		return nil, nil
	}
	return []stmt{s}, nil
}

var statements map[string]func(*parser) (stmt, error)

func init() {
	statements = map[string]func(*parser) (stmt, error){
		"for": (*parser).forLoop, "if": (*parser).ifElse, "set": (*parser).set, "with": (*parser).with, "macro": (*parser).macro,
		"call": (*parser).callBlock, "filter": (*parser).filterBlock, "autoescape": (*parser).autoescape, "block": (*parser).block,
		"extends": (*parser).extends, "include": (*parser).include, "import": (*parser).importAs, "from": (*parser).from, "print": (*parser).print,
		"do":       (*parser).do,
		"break":    func(*parser) (stmt, error) { return &breakStmt{}, nil },
		"continue": func(*parser) (stmt, error) { return &continueStmt{}, nil },
	}
}

// target reads what is assigned to: names, tuples of them, and namespace.name.
func (p *parser) target(end string, namespace bool) (expr, error) {
	t := p.cur()
	if namespace && t.kind == tName && p.look().kind == tOperator && p.look().text == "." {
		p.next()
		p.next()
		attr, err := p.expectKind(tName)
		return &nsTarget{t.text, attr.text}, err
	}
	e, err := p.tuple(tupleOf{simple: true, end: end})
	if err != nil {
		return nil, err
	}
	return e, p.assignable(e, t.line)
}

func (p *parser) assignable(e expr, line int) error {
	switch e := e.(type) {
	case *nameExpr:
		return nil
	case *tupleExpr:
		for _, item := range e.items {
			if err := p.assignable(item, line); err != nil {
				return err
			}
		}
		return nil
	case *constExpr:
		return p.failAt(line, "can't assign to 'const'")
	case *listExpr:
		return p.failAt(line, "can't assign to 'list'")
	case *dictExpr:
		return p.failAt(line, "can't assign to 'dict'")
	}
	return p.failAt(line, "can't assign to 'getattr'")
}

func (p *parser) name() (string, error) {
	t, err := p.expectKind(tName)
	return t.text, err
}

func (p *parser) forLoop() (stmt, error) {
	s := &forStmt{}
	var err error
	if s.target, err = p.target("in", false); err != nil {
		return nil, err
	}
	if err := p.expectWord("in"); err != nil {
		return nil, err
	}
	if s.over, err = p.tuple(tupleOf{noCondition: true, end: "recursive"}); err != nil {
		return nil, err
	}
	if p.skipWord("if") {
		if s.test, err = p.expression(); err != nil {
			return nil, err
		}
	}
	s.recursive = p.skipWord("recursive")
	if s.body, err = p.part("endfor", "else"); err != nil {
		return nil, err
	}
	if p.next().text == "else" {
		s.none, err = p.body("endfor")
	}
	return s, err
}

func (p *parser) ifElse() (stmt, error) {
	s := &ifStmt{}
	for {
		test, err := p.tuple(tupleOf{noCondition: true})
		if err != nil {
			return nil, err
		}
		body, err := p.part("elif", "else", "endif")
		if err != nil {
			return nil, err
		}
		s.tests, s.bodies = append(s.tests, test), append(s.bodies, body)
		switch p.next().text {
		case "elif":
			continue
		case "else":
			s.fallback, err = p.body("endif")
		}
		return s, err
	}
}

func (p *parser) set() (stmt, error) {
	target, err := p.target("", true)
	if err != nil {
		return nil, err
	}
	if p.skip("=") {
		value, err := p.tuple(tupleOf{})
		return &setStmt{target, value}, err
	}
	s := &setBlockStmt{target: target}
	if s.filter, err = p.filter(nil, false); err != nil {
		return nil, err
	}
	s.body, err = p.body("endset")
	return s, err
}

func (p *parser) with() (stmt, error) {
	s := &withStmt{}
	for p.cur().kind != tBlockEnd {
		if len(s.targets) > 0 {
			if err := p.expectOp(","); err != nil {
				return nil, err
			}
		}
		target, err := p.target("", false)
		if err != nil {
			return nil, err
		}
		if err := p.expectOp("="); err != nil {
			return nil, err
		}
		value, err := p.expression()
		if err != nil {
			return nil, err
		}
		s.targets, s.values = append(s.targets, target), append(s.values, value)
	}
	var err error
	s.body, err = p.body("endwith")
	return s, err
}

func (p *parser) signature() (sig signature, err error) {
	if err := p.expectOp("("); err != nil {
		return sig, err
	}
	for !p.is(")") {
		if len(sig.names) > 0 {
			if err := p.expectOp(","); err != nil {
				return sig, err
			}
		}
		name, err := p.name()
		if err != nil {
			return sig, err
		}
		if p.skip("=") {
			e, err := p.expression()
			if err != nil {
				return sig, err
			}
			sig.defaults = append(sig.defaults, e)
		} else if len(sig.defaults) > 0 {
			return sig, p.fail("non-default argument follows default argument")
		}
		sig.names = append(sig.names, name)
	}
	return sig, p.expectOp(")")
}

// macroBody reads the body of a macro and notes which special names it reads.
func (p *parser) macroBody(end string) (body []stmt, uses macroUses, err error) {
	p.uses = append(p.uses, &uses)
	body, err = p.body(end)
	p.uses = p.uses[:len(p.uses)-1]
	if len(p.uses) > 0 { // what is read in an inner macro counts for the outer one too, as in Jinja
		outer := p.uses[len(p.uses)-1]
		outer.varargs, outer.kwargs, outer.caller = outer.varargs || uses.varargs, outer.kwargs || uses.kwargs, outer.caller || uses.caller
	}
	return body, uses, err
}

func (p *parser) macro() (stmt, error) {
	s := &macroStmt{}
	var err error
	if s.name, err = p.name(); err != nil {
		return nil, err
	}
	if s.sig, err = p.signature(); err != nil {
		return nil, err
	}
	s.body, s.uses, err = p.macroBody("endmacro")
	return s, err
}

func (p *parser) callBlock() (stmt, error) {
	s := &callStmt{}
	var err error
	if p.is("(") {
		if s.sig, err = p.signature(); err != nil {
			return nil, err
		}
	}
	line := p.cur().line
	e, err := p.expression()
	if err != nil {
		return nil, err
	}
	call, ok := e.(*callExpr)
	if !ok {
		return nil, p.failAt(line, "expected call")
	}
	s.call = call
	s.body, s.uses, err = p.macroBody("endcall")
	return s, err
}

func (p *parser) filterBlock() (stmt, error) {
	f, err := p.filter(nil, true)
	if err != nil {
		return nil, err
	}
	s := &filterStmt{filter: f}
	s.body, err = p.body("endfilter")
	return s, err
}

func (p *parser) autoescape() (stmt, error) {
	if _, err := p.expression(); err != nil {
		return nil, err
	}
	body, err := p.body("endautoescape")
	return &scopeStmt{body}, err
}

func (p *parser) block() (stmt, error) {
	s := &blockStmt{}
	line := p.cur().line
	var err error
	if s.name, err = p.name(); err != nil {
		return nil, err
	}
	s.scoped = p.skipWord("scoped")
	s.required = p.skipWord("required")
	if p.is("-") {
		return nil, p.fail("Block names in Jinja have to be valid Python identifiers and may not contain hyphens, use an underscore instead.")
	}
	if s.body, err = p.body("endblock"); err != nil {
		return nil, err
	}
	if s.required {
		for _, b := range s.body {
			if d, ok := b.(*dataStmt); !ok || strings.TrimSpace(d.text) != "" {
				return nil, p.fail("Required blocks can only contain comments or whitespace")
			}
		}
	}
	p.skipWord(s.name)
	if _, twice := p.tmpl.blocks[s.name]; twice {
		return nil, p.failAt(line, "block %s defined twice", quote(s.name))
	}
	p.tmpl.blocks[s.name] = s
	return s, nil
}

func (p *parser) extends() (stmt, error) {
	e, err := p.expression()
	return &extendsStmt{e}, err
}

// context reads "with context" or "without context".
func (p *parser) context(with *bool) bool {
	if p.cur().word("with", "without") && p.look().word("context") {
		*with = p.next().text == "with"
		p.next()
		return true
	}
	return false
}

func (p *parser) include() (stmt, error) {
	p.tmpl.mutates = true
	e, err := p.expression()
	if err != nil {
		return nil, err
	}
	s := &includeStmt{on: e, withContext: true}
	if p.cur().word("ignore") && p.look().word("missing") {
		s.ignoreMissing = true
		p.next()
		p.next()
	}
	p.context(&s.withContext)
	return s, nil
}

func (p *parser) importAs() (stmt, error) {
	p.tmpl.mutates = true
	e, err := p.expression()
	if err != nil {
		return nil, err
	}
	if err := p.expectWord("as"); err != nil {
		return nil, err
	}
	s := &importStmt{on: e}
	if s.target, err = p.name(); err != nil {
		return nil, err
	}
	p.context(&s.withContext)
	return s, nil
}

func (p *parser) from() (stmt, error) {
	p.tmpl.mutates = true
	e, err := p.expression()
	if err != nil {
		return nil, err
	}
	if err := p.expectWord("import"); err != nil {
		return nil, err
	}
	s := &fromStmt{on: e}
	for {
		if len(s.names) > 0 {
			if err := p.expectOp(","); err != nil {
				return nil, err
			}
		}
		if p.context(&s.withContext) {
			return s, nil
		}
		name, err := p.name()
		if err != nil {
			return nil, err
		}
		if strings.HasPrefix(name, "_") {
			return nil, p.fail("names starting with an underline can not be imported")
		}
		as := name
		if p.skipWord("as") {
			if as, err = p.name(); err != nil {
				return nil, err
			}
		}
		s.names, s.as = append(s.names, name), append(s.as, as)
		if p.context(&s.withContext) || !p.is(",") {
			return s, nil
		}
	}
}

func (p *parser) print() (stmt, error) {
	s := &printStmt{}
	for p.cur().kind != tBlockEnd {
		if len(s.items) > 0 {
			if err := p.expectOp(","); err != nil {
				return nil, err
			}
		}
		e, err := p.expression()
		if err != nil {
			return nil, err
		}
		s.items = append(s.items, &outputStmt{e})
	}
	return s, nil
}

// printStmt is several outputs.
type printStmt struct{ items []*outputStmt }

func (s *printStmt) exec(f *frame) error {
	for _, o := range s.items {
		if err := o.exec(f); err != nil {
			return err
		}
	}
	return nil
}

func (p *parser) do() (stmt, error) {
	e, err := p.tuple(tupleOf{})
	return &doStmt{e}, err
}
