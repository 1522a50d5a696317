package rule

import "strings"

func init() {
	Register(Kind{
		Name:    "docstring-first",
		Aliases: []string{"check-docstring-first"},
		Help:    "the docstring of a Python module stands before its code",
		Example: "{}",
		New: func(decode func(any) error) (any, error) {
			r := &docstringFirst{}
			return r, decode(r)
		},
	})
}

type docstringFirst struct{}

func (*docstringFirst) Wants(f *File) bool { return languages["python"].mayBe(f) }

func (*docstringFirst) Check(f *File) ([]Finding, error) {
	return Text("docstring-first", f, func(text []byte) []Finding {
		if !languages["python"].is(f, text) {
			return nil
		}
		tokens, ok := pyTokens(text)
		if !ok {
			return nil
		}
		docstring, code := -1, -1 // offsets
		for _, t := range tokens {
			plain := t.kind == 's' && !strings.ContainsAny(strings.ToLower(t.text[:strings.IndexAny(t.text, `"'`)]), "ft")
			switch {
			case plain && t.first && docstring >= 0:
				line, _ := place(text, docstring)
				return []Finding{at(text, t.offset, "a second docstring of the module; the first is on line %d", line)}
			case plain && t.first && code >= 0:
				line, _ := place(text, code)
				return []Finding{at(text, t.offset, "the docstring of the module comes after code, which begins on line %d; move it to the top", line)}
			case plain && t.first:
				docstring = t.offset
			case t.kind != ';' && code < 0:
				code = t.offset
			}
		}
		return nil
	})
}
