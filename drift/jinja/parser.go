package jinja

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"goodstate.dev/goodstate/core/py"
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
