package message

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

var url = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\bhttps?://\S+`) })

func typeEmpty(m *Message, _ setting) *outcome {
	seen := fmt.Sprintf("the first line %q has no type", m.Header.Text)
	if m.Type != "" {
		seen = fmt.Sprintf("the type is %q", m.Type)
	}
	return &outcome{holds: m.Type == "", line: m.Header.Number, seen: seen, want: "none", not: "type: subject or type(scope): subject", example: "fix(cart): keep the last item"}
}

func typeEnum(m *Message, s setting) *outcome {
	if m.Type == "" || len(s.List) == 0 {
		return fine
	}
	o := &outcome{
		holds: slices.Contains(s.List, m.Type), line: m.Header.Number, seen: fmt.Sprintf("the type is %q", m.Type),
		want: "one of " + strings.Join(s.List, ", "), not: "none of " + strings.Join(s.List, ", "),
	}
	if rest, ok := strings.CutPrefix(m.Header.Text, m.Type); ok && !o.holds {
		o.example = nearest(m.Type, s.List) + rest
	}
	return o
}

// nearest is the allowed word that starts like the given one, or the first.
func nearest(word string, all []string) string {
	best, shared := all[0], 0
	for _, candidate := range all {
		n := 0
		for n < len(candidate) && n < len(word) && candidate[n] == lowerASCII(word[n]) {
			n++
		}
		if n > shared {
			best, shared = candidate, n
		}
	}
	return best
}

func lowerASCII(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

func scopeEmpty(m *Message, _ setting) *outcome {
	if m.Scope == "" {
		return &outcome{holds: true, line: m.Header.Number, seen: "there is no scope", not: "type(scope): subject", example: "fix(cart): keep the last item"}
	}
	return &outcome{line: m.Header.Number, seen: fmt.Sprintf("the scope is %q", m.Scope), want: "none"}
}

// parts are the scopes of api/cart, api\cart or api,cart.
func parts(scope string, delimiters []string) []string {
	if len(delimiters) == 0 {
		delimiters = []string{"/", `\`, ","}
	}
	all := []string{scope}
	for _, d := range delimiters {
		var next []string
		for _, part := range all {
			for i, p := range strings.Split(part, d) {
				if i > 0 && d == "," {
					p = strings.TrimPrefix(p, " ")
				}
				next = append(next, p)
			}
		}
		all = next
	}
	return all
}

func scopeEnum(m *Message, s setting) *outcome {
	if m.Scope == "" || len(s.List) == 0 {
		return fine
	}
	all, some := true, slices.Contains(s.List, m.Scope)
	for _, part := range parts(m.Scope, s.Delimiters) {
		is := slices.Contains(s.List, part)
		all, some = all && is, some || is
	}
	list := strings.Join(s.List, ", ")
	o := &outcome{line: m.Header.Number, seen: fmt.Sprintf("the scope is %q", m.Scope), want: "one of " + list, not: "none of " + list}
	// The two senses are not opposites: of two scopes, all must be allowed, and none may be forbidden.
	o.holds = all || slices.Contains(s.List, m.Scope)
	if s.Never {
		o.holds = some
	}
	if !o.holds && some {
		o.seen = fmt.Sprintf("of the scope %q not every part is known", m.Scope)
	}
	return o
}

func scopeCase(m *Message, s setting) *outcome {
	if m.Scope == "" {
		return fine
	}
	list := strings.Join(s.List, ", ")
	o := &outcome{line: m.Header.Number, seen: fmt.Sprintf("the scope is %q", m.Scope), want: list, not: "not " + list}
	for _, name := range s.List {
		every := true
		for _, part := range parts(m.Scope, s.Delimiters) {
			every = every && isCase(part, name)
		}
		o.holds = o.holds || every
	}
	return o
}

var betweenWords = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`[^A-Za-z0-9_-]+`) })

func scopeDelimiters(m *Message, s setting) *outcome {
	if m.Scope == "" {
		return fine
	}
	allowed := s.List
	if len(allowed) == 0 {
		allowed = []string{"/", `\`, ","}
	}
	o := &outcome{holds: true, line: m.Header.Number, want: "one of " + strings.Join(allowed, " "), not: "others"}
	o.seen = fmt.Sprintf("the parts of the scope %q are divided as allowed", m.Scope)
	for _, d := range betweenWords().FindAllString(m.Scope, -1) {
		if strings.TrimSpace(d) == "," {
			d = ","
		}
		if !slices.Contains(allowed, d) {
			o.holds, o.seen = false, fmt.Sprintf("the parts of the scope are divided by %q", d)
		}
	}
	return o
}

func subjectEmpty(m *Message, _ setting) *outcome {
	if m.Subject == "" {
		return &outcome{holds: true, line: m.Header.Number, seen: fmt.Sprintf("the first line %q has no subject", m.Header.Text), not: "type: subject, with a colon and a blank between them", example: "fix: keep the last item"}
	}
	return &outcome{line: m.Header.Number, seen: fmt.Sprintf("the subject is %q", m.Subject), want: "none"}
}

// subjectCase leaves subjects alone that do not start with a letter that has cases.
func subjectCase(m *Message, s setting) *outcome {
	first, _ := utf8.DecodeRuneInString(m.Subject)
	if !unicode.IsUpper(first) && !unicode.IsLower(first) && !unicode.IsTitle(first) {
		return fine
	}
	return inCases("subject", m.Subject, m.Header.Number, s)
}

// subjectFullStop takes three dots for an ellipsis, which is no full stop.
func subjectFullStop(m *Message, s setting) *outcome {
	h := m.Header.Text
	if colon := strings.Index(h, ":"); colon > 0 && colon == len(h)-1 {
		return fine
	}
	return stop("subject", h, s.Text, m.Header.Number, strings.HasSuffix(h, s.Text) && s.Text != "" && !strings.HasSuffix(h, "..."))
}

func headerFullStop(m *Message, s setting) *outcome {
	return stop("header", m.Header.Text, s.Text, m.Header.Number, s.Text != "" && strings.HasSuffix(m.Header.Text, s.Text))
}

func bodyFullStop(m *Message, s setting) *outcome {
	if len(m.Body) == 0 {
		return fine
	}
	last := m.Body[len(m.Body)-1]
	return stop("body", last.Text, s.Text, last.Number, s.Text != "" && strings.HasSuffix(last.Text, s.Text))
}

func stop(part, value, mark string, line int, ends bool) *outcome {
	o := &outcome{holds: ends, line: line, want: fmt.Sprintf("%q at the end of it", mark), not: fmt.Sprintf("no %q at the end", mark)}
	o.seen = fmt.Sprintf("the %s ends with %q", part, lastOf(value))
	if ends {
		o.example = strings.TrimSuffix(value, mark)
	}
	return o
}

func lastOf(s string) string {
	runes := []rune(s)
	if len(runes) == 0 {
		return ""
	}
	return string(runes[len(runes)-1:])
}

func headerTrim(m *Message, _ setting) *outcome {
	return &outcome{
		holds: strings.TrimSpace(m.Header.Text) == m.Header.Text, line: m.Header.Number, seen: "the first line starts or ends with blanks", want: "none",
		example: strings.TrimSpace(m.Header.Text),
	}
}

func subjectBang(m *Message, _ setting) *outcome {
	seen := "the first line does not mark a breaking change"
	if m.Bang {
		seen = "the first line marks a breaking change by !"
	}
	return &outcome{holds: m.Bang, line: m.Header.Number, seen: seen, want: "a ! before the colon", not: "no ! before the colon", example: "feat(api)!: drop version 1"}
}
