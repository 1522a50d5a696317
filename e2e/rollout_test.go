package e2e

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"goodstate.dev/goodstate/app"
	"goodstate.dev/goodstate/core/good"
	"goodstate.dev/goodstate/rollout"
	"goodstate.dev/goodstate/rollout/runtime"
	"goodstate.dev/goodstate/rollout/traffic"
)

const canary = "canary: {steps: [30%], hold: 2s}"

// isWell checks that v1 serves alone and that the record says so.
func (s *site) isWell(res rollout.Result) {
	s.t.Helper()
	if res.Outcome != rollout.RolledBack || res.Revalidated != good.Pass || res.Held != "v2" {
		s.t.Fatalf("it ended as %s (%s), revalidated %s, held %q; want rolled_back, pass, v2\n%v", res.Outcome, res.Why, res.Revalidated, res.Held, res.Findings)
	}
	conf, err := app.Load(s.file)
	s.must(err)
	a, err := app.Open(s.t.Context(), app.Options{Config: conf, Base: s.dir, Self: []string{os.Args[0]}, Idle: true})
	s.must(err)
	defer func() { s.must(a.Close()) }()
	st, err := a.Client().Service(s.t.Context(), "web")
	s.must(err)
	if st.Serving == nil || st.Serving.Version != "v1" || st.Problem != "" {
		s.t.Fatalf("state: %+v", st)
	}
	if st.Weights[st.Serving.ID()] != traffic.Full {
		s.t.Fatalf("weights are %v, want all on v1", st.Weights)
	}
	for _, in := range st.Instances {
		if in.Release != st.Serving.ID() || in.State != string(runtime.Running) {
			s.t.Fatalf("instance %+v is left", in)
		}
	}
	if len(st.Instances) != 2 {
		s.t.Fatalf("%d instances run, want 2", len(st.Instances))
	}
	report, err := a.Client().VerifyJournal(s.t.Context())
	s.must(err)
	if len(report.Problems) > 0 {
		s.t.Fatalf("journal: %v", report.Problems)
	}
}

func TestABadReleaseGoesBackByItselfWithEveryStrategy(t *testing.T) {
	for name, strategy := range map[string]string{
		"canary": canary, "blue/green": "bluegreen: {hold: 3s}", "rolling": "rolling: {batch: 1, hold: 2s}",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, strategy)
			leave := s.visitors()
			if res := s.control("v1", ""); res.Outcome != rollout.Promoted {
				t.Fatalf("v1: %s: %s", res.Outcome, res.Why)
			}
			s.isWell(s.control("v2", ""))
			if requests, lost := leave(); lost > 0 || requests < 100 {
				t.Fatalf("%d of %d requests were lost by switching", lost, requests)
			}
		})
	}
}

func TestAControllerThatIsKilledAtAnyStepLeavesOneReleaseServing(t *testing.T) {
	steps := []string{
		"build", "start-0", "shift-0", "judge-0", "trigger", "ready-old", "back-0", "stop-new", "revalidate", "hold", "analysis",
	}
	for _, step := range steps {
		for _, moment := range []string{"before ", "after "} {
			t.Run(moment+step, func(t *testing.T) {
				t.Parallel()
				s := newSite(t, canary)
				leave := s.visitors()
				if res := s.control("v1", ""); res.Outcome != rollout.Promoted {
					t.Fatalf("v1: %s: %s", res.Outcome, res.Why)
				}
				s.control("v2", moment+step)
				s.isWell(s.control("v2", ""))
				if requests, lost := leave(); lost > 0 {
					t.Fatalf("%d of %d requests were lost", lost, requests)
				}
			})
		}
	}
}

func TestAReleaseThatDoesNotStartNeverMeetsUsers(t *testing.T) {
	s := newSite(t, canary)
	leave := s.visitors()
	s.control("v1", "")
	res := s.control("v3", "")
	if res.Outcome != rollout.RolledBack || !strings.Contains(res.Why, "exit code 3") {
		t.Fatalf("it ended as %s: %s", res.Outcome, res.Why)
	}
	if !strings.Contains(res.Trigger.Findings[0].Detail, "no price list") {
		t.Fatalf("the last log lines are not told: %+v", res.Trigger.Findings)
	}
	if _, lost := leave(); lost > 0 {
		t.Fatalf("%d requests were lost", lost)
	}
}

// goodstate runs the command line and returns its output and exit code.
func (s *site) goodstate(args ...string) (string, int) {
	s.t.Helper()
	cmd := exec.Command(os.Args[0], append([]string{args[0], "-f", s.file}, args[1:]...)...)
	cmd.Env = append(os.Environ(), role+"=cli")
	out, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState.ExitCode() < 0 {
		s.t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

func TestTheCommandLineWalksAServiceThroughItsLife(t *testing.T) {
	s := newSite(t, canary)
	leave := s.visitors()
	defer leave()
	for _, step := range []struct {
		args string
		code int
		says string
	}{
		{"validate", 0, "valid: 1 service"},
		{"plan web v1", 0, "it is the first release"},
		{"deploy web v9", 1, "not a tag, branch or commit"},
		{"deploy wbe v1", 64, "did you mean web?"},
		{"deploy web v1", 0, "promoted"},
		{"deploy web v1", 1, "serves already"},
		{"status", 0, "v1 serves, known good"},
		{"check web", 0, "home: pass"},
		{"deploy web v2", 4, "v2 is held"},
		{"deploy web v2", 1, "goodstate unhold web v2"},
		{"unhold web v2", 0, ""},
		{"history --verify", 0, "entries"},
		{"rollback web", 1, "nothing to go back to"},
		{"nonsense", 1, "unknown command"},
	} {
		out, code := s.goodstate(strings.Fields(step.args)...)
		if code != step.code || !strings.Contains(out, step.says) {
			t.Fatalf("goodstate %s ended with %d, want %d and %q:\n%s", step.args, code, step.code, step.says, out)
		}
	}
}

func TestServeBringsBackWhatServedBeforeTheMachineStopped(t *testing.T) {
	s := newSite(t, canary)
	leave := s.visitors()
	if res := s.control("v1", ""); res.Outcome != rollout.Promoted {
		t.Fatalf("v1: %s: %s", res.Outcome, res.Why)
	}
	leave()
	conf, err := app.Load(s.file)
	s.must(err)
	a, err := app.Open(t.Context(), app.Options{Config: conf, Base: s.dir, Self: []string{os.Args[0]}})
	s.must(err)
	defer func() { s.must(a.Close()) }()
	all, err := a.Rollouts.Runtime.List(t.Context(), "web")
	s.must(err)
	for _, in := range all {
		s.must(a.Rollouts.Runtime.Stop(t.Context(), in.ID))
	}
	s.must(a.Rollouts.Restore(t.Context()))
	st, err := a.Client().Service(t.Context(), "web")
	s.must(err)
	if st.Problem != "" || len(st.Instances) != 2 {
		t.Fatalf("afterwards: %+v", st)
	}
	findings, err := a.Client().Check(t.Context(), "web")
	s.must(err)
	if good.Overall(findings) != good.Pass {
		t.Fatalf("users meet %v", findings)
	}
}

func TestWhatCannotBeKnownAsksAPersonInsteadOfGoingOnOrBack(t *testing.T) {
	s := newSite(t, canary)
	leave := s.visitors()
	defer leave()
	if res := s.control("v1", ""); res.Outcome != rollout.Promoted {
		t.Fatalf("v1: %s: %s", res.Outcome, res.Why)
	}
	text, err := os.ReadFile(s.file)
	s.must(err)
	s.must(os.WriteFile(s.file, []byte(strings.Replace(string(text), "    checks: {home:", "    checks: {licence: {command: {run: exit 75, unknown: [75]}}, home:", 1)), 0o600))
	for _, step := range []struct {
		args string
		code int
		says string
	}{
		{"deploy web v2", 5, "licence: unknown: exit code 75"},
		{"status", 0, "waits: not known"},
		{"resume web", 5, "root asks to resume"},
		{"rollback web -m enough", 4, "v2 is held"},
	} {
		out, code := s.goodstate(strings.Fields(step.args)...)
		if code != step.code || !strings.Contains(out, step.says) {
			t.Fatalf("goodstate %s ended with %d, want %d and %q:\n%s", step.args, code, step.code, step.says, out)
		}
	}
}
