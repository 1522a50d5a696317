// Package runbook writes the document that people recover by: what is copied where, how soon it must be back, who knows it, and the exact commands with the times that
// they took in the last drill. It is made from values only and says where secrets lie, never what they are, so that it can be printed and kept beside the copies.
package runbook

import (
	_ "embed"
	"fmt"
	"html/template"
	"strings"
	texttemplate "text/template"
	"time"
)

// Book is the document.
type Book struct {
	Made         time.Time
	Host, Config string
	Contacts     []string
	Applications []Application
}

// Application is a chapter: how one application is brought back.
type Application struct {
	Name      string
	Source    string
	State     string // how its backup stood when the document was written
	RPO, RTO  time.Duration
	Copying   string
	Drilling  string
	Keep      []string
	Contacts  []string
	Places    []Place
	Secrets   []string // that the recovery needs, where they lie
	Recover   []Command
	Without   []Command // when goodstate is gone
	Youngest  string    // restore point at the time of writing
	Phases    []Phase   // of the last drill
	Recovery  time.Duration
	Drilled   time.Time
	DrillSaid string
	Simulated []Failure
	History   []Event
}

// Place is a repository with copies.
type Place struct{ Name, Where, Key, Kept string }

// Command is one thing to do: what it is for, and its line.
type Command struct{ What, Line, Took string }

// Phase is a part of the last drill.
type Phase struct {
	Name string
	Took time.Duration
}

// Failure is one that was simulated: how its last drill ended.
type Failure struct {
	Kind     string
	At       time.Time
	Recovery time.Duration // 0: it was not back
	Said     string
}

// Event is something that happened to the copies.
type Event struct {
	At   time.Time
	Text string
}

//go:embed runbook.md
var markdown string

//go:embed runbook.html
var page string

var words = map[string]any{
	"day":  func(t time.Time) string { return t.Local().Format("2006-01-02 15:04 MST") },
	"took": func(d time.Duration) string { return d.Round(time.Millisecond).String() },
	"span": func(d time.Duration) string {
		if d == 0 {
			return "none is set"
		}
		return short(d)
	},
	"join": strings.Join,
	"line": func(s string) string { return strings.Join(strings.Fields(s), " ") }, // a line of a list stays one
}

func short(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

var (
	textOf = texttemplate.Must(texttemplate.New("md").Funcs(words).Parse(markdown))
	pageOf = template.Must(template.New("html").Funcs(words).Parse(page))
)

// Markdown is the document as text.
func (b Book) Markdown() (string, error) {
	var out strings.Builder
	if err := textOf.Execute(&out, b); err != nil {
		return "", fmt.Errorf("write the runbook: %w", err)
	}
	return out.String(), nil
}

// HTML is the document as one page that stands by itself and prints: it asks for nothing and runs nothing.
func (b Book) HTML() (string, error) {
	var out strings.Builder
	if err := pageOf.Execute(&out, b); err != nil {
		return "", fmt.Errorf("write the runbook: %w", err)
	}
	return out.String(), nil
}

// Of is the document with one chapter only; false when there is no such application.
func (b Book) Of(application string) (Book, bool) {
	for _, a := range b.Applications {
		if a.Name == application {
			b.Applications = []Application{a}
			return b, true
		}
	}
	return b, false
}
