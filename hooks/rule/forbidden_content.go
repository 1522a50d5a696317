package rule

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"sync"
)

func init() {
	Register(Kind{
		Name:    "forbidden-content",
		Help:    "no line has a pattern in it",
		Example: `{pattern: "(?i)do not (commit|merge)", why: finish it first}`,
		New: func(decode func(any) error) (any, error) {
			r := &forbiddenContent{}
			if err := decode(r); err != nil {
				return nil, err
			}
			if r.Pattern == "" {
				return nil, errors.New("rule forbidden-content: option pattern is empty, want a regular expression")
			}
			if _, err := syntax.Parse(r.Pattern, syntax.Perl); err != nil {
				return nil, fmt.Errorf("rule forbidden-content: option pattern: %w", err)
			}
			r.compiled = sync.OnceValues(func() (*regexp.Regexp, error) { return regexp.Compile("(?m)" + r.Pattern) })
			return r, nil
		},
	})
}

// forbiddenContent compiles its pattern at the first file that it looks at: most commits have none of the files it is for.
type forbiddenContent struct {
	Pattern  string `json:"pattern"` // RE2 (https://golang.org/s/re2syntax); ^ and $ are the ends of a line
	Why      string `json:"why"`     // said to who writes one
	compiled func() (*regexp.Regexp, error)
}

func (r *forbiddenContent) Wants(f *File) bool { return f.HasText() && f.Size > 0 }

// foundMost bounds what is said of one file: a pattern that is everywhere is understood after so many.
const foundMost = 100

func (r *forbiddenContent) Check(f *File) ([]Finding, error) {
	pattern, err := r.compiled()
	if err != nil {
		return nil, fmt.Errorf("rule forbidden-content: option pattern: %w", err)
	}
	return Text("forbidden-content", f, func(text []byte) []Finding {
		var found []Finding
		where := &cursor{text: text}
		why := r.Why
		if why == "" {
			why = "take it out"
		}
		for _, span := range pattern.FindAllIndex(text, foundMost+1) {
			if len(found) == foundMost {
				found[foundMost-1].Message += "; and more in this file"
				break
			}
			found = append(found, where.at(span[0], "the text has the pattern %q, which is not allowed; %s", r.Pattern, why))
		}
		return found
	})
}
