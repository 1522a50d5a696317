package message

import (
	"fmt"
	"regexp"
	"strings"
)

// Pattern is a regular expression (RE2, https://github.com/google/re2/wiki/Syntax) that a part of a message must match, or must not.
type Pattern struct {
	Match   string `yaml:"match" json:"match,omitempty" required:"true" help:"the regular expression" example:"^[A-Z]+-[0-9]+ "`
	In      string `yaml:"in" json:"in,omitempty" default:"header" enum:"header,subject,body,footer,message" help:"the part that is looked at"`
	Refuse  bool   `yaml:"refuse" json:"refuse,omitempty" help:"what matches is refused, instead of wanted"`
	Why     string `yaml:"why" json:"why,omitempty" help:"what a person is told"`
	Example string `yaml:"example" json:"example,omitempty" help:"a part that passes"`
}

// Issue is the key of an issue that a message must have.
type Issue struct {
	Match   string `yaml:"match" json:"match,omitempty" help:"regular expression of a key" example:"[A-Z]+-[0-9]+"`
	In      string `yaml:"in" json:"in,omitempty" default:"message" enum:"header,subject,body,footer,message" help:"the part that must have it"`
	Example string `yaml:"example" json:"example,omitempty" help:"a key" example:"SHOP-12"`
}

type pattern struct {
	Pattern
	expression *regexp.Regexp
	rule       string
}

func (j *Judge) compilePatterns() error {
	all := j.policy.Patterns
	if i := j.policy.Issue; i.Match != "" {
		all = append(all[:len(all):len(all)], Pattern{Match: i.Match, In: or(i.In, "message"), Why: "the message names no issue", Example: i.Example})
	}
	for n, p := range all {
		expression, err := regexp.Compile(p.Match)
		if err != nil {
			return fmt.Errorf("message policy: pattern %q is no regular expression: %w", p.Match, err)
		}
		p.In = or(p.In, "header")
		if _, known := (&Message{}).part(p.In); !known {
			return fmt.Errorf("message policy: pattern %q: in is %q, want header, subject, body, footer or message", p.Match, p.In)
		}
		name := "pattern"
		if n >= len(j.policy.Patterns) {
			name = "issue"
		}
		if p.Example != "" && expression.MatchString(p.Example) == p.Refuse {
			return fmt.Errorf("message policy: pattern %q: the example %q does not pass it", p.Match, p.Example)
		}
		j.patterns = append(j.patterns, pattern{p, expression, name})
	}
	return nil
}

func or(value, otherwise string) string {
	if value == "" {
		return otherwise
	}
	return value
}

// part is a named part of the message.
func (m *Message) part(name string) ([]Line, bool) {
	switch name {
	case "header":
		return []Line{m.Header}, true
	case "subject":
		subject := m.Header
		if m.conventional {
			subject.Text = m.Subject
		}
		return []Line{subject}, true
	case "body":
		return m.Body, true
	case "footer":
		return m.Footer, true
	case "message":
		return m.Lines, true
	}
	return nil, false
}

// matched judges the patterns.
func (j *Judge) matched(m *Message) []Finding {
	var found []Finding
	for _, p := range j.patterns {
		lines, _ := m.part(p.In)
		all := text(lines)
		place := p.expression.FindStringIndex(all)
		if (place != nil) != p.Refuse {
			continue
		}
		f := Finding{Rule: p.rule, Line: m.Header.Number, Example: p.Example}
		if place != nil {
			lines = append(lines, m.Header) // an expression may match the empty text of a part that is not there
			f.Line = lines[strings.Count(all[:place[0]], "\n")].Number
			f.Message = fmt.Sprintf("%q is refused in the %s (pattern %s)", excerpt(all[place[0]:place[1]]), p.In, p.Match)
		} else {
			f.Message = fmt.Sprintf("the %s does not match %s", p.In, p.Match)
		}
		if p.Why != "" {
			f.Message = p.Why + ": " + f.Message
		}
		found = append(found, f)
	}
	return found
}
