package strategy_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"goodstate.dev/goodstate/core/good"
	"goodstate.dev/goodstate/rollout/strategy"
)

var (
	pass    = good.Finding{Check: "judge", Verdict: good.Pass}
	unknown = good.Finding{Check: "judge", Verdict: good.Unknown, Observed: "no request reached the new release", Wanted: "100 requests"}
	fail    = good.Finding{Check: "errors", Verdict: good.Fail, Observed: "12 of 40 requests failed", Wanted: "no more than before"}
)

func TestNextSaysWhatToDoAndWhy(t *testing.T) {
	during := strategy.Status{Stage: 0, Stages: 3, Elapsed: 10 * time.Second, Hold: time.Minute}
	over := during
	over.Elapsed = time.Minute
	with := func(s strategy.Status, change func(*strategy.Status)) strategy.Status {
		change(&s)
		return s
	}
	asks := func(s strategy.Status, what string) strategy.Status {
		return with(s, func(s *strategy.Status) { s.Asked, s.Why = what, "because I say so" })
	}
	last := with(over, func(s *strategy.Status) { s.Stage = 2 })
	paused := with(over, func(s *strategy.Status) { s.Paused = true })
	observe := with(over, func(s *strategy.Status) { s.Observe = true })
	cases := []struct {
		name     string
		status   strategy.Status
		findings []good.Finding
		do       strategy.Do
		why      string
	}{
		{"nothing is decided before the time is over", during, []good.Finding{pass}, strategy.Wait, "judging for 10s of 1m0s"},
		{"what is good for the whole time goes on", over, []good.Finding{pass, pass}, strategy.Advance, "2 findings pass"},
		{"the last stage is promoted", last, []good.Finding{pass}, strategy.Promote, "pass"},
		{"the watch ends", with(over, func(s *strategy.Status) { s.Watch = true }), []good.Finding{pass}, strategy.Promote, "pass"},
		{"one failure goes back at once", during, []good.Finding{pass, fail, unknown}, strategy.Rollback, "errors: fail: 12 of 40 requests failed, want no more than before"},
		{"several failures are counted", during, []good.Finding{fail, fail, fail}, strategy.Rollback, "(and 2 more)"},
		{"a failure also goes back while paused", paused, []good.Finding{fail}, strategy.Rollback, "errors"},
		{"unknown waits while there is time", during, []good.Finding{unknown}, strategy.Wait, "judging"},
		{"unknown asks at the end", over, []good.Finding{pass, unknown}, strategy.Pause, "no request reached"},
		{"nothing looked at asks", over, nil, strategy.Pause, "nothing was looked at"},
		{"unknown waits on if wanted", with(over, func(s *strategy.Status) { s.OnUnknown = "wait" }), []good.Finding{unknown}, strategy.Wait, "not known yet"},
		{"unknown goes back if wanted", with(over, func(s *strategy.Status) { s.OnUnknown = "rollback" }), []good.Finding{unknown}, strategy.Rollback, "not known in time"},
		{"a pause holds what is good", paused, []good.Finding{pass}, strategy.Wait, "paused"},
		{"a person pauses", asks(during, "pause"), []good.Finding{pass}, strategy.Pause, "because I say so"},
		{"a person resumes", asks(paused, "resume"), []good.Finding{pass}, strategy.Wait, "resumed"},
		{"a person goes on early", asks(during, "promote"), []good.Finding{unknown}, strategy.Advance, "because I say so"},
		{"a person promotes at the end", asks(last, "promote"), []good.Finding{unknown}, strategy.Promote, "a person"},
		{"a person goes back", asks(during, "rollback"), []good.Finding{pass}, strategy.Rollback, "because I say so"},
		{"a gate waits", with(during, func(s *strategy.Status) { s.Gate = true }), []good.Finding{pass}, strategy.Wait, "waits for approval"},
		{"a gate opens by approval", asks(with(during, func(s *strategy.Status) { s.Gate = true }), "approve"), []good.Finding{unknown}, strategy.Advance, "because I say so"},
		{"a gate does not open by going on", asks(with(during, func(s *strategy.Status) { s.Gate = true }), "promote"), []good.Finding{pass}, strategy.Wait, "needs an approval"},
		{"a gate before promotion promotes", asks(with(last, func(s *strategy.Status) { s.Gate = true }), "approve"), []good.Finding{pass}, strategy.Promote, "approved"},
		{"what fails at a gate goes back", with(during, func(s *strategy.Status) { s.Gate = true }), []good.Finding{fail}, strategy.Rollback, "errors"},
		{"a gate that nobody opens goes back", with(over, func(s *strategy.Status) { s.Gate = true }), []good.Finding{pass}, strategy.Rollback, "nobody approved it"},
		{"an approval without a gate is nothing", asks(during, "approve"), []good.Finding{pass}, strategy.Wait, "judging"},
		{"abort is the same", asks(during, "abort"), nil, strategy.Rollback, "a person asked to go back"},
		{"observing only says it", observe, []good.Finding{fail}, strategy.Wait, "only observing, would roll back: errors"},
		{"observing listens to people", asks(observe, "rollback"), nil, strategy.Rollback, "a person"},
	}
	for _, c := range cases {
		got := strategy.Next(c.status, c.findings)
		if got.Do != c.do || !strings.Contains(got.Why, c.why) {
			t.Errorf("%s: %s: %q, want %s and %q", c.name, got.Do, got.Why, c.do, c.why)
		}
	}
}

// anyMoment is a status and findings, without a person.
func anyMoment(t *rapid.T) (strategy.Status, []good.Finding) {
	stages := rapid.IntRange(1, 10).Draw(t, "stages")
	s := strategy.Status{
		Stages: stages, Stage: rapid.IntRange(0, stages-1).Draw(t, "stage"),
		Elapsed: time.Duration(rapid.IntRange(0, 200).Draw(t, "elapsed")) * time.Second, Hold: 100 * time.Second,
		Paused: rapid.Bool().Draw(t, "paused"), Watch: rapid.Bool().Draw(t, "watch"),
		OnUnknown: rapid.SampledFrom([]string{"", "pause", "wait", "rollback", "whatever"}).Draw(t, "on unknown"),
	}
	findings := rapid.SliceOfN(rapid.SampledFrom([]good.Finding{pass, unknown, fail, {Verdict: 77}}), 0, 5).Draw(t, "findings")
	return s, findings
}

func TestWithoutAPersonOnlyAPassOverTheWholeTimeGoesOn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, findings := anyMoment(t)
		a := strategy.Next(s, findings)
		goesOn := a.Do == strategy.Advance || a.Do == strategy.Promote
		if want := good.Overall(findings) == good.Pass && s.Elapsed >= s.Hold && !s.Paused; goesOn != want {
			t.Fatalf("%+v with %v: %s, want to go on: %v", s, findings, a.Do, want)
		}
		if good.Overall(findings) == good.Fail && a.Do != strategy.Rollback {
			t.Fatalf("%+v with %v: %s, want to go back", s, findings, a.Do)
		}
		if a.Why == "" {
			t.Fatalf("%+v with %v: %s without a reason", s, findings, a.Do)
		}
	})
}

func TestNotKnowingNeverLeadsForwardWhateverElseAPersonAsksFor(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, _ := anyMoment(t)
		s.Asked = rapid.SampledFrom([]string{"", "pause", "resume", "rollback", "abort", "nonsense"}).Draw(t, "asked")
		if a := strategy.Next(s, []good.Finding{pass, unknown}); a.Do == strategy.Advance || a.Do == strategy.Promote {
			t.Fatalf("%+v led to %s: %s", s, a.Do, a.Why)
		}
	})
}

func TestObservingNeverActsByItself(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, findings := anyMoment(t)
		s.Observe = true
		if a := strategy.Next(s, findings); a.Do != strategy.Wait {
			t.Fatalf("%+v with %v: %s, want to wait", s, findings, a.Do)
		}
	})
}

func TestDecisionsAreReadBackFromTheJournal(t *testing.T) {
	for do := strategy.Wait; do <= strategy.Pause; do++ {
		b, err := json.Marshal(strategy.Action{Do: do, Why: "w"})
		if err != nil {
			t.Fatal(err)
		}
		var back strategy.Action
		if err := json.Unmarshal(b, &back); err != nil || back.Do != do {
			t.Errorf("%s is read back as %s (%v)", b, back.Do, err)
		}
	}
	var d strategy.Do
	if err := json.Unmarshal([]byte(`"explode"`), &d); err == nil || d != strategy.Wait {
		t.Errorf("an unknown decision is read as %s (%v)", d, err)
	}
}
