package signal_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"goodstate.dev/goodstate/core/config"
	"goodstate.dev/goodstate/core/good"
	"goodstate.dev/goodstate/rollout/signal"
)

func spec(t *testing.T, text string) signal.Spec {
	t.Helper()
	var file struct {
		Signal signal.Spec `yaml:"signal"`
	}
	if err := config.Parse("signal.yaml", []byte("signal: {prometheus: {url: \"http://127.0.0.1:1\", query: 'x{release=\"{{release}}\"}'}, every: 1s, timeout: 1s, "+text+"}\n"), &file); err != nil {
		t.Fatal(err)
	}
	return file.Signal
}

var errGone = errors.New("prometheus does not answer")

func TestASignalIsJudgedByItsReadings(t *testing.T) {
	start := time.Unix(1700000000, 0)
	type pairs []signal.Pair
	is := func(v float64) signal.Pair { return signal.Pair{New: signal.Reading{Value: v}} }
	beside := func(v, old float64) signal.Pair {
		return signal.Pair{New: signal.Reading{Value: v}, Old: &signal.Reading{Value: old}}
	}
	gone := signal.Pair{NewErr: errGone}
	many := func(p signal.Pair, n int) (all pairs) {
		for range n {
			all = append(all, p)
		}
		return all
	}
	for _, c := range []struct {
		name, conf string
		seen       pairs
		late       time.Duration
		want       good.Verdict
		says       string
	}{
		{"nothing read is unknown", "limits: [\"> 5\"]", nil, 0, good.Unknown, "not read yet"},
		{"two readings are not enough", "samples: 3, limits: [\"> 5\"]", many(is(1), 2), 0, good.Unknown, "read 2 times"},
		{"three are", "samples: 3, limits: [\"> 5\"]", many(is(1), 3), 0, good.Pass, "1"},
		{"one reading breaks a limit without a time", "samples: 3, limits: [\"> 5\"]", many(is(6), 1), 0, good.Fail, "6"},
		{"a limit with a time waits for it", "samples: 1, limits: [\"> 5 for 3s\"]", many(is(6), 3), 0, good.Unknown, "a suspicion"},
		{"and is broken after it", "samples: 1, limits: [\"> 5 for 3s\"]", many(is(6), 4), 0, good.Fail, "for 3s"},
		{"one good reading starts the time again", "samples: 1, limits: [\"> 5 for 3s\"]", append(append(many(is(6), 3), is(1)), many(is(6), 3)...), 0, good.Unknown, "suspicion"},
		{"an unknown one does not", "samples: 1, limits: [\"> 5 for 3s\"]", append(append(many(is(6), 2), gone), is(6)), 0, good.Fail, "6"},
		{"but a long gap does", "samples: 1, limits: [\"> 5 for 3s\"]", append(append(many(is(6), 2), many(gone, 5)...), is(6)), 0, good.Unknown, "suspicion"},
		{"what cannot be read now is unknown, though it was fine", "samples: 1, limits: [\"> 5\"]", append(many(is(1), 9), gone), 0, good.Unknown, "does not answer"},
		{"never read is never a failure", "samples: 1, limits: [\"< 5\"]", many(gone, 50), 0, good.Unknown, "does not answer"},
		{"an old reading is unknown", "samples: 1, limits: [\"> 5\"]", many(is(1), 9), 9 * time.Second, good.Unknown, "read last"},
		{"times the old release's value", "samples: 1, limits: [\"> 1.5x for 1s\"]", many(beside(16, 10), 2), 0, good.Fail, "10 on the old one"},
		{"within the factor", "samples: 1, limits: [\"> 1.5x for 1s\"]", many(beside(14, 10), 2), 0, good.Pass, "14"},
		{"an old value that is missing is unknown", "samples: 1, limits: [\"> 1.5x\"]", pairs{{New: signal.Reading{Value: 100}, OldErr: errGone}}, 0, good.Unknown, "on the old release"},
		{"below a floor", "samples: 1, limits: [\"< 10\"]", many(is(3), 1), 0, good.Fail, "3"},
		{"without limits it is only shown", "samples: 1", many(is(3), 1), 0, good.Pass, "3"},
	} {
		track := signal.NewTrack("orders", spec(t, c.conf), true)
		track.Stage(start)
		now := start
		for i, p := range c.seen {
			now = start.Add(time.Duration(i) * time.Second)
			p.At = now
			track.Observe(p)
		}
		f := track.Finding(now.Add(c.late))
		if f.Verdict != c.want || !strings.Contains(f.Observed, c.says) {
			t.Errorf("%s: %s, want %s and %q", c.name, f, c.want, c.says)
		}
	}
}

func TestAStageBeginsItsOwnCount(t *testing.T) {
	now := time.Unix(1700000000, 0)
	track := signal.NewTrack("orders", spec(t, "samples: 2, limits: [\"> 5\"]"), false)
	for range 2 {
		track.Stage(now)
		for range 2 {
			if !track.Waiting(now) {
				t.Error("it does not wait for the second reading")
			}
			now = now.Add(time.Second)
			track.Observe(signal.Pair{At: now, New: signal.Reading{Value: 1}})
		}
		if f := track.Finding(now); f.Verdict != good.Pass || track.Waiting(now) {
			t.Errorf("%s, waiting %v", f, track.Waiting(now))
		}
	}
}

func TestWhatCannotBeASignalIsRefusedWithItsPlace(t *testing.T) {
	for text, want := range map[string]string{
		`{prometheus: {url: "http://p:1", query: "x"}, limits: ["> 2x"]}`:                                 "{{release}}",
		`{prometheus: {url: "http://p:1", query: "x"}, limits: ["=> 2"]}`:                                 "not of the form",
		`{prometheus: {url: "http://p:1", query: "x"}, limits: ["> 2 for ever"]}`:                         "duration",
		`{prometheus: {url: "http://p:1", query: "x"}, limits: ["> nan"]}`:                                "nan",
		`{prometheus: {url: "http://p:1", query: "x{{relese}}"}}`:                                         "unknown blank",
		`{prometheus: {url: "p", query: "x"}}`:                                                            "url",
		`{prometheus: {url: "http://a:b@p", query: "x"}}`:                                                 "password",
		`{prometheus: {url: "http://p:1", query: "x"}, samples: 0, every: 1ms}`:                           "never read",
		`{promtheus: {url: "http://p:1", query: "x"}}`:                                                    "did you mean prometheus",
		`{prometheus: {url: "http://p:1", query: "x", count: "{{x}}"}}`:                                   "count",
		`{prometheus: {url: "http://p:1", query: " "}}`:                                                   "empty",
		`{prometheus: {url: "http://p:1", query: "x", stale: 1ms}}`:                                       "stale",
		`{prometheus: {url: "http://p:1", query: "x{v=\"{{version}}\"}"}, timeout: 0s, limits: ["> 1x"]}`: "timeout",
	} {
		var file struct {
			Signals config.Map[signal.Spec] `yaml:"signals"`
		}
		err := config.Parse("f.yaml", []byte("signals:\n  a: "+text+"\n"), &file)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "f.yaml:2") {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

// A run keeps its configuration as JSON and reads it again after a crash.
func TestASignalSurvivesTheJournal(t *testing.T) {
	s := spec(t, "samples: 2, limits: [\"> 5% for 30s\", \"> 1.5x\"]")
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var again signal.Spec
	if err := json.Unmarshal(text, &again); err != nil {
		t.Fatal(err)
	}
	if twice, err := json.Marshal(again); err != nil || string(twice) != string(text) || !again.Relative() || again.Limits[0].Value != 0.05 {
		t.Errorf("%s became %s (%v)", text, twice, err)
	}
	if _, err := again.New(); err != nil {
		t.Error(err)
	}
}
