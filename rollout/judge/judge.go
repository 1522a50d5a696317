// Package judge decides from counts whether a new release is worse than the old one. It is a pure decider: it is shown each
// second once, in order, and has no clock and no I/O, so a verdict can be replayed from what it was shown.
//
// It must never take silence for health: what was not seen is Unknown.
//
// Two things make a release bad. Hard limits, as users know them. And the comparison with the old release under the same
// load in the same second, by tests that may be looked at every second for as long as one likes (see evidence): a release
// that is not worse is rolled back with a probability of at most alpha over all tests and all time. Alpha is split evenly over
// errors and latency, and over users' reports where these count; of each part three quarters go to the comparison side by side, and one to the weaker
// comparison with the old release's past, where none runs beside.
package judge

import (
	"time"

	"goodstate.dev/goodstate/core/good"
	"goodstate.dev/goodstate/rollout/traffic"
)

// Second is what the two releases did in one second. A release without traffic has 0 requests.
type Second struct {
	Unix   int64          `json:"t"`
	New    traffic.Second `json:"new"`
	Old    traffic.Second `json:"old"`
	NewUse *Use           `json:"new_use,omitempty"` // nil: not measured
	OldUse *Use           `json:"old_use,omitempty"`
	// NewRestarts is how often instances of the new release ended by themselves and were started again, all together; nil: not known.
	NewRestarts *int `json:"new_restarts,omitempty"`
	// Reports of users that came in, by the release that served them; each session counts once.
	NewReports int64 `json:"new_reports,omitempty"`
	OldReports int64 `json:"old_reports,omitempty"`
}

// Use is what the instances of a release use: the busiest one counts.
type Use struct {
	CPU    float64 `json:"cpu"`    // share of one core
	Memory int64   `json:"memory"` // resident bytes
}

// Judge looks at one rollout, through all its stages, so that evidence adds up. It is not for concurrent use.
type Judge struct {
	conf    Config
	beside  bool
	last    int64 // second that was observed last
	past    *recent
	window  []Second // for limits
	watches []*watch

	errors       *errorsBeside
	latency      *latencyTest
	errorsAlone  *errorsAlone // nil until the old release is no longer beside
	latencyAlone *latencyTest
	reports      *reports // nil where users' reports do not count

	stage   stage
	total   counts
	verdict []good.Finding // what failed; comparisons stay failed, since evidence that was enough once is enough
	release string
}

// stage is what was seen since the stage began.
type stage struct {
	began           int64
	new, beside     counts
	alone, besideOf int64 // seconds that were compared with the past, and with the old release beside
}

type counts struct{ requests, errors, bursts int64 }

func (c *counts) add(s traffic.Second) {
	c.requests += s.Requests
	c.errors += s.Errors
	c.bursts += s.Bursts
}

// New makes a judge that expects the old release beside the new one, until Beside says otherwise.
func New(c Config) *Judge {
	c = c.withDefaults()
	j := &Judge{conf: c, beside: true, past: newRecent(recentSeconds), errors: newErrorsBeside()}
	j.latency = newLatencyTest(c.Quantiles, c.Slower, j.past)
	if c.Reports {
		j.reports = newReports()
	}
	for _, l := range c.Limits {
		j.watches = append(j.watches, &watch{Limit: l})
	}
	return j
}

// History shows a second of the old release from before the rollout, oldest first. Thresholds, and the comparison where no
// old release runs beside, come from it.
func (j *Judge) History(s traffic.Second) {
	j.past.add(s)
	if j.reports != nil {
		j.reports.history(s)
	}
}

// Reported shows how many reports the old release had before the rollout, in the time of its history.
func (j *Judge) Reported(n int64) {
	if j.reports != nil {
		j.reports.pastK += n
	}
}

// Beside begins a stage, and says whether the old release has traffic in it too. What is enough to pass is counted from here.
func (j *Judge) Beside(beside bool) {
	j.beside = beside
	j.stage = stage{}
	if !beside && j.errorsAlone == nil {
		j.errorsAlone = newErrorsAlone(j.conf.Worse, j.past.requests, j.past.bursts)
		j.latencyAlone = newLatencyAlone(j.conf.Quantiles, j.conf.Slower, j.past)
		if j.reports != nil {
			j.reports.withdraw()
		}
	}
}

// Observe judges one second and returns what is bad by now: nothing, or findings that say Fail. Seconds come in order; one
// that was already seen changes nothing. Limits look at the new release once it has had its first request.
func (j *Judge) Observe(s Second) []good.Finding {
	if s.Unix <= j.last {
		return j.verdict
	}
	j.last = s.Unix
	if s.New.Release != "" {
		j.release = s.New.Release
	}
	if j.stage.began == 0 && s.New.Requests > 0 {
		j.stage.began = s.Unix
	}
	j.total.add(s.New)
	j.stage.new.add(s.New)
	j.compare(s)
	if j.reports != nil {
		j.reports.observe(s, j.beside || s.Old.Requests*10 >= s.New.Requests && s.Old.Requests > 0)
	}
	if j.beside && s.Old.Requests > 0 {
		s.Old.Unix = s.Unix
		j.past.add(s.Old) // after the comparison: thresholds come from strictly before
	}
	j.decide(s)
	return j.verdict
}

// compare feeds the tests. Where the old release should not be beside but still has at least a tenth of the new one's
// requests (users who stay with it), it is compared with all the same: that is the stronger test.
func (j *Judge) compare(s Second) {
	if s.New.Requests == 0 {
		return
	}
	warm := s.Unix-j.stage.began >= int64(time.Duration(j.conf.Warmup)/time.Second)
	switch {
	case s.Old.Requests > 0 && (j.beside || s.Old.Requests*10 >= s.New.Requests):
		j.stage.besideOf++
		j.stage.beside.add(s.Old)
		if j.conf.errors() {
			j.errors.observe(s.Unix, j.conf.Worse, s.New.Requests, s.New.Bursts, s.Old.Requests, s.Old.Bursts)
		}
		if j.conf.latency() && warm {
			j.latency.observe(s.Unix, s.New.Latency, s.Old.Latency)
		}
	case !j.beside:
		j.stage.alone++
		if j.conf.errors() {
			j.errorsAlone.observe(s.Unix, s.New.Requests, s.New.Bursts)
		}
		if j.conf.latency() && warm {
			j.latencyAlone.observe(s.Unix, s.New.Latency, nil)
		}
	}
}

// decide keeps comparisons that failed, and finds limits that are broken now.
func (j *Judge) decide(s Second) {
	var verdict []good.Finding
	for _, t := range j.tests() {
		if f, ok := j.kept(t.name); ok {
			verdict = append(verdict, f)
		} else if t.odds() >= t.needed {
			verdict = append(verdict, j.finding(t.name, good.Fail, t.observed(j), t.wanted(j)))
		}
	}
	if j.total.requests > 0 || s.NewUse != nil || s.NewRestarts != nil {
		if len(j.window) == limitWindow {
			j.window = append(j.window[:0], j.window[1:]...)
		}
		j.window = append(j.window, s)
		for _, w := range j.watches {
			if j.total.requests == 0 && !w.ofUse() {
				continue // before the first request traffic says nothing
			}
			if w.observe(j.window) {
				verdict = append(verdict, j.finding("limit "+w.String(), good.Fail, w.reason(), "no "+w.String()))
			}
		}
	}
	j.verdict = verdict
}

func (j *Judge) kept(test string) (good.Finding, bool) {
	for _, f := range j.verdict {
		if f.Check == test {
			return f, true
		}
	}
	return good.Finding{}, false
}

func (j *Judge) finding(name string, v good.Verdict, observed, wanted string) good.Finding {
	f := good.Finding{Check: name, Verdict: v, Observed: observed, Wanted: wanted, Release: j.release}
	if j.last > 0 {
		f.At = time.Unix(j.last, 0).UTC()
	}
	return f
}

// test is one comparison with what it takes to fail.
type test struct {
	name     string
	needed   float64 // logarithm of the odds
	odds     func() float64
	observed func(*Judge) string
	wanted   func(*Judge) string
}

// tests are the comparisons under way.
func (j *Judge) tests() []test {
	beside, alone := j.conf.needed()
	var all []test
	if j.conf.errors() {
		all = append(all, test{"errors", beside, j.errors.log, sayErrors, wantErrors})
		if a := j.errorsAlone; a != nil {
			all = append(all, test{"errors against the past", alone, a.log, sayErrorsAlone, wantErrorsAlone})
		}
	}
	if j.conf.latency() {
		all = append(all, test{"latency", beside, j.latency.log, sayLatency, wantLatency})
		if a := j.latencyAlone; a != nil {
			all = append(all, test{"latency against the past", alone, a.log, sayLatencyAlone, wantLatency})
		}
	}
	if r := j.reports; r != nil {
		all = append(all, test{"user reports", beside, r.log, sayReports, wantReports})
		if r.alone != nil {
			all = append(all, test{"user reports against the past", alone, r.alone.log, sayReportsAlone, wantReports})
		}
	}
	return all
}
