package jinja

import (
	"errors"
	"fmt"
	"strings"

	"goodstate.dev/goodstate/core/py"
)

// form is how a text is evaluated.
type form struct {
	syn     syntax
	convert bool // text that looks like a list becomes one
	escape  bool // backslashes between {{ and }} stand for themselves
	name    string
}

var plainText = form{syn: usual, convert: true, escape: true}

func textForm(opt TextOptions) form {
	f := form{syn: usual, name: opt.Name}
	f.syn.trim, f.syn.lstrip = !opt.NoTrimBlocks, opt.LstripBlocks
	for _, o := range []struct {
		to   *string
		from string
	}{
		{&f.syn.newline, opt.Newline},
		{&f.syn.blockStart, opt.BlockStart},
		{&f.syn.blockEnd, opt.BlockEnd},
		{&f.syn.variableStart, opt.VariableStart},
		{&f.syn.variableEnd, opt.VariableEnd},
		{&f.syn.commentStart, opt.CommentStart},
		{&f.syn.commentEnd, opt.CommentEnd},
	} {
		if o.from != "" {
			*o.to = o.from
		}
	}
	return f
}

const overrideMark = "#jinja2:"

// text evaluates one template.
func (r *run) text(text string, how form) (any, error) {
	if !mayBeTemplate(text, how.syn) {
		return text, nil
	}
	if v, ok := r.single(text); ok {
		return v, nil
	}
	r.extensions(&how.syn)
	if r.depth++; r.depth > deepestTemplates {
		return nil, fmt.Errorf("%w: %s", errTooDeep, shown(text))
	}
	defer func() { r.depth-- }()
	if strings.HasPrefix(text, overrideMark) {
		var err error
		if text, err = override(text, &how.syn); err != nil {
			return nil, err
		}
	}
	tmpl, err := r.env.load(cacheKey{text: text, syn: how.syn, escape: how.escape, name: how.name})
	if err != nil {
		return nil, err
	}
	sc := &scopeOf{r: r, tmpl: tmpl}
	before := r.current
	r.current = sc
	v, err := r.render(sc, how.convert)
	r.current = before
	if err != nil {
		return nil, told(err, text)
	}
	if sc.unsafe {
		v = py.MarkUnsafe(v)
	}
	return keepNewlines(v, text, how.syn.newline), nil
}

// single finds the value of a text that is nothing but a variable, where it is a number, a boolean or None: these stay what they are.
func (r *run) single(text string) (any, bool) {
	if !strings.HasPrefix(text, "{{") || !strings.HasSuffix(text, "}}") || len(text) < 5 {
		return nil, false
	}
	name := strings.TrimSpace(text[2 : len(text)-2])
	if !identifier(name) {
		return nil, false
	}
	v, ok := r.scope.Lookup(name)
	if !ok {
		return nil, false
	}
	if n, ok := v.(int); ok {
		return int64(n), true
	}
	if _, _, _, kind := py.Number(v); v == nil || kind != py.NotNumber {
		return v, true
	}
	return nil, false
}

func mayBeTemplate(text string, syn syntax) bool {
	if possible(text) || strings.HasPrefix(text, overrideMark) {
		return true
	}
	if syn.blockStart == "{%" && syn.variableStart == "{{" && syn.commentStart == "{#" {
		return false
	}
	return strings.Contains(text, syn.blockStart) || strings.Contains(text, syn.variableStart) || strings.Contains(text, syn.commentStart) ||
		strings.HasPrefix(text, overrideMark)
}

// extensions switches on what jinja2_extensions of the configuration names.
func (r *run) extensions(syn *syntax) {
	for _, name := range r.env.opt.Extensions {
		switch name {
		case "jinja2.ext.do", "do":
			syn.do = true
		case "jinja2.ext.loopcontrols", "loopcontrols":
			syn.loopControls = true
		}
	}
}

// render evaluates a compiled template and makes one value of what it writes.
func (r *run) render(sc *scopeOf, convert bool) (any, error) {
	out := &output{r: r}
	if err := r.write(sc, out); err != nil {
		return nil, err
	}
	return out.result(convert)
}

// write evaluates a compiled template into an output.
func (r *run) write(sc *scopeOf, out *output) error {
	sc.addBlocks(sc.tmpl)
	for tmpl := sc.tmpl; tmpl != nil; {
		f := &frame{r: r, sc: sc, out: out, top: true}
		sc.parent = nil
		if err := execAll(tmpl.body, f); err != nil {
			return err
		}
		tmpl = sc.parent
		if tmpl != nil {
			sc.addBlocks(tmpl)
		}
	}
	return nil
}

func (s *scopeOf) addBlocks(tmpl *template) {
	for name, b := range tmpl.blocks {
		if s.blocks == nil {
			s.blocks = map[string][]*blockOf{}
		}
		s.blocks[name] = append(s.blocks[name], &blockOf{b, tmpl})
	}
}

// told adds the template to errors of Python's kind TypeError.
func told(err error, text string) error {
	var t *typeError
	if errors.As(err, &t) && t == err { //nolint:errorlint // only what no template was said of yet
		if strings.Contains(t.message, "AnsibleUndefined") {
			return &UndefinedError{fmt.Sprintf("Unable to look up a name or access an attribute in template string (%s).\n"+
				"Make sure your variable name does not contain invalid characters like '-': %s", shown(text), t.message)}
		}
		return &wrappedError{fmt.Sprintf("Unexpected templating type error occurred on (%s): %s", shown(text), t.message), err}
	}
	return err
}

// keepNewlines gives a result as many line ends at its end as the template had.
func keepNewlines(v any, text, newline string) any {
	res, ok := v.(string)
	mark := func(s string) any { return s }
	switch x := v.(type) {
	case py.Unsafe:
		res, ok, mark = string(x), true, func(s string) any { return py.Unsafe(s) }
	case py.Native:
		res, ok, mark = x.Text, true, func(s string) any {
			if x.Unsafe {
				return py.Unsafe(s)
			}
			return s
		}
	}
	if !ok {
		return v
	}
	if missing := endings(text) - endings(res); missing > 0 {
		return mark(res + strings.Repeat(newline, missing))
	}
	return v
}

func endings(text string) int { return len(text) - len(strings.TrimRight(text, "\n")) }

// override reads the first line of a template that says how it is written.
func override(text string, syn *syntax) (string, error) {
	line, rest, _ := strings.Cut(text[len(overrideMark):], "\n")
	for _, pair := range strings.Split(line, ",") {
		key, val, ok := strings.Cut(pair, ":")
		if !ok {
			return "", fmt.Errorf("failed to parse jinja2 override '%s'. Did you use something different from colon as key-value separator?", strings.TrimSpace(pair))
		}
		v, err := py.Literal(strings.TrimSpace(val), false)
		if err != nil {
			return "", fmt.Errorf("jinja2 override %s: %w", strings.TrimSpace(pair), err)
		}
		if err := syn.set(strings.TrimSpace(key), v); err != nil {
			return "", err
		}
	}
	return rest, nil
}

func (s *syntax) set(key string, v any) error {
	texts := map[string]*string{
		"block_start_string": &s.blockStart, "block_end_string": &s.blockEnd, "variable_start_string": &s.variableStart, "variable_end_string": &s.variableEnd,
		"comment_start_string": &s.commentStart, "comment_end_string": &s.commentEnd, "newline_sequence": &s.newline,
		"line_statement_prefix": &s.lineStatement, "line_comment_prefix": &s.lineComment,
	}
	bools := map[string]*bool{"trim_blocks": &s.trim, "lstrip_blocks": &s.lstrip, "keep_trailing_newline": &s.keepNewline}
	if to, ok := texts[key]; ok {
		text, ok := py.Text(v)
		if !ok || text == "" {
			return fmt.Errorf("jinja2 override %s: a text is expected, not %s", key, py.Repr(v))
		}
		*to = text
		return nil
	}
	if to, ok := bools[key]; ok {
		*to = py.Truth(v)
		return nil
	}
	return nil // Ansible sets any attribute, and unknown ones do nothing
}

func (r *run) condition(expr any) (bool, error) {
	switch x := expr.(type) {
	case nil:
		return true, nil
	case bool:
		return x, nil
	case string:
		if x == "" {
			return true, nil
		}
	}
	text, ok := py.Text(expr)
	if !ok {
		if r.env.opt.Strict {
			return false, fmt.Errorf("Conditional expressions must be strings or booleans, not %s.", py.TypeName(expr))
		}
		v, err := r.value(expr)
		return py.Truth(v), err
	}
	if _, unsafe := expr.(py.Unsafe); unsafe {
		r.noLookup = true
	} else if possible(text) {
		if isTemplate(text) {
			r.env.opt.Warn("conditional statements should not include jinja2 templating delimiters such as {{ }} or {% %}. Found: " + text)
		}
		v, err := r.text(text, plainText)
		if err != nil {
			return false, conditionFailed(text, err)
		}
		if text, ok = v.(string); !ok || text == "" {
			if _, unsafe := v.(py.Unsafe); unsafe {
				return false, errors.New("Conditional is marked as unsafe, and cannot be evaluated.")
			}
			return py.Truth(plain(v)), nil
		}
	}
	return r.checked(text, py.Str(expr))
}

// checked evaluates an expression without braces.
func (r *run) checked(text, original string) (bool, error) {
	if r.env.opt.Strict {
		return r.strict(text, original)
	}
	v, err := r.text("{% if "+text+" %} True {% else %} False {% endif %}", plainText)
	if err != nil {
		var s *SyntaxError
		if errors.As(err, &s) {
			return false, &SyntaxError{Message: s.Message, Line: s.Line, Text: s.Text}
		}
		return false, conditionFailed(original, err)
	}
	switch strings.TrimSpace(py.Str(v)) {
	case "True":
		return true, nil
	case "False":
		return false, nil
	}
	return false, fmt.Errorf("unable to evaluate conditional: %s", original)
}

// strict takes only booleans, as ansible-core 2.19 does.
func (r *run) strict(text, original string) (bool, error) {
	tmpl, err := r.env.load(cacheKey{text: "{{ " + text + " }}", syn: usual})
	if err != nil {
		return false, err
	}
	out, ok := tmpl.body[0].(*outputStmt)
	if !ok || len(tmpl.body) != 1 {
		return false, fmt.Errorf("unable to evaluate conditional: %s", original)
	}
	sc := &scopeOf{r: r, tmpl: tmpl}
	r.current = sc
	v, err := out.on.eval(&frame{r: r, sc: sc, out: &output{r: r}})
	if err == nil {
		err = defined(v)
	}
	if err != nil {
		return false, conditionFailed(original, err)
	}
	if b, ok := v.(bool); ok {
		return b, nil
	}
	return false, fmt.Errorf("Conditional result (%s) was derived from value of type '%s'. Conditionals must have a boolean result.",
		py.Repr(py.Truth(v)), py.TypeName(v))
}

func conditionFailed(original string, err error) error {
	var u *UndefinedError
	if errors.As(err, &u) {
		return &UndefinedError{fmt.Sprintf("error while evaluating conditional (%s): %s", original, u.Message)}
	}
	return err
}
