package server

import (
	"encoding/json"
	"fmt"
	"strings"

	"goodstate.dev/goodstate/hooks/plan"
	"goodstate.dev/goodstate/hooks/rule"
	"goodstate.dev/goodstate/hooks/verdict"
)

// Policy is what a push must keep to.
type Policy struct {
	Rules    []Use                         // on names and contents
	Messages []func(string) []rule.Finding // on the message of each commit; each must accept it
	Emails   [][]string                    // lists of globs, one of each of which the author's and the committer's address must match
	Signed   bool                          // each commit must have a good signature
	Refs     []RefRule                     // the first one that fits a ref says what may be done with it
	Break    []string                      // who may take the policy away for one push, with a reason; empty: nobody
	Verdicts *verdict.Cache                // what is known to be good; nil remembers nothing
}

// Use is a rule and the files it looks at.
type Use struct {
	Name string
	plan.Select
	judge  verdict.Judge
	file   rule.FileRule
	change rule.ChangeRule
}

// NewUse builds a rule of the policy.
func NewUse(r plan.Rule) (Use, error) {
	built, err := r.Build()
	if err != nil {
		return Use{}, err
	}
	u := Use{Name: r.Name, Select: r.Select, judge: r.Judge(built)}
	u.file, _ = built.(rule.FileRule)
	u.change, _ = built.(rule.ChangeRule)
	return u, nil
}

// RefRule is what may be done with refs.
type RefRule struct {
	Refs   []string // globs of branches, or of full names when they begin with refs/
	Create bool     // may be made
	Delete bool     // may be removed
	Force  bool     // may lose commits
	Who    []string // who may push to them at all; empty: everybody
}

func (r RefRule) fits(ref string) bool {
	for _, g := range r.Refs {
		full := g
		if !strings.HasPrefix(g, "refs/") {
			full = "refs/heads/" + g
		}
		if plan.Match(full, ref) {
			return true
		}
	}
	return false
}

// Finding is what a push is refused for, or what could not be judged.
type Finding struct {
	rule.Finding
	Commit  string `json:"commit,omitempty"`
	Subject string `json:"subject,omitempty"` // of the commit
	Ref     string `json:"ref,omitempty"`
}

// String is the finding in one line: rule, commit, file:line, what is wrong.
func (f Finding) String() string {
	var parts []string
	if f.Ref != "" {
		parts = append(parts, f.Ref)
	}
	if f.Commit != "" {
		parts = append(parts, fmt.Sprintf("commit %.10s (%.60s)", f.Commit, printable(f.Subject)))
	}
	if f.Path != "" {
		place := printable(f.Path)
		if f.Line > 0 {
			place += fmt.Sprintf(":%d", f.Line)
		}
		parts = append(parts, place)
	}
	return f.Rule + ": " + strings.Join(append(parts, f.Message), ": ")
}

// MarshalJSON writes all of it flat.
func (f Finding) MarshalJSON() ([]byte, error) {
	type flat rule.Finding // without methods
	return json.Marshal(struct {
		flat
		Commit  string `json:"commit,omitempty"`
		Subject string `json:"subject,omitempty"`
		Ref     string `json:"ref,omitempty"`
	}{flat(f.Finding), f.Commit, f.Subject, f.Ref})
}

// printable keeps a text that others chose from steering a terminal.
func printable(text string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' || c >= 0x7f && c < 0xa0 || c == 0x202e || c == 0x2066 || c == 0x2067 || c == 0x2068 {
			return '?'
		}
		return c
	}, strings.ToValidUTF8(text, "?"))
}
