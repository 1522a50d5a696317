package prevent

import (
	"fmt"
	"math"
	"slices"
	"time"

	"goodstate.dev/goodstate/rollout/judge"
	"goodstate.dev/goodstate/rollout/traffic"
)

// limitTimes are how long a limit may have to be broken, and errorShares which shares of errors are tried.
var (
	limitTimes  = []string{"1s", "2s", "3s", "5s", "10s", "20s", "30s", "1m"}
	errorShares = []float64{1, 2, 3, 5, 10, 20, 30, 50}
)

// candidate is a limit to try, and a stricter one that has to be silent over the good times as well: a limit that was only just silent is none.
type candidate struct {
	limit, stricter judge.Limit
	rank            int // larger is more careful
}

// limits proposes the hard limit of each metric that would have been broken earliest.
func limits(in Incident, bad []judge.Second, good [][]judge.Second, found time.Duration) ([]Measure, []string) {
	if len(bad) == 0 || in.Samples.Trigger.IsZero() || len(good) == 0 {
		return nil, nil
	}
	var out []Measure
	for _, family := range []struct {
		name string
		all  []candidate
	}{{"errors", errorLimits()}, {"latency", latencyLimits(good)}, {"memory", memoryLimits(good)}} {
		best, after, ok := earliest(family.all, bad, good, found)
		if !ok || slices.ContainsFunc(in.Limits, func(l judge.Limit) bool { return l.String() == best.limit.String() }) {
			continue
		}
		out = append(out, Measure{
			Name: "limit " + best.limit.String(), Kind: "limit", Why: fmt.Sprintf("%s of the release were beyond what good times had", family.name),
			Path: []string{"services", in.Service, "judge", "limits"}, YAML: best.limit.String(),
			Incident: Replay{
				Fires: true, After: after, Earlier: found - after, Seconds: len(bad),
				Words: fmt.Sprintf("is broken %s after the first traffic; it was found after %s", shown(after), shown(found)),
			},
			GoodTime: Replay{Seconds: lengthOf(good), Words: fmt.Sprintf("silent over %d good seconds, and so is %s", lengthOf(good), best.stricter)},
		})
	}
	return out, nil
}

// earliest is the candidate that is broken first in the bad time and never in a good one; of equal ones the most careful.
func earliest(all []candidate, bad []judge.Second, good [][]judge.Second, found time.Duration) (best candidate, after time.Duration, ok bool) {
	for _, c := range all {
		at, fires := broken(c.limit, bad)
		if !fires || at >= found || ok && (at > after || at == after && c.rank <= best.rank) {
			continue
		}
		silent := !slices.ContainsFunc(good, func(t []judge.Second) bool { _, fires := broken(c.stricter, t); return fires })
		if silent {
			best, after, ok = c, at, true
		}
	}
	return best, after, ok
}

// broken says how long after the first second a limit is broken. A second counts when it is over.
func broken(l judge.Limit, seconds []judge.Second) (time.Duration, bool) {
	j := judge.New(judge.Config{Compare: "none", Limits: []judge.Limit{l}})
	for _, s := range seconds {
		if len(j.Observe(s)) > 0 {
			return time.Duration(s.Unix-seconds[0].Unix+1) * time.Second, true
		}
	}
	return 0, false
}

func limit(format string, args ...any) judge.Limit {
	var l judge.Limit
	if err := l.UnmarshalText(fmt.Appendf(nil, format, args...)); err != nil {
		panic(err) // the forms below are ours
	}
	return l
}

func errorLimits() []candidate {
	var out []candidate
	for i, share := range errorShares {
		for k, time := range limitTimes[1:] {
			out = append(out, candidate{limit("errors > %g%% for %s", share, time), limit("errors > %g%% for %s", share/2, time), i + k})
		}
	}
	return out
}

const window = 10 // seconds that a quantile is taken over; as the judge does

// latencyLimits are some times the worst quantile of the good times.
func latencyLimits(good [][]judge.Second) []candidate {
	var out []candidate
	for _, q := range []struct {
		name string
		q    float64
	}{{"p90", 0.9}, {"p99", 0.99}} {
		most := worst(good, q.q)
		if most == 0 {
			continue
		}
		for i, times := range []float64{1.5, 2, 3, 5} {
			for k, time := range limitTimes[2:] {
				out = append(out, candidate{limit("%s > %s for %s", q.name, rounded(most, times), time), limit("%s > %s for %s", q.name, rounded(most, 1+(times-1)/2), time), i + k})
			}
		}
	}
	return out
}

func rounded(d time.Duration, times float64) string {
	ms := float64(d) / float64(time.Millisecond) * times
	unit := math.Pow(10, max(0, math.Floor(math.Log10(ms))-1))
	return fmt.Sprintf("%dms", max(1, int64(math.Ceil(ms/unit)*unit)))
}

// worst is the largest quantile over any window of the good times.
func worst(good [][]judge.Second, q float64) time.Duration {
	var most time.Duration
	for _, t := range good {
		for i := range t {
			sum := traffic.Histogram{}
			for _, s := range t[max(0, i-window+1) : i+1] {
				sum.Add(s.New.Latency)
			}
			if b, ok := sum.Quantile(q); ok {
				most = max(most, traffic.BucketLimit(b))
			}
		}
	}
	return most
}

// memoryLimits are some times the most memory of the good times.
func memoryLimits(good [][]judge.Second) []candidate {
	var most int64
	for _, t := range good {
		for _, s := range t {
			if s.NewUse != nil {
				most = max(most, s.NewUse.Memory)
			}
		}
	}
	if most == 0 {
		return nil
	}
	var out []candidate
	mib := float64(most) / (1 << 20)
	for i, times := range []float64{1.5, 2, 3} {
		for k, time := range limitTimes[2:] {
			out = append(out, candidate{
				limit("memory > %dMiB for %s", int64(math.Ceil(mib*times)), time),
				limit("memory > %dMiB for %s", int64(math.Ceil(mib*(1+(times-1)/2))), time), i + k,
			})
		}
	}
	return out
}
