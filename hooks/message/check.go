package message

import (
	"fmt"
	"strings"
)

// setting is the value of a check, in the form that the check takes.
type setting struct {
	Number     int
	Text       string
	List       []string // cases, or the values that are allowed
	Delimiters []string // between the parts of a scope
	Never      bool     // what the check says must not be
}

// outcome is what one check found.
type outcome struct {
	holds   bool
	line    int
	seen    string // what is there
	want    string // what should be, when the check must hold
	not     string // what should be, when it must not
	example string
}

// fine is the outcome of a check that has nothing to look at; it passes in both senses.
var fine *outcome

// takes says what form the value of a check has.
type takes int

const (
	nothing takes = iota
	number
	oneText
	texts // one or more texts
	caseNames
)

// check is one member of the table.
type check struct {
	takes takes
	limit bool // a limit has no opposite: never means the same as always
	judge func(m *Message, s setting) *outcome
}

var checks map[string]check

// The table refers to functions that refer to it, so it is filled before it is used and not where it is declared.
func init() {
	checks = map[string]check{
		"type-enum":                        {texts, false, typeEnum},
		"type-empty":                       {nothing, false, typeEmpty},
		"type-case":                        {caseNames, false, caseOf("type", func(m *Message) string { return m.Type }, headerLine)},
		"type-max-length":                  {number, true, longest("type", func(m *Message) string { return m.Type }, headerLine)},
		"type-min-length":                  {number, true, shortest("type", func(m *Message) string { return m.Type }, headerLine)},
		"scope-enum":                       {texts, false, scopeEnum},
		"scope-empty":                      {nothing, false, scopeEmpty},
		"scope-case":                       {caseNames, false, scopeCase},
		"scope-delimiter-style":            {texts, false, scopeDelimiters},
		"scope-max-length":                 {number, true, longest("scope", func(m *Message) string { return m.Scope }, headerLine)},
		"scope-min-length":                 {number, true, shortest("scope", func(m *Message) string { return m.Scope }, headerLine)},
		"subject-empty":                    {nothing, false, subjectEmpty},
		"subject-case":                     {caseNames, false, subjectCase},
		"subject-full-stop":                {oneText, false, subjectFullStop},
		"subject-exclamation-mark":         {nothing, false, subjectBang},
		"subject-max-length":               {number, true, longest("subject", func(m *Message) string { return m.Subject }, headerLine)},
		"subject-min-length":               {number, true, shortest("subject", func(m *Message) string { return m.Subject }, headerLine)},
		"header-case":                      {caseNames, false, caseOf("header", headerText, headerLine)},
		"header-full-stop":                 {oneText, false, headerFullStop},
		"header-max-length":                {number, true, longest("header", headerText, headerLine)},
		"header-min-length":                {number, true, shortest("header", headerText, headerLine)},
		"header-trim":                      {nothing, true, headerTrim},
		"body-empty":                       {nothing, false, emptyPart("body", body)},
		"body-case":                        {caseNames, false, caseOf("body", bodyText, func(m *Message) int { return firstLine(m.Body) })},
		"body-full-stop":                   {oneText, false, bodyFullStop},
		"body-leading-blank":               {nothing, false, bodyLeadingBlank},
		"body-max-length":                  {number, true, longest("body", bodyText, func(m *Message) int { return firstLine(m.Body) })},
		"body-min-length":                  {number, true, shortest("body", bodyText, func(m *Message) int { return firstLine(m.Body) })},
		"body-max-line-length":             {number, true, lineLength("body", body)},
		"footer-empty":                     {nothing, false, emptyPart("footer", footer)},
		"footer-leading-blank":             {nothing, false, footerLeadingBlank},
		"footer-max-length":                {number, true, longest("footer", footerText, func(m *Message) int { return firstLine(m.Footer) })},
		"footer-min-length":                {number, true, shortest("footer", footerText, func(m *Message) int { return firstLine(m.Footer) })},
		"footer-max-line-length":           {number, true, lineLength("footer", footer)},
		"references-empty":                 {nothing, false, referencesEmpty},
		"signed-off-by":                    {oneText, false, signedOff},
		"trailer-exists":                   {oneText, false, trailerExists},
		"breaking-change-exclamation-mark": {nothing, false, breakingBoth},
	}
}

// use is a check as a policy uses it.
type use struct {
	name    string
	warning bool
	setting setting
}

func (u use) run(m *Message) (Finding, bool) {
	c := checks[u.name]
	o := c.judge(m, u.setting)
	if o == fine {
		return Finding{}, false
	}
	never := u.setting.Never && !c.limit
	if o.holds != never {
		return Finding{}, false
	}
	want := o.want
	if never {
		want = o.not
	}
	return Finding{Rule: u.name, Line: max(o.line, 1), Message: o.seen + ", want " + want, Example: o.example, Warning: u.warning}, true
}

func headerText(m *Message) string { return m.Header.Text }
func headerLine(m *Message) int    { return m.Header.Number }
func body(m *Message) []Line       { return m.Body }
func footer(m *Message) []Line     { return m.Footer }
func bodyText(m *Message) string   { return text(m.Body) }
func footerText(m *Message) string { return text(m.Footer) }

func firstLine(lines []Line) int {
	if len(lines) == 0 {
		return 1
	}
	return lines[0].Number
}

// length counts as JavaScript does, in units of UTF-16, so that a limit means the same here and there.
func length(s string) int {
	n := 0
	for _, c := range s {
		n++
		if c > 0xffff {
			n++
		}
	}
	return n
}

func longest(part string, of func(*Message) string, line func(*Message) int) func(*Message, setting) *outcome {
	return func(m *Message, s setting) *outcome {
		n := length(of(m))
		return &outcome{holds: n <= s.Number, line: line(m), seen: fmt.Sprintf("the %s has %d characters", part, n), want: fmt.Sprintf("at most %d", s.Number)}
	}
}

func shortest(part string, of func(*Message) string, line func(*Message) int) func(*Message, setting) *outcome {
	return func(m *Message, s setting) *outcome {
		n := length(of(m))
		if n == 0 {
			return fine
		}
		return &outcome{holds: n >= s.Number, line: line(m), seen: fmt.Sprintf("the %s has %d characters", part, n), want: fmt.Sprintf("at least %d", s.Number)}
	}
}

// lineLength passes a long line that has a URL, which cannot be broken.
func lineLength(part string, of func(*Message) []Line) func(*Message, setting) *outcome {
	return func(m *Message, s setting) *outcome {
		for _, l := range of(m) {
			if n := length(l.Text); n > s.Number && !url().MatchString(l.Text) {
				return &outcome{line: l.Number, seen: fmt.Sprintf("a line of the %s has %d characters", part, n), want: fmt.Sprintf("at most %d; break the line", s.Number)}
			}
		}
		return fine
	}
}

func emptyPart(part string, of func(*Message) []Line) func(*Message, setting) *outcome {
	return func(m *Message, _ setting) *outcome {
		lines := of(m)
		seen := "there is no " + part
		if len(lines) > 0 {
			seen = "there is a " + part
		}
		return &outcome{holds: len(lines) == 0, line: firstLine(lines), seen: seen, want: "no " + part, not: "a " + part + " after an empty line"}
	}
}

func caseOf(part string, of func(*Message) string, line func(*Message) int) func(*Message, setting) *outcome {
	return func(m *Message, s setting) *outcome {
		if of(m) == "" {
			return fine
		}
		return inCases(part, of(m), line(m), s)
	}
}

func inCases(part, value string, line int, s setting) *outcome {
	all := strings.Join(s.List, ", ")
	for _, name := range s.List {
		if isCase(value, name) {
			o := &outcome{holds: true, line: line, seen: fmt.Sprintf("the %s %q is %s", part, value, name), not: "none of " + all}
			if small := strings.ToLower(value[:1]) + value[1:]; small != value && name != "lower-case" {
				o.example = small
			}
			return o
		}
	}
	return &outcome{line: line, seen: fmt.Sprintf("the %s is %q", part, value), want: all}
}
