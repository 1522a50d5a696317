package analysis

import (
	"cmp"
	"slices"
	"time"

	"goodstate.dev/goodstate/rollout/traffic"
)

// EvidenceEvent is the journal's event for something that was seen of a release while it was rolled out. Whoever sees something (log patterns, users'
// reports, alerts, metrics) journals it in the run's name with an Evidence as its data; the analysis reads it from there.
const EvidenceEvent = "evidence"

// Evidence is one thing that was seen.
type Evidence struct {
	Kind     string    `json:"kind"` // "log pattern", "feedback", "alert", "metric"
	Text     string    `json:"text"` // in words, one line
	At       time.Time `json:"at"`   // when it was seen first
	Release  string    `json:"release,omitempty"`
	Count    int64     `json:"count,omitempty"`
	Examples []string  `json:"examples,omitempty"`
	Bad      bool      `json:"bad,omitempty"` // it speaks against the release; else it is only told
}

const (
	mostEvidence = 100
	mostExamples = 5
)

// bounded is what of the evidence a report holds: the bad first, each with a few examples.
func bounded(all []Evidence) []Evidence {
	out := slices.Clone(all)
	slices.SortStableFunc(out, func(a, b Evidence) int {
		if a.Bad != b.Bad {
			if a.Bad {
				return -1
			}
			return 1
		}
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Text, b.Text))
	})
	out = out[:min(len(out), mostEvidence)]
	for i, e := range out {
		out[i].Text = cut(e.Text)
		examples := make([]string, 0, mostExamples)
		for _, x := range e.Examples[:min(len(e.Examples), mostExamples)] {
			examples = append(examples, cut(x))
		}
		out[i].Examples = examples
	}
	return out
}

// Signal is the first sign that something was wrong.
type Signal struct {
	At   time.Time `json:"at"`
	What string    `json:"what"`
}

// firstSignal is the earliest of all that was bad: an answer, a check, or something that others saw.
func firstSignal(f Facts, first *FirstBad) *Signal {
	var out *Signal
	take := func(at time.Time, what string) {
		if !at.IsZero() && (out == nil || at.Before(out.At)) {
			out = &Signal{at, what}
		}
	}
	if first != nil {
		what := "the first failed request on " + f.New.Version
		for _, w := range f.Failing {
			if w.Release == f.New.ID() && w.First == first.At.Unix() {
				what += ": " + asked(w)
				break
			}
		}
		take(first.At, what)
	}
	for _, found := range f.Failed {
		take(found.At, found.String())
	}
	for _, e := range f.Evidence {
		if e.Bad {
			take(e.At, e.Kind+": "+e.Text)
		}
	}
	if out == nil {
		take(f.Trigger.At, f.Trigger.Why)
	}
	return out
}

// asked says a kind of request and how it was answered.
func asked(w traffic.Failing) string {
	s := w.Method + " " + w.Path
	if w.Status == 0 {
		return s + " broke off"
	}
	return s + " answered " + itoa(w.Status)
}
