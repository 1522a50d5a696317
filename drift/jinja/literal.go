package jinja

import (
	"math/big"
	"strconv"
	"strings"

	"goodstate.dev/goodstate/core/py"
)

func (p *parser) primary() (expr, error) {
	t := p.cur()
	switch t.kind {
	case tName:
		p.next()
		switch t.text {
		case "true", "True":
			return &constExpr{true}, nil
		case "false", "False":
			return &constExpr{false}, nil
		case "none", "None":
			return &constExpr{nil}, nil
		}
		p.noteName(t.text)
		return &nameExpr{t.text}, nil
	case tString:
		p.next()
		text := t.text
		for p.cur().kind == tString {
			text += p.next().text
		}
		return &constExpr{text}, nil
	case tInteger:
		p.next()
		return &constExpr{integer(t.text)}, nil
	case tFloat:
		p.next()
		f, err := strconv.ParseFloat(t.text, 64)
		if err != nil && f == 0 {
			return nil, p.fail("number %s: %v", t.text, err)
		}
		return &constExpr{f}, nil
	case tOperator:
		switch t.text {
		case "(":
			p.next()
			e, err := p.tuple(tupleOf{parentheses: true})
			if err == nil {
				err = p.expectOp(")")
			}
			return e, err
		case "[":
			return p.list()
		case "{":
			return p.dict()
		}
	}
	return nil, p.fail("unexpected %s", quote(t.describe()))
}

func (p *parser) noteName(name string) {
	if len(p.uses) == 0 {
		return
	}
	u := p.uses[len(p.uses)-1]
	switch name {
	case "varargs":
		u.varargs = true
	case "kwargs":
		u.kwargs = true
	case "caller":
		u.caller = true
	}
}

func integer(text string) any {
	if v, err := strconv.ParseInt(text, 0, 64); err == nil && (text == "0" || text[0] != '0' || len(text) > 1 && text[1] > '9') {
		return v
	}
	base := 0
	if strings.Trim(text, "0") == "" {
		return int64(0)
	}
	v, _ := new(big.Int).SetString(text, base)
	if v == nil {
		return int64(0)
	}
	return py.Int(v)
}

func (p *parser) list() (expr, error) {
	p.next()
	l := &listExpr{}
	for !p.is("]") {
		if len(l.items) > 0 {
			if err := p.expectOp(","); err != nil {
				return nil, err
			}
			if p.is("]") {
				break
			}
		}
		e, err := p.expression()
		if err != nil {
			return nil, err
		}
		l.items = append(l.items, e)
	}
	return l, p.expectOp("]")
}

func (p *parser) dict() (expr, error) {
	p.next()
	d := &dictExpr{}
	for !p.is("}") {
		if len(d.keys) > 0 {
			if err := p.expectOp(","); err != nil {
				return nil, err
			}
			if p.is("}") {
				break
			}
		}
		k, err := p.expression()
		if err != nil {
			return nil, err
		}
		if err := p.expectOp(":"); err != nil {
			return nil, err
		}
		v, err := p.expression()
		if err != nil {
			return nil, err
		}
		d.keys, d.values = append(d.keys, k), append(d.values, v)
	}
	return d, p.expectOp("}")
}

// tupleOf says what may stand in a tuple and where it ends.
type tupleOf struct {
	simple, parentheses, noCondition bool
	end                              string
}

// tuple reads one expression, or several with commas between them.
func (p *parser) tuple(of tupleOf) (expr, error) {
	parse := p.expression
	switch {
	case of.simple:
		parse = p.primary
	case of.noCondition:
		parse = p.or
	}
	var items []expr
	is := false
	for {
		if len(items) > 0 {
			if err := p.expectOp(","); err != nil {
				return nil, err
			}
		}
		if k := p.cur().kind; k == tVariableEnd || k == tBlockEnd || p.is(")") || of.end != "" && p.cur().word(of.end) {
			break
		}
		e, err := parse()
		if err != nil {
			return nil, err
		}
		items = append(items, e)
		if !p.is(",") {
			break
		}
		is = true
	}
	if !is {
		if len(items) > 0 {
			return items[0], nil
		}
		if !of.parentheses {
			return nil, p.fail("Expected an expression, got %s", quote(p.cur().describe()))
		}
	}
	return &tupleExpr{items}, nil
}
