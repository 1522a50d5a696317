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

// counted is a second in which a release answered n requests, k of them failed, all within 10 ms.
func counted(n, k int64) traffic.Second {
	return traffic.Second{Requests: n, Errors: k, Bursts: k, Latency: traffic.Histogram{traffic.BucketOf(10 * time.Millisecond): n}}
}

// during shows n seconds to a judge, from its last second on, and returns what it says at the end.
func during(j *Judge, n int, newer, old traffic.Second) []good.Finding {
	var bad []good.Finding
	for range n {
		bad = j.Observe(Second{Unix: j.last + 1, New: newer, Old: old})
	}
	return bad
}

func TestTenFailuresAgainstNoneAreEnoughAndSaidWithNumbers(t *testing.T) {
	j := New(Config{})
	during(j, 60, counted(100, 0), counted(900, 4))
	bad := during(j, 1, traffic.Second{Requests: 100, Errors: 12, Bursts: 12, Release: "v2"}, counted(900, 4))
	if len(bad) != 1 {
		t.Fatalf("findings %v, want one about errors", bad)
	}
	f := bad[0]
	if f.Check != "errors" || f.Verdict != good.Fail || f.Release != "v2" || f.At.Unix() != 61 {
		t.Errorf("finding %+v, want a Fail of errors on v2 at second 61", f)
	}
	for _, want := range []string{"12 of 100 requests (12%) failed on the new release, 4 of 900 on the old: 27 times worse", "since 00:01:01", "by chance"} {
		if !strings.Contains(f.Observed, want) {
			t.Errorf("observed %q, want it to say %q", f.Observed, want)
		}
	}
}

func TestAnOutageOfBothReleasesIsNotTheNewOnes(t *testing.T) {
	j := New(Config{})
	during(j, 10, counted(100, 0), counted(900, 4))
	if bad := during(j, 60, counted(100, 80), counted(900, 720)); len(bad) > 0 {
		t.Errorf("both fail alike and the judge says %v", bad)
	}
}

func TestWhatFailedOnceStaysFailed(t *testing.T) {
	j := New(Config{})
	during(j, 3, counted(100, 30), counted(900, 0))
	if bad := during(j, 600, counted(100, 0), counted(900, 9)); len(bad) == 0 || bad[0].At.Unix() > 3 {
		t.Errorf("after ten good minutes the judge says %v, want the finding of the first seconds", bad)
	}
}

func TestASecondIsJudgedOnce(t *testing.T) {
	j := New(Config{})
	for range 100 {
		if bad := j.Observe(Second{Unix: 7, New: counted(10, 1), Old: counted(90, 0)}); len(bad) > 0 {
			t.Fatalf("the same second again and again is %v", bad)
		}
	}
	if got := j.State().Total.Requests; got != 10 {
		t.Errorf("%d requests counted, want 10", got)
	}
}

func TestTwiceAsManyErrorsPassWhereTwiceAsManyAreAccepted(t *testing.T) {
	if bad := during(New(Config{Worse: 2}), 1800, counted(100, 1), counted(900, 5)); len(bad) > 0 {
		t.Errorf("judge with worse: 2 says %v", bad)
	}
	if bad := during(New(Config{}), 1800, counted(100, 1), counted(900, 5)); len(bad) == 0 {
		t.Error("judge with worse: 1 finds nothing in half an hour at twice the error rate")
	}
}

func TestASlowReleaseIsFoundAndSaidWithTimes(t *testing.T) {
	j := New(Config{})
	old := counted(900, 0)
	for i := range int64(60) {
		old.Unix = i - 60
		j.History(old)
	}
	slow := counted(100, 0)
	slow.Latency = traffic.Histogram{traffic.BucketOf(30 * time.Millisecond): 100}
	bad := during(j, 30, slow, old)
	if len(bad) != 1 || bad[0].Check != "latency" {
		t.Fatalf("findings %v, want one about latency", bad)
	}
	if !strings.Contains(bad[0].Observed, "requests (100%) took longer than 1") || !strings.Contains(bad[0].Observed, "on the old 0 of ") {
		t.Errorf("observed %q", bad[0].Observed)
	}
}

func TestATenthSlowerIsAcceptedByDefault(t *testing.T) {
	j := New(Config{})
	old, slower := counted(900, 0), counted(100, 0)
	for b := range slower.Latency {
		slower.Latency = traffic.Histogram{b + 1: 100}
	}
	if bad := during(j, 1800, slower, old); len(bad) > 0 {
		t.Errorf("a ninth slower is %v", bad)
	}
}

func TestTheFirstSecondsOfAStageAreNotJudgedForLatency(t *testing.T) {
	j := New(Config{Warmup: config.Duration(10 * time.Second)})
	cold := counted(100, 0)
	cold.Latency = traffic.Histogram{traffic.BucketOf(time.Second): 100}
	j.Beside(true)
	during(j, 10, cold, counted(900, 0))
	for _, e := range j.State().Tests {
		if e.Test == "latency" && e.Odds > 0 {
			t.Errorf("evidence 10^%.2f of latency after ten cold seconds, want none", e.Odds)
		}
	}
	if bad := during(j, 30, cold, counted(900, 0)); len(bad) == 0 {
		t.Error("a release that stays cold is never found")
	}
}

func TestSilenceIsNeverAPass(t *testing.T) {
	cases := []struct {
		name    string
		conf    Config
		beside  bool
		newer   traffic.Second
		old     traffic.Second
		verdict good.Verdict
		says    string
	}{
		{"no request at all", Config{}, true, counted(0, 0), counted(900, 3), good.Unknown, "no request reached"},
		{"too few requests", Config{}, true, counted(1, 0), counted(900, 3), good.Unknown, "60 requests reached"},
		{"no old release to compare with", Config{}, true, counted(100, 0), counted(0, 0), good.Unknown, "nothing to compare with"},
		{"alone without a past, and failing", Config{}, false, counted(100, 40), counted(0, 0), good.Unknown, "nothing to compare with"},
		{"alone without a past, and fine", Config{}, false, counted(100, 0), counted(0, 0), good.Pass, "limits only"},
		{"nothing is compared, and failing", Config{Compare: compareNone}, true, counted(100, 40), counted(900, 0), good.Unknown, "nothing to compare with"},
		{"enough and as good", Config{}, true, counted(100, 0), counted(900, 3), good.Pass, "beside it"},
		{"enough and worse", Config{}, true, counted(100, 50), counted(900, 3), good.Fail, "failed on the new release"},
	}
	for _, c := range cases {
		j := New(c.conf)
		j.Beside(c.beside)
		during(j, 60, c.newer, c.old)
		f := j.Conclude()
		if f.Verdict != c.verdict || !strings.Contains(f.Observed, c.says) {
			t.Errorf("%s: %s, want %s and %q", c.name, f, c.verdict, c.says)
		}
		if f.Verdict != good.Pass && f.Wanted == "" {
			t.Errorf("%s: finding %+v does not say what was wanted", c.name, f)
		}
	}
	if v := New(Config{}).Conclude().Verdict; v != good.Unknown {
		t.Errorf("a judge that saw nothing says %s", v)
	}
}

func TestRequestsOfTheStageBeforeAreNotEnoughForThisOne(t *testing.T) {
	j := New(Config{})
	j.Beside(true)
	during(j, 60, counted(100, 0), counted(900, 3))
	j.Beside(true)
	if f := j.Conclude(); f.Verdict != good.Unknown {
		t.Errorf("a new stage without a request: %s, want unknown", f)
	}
}

func TestASuspicionDoesNotPass(t *testing.T) {
	j := New(Config{})
	during(j, 10, counted(20, 0), counted(180, 0))
	during(j, 1, counted(20, 3), counted(180, 0))
	if f := j.Conclude(); f.Verdict != good.Unknown || !strings.Contains(f.Observed, "suspicion") {
		t.Errorf("3 failures in 20 after none: %s, want unknown for suspicion", f)
	}
}

func TestAfterTheSwitchTheOldOnesLastMinutesJudge(t *testing.T) {
	fresh := func() *Judge {
		j := New(Config{})
		old := counted(900, 4)
		for i := range int64(300) {
			old.Unix = i - 300
			j.History(old)
		}
		j.Beside(false)
		return j
	}
	j := fresh()
	if bad := during(j, 1800, counted(1000, 6), counted(0, 0)); len(bad) > 0 {
		t.Errorf("a release as good as before is %v", bad)
	}
	if f := j.Conclude(); f.Verdict != good.Pass || !strings.Contains(f.Observed, "last minutes only") {
		t.Errorf("conclusion %s, want a pass that says how weak it is", f)
	}
	bad := during(fresh(), 3, counted(1000, 100), counted(0, 0))
	if len(bad) != 1 || bad[0].Check != "errors against the past" || !strings.Contains(bad[0].Observed, "the weaker comparison") {
		t.Errorf("10%% errors after the switch: %v, want a finding that says how weak the comparison is", bad)
	}
	slow := counted(1000, 4)
	slow.Latency = traffic.Histogram{traffic.BucketOf(40 * time.Millisecond): 1000}
	bad = during(fresh(), 40, slow, counted(0, 0))
	if len(bad) != 1 || bad[0].Check != "latency against the past" {
		t.Errorf("four times the latency after the switch: %v, want a finding about latency", bad)
	}
}

func TestTheStateIsTheSameAfterJSON(t *testing.T) {
	j := New(Config{Limits: []Limit{limit(t, "errors > 10% for 5m")}})
	during(j, 10, counted(100, 30), counted(900, 0))
	b, err := json.Marshal(j.State())
	if err != nil {
		t.Fatal(err)
	}
	var back State
	if err := json.Unmarshal(b, &back); err != nil {
		t.Fatal(err)
	}
	if back.Verdict != good.Fail || back.Total.Errors != 300 || len(back.Tests) != 2 || back.Tests[0].Odds < back.Tests[0].Needed {
		t.Errorf("state %s", b)
	}
	if l := back.Limits[0]; l.Limit != "errors > 10% for 5m" || l.Seen != "30%" || l.Beyond != 10 {
		t.Errorf("limit %+v, want 30%% for 10 seconds", l)
	}
}

func TestTheSameSecondsGiveTheSameVerdict(t *testing.T) {
	verdicts := map[string]bool{}
	for range 3 {
		j := New(Config{})
		w := newWorld(Scenario{BaseErrors: 0.005, NewErrors: 0.05, CanaryRPS: 100, StableRPS: 900, Latency: 20 * time.Millisecond, Slower: 2}, 3, 4)
		for range 60 {
			j.Observe(w.next())
		}
		b, err := json.Marshal(j.State())
		if err != nil {
			t.Fatal(err)
		}
		verdicts[string(b)] = true
	}
	if len(verdicts) != 1 {
		t.Errorf("%d different states from the same seconds", len(verdicts))
	}
}
