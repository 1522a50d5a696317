package judge

import (
	"fmt"

	"goodstate.dev/goodstate/rollout/traffic"
)

// FalseAlarms is what came of holding a release against itself.
type FalseAlarms struct {
	Runs    int            `json:"runs"`
	Alarms  int            `json:"alarms"`  // runs that would have been rolled back
	Seconds int            `json:"seconds"` // how long each run was
	Rate    float64        `json:"rate"`
	By      map[string]int `json:"by,omitempty"` // by check
}

const (
	replayRuns = 200
	replaySeed = 20140707
)

// Replay deals the old release's own history out at random into a pretended new release, which gets the given share (0 to 1)
// of the requests, and the rest; judges the one against the other; and does so many times. Both are the same release, so
// every alarm is a false one: the rate is what users must expect with these settings, limits included. The first fifth is
// shown as the past. The same history gives the same answer.
func Replay(old []traffic.Second, c Config, share float64) FalseAlarms {
	first := len(old) / 5
	found := make([]string, replayRuns)
	parallel(replayRuns, func(i int) {
		d := newDraw(replaySeed, uint64(i)) //nolint:gosec // i is small
		j := New(c)
		for _, s := range old[:first] {
			j.History(s)
		}
		for _, s := range old[first:] {
			if bad := j.Observe(d.split(s, share)); len(bad) > 0 {
				found[i] = bad[0].Check
				return
			}
		}
	})
	out := FalseAlarms{Runs: replayRuns, Seconds: len(old) - first, By: map[string]int{}}
	for _, check := range found {
		if check != "" {
			out.Alarms++
			out.By[check]++
		}
	}
	out.Rate = float64(out.Alarms) / float64(out.Runs)
	return out
}

// split deals one second out. Requests that failed stay failed; each latency goes to one side.
func (d draw) split(s traffic.Second, share float64) Second {
	part := traffic.Second{Unix: s.Unix, Release: s.Release, Latency: traffic.Histogram{}}
	rest := traffic.Second{Unix: s.Unix, Release: s.Release, Latency: traffic.Histogram{}}
	single := min(s.Bursts, s.Errors)
	part.Bursts = d.binomial(single, share)
	part.Errors = part.Bursts + d.binomial(s.Errors-single, share)
	part.Requests = part.Errors + d.binomial(s.Requests-s.Errors, share)
	rest.Bursts, rest.Errors, rest.Requests = single-part.Bursts, s.Errors-part.Errors, s.Requests-part.Requests
	for b := 0; b <= maxBucket; b++ { // in order, so that the same seed deals the same
		if n := s.Latency[b]; n > 0 {
			k := d.binomial(n, share)
			part.Latency[b], rest.Latency[b] = k, n-k
		}
	}
	return Second{Unix: s.Unix, New: part, Old: rest}
}

// String says the rate in words.
func (f FalseAlarms) String() string {
	return fmt.Sprintf("%d of %d replays of %ds would have been rolled back (%.1f%%)", f.Alarms, f.Runs, f.Seconds, 100*f.Rate)
}
