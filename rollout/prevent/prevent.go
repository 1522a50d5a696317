// Package prevent makes measures of an incident: limits, checks and hooks that would have found it earlier. Each one is tried on what was recorded, second by
// second: it has to fire in the incident, earlier than it was found, and to stay silent over the good times that are recorded. It is a pure decider
// without clock and I/O; a measure that cannot be shown to work is not proposed.
package prevent

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"goodstate.dev/goodstate/core/good"
	"goodstate.dev/goodstate/rollout/judge"
	"goodstate.dev/goodstate/rollout/samples"
)

// Incident is what is known of a release that was taken back.
type Incident struct {
	Service string
	Stage   string         // where it was found
	Failed  []good.Finding // what decided
	Samples samples.Kept
	Good    []samples.Kept // rollouts of the service that ended well
	Checks  []Check        // that the configuration has
	Limits  []judge.Limit  // that the configuration has
	Hooks   []string       // names of the jobs before a push that the configuration has
}

// Check is one check of the configuration.
type Check struct {
	Name, Kind string
	Command    string // of those that run one
	Start      bool   // it runs before traffic
}

// Measure is one thing to add to the configuration.
type Measure struct {
	Name     string   `json:"name"`
	Kind     string   `json:"kind"` // limit, check or hook
	Why      string   `json:"why"`  // what in the incident it comes from
	Path     []string `json:"path"` // where in goodstate.yaml
	Key      string   `json:"key,omitempty"`
	YAML     string   `json:"yaml"`
	Incident Replay   `json:"incident"`
	GoodTime Replay   `json:"good_time"`
}

// Replay is what a measure says about recorded signals.
type Replay struct {
	Fires   bool          `json:"fires"`
	After   time.Duration `json:"after_ns,omitempty"`   // since the release's first request
	Earlier time.Duration `json:"earlier_ns,omitempty"` // than it was found
	Seconds int           `json:"seconds"`              // of recorded signals that it was tried on
	Words   string        `json:"words"`
}

// Proposal is what would have found an incident earlier.
type Proposal struct {
	Run      string        `json:"run"`
	Service  string        `json:"service"`
	Found    time.Duration `json:"found_ns"` // after the release's first traffic
	Failures int64         `json:"failures"` // requests of users that the release had failed by then
	Measures []Measure     `json:"measures"`
	Notes    []string      `json:"notes,omitempty"`
}

// Propose makes the measures, the one that is earliest first.
func Propose(in Incident) Proposal {
	p := Proposal{Run: in.Samples.Run, Service: in.Service}
	bad := newOf(in.Samples)
	times := goodTimes(in)
	if len(bad) > 0 && !in.Samples.Trigger.IsZero() {
		p.Found = max(0, in.Samples.Trigger.Sub(time.Unix(bad[0].Unix, 0)))
		for _, s := range bad {
			if s.Unix <= in.Samples.Trigger.Unix() {
				p.Failures += s.New.Errors
			}
		}
	}
	if len(times) == 0 {
		p.Notes = append(p.Notes, "no good time is recorded that a measure could be tried on: nothing is known about its false alarms")
	}
	if n := lengthOf(times); n > 0 && n < fewSeconds {
		p.Notes = append(p.Notes, fmt.Sprintf("only %d good seconds are recorded yet: look at the measures again when there are more", n))
	}
	for _, propose := range []func(Incident, []judge.Second, [][]judge.Second, time.Duration) ([]Measure, []string){checks, limits, hooks} {
		measures, notes := propose(in, bad, times, p.Found)
		p.Measures, p.Notes = append(p.Measures, measures...), append(p.Notes, notes...)
	}
	if len(p.Measures) == 0 {
		p.Notes = append(p.Notes, "nothing that can be tried on what was recorded would have found it earlier")
	}
	return p
}

// newOf are the seconds in which the new release was asked last, without gaps.
func newOf(k samples.Kept) []judge.Second {
	all := spans(k.Seconds, func(s judge.Second) judge.Second { return s })
	if len(all) == 0 {
		return nil
	}
	return all[len(all)-1]
}

// goodTimes are the recorded times of releases that were good: those of rollouts that ended well, the worst moments of ordinary days, and the old release of the
// incident.
func goodTimes(in Incident) [][]judge.Second {
	var out [][]judge.Second
	for _, k := range in.Good {
		if k.New == in.Samples.New && k.New != "" {
			continue // it was taken for good until it turned out bad
		}
		out = append(out, spans(k.Seconds, func(s judge.Second) judge.Second { return s })...)
	}
	return append(out, spans(in.Samples.Seconds, func(s judge.Second) judge.Second {
		return judge.Second{Unix: s.Unix, New: s.Old, NewUse: s.OldUse}
	})...)
}

const fewSeconds = 1800

const mostGap = 120 // seconds without a request that are still one time

// spans takes one release's seconds from its first request to its last, with empty ones where nothing was asked. A long silence begins another one.
func spans(all []judge.Second, of func(judge.Second) judge.Second) [][]judge.Second {
	var out [][]judge.Second
	for _, s := range all {
		s = of(s)
		if s.New.Requests == 0 {
			continue
		}
		n := len(out) - 1
		if n < 0 || s.Unix-out[n][len(out[n])-1].Unix > mostGap {
			out = append(out, []judge.Second{s})
			continue
		}
		for u := out[n][len(out[n])-1].Unix + 1; u < s.Unix; u++ {
			out[n] = append(out[n], judge.Second{Unix: u})
		}
		out[n] = append(out[n], s)
	}
	return out
}

func lengthOf(times [][]judge.Second) int {
	n := 0
	for _, t := range times {
		n += len(t)
	}
	return n
}

// counted sums up what was asked and what failed.
func counted(times [][]judge.Second) (requests, errors int64) {
	for _, t := range times {
		for _, s := range t {
			requests, errors = requests+s.New.Requests, errors+s.New.Errors
		}
	}
	return requests, errors
}

// hooks proposes to run before a push what failed before the first traffic: a command can run there just as well.
func hooks(in Incident, bad []judge.Second, _ [][]judge.Second, _ time.Duration) ([]Measure, []string) {
	if len(bad) > 0 {
		return nil, nil
	}
	var out []Measure
	for _, f := range in.Failed {
		i := slices.IndexFunc(in.Checks, func(c Check) bool { return c.Name == f.Check && c.Command != "" })
		if i < 0 || slices.Contains(in.Hooks, f.Check) {
			continue
		}
		out = append(out, Measure{
			Name: f.Check, Kind: "hook", Why: fmt.Sprintf("the check %s failed in the rollout: %s", f.Check, f.Observed),
			Path: []string{"hooks", "pre-push", "jobs"}, Key: f.Check, YAML: fmt.Sprintf("{run: %q}", in.Checks[i].Command),
			Incident: Replay{Fires: true, Words: "the same command failed on this very commit in the rollout, so that it fails before the push as well, where it needs nothing but the work tree"},
			GoodTime: Replay{Words: "it passed on every release that was promoted with it"},
		})
	}
	return out, nil
}

func shown(d time.Duration) string {
	if d >= 10*time.Second {
		return d.Round(time.Second).String()
	}
	return d.Round(100 * time.Millisecond).String()
}

// slug makes a name of a path.
func slug(path string) string {
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return '-'
	}, strings.Trim(path, "/"))
	if name == "" {
		return "home"
	}
	return strings.Trim(name, "-")
}
