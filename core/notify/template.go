package notify

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"text/template"
	"time"
)

// Template says a notice in the user's own words. Both parts are Go templates over the event, with the fields ID, Type, Severity, Service, Run, Release, Title,
// Text, URL, At and Data.
type Template struct {
	Title string `yaml:"title" json:"title,omitempty" help:"one line in place of the title" example:"{{.Service}}: {{.Title}}"`
	Text  string `yaml:"text" json:"text,omitempty" help:"lines in place of the text" example:"{{.Text}}\nrunbook: https://wiki.example.org/{{.Service}}"`
}

const (
	titleMost = 300
	textMost  = 4000
	partMost  = 10_000 // of a template, in bytes
)

var templateWords = template.FuncMap{
	"upper": strings.ToUpper, "lower": strings.ToLower, "line": oneLine,
	"cut": func(most int, text string) string { return cut(text, most) },
	"at":  func(form string, t time.Time) string { return t.Local().Format(form) },
}

// compiled are the two parts, ready; nil: the event's own words stay.
type compiled struct{ title, text *template.Template }

// sample is an event that templates are tried on when they are loaded.
var sample = Event{
	ID: "run-1/rolled_back", Type: "rollout.rolled_back", Phase: End, Severity: Warning, Service: "web", Run: "run-1", Release: "v2",
	Title: "web: back on v1, v2 is held", Text: "errors: 12 of 40 failed", URL: "https://goodstate.example.org/rollouts/run-1", At: time.Unix(1_700_000_000, 0), Data: map[string]any{},
}

func (t *Template) compile() (compiled, error) {
	var c compiled
	if t == nil {
		return c, nil
	}
	var problems []error
	for _, p := range []struct {
		name, text string
		into       **template.Template
	}{{"title", t.Title, &c.title}, {"text", t.Text, &c.text}} {
		if p.text == "" {
			continue
		}
		if len(p.text) > partMost {
			problems = append(problems, fmt.Errorf("%s: %d bytes, want at most %d", p.name, len(p.text), partMost))
			continue
		}
		parsed, err := template.New(p.name).Funcs(templateWords).Option("missingkey=zero").Parse(p.text)
		if err == nil {
			_, err = say(parsed, sample, textMost)
		}
		if err != nil {
			problems = append(problems, err)
			continue
		}
		*p.into = parsed
	}
	return c, errors.Join(problems...)
}

// Validate tries the templates on an event, so that a wrong field is found when the configuration is loaded and not when something has happened.
func (t *Template) Validate(report func(path, message string)) {
	if _, err := t.compile(); err != nil {
		report("", err.Error())
	}
}

// apply says the event in the templates' words. Where one fails on this event, its own words stay: a notice in other words is better than none.
func (c compiled) apply(e Event) (Event, error) {
	said := e
	var problems []error
	if c.title != nil {
		text, err := say(c.title, e, titleMost)
		if text = oneLine(text); err == nil && strings.TrimSpace(text) != "" {
			said.Title = text
		}
		problems = append(problems, err)
	}
	if c.text != nil {
		text, err := say(c.text, e, textMost)
		if err == nil {
			said.Text = text
		}
		problems = append(problems, err)
	}
	return said, errors.Join(problems...)
}

// errLong ends a template that writes without end.
var errLong = errors.New("the template writes more than a notice can hold")

// bounded is a buffer that takes only so much.
type bounded struct {
	bytes.Buffer
	most int
}

func (b *bounded) Write(p []byte) (int, error) {
	if b.Len()+len(p) > 4*b.most {
		return 0, errLong
	}
	return b.Buffer.Write(p)
}

func say(t *template.Template, e Event, most int) (string, error) {
	out := &bounded{most: most}
	if err := t.Execute(out, e); err != nil {
		return "", fmt.Errorf("template %s: %w", t.Name(), err)
	}
	return cut(out.String(), most), nil
}
