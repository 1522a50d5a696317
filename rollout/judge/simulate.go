package judge

import (
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"

	"goodstate.dev/goodstate/rollout/judge/baseline"
	"goodstate.dev/goodstate/rollout/traffic"
)

// Table is how well each rule finds the bad release of a scenario, and how often it takes a good one for bad.
type Table struct {
	Scenario Scenario `json:"scenario"`
	Runs     int      `json:"runs"`
	Rows     []Row    `json:"rules"`
}

// Row is one rule.
type Row struct {
	Rule   string   `json:"rule"`
	Found  float64  `json:"found"`            // share of runs in which the bad release was found, from its onset on
	Median *float64 `json:"median_s"`         // seconds from the onset; null if fewer runs found it
	P90    *float64 `json:"p90_s"`            // the slowest tenth needed longer
	False  float64  `json:"false_rollbacks"`  // share of runs in which a release that is as good as the old one was rolled back
	Early  float64  `json:"before_the_onset"` // share of bad runs that were rolled back before anything was bad
}

// Simulate plays a scenario many times, with a release that turns bad and with one that does not, and shows both to each
// rule until it rolls back. The same seed gives the same table.
func Simulate(s Scenario, c Config, runs int, seed uint64) Table {
	bad := make([][]int64, runs)
	good := make([][]int64, runs)
	parallel(runs, func(i int) {
		bad[i] = play(s, c, seed, uint64(2*i))              //nolint:gosec // i is small
		good[i] = play(s.healthy(), c, seed, uint64(2*i)+1) //nolint:gosec // i is small
	})
	t := Table{Scenario: s, Runs: runs}
	for r, name := range ruleNames {
		t.Rows = append(t.Rows, row(name, r, bad, good, s.onset()))
	}
	return t
}

func row(name string, rule int, bad, good [][]int64, onset int64) Row {
	out := Row{Rule: name}
	var delays []float64
	runs := float64(len(bad))
	for i := range bad {
		switch at := bad[i][rule]; {
		case at == 0:
		case at <= onset:
			out.Early += 1 / runs
		default:
			delays = append(delays, float64(at-onset))
		}
		if good[i][rule] > 0 {
			out.False += 1 / runs
		}
	}
	slices.Sort(delays)
	out.Found = float64(len(delays)) / runs
	at := func(q float64) *float64 {
		i := int(math.Ceil(q*runs)) - 1
		if i >= len(delays) {
			return nil
		}
		return &delays[max(i, 0)]
	}
	out.Median, out.P90 = at(0.5), at(0.9)
	return out
}

// parallel calls f for 0 to n-1 on all processors and waits.
func parallel(n int, f func(i int)) {
	next := make(chan int)
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for i := range next {
				f(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	workers.Wait()
}

// play shows one run to all rules and tells the second in which each rolled back, 0 for never. The judge has seen two
// minutes of the old release before.
func play(s Scenario, c Config, seed, stream uint64) []int64 {
	w := newWorld(s, seed, stream)
	j := New(c)
	for range 120 {
		before := w.side(&w.stable, s.StableRPS, s.BaseErrors, w.base, 0, stableInstances)
		before.Unix = -120
		j.History(before)
	}
	rules := []rule{func(s Second) bool { return len(j.Observe(s)) > 0 }, kayenta(), badMinutes(w)}
	at := make([]int64, len(rules))
	left := len(rules)
	for w.now < w.seconds() && left > 0 {
		second := w.next()
		for i, decide := range rules {
			if at[i] == 0 && decide(second) {
				at[i] = w.now
				left--
			}
		}
	}
	return at
}

// rule sees every second and says when it would roll back.
type rule func(Second) bool

var ruleNames = [...]string{"goodstate", "rank test on minutes (Kayenta)", "three bad minutes in a row"}

// kayenta is Kayenta's rule on error rate and mean latency, judged anew after each minute.
func kayenta() rule {
	errors := baseline.Kayenta{Confidence: 0.98, Effect: 0.25}
	latency := errors
	return minutely(func(newer, old minute) bool {
		worse := errors.Minute(old.errors, newer.errors)
		return newer.counted && latency.Minute(old.latency, newer.latency) || worse
	})
}

// badMinutes is told the right thresholds: twice the usual error rate, one and a half times the usual mean latency.
func badMinutes(w *world) rule {
	errors := baseline.BadMinutes{Over: max(2*w.BaseErrors, 0.005), InRow: 3}
	latency := baseline.BadMinutes{Over: 1.5 * float64(w.Latency) * math.Exp(w.Tail*w.Tail/2), InRow: 3}
	return minutely(func(newer, _ minute) bool {
		worse := errors.Minute(newer.errors)
		return newer.counted && latency.Minute(newer.latency) || worse
	})
}

// minute is the metrics of one release in one minute, NaN without traffic.
type minute struct {
	errors, latency float64
	counted         bool // latencies were counted
}

// minutely adds seconds up to minutes.
func minutely(decide func(newer, old minute) bool) rule {
	var newer, old traffic.Second
	newer.Latency, old.Latency = traffic.Histogram{}, traffic.Histogram{}
	return func(s Second) bool {
		addUp(&newer, s.New)
		addUp(&old, s.Old)
		if s.Unix%60 != 0 {
			return false
		}
		verdict := decide(minuteOf(newer), minuteOf(old))
		newer, old = traffic.Second{Latency: traffic.Histogram{}}, traffic.Second{Latency: traffic.Histogram{}}
		return verdict
	}
}

func addUp(sum *traffic.Second, s traffic.Second) {
	sum.Requests += s.Requests
	sum.Errors += s.Errors
	sum.Latency.Add(s.Latency)
}

func minuteOf(s traffic.Second) minute {
	var sum float64
	for b, n := range s.Latency {
		sum += float64(n) * float64(traffic.BucketLimit(b))
	}
	n := s.Latency.Count()
	return minute{float64(s.Errors) / float64(s.Requests), sum / float64(n), n > 0}
}

// String is the table as text.
func (t Table) String() string {
	var b strings.Builder
	s := t.Scenario
	fmt.Fprintf(&b, "%g%% -> %g%% errors", 100*s.BaseErrors, 100*s.NewErrors)
	if s.Latency > 0 {
		fmt.Fprintf(&b, ", latency %s x %g", s.Latency, max(s.Slower, 1))
	}
	fmt.Fprintf(&b, ", %g requests/s on the new release, %g on the old", s.CanaryRPS, s.StableRPS)
	if s.Onset > 0 {
		fmt.Fprintf(&b, ", from %s on", s.Onset)
	}
	fmt.Fprintf(&b, ", %d minutes, %d runs\n", s.Minutes, t.Runs)
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "rule\tfound\tmedian\tp90\tfalse rollbacks\t")
	for _, r := range t.Rows {
		fmt.Fprintf(w, "%s\t%.0f%%\t%s\t%s\t%.2f%%\t\n", r.Rule, 100*r.Found, seconds(r.Median), seconds(r.P90), 100*r.False)
	}
	_ = w.Flush() // into memory
	return b.String()
}

func seconds(v *float64) string {
	if v == nil {
		return "-"
	}
	return fmt.Sprintf("%.0fs", *v)
}
