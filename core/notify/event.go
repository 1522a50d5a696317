package notify

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Severity is how much an event matters.
type Severity string

// The severities, lowest first. The zero Severity counts as Info.
const (
	Info     Severity = "info"
	Warning  Severity = "warning"
	Critical Severity = "critical"
)

var severities = []Severity{Info, Warning, Critical}

// rank orders severities; one that is not known counts as the highest, so that it is never filtered out.
func (s Severity) rank() int {
	if s == "" {
		return 0
	}
	if i := slices.Index(severities, s); i >= 0 {
		return i
	}
	return len(severities) - 1
}

// Phase is the part of a run that an event belongs to.
type Phase string

// The phases.
const (
	Start    Phase = "start"    // work began
	Trigger  Phase = "trigger"  // something was found that changes what happens next, or that a person should look at
	Decision Phase = "decision" // a step was decided: more traffic, wait, go back
	End      Phase = "end"      // work ended, one way or the other
)

var phases = []Phase{Start, Trigger, Decision, End}

// Event is something that people or programs want to be told about.
type Event struct {
	ID       string    `json:"id"`              // unique; an event with the same id is told once
	Type     string    `json:"type"`            // "rollout.rolled_back"
	Phase    Phase     `json:"phase,omitempty"` // empty: by the last word of the type
	Severity Severity  `json:"severity"`        // empty counts as Info
	Service  string    `json:"service,omitempty"`
	Run      string    `json:"run,omitempty"`
	Release  string    `json:"release,omitempty"`
	Title    string    `json:"title"`          // one line: "web: v2 rolled back after 4s"
	Text     string    `json:"text,omitempty"` // what happened, in a few lines
	URL      string    `json:"url,omitempty"`  // the page about it
	At       time.Time `json:"at"`
	Data     any       `json:"data,omitempty"`  // for programs
	Files    []File    `json:"files,omitempty"` // sent along where the channel can: mails, and what programs get
}

// File goes along with an event. All files of an event have at most filesMost bytes.
type File struct {
	Name string `json:"name"` // without a folder
	Type string `json:"type"` // as MIME says it
	Data []byte `json:"data"`
}

// filesMost is what mail servers usually take, in bytes before they are encoded.
const filesMost = 10 << 20

// words are the last words of types that tell the phase when the event does not.
var words = map[string]Phase{
	"decided": Decision, "started": Start, "ended": End, "succeeded": End, "failed": End, "cancelled": End, "promoted": End, "rolled_back": End, "could_not": End,
}

// phase is the event's phase; an event that says nothing about it is a trigger, so that it is told rather than kept.
func (e Event) phase() Phase {
	if e.Phase != "" {
		return e.Phase
	}
	if phase, ok := words[e.Type[strings.LastIndex(e.Type, ".")+1:]]; ok {
		return phase
	}
	return Trigger
}

func (e Event) check() error {
	switch {
	case e.ID == "":
		return errors.New("notice: the event has no id; without one it would be told again after a restart")
	case e.Type == "":
		return fmt.Errorf("notice %s: the event has no type", e.ID)
	case strings.TrimSpace(e.Title) == "":
		return fmt.Errorf("notice %s: the event has no title", e.ID)
	}
	size := 0
	for _, f := range e.Files {
		size += len(f.Data)
		if f.Name == "" || strings.ContainsAny(f.Name, "/\\\"\r\n") {
			return fmt.Errorf("notice %s: %q is no name of a file", e.ID, f.Name)
		}
	}
	if size > filesMost {
		return fmt.Errorf("notice %s: its files have %d bytes, want at most %d", e.ID, size, filesMost)
	}
	return nil
}

// fact is a name and a value, for messages to people.
type fact struct{ name, value string }

func (e Event) facts() []fact {
	all := []fact{{"service", e.Service}, {"release", e.Release}, {"run", e.Run}, {"severity", string(e.Severity)}}
	return slices.DeleteFunc(all, func(f fact) bool { return f.value == "" })
}

// plain is the whole event as text of a few lines, without its title.
func (e Event) plain() string {
	var lines []string
	if e.Text != "" {
		lines = append(lines, e.Text, "")
	}
	for _, f := range e.facts() {
		lines = append(lines, f.name+": "+f.value)
	}
	lines = append(lines, "at: "+e.At.UTC().Format(time.RFC3339))
	if e.URL != "" {
		lines = append(lines, "", e.URL)
	}
	return strings.Join(lines, "\n")
}

// cut shortens text to at most so many bytes, between characters, and says that it did.
func cut(text string, most int) string {
	const dots = "…"
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:max(0, most-len(dots))], "") + dots
}

// oneLine takes line breaks and other control characters out, for headers and titles.
func oneLine(text string) string {
	return strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }), " ")
}
