package judge

import (
	"testing"
	"time"

	"goodstate.dev/goodstate/rollout/traffic"
)

// The rollout that the goals are about: 0.5% errors, 100 requests/s on the new release, 900 on the old.
var usual = Scenario{BaseErrors: 0.005, NewErrors: 0.005, CanaryRPS: 100, StableRPS: 900, Minutes: 30}

// mustRow is the row of a rule that found the bad release in at least half of the runs.
func (t Table) mustRow(tb testing.TB, rule int) Row {
	tb.Helper()
	r := t.Rows[rule]
	if r.Median == nil {
		tb.Fatalf("%s found it in only %.0f%% of the runs\n%s", r.Rule, 100*r.Found, t)
	}
	return r
}

func TestTwoPercentErrorsAreFoundInFifteenSecondsTenTimesSoonerThanByBothBaselines(t *testing.T) {
	s := usual
	s.NewErrors = 0.02
	table := Simulate(s, Config{}, 200, 1)
	ours := table.mustRow(t, 0)
	if *ours.Median > 15 || ours.Found < 1 {
		t.Errorf("want 2%% found in every run and within 15 s\n%s", table)
	}
	if ours.False > 0.01 {
		t.Errorf("want at most 1%% false rollbacks in 30 healthy minutes\n%s", table)
	}
	for rule := 1; rule < len(ruleNames); rule++ {
		if *table.mustRow(t, rule).Median < 10**ours.Median {
			t.Errorf("want to be ten times sooner than %s\n%s", ruleNames[rule], table)
		}
	}
}

func TestTenPercentErrorsAreFoundInThreeSeconds(t *testing.T) {
	s := usual
	s.NewErrors, s.Minutes = 0.10, 1
	if table := Simulate(s, Config{}, 200, 2); *table.mustRow(t, 0).Median > 3 {
		t.Errorf("want a median of at most 3 s\n%s", table)
	}
}

func TestALateRegressionIsFoundWithinTwiceTheTime(t *testing.T) {
	s := usual
	s.Minutes, s.NewErrors = 3, 0.02
	early := *Simulate(s, Config{}, 200, 3).mustRow(t, 0).Median
	s.Minutes, s.Onset = 13, 10*time.Minute
	if table := Simulate(s, Config{}, 200, 4); *table.mustRow(t, 0).Median > 2*early || table.Rows[0].Early > 0.01 {
		t.Errorf("want at most twice the %.0f s of an early regression, and nothing before it\n%s", early, table)
	}
}

func TestAnOutageOfBothReleasesRollsBackAtMostOnePercent(t *testing.T) {
	s := usual
	s.Outages = 6
	if got := falseRollbacks(s, Config{}, 100, 5); got > 0.01 {
		t.Errorf("%.1f%% false rollbacks with outages of both", 100*got)
	}
}

// falseRollbacks is the share of runs in which the judge rolls back a release that is as good as the old one.
func falseRollbacks(s Scenario, c Config, runs int, seed uint64) float64 {
	alarms := make([]bool, runs)
	parallel(runs, func(i int) {
		w := newWorld(s.healthy(), seed, uint64(i)) //nolint:gosec // i is small
		j := New(c)
		for w.now < w.seconds() && !alarms[i] {
			alarms[i] = len(j.Observe(w.next())) > 0
		}
	})
	bad := 0
	for _, a := range alarms {
		if a {
			bad++
		}
	}
	return float64(bad) / float64(runs)
}

func TestFailingClientsAreCountedOncePerBurst(t *testing.T) {
	s := usual
	s.Burst, s.Minutes = 20, 30
	if got := falseRollbacks(s, Config{}, 100, 6); got > 0.01 {
		t.Errorf("%.1f%% false rollbacks with clients that fail 20 times in a row", 100*got)
	}
	plain := 0
	for i := range 10 {
		w := newWorld(s, 7, uint64(i)) //nolint:gosec // i is small
		for j := New(Config{}); w.now < w.seconds(); {
			second := w.next()
			second.New.Bursts, second.Old.Bursts = second.New.Errors, second.Old.Errors
			if len(j.Observe(second)) > 0 {
				plain++
				break
			}
		}
	}
	if plain < 3 {
		t.Errorf("counted plainly, only %d of 10 runs were false alarms: the scenario has no bursts worth the name", plain)
	}
}

func TestThreeTimesTheLatencyIsFoundInTwentySeconds(t *testing.T) {
	s := usual
	s.Latency, s.Slower, s.Minutes = 20*time.Millisecond, 3, 2
	if table := Simulate(s, Config{}, 20, 8); *table.mustRow(t, 0).Median > 20 {
		t.Errorf("want a median of at most 20 s\n%s", table)
	}
}

func TestHeavyTailsPausesAndStallsOfBothAreNoSlowRelease(t *testing.T) {
	for name, s := range map[string]Scenario{
		"a heavy tail":              {Tail: 2},
		"pauses of single ones":     {Pauses: 6},
		"stalls of all":             {Stalls: 6},
		"everything at once":        {Tail: 1.5, Pauses: 3, Stalls: 3},
		"few requests":              {CanaryRPS: 2, StableRPS: 38, Tail: 1.5, Pauses: 3, Stalls: 3},
		"more on the new release":   {CanaryRPS: 40, StableRPS: 10, Pauses: 3, Stalls: 3},
		"a fifth on one of ten":     {CanaryRPS: 5, StableRPS: 495, Pauses: 6},
		"errors and stalls of both": {BaseErrors: 0.05, Outages: 6, Stalls: 6},
	} {
		s.Latency, s.Minutes = 20*time.Millisecond, 6
		if s.CanaryRPS == 0 {
			s.CanaryRPS, s.StableRPS = 50, 450
		}
		if got := falseRollbacks(s, Config{}, 16, 9); got > 0 {
			t.Errorf("%s: %.1f%% false rollbacks", name, 100*got)
		}
	}
}

func TestAfterTheSwitchAHealthyReleaseStays(t *testing.T) {
	s := usual
	s.CanaryRPS, s.StableRPS = 1000, 0
	alarms := 0
	for i := range 100 {
		w := newWorld(s, 10, uint64(i)) //nolint:gosec // i is small
		j := New(Config{})
		for at := range int64(300) {
			before := w.side(&w.canary, 1000, s.BaseErrors, nil, 0, stableInstances)
			before.Unix = at - 300
			j.History(before)
		}
		j.Beside(false)
		for w.now < w.seconds() {
			if len(j.Observe(w.next())) > 0 {
				alarms++
				break
			}
		}
	}
	if alarms > 1 {
		t.Errorf("%d of 100 healthy releases were rolled back after the switch", alarms)
	}
}

func TestAReplayOverTheOwnHistoryTellsTheRealRate(t *testing.T) {
	w := newWorld(Scenario{BaseErrors: 0.01, CanaryRPS: 1, StableRPS: 200, Latency: 20 * time.Millisecond, Pauses: 2}, 11, 12)
	var history []traffic.Second
	for range 300 {
		s := w.next().Old
		s.Unix += 1_700_000_000
		history = append(history, s)
	}
	got := Replay(history, Config{}, 0.1)
	if got.Rate > 0.01 || got.Runs != replayRuns || got.Seconds != 240 {
		t.Errorf("replay: %s %v, want at most 1%% of 200 over 240 s", got, got.By)
	}
	if again := Replay(history, Config{}, 0.1); again.Alarms != got.Alarms {
		t.Errorf("the same history gives %d and %d alarms", got.Alarms, again.Alarms)
	}
	strict := Replay(history, Config{Limits: []Limit{limit(t, "errors > 0.1% for 1s")}}, 0.1)
	if strict.Rate < 0.9 || strict.By["limit errors > 0.1% for 1s"] != strict.Alarms {
		t.Errorf("a limit below the usual error rate: %s %v, want it to be broken nearly always", strict, strict.By)
	}
}

func TestTheSameSeedGivesTheSameTable(t *testing.T) {
	s := usual
	s.NewErrors, s.Minutes = 0.05, 2
	if a, b := Simulate(s, Config{}, 10, 13).String(), Simulate(s, Config{}, 10, 13).String(); a != b {
		t.Errorf("two tables from one seed:\n%s\n%s", a, b)
	}
}
