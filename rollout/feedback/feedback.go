// Package feedback takes in what users say about the release that served them: a form that works without scripts, a small script that
// offers it on a page, and an API. A report never has more than its author agreed to send, and nobody can send many.
package feedback

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Config says how users of a service are asked.
type Config struct {
	Title   string `yaml:"title" json:"title,omitempty" default:"Tell us what is wrong" help:"heading of the form"`
	Privacy string `yaml:"privacy" json:"privacy,omitempty" help:"what the form says about the use of what is sent, in the service's own words"`
	Contact bool   `yaml:"contact" json:"contact,omitempty" help:"offer a field for an address to answer to"`
	Judge   bool   `yaml:"judge" json:"judge" default:"true" help:"reports count for the judge: more of them on the new release than its share of the sessions explains take it back"`
	Address int    `yaml:"per_address" json:"per_address,omitempty" default:"5" help:"reports that one address may send in ten minutes"`
}

// Validate reports what cannot be offered.
func (c *Config) Validate(report func(path, message string)) {
	if c.Address < 1 || c.Address > 1000 {
		report("per_address", fmt.Sprintf("%d, want 1 to 1000", c.Address))
	}
	if utf8.RuneCountInString(c.Title) > 200 || utf8.RuneCountInString(c.Privacy) > 2000 {
		report("title", "title has more than 200 or privacy more than 2000 characters")
	}
}

// The kinds of reports. Only problems count for the judge.
const (
	Problem = "problem"
	Wish    = "wish"
)

// Report is what one user sent.
type Report struct {
	ID      string    `json:"id"`
	Seq     int64     `json:"seq,omitempty"` // order of arrival in the record
	Service string    `json:"service"`
	Release string    `json:"release"` // id of the release that served the user; empty: not known
	At      time.Time `json:"at"`
	Kind    string    `json:"kind"`
	Text    string    `json:"text"`
	Contact string    `json:"contact,omitempty"`
	Page    string    `json:"page,omitempty"`    // only with consent
	Agent   string    `json:"agent,omitempty"`   // only with consent
	Session string    `json:"session,omitempty"` // hash: tells sessions apart and names nobody
	Source  string    `json:"source,omitempty"`  // hash of the address, for limits
	Group   int64     `json:"group,omitempty"`
}

// The longest that is taken, in characters; a body is read up to mostBody bytes.
const (
	mostText    = 4000
	mostContact = 200
	mostPage    = 500
	mostAgent   = 300
	mostBody    = 32 << 10
)

// refusal is why a report is not taken, in words for its author.
type refusal struct {
	status int
	why    string
}

func (r *refusal) Error() string { return r.why }

// clean brings a report's words into the bounds, and says what cannot be taken.
func (r *Report) clean() error {
	for _, part := range []struct {
		name string
		text *string
		most int
	}{{"The text", &r.Text, mostText}, {"The address to answer to", &r.Contact, mostContact}, {"The page", &r.Page, mostPage}, {"The browser", &r.Agent, mostAgent}} {
		if !utf8.ValidString(*part.text) {
			return &refusal{400, part.name + " is not readable as text."}
		}
		*part.text = strings.TrimSpace(strings.Map(func(c rune) rune {
			if c == '\n' || c == '\t' {
				return c
			}
			if unicode.IsControl(c) || unicode.Is(unicode.Cf, c) { // also marks that turn the direction of writing
				return -1
			}
			return c
		}, strings.ReplaceAll(*part.text, "\r\n", "\n")))
		if utf8.RuneCountInString(*part.text) > part.most {
			return &refusal{413, fmt.Sprintf("%s has more than %d characters.", part.name, part.most)}
		}
	}
	if r.Text == "" {
		return &refusal{400, "Please say in a few words what you met."}
	}
	if r.Kind == "" {
		r.Kind = Problem
	}
	if r.Kind != Problem && r.Kind != Wish {
		return &refusal{400, "A report is a problem or a wish."}
	}
	return nil
}

func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the process instead
	return hex.EncodeToString(b[:])
}

// isID says whether a text is an id of ours, and so is safe as a file's name.
func isID(s string) bool {
	if len(s) != 32 {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
