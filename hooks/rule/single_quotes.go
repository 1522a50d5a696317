package rule

import (
	"bytes"
	"strings"
)

func init() {
	Register(Kind{
		Name:    "single-quotes",
		Aliases: []string{"double-quote-string-fixer"},
		Help:    "strings in Python are in single quotes where nothing speaks against it",
		Example: "{}",
		New: func(decode func(any) error) (any, error) {
			r := &singleQuotes{}
			return r, decode(r)
		},
	})
}

type singleQuotes struct{}

func (*singleQuotes) Wants(f *File) bool { return languages["python"].mayBe(f) }

func (r *singleQuotes) Check(f *File) ([]Finding, error) {
	return Text("single-quotes", f, func(text []byte) []Finding {
		var found []Finding
		where := &cursor{text: text}
		for _, t := range r.doubles(f, text) {
			found = append(found, where.at(t.offset, "the string is in double quotes, want single ones"))
		}
		return found
	})
}

func (r *singleQuotes) Fix(f *File) ([]byte, bool, error) {
	return fixText("single-quotes", f, func(text []byte) []byte {
		fixed := bytes.Clone(text)
		for _, t := range r.doubles(f, text) {
			fixed[t.offset+strings.IndexByte(t.text, '"')] = '\''
			fixed[t.offset+len(t.text)-1] = '\''
		}
		return fixed
	})
}

// doubles are the strings in double quotes that have no quote of either kind inside. Formatted ones are left: what is in their braces is code.
func (*singleQuotes) doubles(f *File, text []byte) []pyToken {
	if !languages["python"].is(f, text) {
		return nil
	}
	tokens, ok := pyTokens(text)
	if !ok {
		return nil
	}
	var all []pyToken
	for _, t := range tokens {
		if t.kind != 's' {
			continue
		}
		open := strings.IndexAny(t.text, `"'`)
		if t.text[open] != '"' || strings.HasPrefix(t.text[open:], `"""`) || strings.ContainsAny(t.text[:open], "fFtT") {
			continue
		}
		if !strings.ContainsAny(t.text[open+1:len(t.text)-1], `"'`) {
			all = append(all, t)
		}
	}
	return all
}
