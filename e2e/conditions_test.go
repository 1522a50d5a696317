package e2e

import (
	"strings"
	"testing"
	"time"

	"goodstate.dev/goodstate/internal/real"
	"goodstate.dev/goodstate/rollout"
)

// withConditions puts conditions over the log's complaints into the service's configuration.
func withConditions(do string) func(string) string {
	return func(conf string) string {
		return strings.Replace(conf, "    watch: 1s\n", `    watch: 1s
    signals:
      complaints: {logs: {}, every: 500ms, samples: 1}
    conditions:
      unhappy: {when: 'checks.health == "pass" && signals.complaints > 3 && old.errors < 0.01', for: 1s, do: `+do+`}
`, 1)
	}
}

func TestAConditionTakesAReleaseBackOrAsks(t *testing.T) {
	if takesLong(t) {
		return
	}
	for do, check := range map[string]func(t *testing.T, s *served){
		"rollback": func(t *testing.T, s *served) {
			info := s.start("v2")
			res := s.ended(info)
			if res.Outcome != rollout.RolledBack || res.Trigger.By != "condition unhappy" || !strings.Contains(res.Why, "signals.complaints is") {
				t.Fatalf("v2: %s by %+v: %s\n%s", res.Outcome, res.Trigger, res.Why, s.told(info.ID))
			}
		},
		"pause": func(t *testing.T, s *served) {
			info := s.start("v2")
			if why := s.paused(info); !strings.Contains(why, "condition unhappy: checks.health is pass") {
				t.Fatalf("it waits because %s", why)
			}
			if _, err := s.a.Client().Tell(t.Context(), "web", "resume", "I know"); err != nil {
				t.Fatal(err)
			}
			real.Eventually(t, 20*time.Second, "it goes on although the condition is true", func() bool {
				l, ok := s.a.Rollouts.Live(info.ID)
				return ok && l.Paused == ""
			})
			if _, err := s.a.Client().Tell(t.Context(), "web", "rollback", "enough"); err != nil {
				t.Fatal(err)
			}
			if res := s.ended(info); res.Outcome != rollout.RolledBack || res.Trigger.By == "condition unhappy" {
				t.Fatalf("v2: %s by %s", res.Outcome, res.Trigger.By)
			}
		},
	} {
		t.Run(do, func(t *testing.T) {
			t.Parallel()
			s := newServed(t, "canary: {steps: [50%], hold: 60s}", "sad", withConditions(do))
			first := s.start("v1")
			real.Eventually(t, 30*time.Second, "v1 has the traffic", func() bool {
				l, ok := s.a.Rollouts.Live(first.ID)
				return ok && l.Weight > 0
			})
			if _, err := s.a.Client().Tell(t.Context(), "web", "promote", "there is nothing to compare it with"); err != nil {
				t.Fatal(err)
			}
			if _, err := s.a.Client().Tell(t.Context(), "web", "promote", "the same"); err != nil {
				t.Fatal(err)
			}
			if res := s.ended(first); res.Outcome != rollout.Promoted {
				t.Fatalf("v1: %s: %s", res.Outcome, res.Why)
			}
			check(t, s)
		})
	}
}
