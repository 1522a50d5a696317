package jinja

import (
	"strings"
)

func (p *parser) postfix(e expr) (expr, error) {
	var err error
	for err == nil {
		switch {
		case p.is("."), p.is("["):
			e, err = p.subscript(e)
		case p.is("("):
			e, err = p.call(e)
		default:
			return e, nil
		}
	}
	return nil, err
}

func (p *parser) filtered(e expr) (expr, error) {
	var err error
	for err == nil {
		switch {
		case p.is("|"):
			e, err = p.filter(e, false)
		case p.cur().word("is"):
			e, err = p.test(e)
		case p.is("("):
			e, err = p.call(e)
		default:
			return e, nil
		}
	}
	return nil, err
}

// changing are the methods that change a list or a dict.
var changing = map[string]bool{
	"append": true, "extend": true, "insert": true, "pop": true, "remove": true, "clear": true, "sort": true, "reverse": true,
	"update": true, "setdefault": true, "popitem": true,
}

func (p *parser) subscript(e expr) (expr, error) {
	if p.next().text == "." {
		t := p.next()
		switch t.kind {
		case tName:
			p.tmpl.mutates = p.tmpl.mutates || changing[t.text]
			return &getattrExpr{e, t.text}, nil
		case tInteger:
			return &getitemExpr{e, &constExpr{integer(t.text)}}, nil
		}
		return nil, p.failAt(t.line, "expected name or number")
	}
	var args []expr
	for !p.is("]") {
		if len(args) > 0 {
			if err := p.expectOp(","); err != nil {
				return nil, err
			}
		}
		a, err := p.subscribed()
		if err != nil {
			return nil, err
		}
		args = append(args, a)
	}
	p.next()
	if len(args) == 1 {
		if c, ok := args[0].(*constExpr); ok {
			name, _ := c.value.(string)
			p.tmpl.mutates = p.tmpl.mutates || changing[name]
		}
		return &getitemExpr{e, args[0]}, nil
	}
	return &getitemExpr{e, &tupleExpr{args}}, nil
}

// subscribed reads an index or a slice.
func (p *parser) subscribed() (expr, error) {
	var parts [3]expr
	var err error
	if !p.is(":") {
		if parts[0], err = p.expression(); err != nil || !p.is(":") {
			return parts[0], err
		}
	}
	for i := 1; i < 3 && p.skip(":"); i++ {
		if p.is(":") || p.is("]") || p.is(",") {
			continue
		}
		if parts[i], err = p.expression(); err != nil {
			return nil, err
		}
	}
	return &sliceExpr{parts[0], parts[1], parts[2]}, nil
}

func (p *parser) call(e expr) (expr, error) {
	args, err := p.arguments()
	return &callExpr{e, args}, err
}

func (p *parser) arguments() (a arguments, err error) {
	line := p.cur().line
	if err := p.expectOp("("); err != nil {
		return a, err
	}
	for first := true; !p.is(")"); first = false {
		if !first {
			if err := p.expectOp(","); err != nil {
				return a, err
			}
			if p.is(")") {
				break
			}
		}
		var ok bool
		switch t := p.cur(); {
		case p.skip("*"):
			ok = a.all == nil && a.allName == nil
			a.all, err = p.expression()
		case p.skip("**"):
			ok = a.allName == nil
			a.allName, err = p.expression()
		case t.kind == tName && p.look().kind == tOperator && p.look().text == "=":
			ok = a.allName == nil
			p.next()
			p.next()
			var e expr
			e, err = p.expression()
			a.names, a.named = append(a.names, t.text), append(a.named, e)
		default:
			ok = a.all == nil && a.allName == nil && len(a.named) == 0
			var e expr
			e, err = p.expression()
			a.list = append(a.list, e)
		}
		if err != nil {
			return a, err
		}
		if !ok {
			return a, p.failAt(line, "invalid syntax for function call expression")
		}
	}
	return a, p.expectOp(")")
}

func (p *parser) dotted() (string, error) {
	t, err := p.expectKind(tName)
	name := t.text
	for err == nil && p.skip(".") {
		if t, err = p.expectKind(tName); err == nil {
			name += "." + t.text
		}
	}
	return name, err
}

// filter reads filters one after the other; with inline the first has no bar before it.
func (p *parser) filter(e expr, inline bool) (expr, error) {
	for inline || p.is("|") {
		if !inline {
			p.next()
		}
		inline = false
		line := p.cur().line
		name, err := p.dotted()
		if err != nil {
			return nil, err
		}
		f := &filterExpr{on: e, name: name}
		if p.is("(") {
			if f.args, err = p.arguments(); err != nil {
				return nil, err
			}
		}
		if f.fn = findBuiltin(filters, name); f.fn == nil && !p.env.plugin("filter", name) {
			return nil, p.failAt(line, "Could not load %q: %s", name, quote(name))
		}
		if strings.HasSuffix(name, "attr") {
			p.tmpl.mutates = true
		}
		e = f
	}
	return e, nil
}

func (p *parser) test(e expr) (expr, error) {
	line := p.next().line
	negated := p.skipWord("not")
	name, err := p.dotted()
	if err != nil {
		return nil, err
	}
	t := &testExpr{on: e, name: name}
	switch c := p.cur(); {
	case p.is("("):
		t.args, err = p.arguments()
	case (c.kind == tName && !c.word("else", "or", "and")) || c.kind == tString || c.kind == tInteger || c.kind == tFloat || p.is("[") || p.is("{"):
		if c.word("is") {
			return nil, p.fail("You cannot chain multiple tests with is")
		}
		var arg expr
		if arg, err = p.primary(); err == nil {
			arg, err = p.postfix(arg)
			t.args.list = []expr{arg}
		}
	}
	if err != nil {
		return nil, err
	}
	if t.fn = findBuiltin(tests, name); t.fn == nil && !p.env.plugin("test", name) {
		return nil, p.failAt(line, "Could not load %q: %s", name, quote(name))
	}
	if negated {
		return &notExpr{t}, nil
	}
	return t, nil
}
