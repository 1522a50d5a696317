package migrate

import (
	"errors"
	"fmt"
	"strings"
)

// relaxed is a column's definition without what rows may not fulfil: NOT NULL becomes NULL, and the check goes. Without plain
// the default and what else is not the type goes as well.
func relaxed(definition string, plain bool) (string, error) {
	toks, err := tokens(MySQL, definition)
	if err != nil {
		return "", fmt.Errorf("read the definition %q: %w", definition, err)
	}
	r := &reader{driver: MySQL, sql: definition, toks: toks}
	var out []string
	for !r.done() {
		t := r.peek()
		switch {
		case r.accept("NOT", "NULL"), r.accept("NULL"), r.accept("UNIQUE"), r.accept("PRIMARY"), r.accept("KEY"), r.accept("FIRST"):
			continue
		case r.accept("CHECK"):
			r.skip()
			continue
		case r.accept("AFTER"):
			r.i++
			continue
		case !plain && r.accept("AUTO_INCREMENT"):
			continue
		case !plain && (r.accept("DEFAULT") || r.accept("COMMENT") || r.accept("ON", "UPDATE")):
			r.skip()
			continue
		case plain && t.is("DEFAULT"):
			from := r.i
			r.i++
			r.skip()
			out = append(out, definition[t.at:r.toks[r.i-1].end])
			if r.i == from+1 {
				return "", errors.New("a default without a value")
			}
			continue
		}
		r.i++
		if t.sign("(") { // of a type: with all that is in it
			from := t.at
			for !r.done() && !r.peek().sign(")") {
				r.i++
			}
			end := r.peek().end
			r.i++
			out[len(out)-1] += definition[from:end]
			continue
		}
		out = append(out, definition[t.at:t.end])
	}
	return strings.Join(append(out, "NULL"), " "), nil
}

// skip goes over one value: a literal with its sign, a name with its arguments, or what is in parentheses.
func (r *reader) skip() {
	for r.sign("-") || r.sign("+") {
	}
	if !r.peek().sign("(") {
		r.i++
	}
	if !r.peek().sign("(") {
		return
	}
	depth := 0
	for ; !r.done(); r.i++ {
		if r.peek().sign("(") {
			depth++
		}
		if r.peek().sign(")") {
			if depth--; depth == 0 {
				r.i++
				return
			}
		}
	}
}

// definition is a column's line without its name.
func definition(line string) string {
	return strings.TrimSpace(strings.TrimPrefix(line, quoteIdent(MySQL, backticked(line[1:]))))
}

// value is what a row gets in a column that wants one: its default, or the empty value of its type; "" where there is none.
func value(line string) string {
	def := definition(line)
	toks, err := tokens(MySQL, def)
	if err != nil || len(toks) == 0 {
		return ""
	}
	r := &reader{driver: MySQL, sql: def, toks: toks}
	if t, ok := r.find("DEFAULT"); ok {
		r.i++
		r.skip()
		return strings.TrimSpace(def[t.end:r.toks[min(r.i, len(r.toks))-1].end])
	}
	typ := strings.ToLower(toks[0].text)
	switch {
	case strings.Contains(typ, "char"), strings.Contains(typ, "text"), strings.Contains(typ, "blob"), strings.Contains(typ, "binary"):
		return "''"
	case strings.Contains(typ, "int"), typ == "decimal", typ == "float", typ == "double", typ == "bit", typ == "year", typ == "time":
		return "0"
	case typ == "date", typ == "datetime", typ == "timestamp":
		return "'1970-01-02'"
	}
	return ""
}
