package e2e

import (
	"strings"
	"testing"
	"time"

	"goodstate.dev/goodstate/internal/real"
	"goodstate.dev/goodstate/rollout"
)

const failing = `sum(rate(orders_failed_total{release="{{release}}"}[3s])) / sum(rate(orders_total{release="{{release}}"}[3s]))`

// withSignal puts signals into the service's configuration.
func withSignal(signals string) func(string) string {
	return func(conf string) string {
		return strings.Replace(conf, "    watch: 1s\n", "    watch: 1s\n    signals:\n"+signals+"\n", 1)
	}
}

// newMeasured is a served site whose instances a real Prometheus asks; limits are those of the signal "unsold".
func newMeasured(t *testing.T, release, limits string) (s *served, kill func()) {
	t.Helper()
	metrics := gather(t)
	address, kill := real.Prometheus(t, []string{metrics.address()}, "", "")
	if address == "" {
		return nil, nil
	}
	s = newServed(t, "canary: {steps: [50%], hold: 2s}", release, withSignal(
		`      unsold: {prometheus: {url: "`+address+`", query: '`+failing+`', stale: 5s}, every: 500ms, samples: 2, start: 8s, limits: [`+limits+`]}`))
	metrics.a.Store(s.a)
	return s, kill
}

func TestAReleaseThatOnlyPrometheusKnowsToBeBadIsTakenBack(t *testing.T) {
	t.Parallel()
	s, _ := newMeasured(t, "sad", `"> 10% for 1s"`)
	if s == nil {
		return
	}
	if res := s.release("v1"); res.Outcome != rollout.Promoted {
		t.Fatalf("v1: %s: %s", res.Outcome, res.Why)
	}
	res := s.release("v2")
	if res.Outcome != rollout.RolledBack || res.Trigger.By != "signal unsold" || !strings.Contains(res.Why, "want not > 10% for 1s") {
		t.Fatalf("v2: %s by %+v: %s", res.Outcome, res.Trigger, res.Why)
	}
}

func TestAReleaseThatOnlyItsLogKnowsToBeBadIsTakenBack(t *testing.T) {
	t.Parallel()
	s := newServed(t, "canary: {steps: [50%], hold: 3s}", "sad", withSignal(`      complaints: {logs: {}, every: 500ms, limits: ["> 3"]}`))
	if res := s.release("v1"); res.Outcome != rollout.Promoted {
		t.Fatalf("v1: %s: %s", res.Outcome, res.Why)
	}
	info := s.start("v2")
	res := s.ended(info)
	if res.Outcome != rollout.RolledBack || res.Trigger.By != "signal complaints" {
		t.Fatalf("v2: %s by %+v: %s", res.Outcome, res.Trigger, res.Why)
	}
	if detail := res.Trigger.Findings[0].Detail; !strings.Contains(detail, "x ERROR order") || strings.Contains(detail, "s3cr3t") || strings.Contains(detail, "taken") {
		t.Errorf("the finding shows %q, want the line that only v2 writes, without its token", detail)
	}
	report, err := s.a.Client().Report(t.Context(), info.ID)
	s.must(err)
	if len(report.Logs) != 1 || !report.Logs[0].Error || strings.Contains(report.Logs[0].Example, "s3cr3t") || !strings.Contains(report.Logs[0].Pattern, "ledger at <address> refused token=<*>") {
		t.Errorf("the analysis has %+v", report.Logs)
	}
}

func TestAReleaseThatEndsAgainAndAgainIsTakenBackByTheLimitOfRestarts(t *testing.T) {
	if takesLong(t) {
		return
	}
	t.Parallel()
	s := newServed(t, "canary: {steps: [50%], hold: 60s}", "tired", func(conf string) string {
		return strings.Replace(conf, "judge: {warmup: 0s, requests: 20}", "judge: {compare: none, requests: 20, limits: [restarts > 2]}\n    restarts: 20", 1)
	})
	first := s.start("v1")
	real.Eventually(t, 30*time.Second, "v1 has the traffic", func() bool {
		l, ok := s.a.Rollouts.Live(first.ID)
		return ok && l.Weight > 0
	})
	if res := s.ended(first); res.Outcome != rollout.Promoted {
		t.Fatalf("v1: %s: %s", res.Outcome, res.Why)
	}
	info := s.start("v2")
	res := s.ended(info)
	if res.Outcome != rollout.RolledBack || res.Trigger.By != "limit restarts > 2" {
		t.Fatalf("v2: %s by %+v: %s\n%s", res.Outcome, res.Trigger, res.Why, s.told(info.ID))
	}
}

func TestWithADeadPrometheusARolloutNeitherGoesOnNorBack(t *testing.T) {
	if takesLong(t) {
		return
	}
	t.Parallel()
	s, kill := newMeasured(t, "fine", `"> 1.5x for 1s", "> 10% for 1s"`)
	if s == nil {
		return
	}
	if res := s.release("v1"); res.Outcome != rollout.Promoted {
		t.Fatalf("v1: %s: %s", res.Outcome, res.Why)
	}
	kill()
	info := s.start("v2")
	if why := s.paused(info); !strings.Contains(why, "signal unsold: unknown: not known: prometheus does not answer") {
		t.Fatalf("it waits because %s", why)
	}
	if _, err := s.a.Client().Tell(t.Context(), "web", "rollback", "enough"); err != nil {
		t.Fatal(err)
	}
	if res := s.ended(info); res.Outcome != rollout.RolledBack || res.Trigger.By == "signal unsold" {
		t.Fatalf("it ended as %s by %s", res.Outcome, res.Trigger.By)
	}
}
