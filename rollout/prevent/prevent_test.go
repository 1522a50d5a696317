package prevent

import (
	"strings"
	"testing"
	"time"

	"goodstate.dev/goodstate/core/good"
	"goodstate.dev/goodstate/rollout/judge"
	"goodstate.dev/goodstate/rollout/samples"
	"goodstate.dev/goodstate/rollout/traffic"
)

const start = int64(1_700_000_000)

// second has a release that answers n requests, so many of them with an error, in the latency's bucket.
func second(release string, at, n, errors int64, bucket int) traffic.Second {
	return traffic.Second{Unix: at, Release: release, Requests: n, Errors: errors, Bursts: errors, Latency: traffic.Histogram{bucket: n}}
}

// incident is a release that fails a quarter of its requests from its fourth second on, and was found after ten.
func incident() Incident {
	k := samples.Kept{Run: "rollout-shop-2", Service: "shop", New: "v2", Old: "v1", Trigger: time.Unix(start+10, 0)}
	for i := range int64(300) {
		k.Seconds = append(k.Seconds, judge.Second{Unix: start - 300 + i, Old: second("v1", start-300+i, 200, 0, 52)})
	}
	for i := range int64(10) {
		s := judge.Second{Unix: start + i, Old: second("v1", start+i, 180, 0, 52), New: second("v2", start+i, 20, 0, 52)}
		if i >= 3 {
			s.New = second("v2", start+i, 20, 5, 65)
		}
		k.Seconds = append(k.Seconds, s)
	}
	k.Failing = []traffic.Failing{
		{Release: "v2", Method: "POST", Path: "/cart", Status: 500, Count: 40},
		{Release: "v2", Method: "GET", Path: "/user/*", Status: 500, Count: 30},
		{Release: "v1", Method: "GET", Path: "/old", Status: 500, Count: 20},
		{Release: "v2", Method: "GET", Path: "/item", Status: 500, Count: 10},
	}
	return Incident{Service: "shop", Samples: k}
}

func find(p Proposal, kind string) *Measure {
	for i := range p.Measures {
		if p.Measures[i].Kind == kind {
			return &p.Measures[i]
		}
	}
	return nil
}

func TestALimitIsProposedThatWouldHaveBeenBrokenEarlierAndNeverInGoodTimes(t *testing.T) {
	in := incident()
	p := Propose(in)
	m := find(p, "limit")
	if m == nil || !strings.HasPrefix(m.YAML, "errors > ") || strings.Join(m.Path, ".") != "services.shop.judge.limits" {
		t.Fatalf("%+v", p)
	}
	if !m.Incident.Fires || m.Incident.After >= p.Found || m.Incident.After < 4*time.Second || m.Incident.Earlier != p.Found-m.Incident.After {
		t.Errorf("it says %+v, found after %s", m.Incident, p.Found)
	}
	var l judge.Limit
	if err := l.UnmarshalText([]byte(m.YAML)); err != nil {
		t.Fatal(err)
	}
	if after, fires := broken(l, newOf(in.Samples)); !fires || after != m.Incident.After {
		t.Errorf("the proposed limit is broken after %s (%v), want %s", after, fires, m.Incident.After)
	}
	for _, times := range goodTimes(in) {
		if _, fires := broken(l, times); fires {
			t.Errorf("it alarms in a good time")
		}
	}
}

func TestWhatHappensInGoodTimesTooIsNoMeasure(t *testing.T) {
	in := incident()
	in.Samples.Failing = nil
	noisy := samples.Kept{Service: "shop", New: "v1", Good: true}
	for i := range int64(600) {
		s := judge.Second{Unix: start - 5000 + i, New: second("v1", start-5000+i, 20, 0, 70)}
		if i/30%2 == 1 {
			s.New.Errors = 10 // half of the time half of the requests fail: no limit tells this from the incident
		}
		noisy.Seconds = append(noisy.Seconds, s)
	}
	in.Good = []samples.Kept{noisy}
	if p := Propose(in); len(p.Measures) > 0 {
		t.Fatalf("proposed is %+v", p.Measures)
	} else if !strings.Contains(strings.Join(p.Notes, ";"), "nothing that can be tried") {
		t.Errorf("it says %v", p.Notes)
	}
}

func TestACheckAsksWhatFailedBeforeUsersDoAndNeverWhatChangesSomething(t *testing.T) {
	p := Propose(incident())
	var checks []Measure
	for _, m := range p.Measures {
		if m.Kind == "check" {
			checks = append(checks, m)
		}
	}
	if len(checks) != 1 || checks[0].Key != "item-lasts" || !strings.Contains(checks[0].YAML, "{url: /item}") || !strings.Contains(checks[0].YAML, "when: [start], for: 10s") {
		t.Fatalf("%+v", checks)
	}
	if strings.Contains(p.Measures[0].GoodTime.Words, "0%") || !strings.Contains(p.Measures[0].GoodTime.Words, "silent") {
		t.Errorf("of good times it says %q", p.Measures[0].GoodTime.Words)
	}
	in := incident()
	in.Checks = []Check{{Name: "item-lasts", Kind: "http"}}
	if m := find(Propose(in), "check"); m != nil {
		t.Errorf("a check that is there is proposed: %+v", m)
	}
}

func TestACheckThatWouldAlarmOnGoodReleasesNeedsMorePatienceOrIsNone(t *testing.T) {
	if long, retries, _, ok := design(newOf(incident().Samples), 100_000, 500); !ok || retries == 0 {
		t.Errorf("with 0.5%% of errors in good times: for %s, %d retries, %v; want retries", long, retries, ok)
	}
	if _, _, _, ok := design(newOf(incident().Samples), 1000, 240); ok {
		t.Error("a good release that fails as often as the bad one cannot be told from it")
	}
}

func TestWhatFailedBeforeAnyTrafficIsProposedAsAHook(t *testing.T) {
	in := Incident{Service: "shop", Failed: []good.Finding{{Check: "unit", Verdict: good.Fail, Observed: "3 of 80 tests failed"}}, Checks: []Check{{Name: "unit", Kind: "test", Command: `go test "./..."`}}}
	p := Propose(in)
	m := find(p, "hook")
	if m == nil || m.YAML != `{run: "go test \"./...\""}` || m.Key != "unit" || strings.Join(m.Path, ".") != "hooks.pre-push.jobs" {
		t.Fatalf("%+v", p)
	}
	in.Hooks = []string{"unit"}
	if m := find(Propose(in), "hook"); m != nil {
		t.Errorf("a job that is there is proposed: %+v", m)
	}
}
