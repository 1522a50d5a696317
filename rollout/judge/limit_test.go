package judge

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"goodstate.dev/goodstate/core/config"
	"goodstate.dev/goodstate/core/good"
	"goodstate.dev/goodstate/rollout/traffic"
)

func limit(t *testing.T, text string) Limit {
	t.Helper()
	var l Limit
	if err := l.UnmarshalText([]byte(text)); err != nil {
		t.Fatal(err)
	}
	return l
}

func TestLimitsReadAndWriteTheSameText(t *testing.T) {
	for _, text := range []string{
		"errors > 10% for 5m", "p99 > 500ms for 1m", "p99.9 > 2s for 30s", "requests < 1/s for 2m", "cpu > 90% for 2m", "memory > 300MiB for 1m",
	} {
		l := limit(t, text)
		b, err := json.Marshal(l)
		if err != nil || string(b) != `"`+strings.ReplaceAll(strings.ReplaceAll(text, ">", `\u003e`), "<", `\u003c`)+`"` {
			t.Errorf("%s is written as %s (%v)", text, b, err)
		}
		var back Limit
		if err := json.Unmarshal(b, &back); err != nil || back != l {
			t.Errorf("%s is read back as %+v (%v)", text, back, err)
		}
	}
}

func TestLimitsThatMakeNoSenseAreRefusedWithAnExample(t *testing.T) {
	for text, want := range map[string]string{
		"errors > 10%":             "METRIC > VALUE for TIME",
		"errors >= 10% for 5m":     `unknown comparison ">="`,
		"errors > 10 for 5m":       "percent",
		"error > 10% for 5m":       `unknown metric "error"`,
		"p0 > 10ms for 1m":         "no quantile",
		"pNaN > 10ms for 1m":       "quantile",
		"p99 > 10 for 1m":          "10",
		"requests < 1 for 1m":      "1/s",
		"requests < NaN/s for 1m":  "",
		"requests < 0/s for 1m":    "nothing is ever below",
		"memory > lots for 1m":     "lots",
		"errors > 10% for 0s":      "1s or more",
		"errors > 10% for a while": "METRIC",
	} {
		var l Limit
		err := l.UnmarshalText([]byte(text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want one that says %q", text, err, want)
		}
	}
}

func TestALimitHasToBeBrokenForItsWholeTime(t *testing.T) {
	j := New(Config{Compare: compareNone, Limits: []Limit{limit(t, "errors > 10% for 1m")}})
	bad, fine := counted(100, 50), counted(100, 0)
	if got := during(j, 59, bad, traffic.Second{}); len(got) > 0 {
		t.Fatalf("after 59 s: %v", got)
	}
	got := during(j, 1, bad, traffic.Second{})
	if len(got) != 1 || got[0].Observed != "errors is 50%, > 10% for 1m" || got[0].Wanted != "no errors > 10% for 1m" {
		t.Fatalf("after 60 s: %v", got)
	}
	if got := during(j, 12, fine, traffic.Second{}); len(got) > 0 {
		t.Errorf("when it is over: %v", got)
	}
	if got := during(j, 59, bad, traffic.Second{}); len(got) > 0 {
		t.Errorf("59 s after the break: %v", got)
	}
}

func TestUnknownSecondsNeitherCountNorStartTheTimeAgain(t *testing.T) {
	j := New(Config{Compare: compareNone, Limits: []Limit{limit(t, "cpu > 90% for 20s")}})
	at := func(use *Use) []string {
		var names []string
		for _, f := range j.Observe(Second{Unix: j.last + 1, New: counted(1, 0), NewUse: use}) {
			names = append(names, f.Check)
		}
		return names
	}
	for range 15 {
		at(&Use{CPU: 0.99})
	}
	for range 10 {
		if got := at(nil); got != nil {
			t.Fatalf("broken by what is not known: %v", got)
		}
	}
	if l := j.State().Limits[0]; l.Known || l.Beyond != 15 {
		t.Errorf("limit %+v, want 15 s that are known, and not known now", l)
	}
	var got []string
	for range 5 {
		got = at(&Use{CPU: 0.99})
	}
	if len(got) != 1 {
		t.Errorf("after 20 known seconds: %v, want the limit to be broken", got)
	}
	for range 20 {
		at(nil)
	}
	if l := j.State().Limits[0]; l.Beyond != 0 {
		t.Errorf("after 20 unknown seconds %d are kept, want none", l.Beyond)
	}
}

func TestEachMetricIsMeasuredInItsOwnUnit(t *testing.T) {
	second := Second{New: counted(100, 20), NewUse: &Use{CPU: 0.5, Memory: 400 << 20}}
	second.New.Latency = traffic.Histogram{traffic.BucketOf(10 * time.Millisecond): 95, traffic.BucketOf(time.Second): 5}
	for text, broken := range map[string]bool{
		"errors > 19% for 1s": true, "errors > 20% for 1s": false,
		"p99 > 800ms for 1s": true, "p99 > 1s for 1s": false, "p50 > 20ms for 1s": false,
		"requests < 101/s for 1s": true, "requests < 100/s for 1s": false, "requests > 50/s for 1s": true,
		"cpu > 49% for 1s": true, "memory > 300MiB for 1s": true, "memory > 400MiB for 1s": false,
	} {
		w := watch{Limit: limit(t, text)}
		if got := w.observe([]Second{second}); got != broken {
			t.Errorf("%s: broken %v (saw %s), want %v", text, got, w.seen, broken)
		}
	}
}

func TestTheConfigurationIsReadFromAFile(t *testing.T) {
	var root struct {
		Judge Config `yaml:"judge"`
	}
	file := "judge:\n  worse: 1.5\n  quantiles: [50%, 99%]\n  limits: [errors > 10% for 5m, p99 > 500ms for 1m]\n"
	if err := config.Parse("goodstate.yaml", []byte(file), &root); err != nil {
		t.Fatal(err)
	}
	c := root.Judge
	if c.Worse != 1.5 || c.Alpha != 0.01 || c.Warmup != config.Duration(5*time.Second) || len(c.Limits) != 2 || c.Limits[1].Value != 0.5 {
		t.Errorf("read %+v", c)
	}
	for bad, want := range map[string]string{
		"judge: {limits: [errors > 10]}": "METRIC > VALUE for TIME",
		"judge: {worse: 0.5}":            "judge.worse: 0.5 times",
		"judge: {alpha: 0.9}":            "judge.alpha",
		"judge: {compare: latencies}":    "latency",
		"judge: {quantiles: [100%]}":     "judge.quantiles[0]",
	} {
		if err := config.Parse("goodstate.yaml", []byte(bad), &root); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one that says %q", bad, err, want)
		}
	}
}

func using(unix, requests, oldRequests int64, cpu, oldCPU float64, memory, oldMemory int64) Second {
	return Second{Unix: unix, New: counted(requests, 0), Old: counted(oldRequests, 0), NewUse: &Use{cpu, memory}, OldUse: &Use{oldCPU, oldMemory}}
}

func TestALimitInTimesOfTheOldReleaseIsHeldAgainstTheSameMoment(t *testing.T) {
	for _, c := range []struct {
		name, limit string
		second      func(unix int64) Second
		broken      bool
	}{
		{"twice the memory", "memory > 1.5x for 5s", func(at int64) Second { return using(at, 1, 1, 0.1, 0.1, 200, 100) }, true},
		{"as much memory", "memory > 1.5x for 5s", func(at int64) Second { return using(at, 1, 1, 0.1, 0.1, 140, 100) }, false},
		{"an old release that was not measured", "memory > 1.5x for 5s", func(at int64) Second {
			s := using(at, 1, 1, 0.1, 0.1, 900, 1)
			s.OldUse = nil
			return s
		}, false},
		{"three times the processor", "cpu > 2x for 5s", func(at int64) Second { return using(at, 10, 10, 0.6, 0.2, 1, 1) }, true},
		{"an idle old release says nothing of the processor", "cpu > 2x for 5s", func(at int64) Second { return using(at, 100, 1, 0.6, 0.01, 1, 1) }, false},
		{"fewer requests than half", "requests < 0.5x for 5s", func(at int64) Second { return using(at, 4, 10, 0, 0, 1, 1) }, true},
	} {
		var l Limit
		if err := l.UnmarshalText([]byte(c.limit)); err != nil {
			t.Fatal(err)
		}
		if l.String() != c.limit {
			t.Errorf("%s became %s", c.limit, l)
		}
		j := New(Config{Compare: compareNone, Limits: []Limit{l}})
		var bad []good.Finding
		for at := int64(1); at <= 20; at++ {
			bad = j.Observe(c.second(at))
		}
		if (len(bad) > 0) != c.broken {
			t.Errorf("%s: %v, want broken: %v", c.name, bad, c.broken)
		}
	}
}

func TestRestartsBeyondTheLimitAreFoundAlsoWithoutTraffic(t *testing.T) {
	var l Limit
	if err := l.UnmarshalText([]byte("restarts > 2")); err != nil {
		t.Fatal(err)
	}
	j := New(Config{Compare: compareNone, Limits: []Limit{l}})
	for at, n := range []int{0, 1, 2, 2, 2} {
		if bad := j.Observe(Second{Unix: int64(at + 1), NewRestarts: &n}); len(bad) > 0 {
			t.Fatalf("after %d restarts: %v", n, bad)
		}
	}
	if bad := j.Observe(Second{Unix: 6}); len(bad) > 0 {
		t.Fatalf("where nothing is known: %v", bad)
	}
	three := 3
	if bad := j.Observe(Second{Unix: 7, NewRestarts: &three}); len(bad) != 1 || !strings.Contains(bad[0].Observed, "restarts is 3") {
		t.Fatalf("after three restarts: %v", bad)
	}
	for _, text := range []string{"restarts > 2x for 1m", "restarts > -1", "speed > 2x for 1m", "cpu > 0x for 1m", "cpu > ax for 1m", "errors > 3"} {
		if err := l.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%s was taken", text)
		}
	}
}
