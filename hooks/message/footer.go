package message

import (
	"fmt"
	"regexp"
	"strings"
	"sync"
)

func bodyLeadingBlank(m *Message, _ setting) *outcome {
	if len(m.Body) == 0 {
		return fine
	}
	return &outcome{
		holds: m.Second.Text == "", line: m.Second.Number, seen: fmt.Sprintf("the body starts on the second line: %q", excerpt(m.Second.Text)),
		want: "an empty line after the first", not: "no empty line after the first",
	}
}

func footerLeadingBlank(m *Message, _ setting) *outcome {
	if len(m.Footer) == 0 {
		return fine
	}
	return &outcome{
		holds: m.blankBefore, line: m.Footer[0].Number, seen: fmt.Sprintf("the footer starts with %q", excerpt(m.Footer[0].Text)),
		want: "an empty line before it", not: "no empty line before it",
	}
}

func referencesEmpty(m *Message, _ setting) *outcome {
	seen := "the message names no issue"
	if len(m.Refs) > 0 {
		seen = "the message names " + m.Refs[0]
	}
	return &outcome{holds: len(m.Refs) == 0, line: m.Header.Number, seen: seen, want: "none", not: "one, with #", example: "Closes #12"}
}

var cherryPicked = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?i)^\(cherry picked from commit [0-9a-f]{7,64}\)$`)
})

// signedOff looks at the last line that is no comment, not empty, and not Git's note of a cherry-pick.
func signedOff(m *Message, s setting) *outcome {
	o := &outcome{line: 1, seen: "the last line is no sign-off", want: fmt.Sprintf("a last line that starts with %q; git commit -s writes it", s.Text), not: "no sign-off"}
	for _, l := range m.Lines {
		if l.Text == "" || strings.HasPrefix(l.Text, "#") || cherryPicked().MatchString(strings.TrimSpace(l.Text)) {
			continue
		}
		o.line, o.holds = l.Number, strings.HasPrefix(l.Text, s.Text)
	}
	if o.holds {
		o.seen = "the message is signed off"
	}
	return o
}

// trailerExists looks at the last paragraph, where Git looks for trailers.
func trailerExists(m *Message, s setting) *outcome {
	o := &outcome{line: m.Header.Number, seen: fmt.Sprintf("there is no trailer %q", s.Text), want: "one in the last paragraph", not: "none", example: strings.TrimSuffix(s.Text, ":") + ": ..."}
	lines := m.Lines
	start := lastParagraph(lines)
	if start == 0 {
		return o // the header is no trailer
	}
	for _, l := range lines[start:] {
		if trailer().MatchString(l.Text) && strings.HasPrefix(l.Text, s.Text) {
			o.holds, o.line, o.seen = true, l.Number, fmt.Sprintf("there is a trailer %q", s.Text)
			break
		}
	}
	return o
}

// breakingBoth wants a breaking change to be marked twice: in the first line for those who read logs, in the footer for those who must act.
func breakingBoth(m *Message, _ setting) *outcome {
	announced := false
	line := m.Header.Number
	for _, l := range m.Footer {
		if strings.HasPrefix(l.Text, "BREAKING CHANGE:") || strings.HasPrefix(l.Text, "BREAKING-CHANGE:") {
			announced, line = true, l.Number
		}
	}
	seen := "a breaking change is marked by ! and not explained"
	if announced {
		seen = "a breaking change is explained and not marked by !"
	}
	if announced == m.Bang {
		seen = "the marks of a breaking change agree"
	}
	return &outcome{holds: announced == m.Bang, line: line, seen: seen, want: "both ! before the colon and BREAKING CHANGE: in the footer, or none", not: "one of them alone", example: "feat(api)!: drop version 1"}
}

func excerpt(s string) string {
	runes := []rune(s)
	if len(runes) > 40 {
		return string(runes[:40]) + "…"
	}
	return s
}
