package migrate

import "strings"

// reader walks over the tokens of a statement.
type reader struct {
	driver string
	sql    string
	toks   []token
	i      int
}

func (s statement) reader(driver string) *reader {
	return &reader{driver: driver, sql: s.sql, toks: s.tokens}
}

func (r *reader) done() bool { return r.i >= len(r.toks) }

func (r *reader) peek() token {
	if r.done() {
		return token{kind: sign}
	}
	return r.toks[r.i]
}

// accept goes on over the keywords when all of them are next.
func (r *reader) accept(keywords ...string) bool {
	for i, k := range keywords {
		if r.i+i >= len(r.toks) || !r.toks[r.i+i].is(k) {
			return false
		}
	}
	r.i += len(keywords)
	return true
}

func (r *reader) sign(c string) bool {
	if !r.done() && r.peek().sign(c) {
		r.i++
		return true
	}
	return false
}

// fold writes a name as the database knows it: PostgreSQL writes small what is not in quotes.
func (r *reader) fold(t token) string {
	if t.kind == word && r.driver == Postgres {
		return strings.ToLower(t.text)
	}
	return t.text
}

// ident reads one name.
func (r *reader) ident() (string, bool) {
	t := r.peek()
	if r.done() || t.kind != word && t.kind != quoted {
		return "", false
	}
	r.i++
	return r.fold(t), true
}

// name reads a name with or without its schema.
func (r *reader) name() (Name, bool) {
	first, ok := r.ident()
	if !ok {
		return Name{}, false
	}
	if !r.sign(".") {
		return Name{Name: first}, true
	}
	second, ok := r.ident()
	return Name{Schema: first, Name: second}, ok
}

// from is the text from the next token to the end.
func (r *reader) from() string {
	if r.done() {
		return ""
	}
	return r.sql[r.peek().at:r.toks[len(r.toks)-1].end]
}

// parts cuts what is left at the commas that are outside of parentheses.
func (r *reader) parts() []*reader {
	var out []*reader
	depth, start := 0, r.i
	for ; r.i < len(r.toks); r.i++ {
		switch t := r.toks[r.i]; {
		case t.sign("("):
			depth++
		case t.sign(")"):
			depth--
		case t.sign(",") && depth == 0:
			out = append(out, &reader{driver: r.driver, sql: r.sql, toks: r.toks[start:r.i]})
			start = r.i + 1
		}
	}
	return append(out, &reader{driver: r.driver, sql: r.sql, toks: r.toks[start:]})
}

// find goes to the first of the keywords outside of parentheses, and says whether there is one.
func (r *reader) find(keywords ...string) (token, bool) {
	depth := 0
	for i := r.i; i < len(r.toks); i++ {
		t := r.toks[i]
		switch {
		case t.sign("("):
			depth++
		case t.sign(")"):
			depth--
		}
		for _, k := range keywords {
			if depth == 0 && t.is(k) && (k != "FROM" || i == 0 || !r.toks[i-1].is("DISTINCT")) {
				r.i = i
				return t, true
			}
		}
	}
	return token{}, false
}

// has says whether a keyword occurs anywhere in what is left.
func (r *reader) has(keyword string) bool {
	for _, t := range r.toks[min(r.i, len(r.toks)):] {
		if t.is(keyword) {
			return true
		}
	}
	return false
}

// names are all names of the statement, for finding out what depends on what.
func (r *reader) names() []string {
	var out []string
	for _, t := range r.toks {
		if t.kind == word || t.kind == quoted {
			out = append(out, r.fold(t))
		}
	}
	return out
}
