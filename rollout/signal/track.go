package signal

import (
	"fmt"
	"strings"
	"time"

	"goodstate.dev/goodstate/core/good"
)

// Pair is one reading of both releases. A side that could not be read has an error; without an old release Old and OldErr are nil.
type Pair struct {
	At     time.Time
	New    Reading
	NewErr error
	Old    *Reading
	OldErr error
	Before bool // Old is from before the new release got traffic: the weaker comparison
}

// Track follows one signal. It is shown every pair once, in order, and has no clock and no I/O. It is not for concurrent use.
type Track struct {
	name     string
	spec     Spec
	compared bool      // there is an old release to compare with
	born     time.Time // when the first stage began
	known    int       // readings of this stage
	last     *Pair
	lastGood time.Time
	since    []time.Time // per limit: since when it is broken; zero: it is not
	gap      []time.Time // per limit: since when it is not known
	broken   int         // index of the limit that was broken for its whole time, -1
}

// NewTrack begins to follow a signal; compared says whether there is an old release.
func NewTrack(name string, s Spec, compared bool) *Track {
	return &Track{name: name, spec: s, compared: compared, since: make([]time.Time, len(s.Limits)), gap: make([]time.Time, len(s.Limits)), broken: -1}
}

// Stage begins a stage: what is enough to pass is counted from here.
func (t *Track) Stage(now time.Time) {
	t.known = 0
	if t.born.IsZero() {
		t.born = now
	}
}

// Observe takes the next pair.
func (t *Track) Observe(p Pair) {
	t.last = &p
	if p.NewErr == nil {
		t.known++
		t.lastGood = p.At
	}
	t.broken = -1
	for i, l := range t.spec.Limits {
		value, ok := t.beyond(l, p)
		switch {
		case !ok:
			// A reading that is not known neither counts nor starts the time again, unless it lasts for as long as the limit's own time.
			if t.gap[i].IsZero() {
				t.gap[i] = p.At
			}
			if p.At.Sub(t.gap[i]) >= time.Duration(l.For) {
				t.since[i] = time.Time{}
			}
			continue
		case !value:
			t.since[i] = time.Time{}
		case t.since[i].IsZero():
			t.since[i] = p.At
		}
		t.gap[i] = time.Time{}
		if value && t.broken < 0 && p.At.Sub(t.since[i]) >= time.Duration(l.For) {
			t.broken = i
		}
	}
}

// beyond says whether the pair is beyond the limit; ok is false where that is not known.
func (t *Track) beyond(l Limit, p Pair) (beyond, ok bool) {
	switch {
	case p.NewErr != nil:
		return false, false
	case !l.Times:
		return l.beyond(p.New.Value, 0), true
	case p.Old == nil:
		return false, false
	}
	return l.beyond(p.New.Value, p.Old.Value), true
}

// Finding says what is known by now: Fail when a limit was broken for its whole time; Unknown when the signal was not read often
// enough, not lately, or could not be compared, and while a limit is being broken; else Pass.
func (t *Track) Finding(now time.Time) good.Finding {
	f := good.Finding{Check: "signal " + t.name, At: now, Wanted: t.wanted()}
	if t.last == nil {
		f.Observed = "not read yet"
		return f
	}
	p := *t.last
	f.At = p.At
	switch {
	case now.Sub(p.At) > t.stale():
		f.Observed = fmt.Sprintf("read last %s ago", now.Sub(p.At).Round(time.Second))
		return f
	case p.NewErr != nil:
		f.Observed = "not known: " + p.NewErr.Error()
		return f
	}
	f.Observed = t.seen(p)
	f.Detail = strings.Join(p.New.Evidence, "\n")
	if t.broken >= 0 {
		f.Verdict = good.Fail
		f.Observed += fmt.Sprintf(", for %s", p.At.Sub(t.since[t.broken]).Round(100*time.Millisecond))
		f.Wanted = "not " + t.spec.Limits[t.broken].String()
		return f
	}
	for i, l := range t.spec.Limits {
		if l.Times && t.compared && p.Old == nil {
			f.Observed += "; " + t.missing(p)
			return f
		}
		if !t.since[i].IsZero() {
			f.Observed += fmt.Sprintf("; %s since %s, a suspicion", l, p.At.Sub(t.since[i]).Round(100*time.Millisecond))
			return f
		}
	}
	if t.known < t.spec.Samples {
		f.Observed += fmt.Sprintf("; read %d times in this stage, want %d", t.known, t.spec.Samples)
		return f
	}
	f.Verdict = good.Pass
	return f
}

// Values are the last readings of the new and the old release, where they are of now; nil: not known.
func (t *Track) Values(now time.Time) (fresh, old *float64) {
	if t.last == nil || now.Sub(t.last.At) > t.stale() {
		return nil, nil
	}
	if t.last.NewErr == nil {
		fresh = &t.last.New.Value
	}
	if t.last.Old != nil {
		old = &t.last.Old.Value
	}
	return fresh, old
}

// Waiting says that the signal is being read and needs only more readings, to be enough or to decide on a limit that is being broken.
func (t *Track) Waiting(now time.Time) bool {
	if t.lastGood.IsZero() {
		return now.Sub(t.born) < time.Duration(t.spec.Start)
	}
	if t.last.NewErr != nil || now.Sub(t.last.At) > t.stale() || t.broken >= 0 {
		return false
	}
	for _, since := range t.since {
		if !since.IsZero() {
			return true
		}
	}
	return t.known < t.spec.Samples
}

// stale is the age at which a reading says nothing about now.
func (t *Track) stale() time.Duration {
	return 2*time.Duration(t.spec.Every) + time.Duration(t.spec.Timeout) + time.Second
}

func (t *Track) missing(p Pair) string {
	if p.OldErr != nil {
		return "on the old release not known: " + p.OldErr.Error()
	}
	return "the old release's value is not known"
}

func (t *Track) seen(p Pair) string {
	s := fmt.Sprintf("%.4g", p.New.Value)
	switch {
	case p.Old != nil && p.Before:
		s += fmt.Sprintf(" on the new release, %.4g on the old one before; the weaker comparison", p.Old.Value)
	case p.Old != nil:
		s += fmt.Sprintf(" on the new release, %.4g on the old one", p.Old.Value)
	}
	return s
}

func (t *Track) wanted() string {
	if len(t.spec.Limits) == 0 {
		return "a value"
	}
	var all []string
	for _, l := range t.spec.Limits {
		all = append(all, l.String())
	}
	return "not " + strings.Join(all, ", not ")
}

// State is how a signal is, for pages.
type State struct {
	Name    string       `json:"name"`
	Source  string       `json:"source"`
	Known   bool         `json:"known"`
	Value   float64      `json:"value"`
	Old     *float64     `json:"old,omitempty"`
	Verdict good.Verdict `json:"verdict"`
	Why     string       `json:"why"`
	Limits  []string     `json:"limits,omitempty"`
}

// State tells what is known by now.
func (t *Track) State(now time.Time) State {
	f := t.Finding(now)
	s := State{Name: t.name, Source: t.spec.Name(), Verdict: f.Verdict, Why: f.Observed}
	for _, l := range t.spec.Limits {
		s.Limits = append(s.Limits, l.String())
	}
	if t.last != nil && t.last.NewErr == nil {
		s.Known, s.Value = true, t.last.New.Value
	}
	if t.last != nil && t.last.Old != nil {
		v := t.last.Old.Value
		s.Old = &v
	}
	return s
}
