package judge

import (
	"fmt"
	"math"
	"strings"

	"goodstate.dev/goodstate/core/good"
)

// minOld is how many requests of the old release a comparison needs.
const minOld = 20

// State is what the judge knows, for pages.
type State struct {
	Verdict  good.Verdict   `json:"verdict"`
	Why      string         `json:"why"`
	Enough   bool           `json:"enough"`   // the new release has had enough requests in this stage
	Requests int64          `json:"requests"` // of the new release in this stage
	Wanted   int64          `json:"wanted"`   // requests that are enough
	Beside   bool           `json:"beside"`   // the old release is compared with in the same seconds
	Total    Total          `json:"total"`    // of the new release in all stages
	Tests    []Evidence     `json:"tests"`
	Limits   []LimitState   `json:"limits"`
	Findings []good.Finding `json:"findings,omitempty"` // what failed
}

// Total counts the new release's answers.
type Total struct {
	Requests int64 `json:"requests"`
	Errors   int64 `json:"errors"`
}

// Evidence is how far one test is from a rollback, as powers of ten of the odds against chance: 2 is 1 to 100.
type Evidence struct {
	Test   string  `json:"test"`
	Odds   float64 `json:"odds_log10"`
	Needed float64 `json:"needed_log10"`
}

// LimitState is how far one limit is from being broken.
type LimitState struct {
	Limit  string `json:"limit"`
	Seen   string `json:"seen"`
	Known  bool   `json:"known"`
	Beyond int64  `json:"beyond_s"` // seconds in a row beyond the limit
}

// State tells what is known by now.
func (j *Judge) State() State {
	f := j.Conclude()
	s := State{
		Verdict: f.Verdict, Why: f.Observed, Enough: j.stage.new.requests >= j.conf.Requests, Requests: j.stage.new.requests,
		Wanted: j.conf.Requests, Beside: j.beside, Total: Total{j.total.requests, j.total.errors},
		Findings: append([]good.Finding(nil), j.verdict...),
	}
	for _, t := range j.tests() {
		s.Tests = append(s.Tests, Evidence{t.name, t.odds() / math.Ln10, t.needed / math.Ln10})
	}
	for _, w := range j.watches {
		s.Limits = append(s.Limits, LimitState{w.String(), w.seen, w.known, w.beyond})
	}
	return s
}

// Conclude is the verdict at the end of a stage. It is Pass only if the new release has had enough requests in this stage, was
// compared with something, and nothing speaks against it; Unknown otherwise, and also while a test is more than half way to
// a rollback, because the next stage would only show it to more users.
func (j *Judge) Conclude() good.Finding {
	if len(j.verdict) > 0 {
		f := j.verdict[0]
		if len(j.verdict) > 1 {
			f.Detail = fmt.Sprintf("and %d more: %s", len(j.verdict)-1, checks(j.verdict[1:]))
		}
		return f
	}
	seen := j.stage.new
	verdict := func(v good.Verdict, format string, args ...any) good.Finding {
		return j.finding("judge", v, fmt.Sprintf(format, args...), fmt.Sprintf("%d requests on the new release and no sign of harm", j.conf.Requests))
	}
	if seen.requests == 0 {
		return verdict(good.Unknown, "no request reached the new release in this stage")
	}
	if seen.requests < j.conf.Requests {
		f := verdict(good.Unknown, "%d requests reached the new release in this stage", seen.requests)
		f.Hint = "wait for more traffic, hold the stage longer, or set judge.requests lower"
		return f
	}
	for _, t := range j.tests() {
		if odds := t.odds(); odds > t.needed/2 {
			return verdict(good.Unknown, "%s: %s; a suspicion, not yet a proof", t.name, t.observed(j))
		}
	}
	against := j.against()
	if against == "" {
		if j.beside && j.conf.Compare != compareNone {
			return verdict(good.Unknown, "the old release answered %d requests beside the new one's %d: nothing to compare with", j.stage.beside.requests, seen.requests)
		}
		if seen.errors*20 > seen.requests {
			return verdict(good.Unknown, "%s failed, and there is nothing to compare with", ofRequests(seen.errors, seen.requests))
		}
		against = "no old release to compare with; limits only"
	}
	return verdict(good.Pass, "%s failed on the new release, %s", ofRequests(seen.errors, seen.requests), against)
}

// against says what the new release was compared with in this stage, "" if with nothing.
func (j *Judge) against() string {
	old := j.stage.beside
	switch {
	case j.conf.Compare == compareNone:
		return ""
	case old.requests >= minOld && j.stage.besideOf >= j.stage.alone:
		return ofRequests(old.errors, old.requests) + " on the old one beside it"
	case !j.beside && j.past.requests >= minPast:
		return "compared with the old one's last minutes only"
	}
	return ""
}

func checks(findings []good.Finding) string {
	var names []string
	for _, f := range findings {
		names = append(names, f.Check)
	}
	return strings.Join(names, ", ")
}
