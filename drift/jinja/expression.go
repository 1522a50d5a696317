package jinja

// expression reads one with a condition.
func (p *parser) expression() (expr, error) {
	if err := p.deeper(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	e, err := p.or()
	if err != nil {
		return nil, err
	}
	for p.skipWord("if") {
		test, err := p.or()
		if err != nil {
			return nil, err
		}
		var no expr
		if p.skipWord("else") {
			if no, err = p.expression(); err != nil {
				return nil, err
			}
		}
		e = &condExpr{test, e, no}
	}
	return e, nil
}

func (p *parser) or() (expr, error) {
	left, err := p.and()
	for err == nil && p.skipWord("or") {
		var right expr
		if right, err = p.and(); err == nil {
			left = &orExpr{left, right}
		}
	}
	return left, err
}

func (p *parser) and() (expr, error) {
	left, err := p.not()
	for err == nil && p.skipWord("and") {
		var right expr
		if right, err = p.not(); err == nil {
			left = &andExpr{left, right}
		}
	}
	return left, err
}

func (p *parser) not() (expr, error) {
	if !p.skipWord("not") {
		return p.compare()
	}
	if err := p.deeper(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	e, err := p.not()
	return &notExpr{e}, err
}

func (p *parser) compare() (expr, error) {
	first, err := p.sum()
	if err != nil {
		return nil, err
	}
	c := &compareExpr{first: first}
	for {
		t := p.cur()
		op := ""
		switch {
		case t.kind == tOperator && (t.text == "==" || t.text == "!=" || t.text == "<" || t.text == "<=" || t.text == ">" || t.text == ">="):
			op = t.text
			p.next()
		case t.word("in"):
			op = "in"
			p.next()
		case t.word("not") && p.look().word("in"):
			op = "not in"
			p.next()
			p.next()
		}
		if op == "" {
			break
		}
		e, err := p.sum()
		if err != nil {
			return nil, err
		}
		c.ops, c.rest = append(c.ops, op), append(c.rest, e)
	}
	if c.ops == nil {
		return first, nil
	}
	return c, nil
}

// chain reads operands of one level of operators, from the left.
func (p *parser) chain(operand func() (expr, error), ops ...string) (expr, error) {
	left, err := operand()
	for err == nil {
		t := p.cur()
		found := false
		for _, op := range ops {
			found = found || t.kind == tOperator && t.text == op
		}
		if !found {
			break
		}
		p.next()
		var right expr
		if right, err = operand(); err == nil {
			left = &binaryExpr{t.text, left, right}
		}
	}
	return left, err
}

func (p *parser) sum() (expr, error) { return p.chain(p.concat, "+", "-") }

func (p *parser) concat() (expr, error) {
	first, err := p.product()
	if err != nil || !p.is("~") {
		return first, err
	}
	c := &concatExpr{[]expr{first}}
	for p.skip("~") {
		e, err := p.product()
		if err != nil {
			return nil, err
		}
		c.items = append(c.items, e)
	}
	return c, nil
}

func (p *parser) product() (expr, error) { return p.chain(p.power, "*", "/", "//", "%") }

func (p *parser) power() (expr, error) {
	return p.chain(func() (expr, error) { return p.unary(true) }, "**")
}

func (p *parser) unary(filters bool) (e expr, err error) {
	if err := p.deeper(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	switch {
	case p.skip("-"):
		e, err = p.unary(false)
		e = &negExpr{e}
	case p.skip("+"):
		e, err = p.unary(false)
		e = &posExpr{e}
	default:
		e, err = p.primary()
	}
	if err == nil {
		e, err = p.postfix(e)
	}
	if err == nil && filters {
		e, err = p.filtered(e)
	}
	return e, err
}
