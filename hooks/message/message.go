// Package message judges commit messages: conventional commits (https://www.conventionalcommits.org/en/v1.0.0/), lengths, cases, trailers, issue keys
// and patterns of a team's own. It takes a message as Git's editor leaves it or as a commit has it, and never changes it. The names of the checks are
// those of commitlint, whose configurations it reads.
package message

import (
	"fmt"
	"regexp"
	"strings"
	"sync"
)

// Finding is one thing that a policy does not accept in a message.
type Finding struct {
	Rule    string `json:"rule"`              // as commitlint calls it, or pattern, issue
	Line    int    `json:"line"`              // from 1, in the message as it was given
	Message string `json:"message"`           // what was seen and what is wanted
	Example string `json:"example,omitempty"` // a message or a part of it that would pass
	Warning bool   `json:"warning,omitempty"` // worth saying, and no reason to refuse
}

// String is the finding in one line.
func (f Finding) String() string {
	text := fmt.Sprintf("line %d: %s (%s)", f.Line, f.Message, f.Rule)
	if f.Example != "" {
		text += ", for example: " + f.Example
	}
	return text
}

// Line is one line of a message with its number from 1 in the text that it was read from.
type Line struct {
	Number int
	Text   string
}

// Message is a commit message in its parts.
type Message struct {
	Header  Line
	Type    string
	Scope   string
	Subject string // without type and scope; empty when the header has no type
	Bang    bool   // a ! before the colon: a breaking change
	Second  Line   // the line after the header, whatever it is
	Body    []Line // without blank lines around it
	Footer  []Line // from the first trailer, breaking change or issue to the end
	Notes   []Line // BREAKING CHANGE: and BREAKING-CHANGE: with their text
	Refs    []string
	Lines   []Line // all that Git keeps

	conventional bool
	blankBefore  bool // an empty line is before the footer
}

var (
	header     = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^(\w*)(?:\((.*)\))?(!?): (.*)$`) })
	note       = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[\s*|]*(?i:BREAKING[ -]CHANGE)[:\s]+(.*)`) })
	reference  = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`#[\w-]+(?:\s|$|[,;)\]])`) })
	trailer    = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9-]*(?:: | #)\S`) })
	generated  = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(ours) })
	version    = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(releases) })
	emptyLines = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^\s*$`) })
)

// Parse reads a message that was cleaned.
func Parse(lines []Line) *Message {
	m := &Message{Lines: lines}
	if len(lines) == 0 {
		m.Header.Number = 1
		return m
	}
	m.Header = lines[0]
	if parts := header().FindStringSubmatch(m.Header.Text); parts != nil {
		m.conventional = true
		m.Type, m.Scope, m.Bang, m.Subject = parts[1], parts[2], parts[3] != "", parts[4]
	}
	if len(lines) > 1 {
		m.Second = lines[1]
	}
	m.split(lines[1:])
	for _, l := range lines {
		for _, ref := range reference().FindAllString(l.Text, -1) {
			m.Refs = append(m.Refs, strings.TrimRight(ref, " \t,;)]"))
		}
	}
	return m
}

// split parts body and footer. The footer starts with the first line that announces a breaking change or names an issue, and with the last
// paragraph when that is all trailers (git-interpret-trailers(1)).
func (m *Message) split(lines []Line) {
	start := len(lines)
	for i, l := range lines {
		if note().MatchString(l.Text) || reference().MatchString(l.Text) {
			start = i
			break
		}
	}
	if last := lastParagraph(lines); last < start && trailers(lines[last:]) {
		start = last
	}
	m.Body, m.Footer = trim(lines[:start]), trim(lines[start:])
	m.blankBefore = start == 0 || start == len(lines) || blank(lines[start-1])
	for _, l := range m.Footer {
		if found := note().FindStringSubmatch(l.Text); found != nil {
			m.Notes = append(m.Notes, Line{l.Number, found[1]})
		}
	}
}

func lastParagraph(lines []Line) int {
	for i := len(lines) - 1; i >= 0; i-- {
		if blank(lines[i]) {
			return i + 1
		}
	}
	return 0
}

// trailers tells whether a paragraph has nothing but trailers and lines that go on with one.
func trailers(lines []Line) bool {
	for i, l := range lines {
		goesOn := i > 0 && strings.HasPrefix(l.Text, " ")
		if !goesOn && !trailer().MatchString(l.Text) && !note().MatchString(l.Text) {
			return false
		}
	}
	return len(lines) > 0
}

func trim(lines []Line) []Line {
	for len(lines) > 0 && blank(lines[0]) {
		lines = lines[1:]
	}
	for len(lines) > 0 && blank(lines[len(lines)-1]) {
		lines = lines[:len(lines)-1]
	}
	return lines
}

func blank(l Line) bool { return emptyLines().MatchString(l.Text) }

// text joins lines as they are in the message.
func text(lines []Line) string {
	all := make([]string, len(lines))
	for i, l := range lines {
		all[i] = l.Text
	}
	return strings.Join(all, "\n")
}
