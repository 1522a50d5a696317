package client

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"goodstate.dev/goodstate/hooks/rule"
)

// Report is what a stage did and found.
type Report struct {
	mu       sync.Mutex
	Stage    string         `json:"stage"`
	Good     bool           `json:"good"`
	Fixed    []string       `json:"fixed,omitempty"`
	Findings []rule.Finding `json:"findings,omitempty"`
	Jobs     []Result       `json:"jobs,omitempty"`
	Skipped  []string       `json:"skipped,omitempty"`
	Notes    []string       `json:"notes,omitempty"`
	Error    string         `json:"error,omitempty"`
}

// Result is what became of one job.
type Result struct {
	Job    string        `json:"job"`
	Good   bool          `json:"good"`
	Known  bool          `json:"known,omitempty"` // it passed before, on the same content
	Why    string        `json:"why,omitempty"`
	Files  []string      `json:"files,omitempty"`
	Output string        `json:"output,omitempty"`
	Took   time.Duration `json:"took_ns"`
}

func (r *Report) note(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Notes = append(r.Notes, fmt.Sprintf(format, args...))
}

func (r *Report) find(findings []rule.Finding) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Findings = append(r.Findings, findings...)
}

func (r *Report) add(result Result) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Jobs = append(r.Jobs, result)
}

func (r *Report) fixed(path string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !slices.Contains(r.Fixed, path) {
		r.Fixed = append(r.Fixed, path)
	}
}

// bad is true when something must stop what Git is about to do. What could not be checked is shown, and does not.
func (r *Report) bad() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.ContainsFunc(r.Findings, func(f rule.Finding) bool { return !f.Unchecked }) ||
		slices.ContainsFunc(r.Jobs, func(j Result) bool { return !j.Good })
}

// write says nothing when all is well and nothing was done.
func (r *Report) write(call Call) {
	slices.SortFunc(r.Findings, func(a, b rule.Finding) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Rule, b.Rule))
	})
	slices.Sort(r.Fixed)
	if call.JSON {
		document(call.Out, r)
		return
	}
	var b strings.Builder
	for _, n := range r.Notes {
		fmt.Fprintf(&b, "goodstate: %s\n", plain(n))
	}
	if len(r.Fixed) > 0 {
		fmt.Fprintf(&b, "goodstate: repaired and staged %s\n", abridged(r.Fixed))
	}
	if len(r.Skipped) > 0 {
		fmt.Fprintf(&b, "goodstate: skipped %s, recorded\n", strings.Join(r.Skipped, ", "))
	}
	for _, f := range r.Findings {
		b.WriteString(plain(f.String()) + "\n")
	}
	for _, j := range r.Jobs {
		if !j.Good {
			j.write(&b)
		}
	}
	if r.Error != "" {
		fmt.Fprintf(&b, "goodstate: %s: %s\n", r.Stage, r.Error)
	}
	_, _ = call.Out.Write([]byte(b.String())) // a terminal that is gone needs no text
}

func (j Result) write(b *strings.Builder) {
	fmt.Fprintf(b, "goodstate: %s %s", j.Job, j.Why)
	if len(j.Files) > 0 {
		fmt.Fprintf(b, ", on %s", abridged(j.Files))
	}
	b.WriteByte('\n')
	b.WriteString(j.Output)
	if j.Output != "" && !strings.HasSuffix(j.Output, "\n") {
		b.WriteByte('\n')
	}
}

// shown is how many file names a line of text has.
const shown = 5

func abridged(names []string) string {
	var out []string
	for _, n := range names[:min(shown, len(names))] {
		out = append(out, plain(n))
	}
	text := strings.Join(out, " ")
	if more := len(names) - shown; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// plain keeps what a path or a message says from moving the cursor or painting the terminal.
func plain(text string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' && c != '\t' || c == 0x7f || c >= 0x80 && c < 0xa0 {
			return '?'
		}
		return c
	}, text)
}
