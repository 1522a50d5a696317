package strategy_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"goodstate.dev/goodstate/core/config"
	"goodstate.dev/goodstate/core/good"
	"goodstate.dev/goodstate/rollout/strategy"
	"goodstate.dev/goodstate/rollout/traffic"
)

var (
	bad     = []good.Finding{{Check: "errors", Verdict: good.Fail, Observed: "9 of 60 failed"}}
	fine    = []good.Finding{{Check: "errors", Verdict: good.Pass}}
	unclear = []good.Finding{{Check: "errors", Observed: "no traffic"}}
)

func TestWhatIsDoneAfterALook(t *testing.T) {
	over := strategy.Status{Stage: 0, Stages: 2, Elapsed: time.Minute, Hold: time.Minute}
	early, last, watch, observing, paused := over, over, over, over, over
	early.Elapsed = time.Second
	last.Stage = 1
	watch.Watch = true
	observing.Observe = true
	paused.Paused = true
	asked := func(s strategy.Status, what string) strategy.Status { s.Asked = what; return s }
	unknown := func(s strategy.Status, what string) strategy.Status { s.OnUnknown = what; return s }
	for _, c := range []struct {
		name     string
		status   strategy.Status
		findings []good.Finding
		want     strategy.Do
	}{
		{"a failure goes back at once", early, bad, strategy.Rollback},
		{"a failure goes back even when paused", paused, bad, strategy.Rollback},
		{"a stage is judged to its end", early, fine, strategy.Wait},
		{"a passed stage leads to the next", over, fine, strategy.Advance},
		{"the last one to promotion", last, fine, strategy.Promote},
		{"so does the watch", watch, fine, strategy.Promote},
		{"not knowing pauses", over, unclear, strategy.Pause},
		{"so does not having looked", over, nil, strategy.Pause},
		{"not knowing waits if told to", unknown(over, strategy.UnknownWait), unclear, strategy.Wait},
		{"not knowing goes back if told to", unknown(over, strategy.UnknownRollback), unclear, strategy.Rollback},
		{"paused stays paused", paused, fine, strategy.Wait},
		{"a person may go on", asked(early, strategy.AskPromote), unclear, strategy.Advance},
		{"a person may go back", asked(over, strategy.AskRollback), fine, strategy.Rollback},
		{"observing does nothing", observing, bad, strategy.Wait},
		{"observing obeys a person", asked(observing, strategy.AskRollback), fine, strategy.Rollback},
	} {
		if got := strategy.Next(c.status, c.findings); got.Do != c.want || got.Why == "" {
			t.Errorf("%s: got %s (%s), want %s", c.name, got.Do, got.Why, c.want)
		}
	}
}

func TestNotKnowingNeverLeadsForward(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := strategy.Status{
			Stage: rapid.IntRange(0, 5).Draw(t, "stage"), Stages: 6, Hold: time.Minute, Paused: rapid.Bool().Draw(t, "paused"), Watch: rapid.Bool().Draw(t, "watch"),
			Elapsed:   time.Duration(rapid.IntRange(0, 1000).Draw(t, "elapsed")) * time.Second,
			OnUnknown: rapid.SampledFrom([]string{"", "pause", "wait", "rollback"}).Draw(t, "unknown"),
			Asked:     rapid.SampledFrom([]string{"", strategy.AskPause, strategy.AskResume, strategy.AskRollback}).Draw(t, "asked"),
		}
		if got := strategy.Next(s, unclear); got.Do == strategy.Advance || got.Do == strategy.Promote {
			t.Fatalf("%+v led to %s: %s", s, got.Do, got.Why)
		}
	})
}

func TestEveryWayForwardGrowsAndEveryWayBackEndsWithNobody(t *testing.T) {
	settings := map[string][]any{
		"canary":    {nil, map[string]any{"steps": []string{"0.5%", "5%", "50%"}, "back": "steps"}},
		"bluegreen": {nil, map[string]any{"compare": "5% for 30s"}},
		"rolling":   {nil, map[string]any{"batch": "25%", "unavailable": 1}, map[string]any{"batch": 2, "back": "steps"}},
	}
	for _, kind := range config.Kinds[strategy.Strategy]() {
		if len(settings[kind.Name]) == 0 {
			t.Errorf("%s has no settings to be tried with", kind.Name)
		}
		for _, set := range settings[kind.Name] {
			choice, err := config.Choose[strategy.Strategy](kind.Name, set)
			if err != nil {
				t.Fatal(err)
			}
			s, err := choice.New()
			if err != nil {
				t.Fatalf("%s %v: %v", kind.Name, set, err)
			}
			for instances := 1; instances <= 12; instances++ {
				walk(t, kind.Name, s, instances)
			}
		}
	}
}

func walk(t *testing.T, name string, s strategy.Strategy, instances int) {
	t.Helper()
	stages := s.Stages(instances)
	if last := stages[len(stages)-1]; last.Weight != traffic.Full || last.New != instances {
		t.Errorf("%s with %d instances ends at %+v", name, instances, last)
	}
	weight := 0
	for i, st := range stages {
		if st.Weight < weight || st.New < 1 || st.Hold <= 0 {
			t.Errorf("%s with %d instances: stage %d is %+v after weight %d", name, instances, i, st, weight)
		}
		weight = st.Weight
		back := s.Back(stages, i)
		if end := back[len(back)-1]; end.Weight != 0 || end.New != 0 || end.Old != instances {
			t.Errorf("%s with %d instances: the way back from stage %d ends at %+v", name, instances, i, end)
		}
	}
}
