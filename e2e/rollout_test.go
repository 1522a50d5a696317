package e2e

import (
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"goodstate.dev/goodstate/app"
	"goodstate.dev/goodstate/core/good"
	"goodstate.dev/goodstate/core/journal"
	"goodstate.dev/goodstate/internal/real"
	"goodstate.dev/goodstate/rollout"
	"goodstate.dev/goodstate/rollout/runtime"
	"goodstate.dev/goodstate/rollout/traffic"
)

const canary = "canary: {steps: [30%], hold: 2s}"

// isWell checks that the rollout ended as it should, that the version serves alone, and that the record says so.
func (s *site) isWell(res rollout.Result, want rollout.Outcome, version string) {
	s.t.Helper()
	if res.Outcome != want {
		s.t.Fatalf("it ended as %s (%s), want %s\n%v", res.Outcome, res.Why, want, res.Findings)
	}
	if want == rollout.RolledBack && (res.Revalidated != good.Pass || res.Held != "v2") {
		s.t.Fatalf("revalidated %s, held %q; want pass, v2\n%v", res.Revalidated, res.Held, res.Findings)
	}
	conf, err := app.Load(s.file)
	s.must(err)
	a, err := app.Open(s.t.Context(), app.Options{Config: conf, Base: s.dir, Self: []string{os.Args[0]}, Idle: true})
	s.must(err)
	defer func() { s.must(a.Close()) }()
	st, err := a.Client().Service(s.t.Context(), "web")
	s.must(err)
	if st.Serving == nil || st.Serving.Version != version || st.Problem != "" {
		s.t.Fatalf("state: %+v", st)
	}
	if st.Weights[st.Serving.ID()] != traffic.Full {
		s.t.Fatalf("weights are %v, want all on %s", st.Weights, version)
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
			s.isWell(s.control("v2", ""), rollout.RolledBack, "v1")
			if requests, lost := leave(); lost > 0 || requests < 100 {
				t.Fatalf("%d of %d requests were lost by switching", lost, requests)
			}
		})
	}
}

// walk releases v1, and then the version with a controller that is killed at one point and started again, for every point that the
// way to its end has and that is chosen.
func walk(t *testing.T, version string, ended func(s *site, res rollout.Result), chosen func(point string) bool) {
	walkFrom(t, version, func(t *testing.T) (*site, func(rollout.Result)) {
		s := newSite(t, canary)
		return s, func(res rollout.Result) { ended(s, res) }
	}, chosen)
}

// walkFrom is walk with sites of another kind, over the points that are chosen.
func walkFrom(t *testing.T, version string, fresh func(t *testing.T) (*site, func(rollout.Result)), chosen func(point string) bool) {
	begin := func(t *testing.T) (s *site, ended func(rollout.Result), leave func() (requests, lost int64)) {
		s, ended = fresh(t)
		leave = s.visitors()
		if res := s.control("v1", ""); res.Outcome != rollout.Promoted {
			t.Fatalf("v1: %s: %s", res.Outcome, res.Why)
		}
		return s, ended, leave
	}
	s, ended, leave := begin(t)
	s.points = filepath.Join(t.TempDir(), "points")
	ended(s.control(version, ""))
	if requests, lost := leave(); lost > 0 {
		t.Fatalf("%d of %d requests were lost", lost, requests)
	}
	text, err := os.ReadFile(s.points)
	s.must(err)
	all := strings.Split(strings.TrimSpace(string(text)), "\n")
	if len(all) < 20 {
		t.Fatalf("the way has only the points %q", all)
	}
	t.Run("killed", func(t *testing.T) {
		for _, point := range all {
			if !chosen(point) {
				continue
			}
			t.Run(point, func(t *testing.T) {
				t.Parallel()
				s, ended, leave := begin(t)
				s.control(version, point)
				ended(s.control(version, ""))
				if requests, lost := leave(); lost > 0 {
					t.Fatalf("%d of %d requests were lost", lost, requests)
				}
			})
		}
	})
}

func TestAControllerThatIsKilledAtAnyStepOfTheWayBackLeavesTheOldReleaseServing(t *testing.T) {
	walk(t, "v2", func(s *site, res rollout.Result) { s.isWell(res, rollout.RolledBack, "v1") }, func(string) bool { return true })
}

func TestAControllerThatIsKilledAtAnyStepOfTheWayForwardLeavesTheNewReleaseServing(t *testing.T) {
	walk(t, "v4", func(s *site, res rollout.Result) { s.isWell(res, rollout.Promoted, "v4") }, func(point string) bool {
		return os.Getenv(everything) != "" || strings.HasPrefix(point, "after ") // before the next step is nearly the same
	})
}

func TestAProxyThatIsKilledComesBackWithItsRoutesAndTheRolloutGoesOn(t *testing.T) {
	s := newSite(t, canary)
	leave := s.visitors()
	if res := s.control("v1", ""); res.Outcome != rollout.Promoted {
		t.Fatalf("v1: %s: %s", res.Outcome, res.Why)
	}
	s.control("v4", "before judge-0") // the canary has its share now
	if requests, lost := leave(); lost > 0 || requests == 0 {
		t.Fatalf("%d of %d requests were lost", lost, requests)
	}
	s.killProxy()
	leave = s.visitors()
	s.isWell(s.control("v4", ""), rollout.Promoted, "v4")
	if requests, lost := leave(); lost > 0 || requests == 0 {
		t.Fatalf("%d of %d requests were lost after the proxy was back", lost, requests)
	}
}

func TestAProxyThatIsKilledWhileNothingIsReleasedComesBack(t *testing.T) {
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
	ctx, stop := context.WithCancel(t.Context())
	var watching sync.WaitGroup
	watching.Go(func() { a.Watch(ctx) })
	defer func() { stop(); watching.Wait() }()
	s.killProxy()
	real.Eventually(t, 20*time.Second, "v1 answers again", func() bool {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.address, nil)
		if err != nil {
			return false
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return false
		}
		return res.Body.Close() == nil && res.Header.Get("X-Version") == "good"
	})
	real.Eventually(t, 10*time.Second, "the journal tells it once", func() bool {
		entries, err := a.Journal.List(t.Context(), journal.Filter{Event: "proxy-revived"})
		return err == nil && len(entries) == 1
	})
}

// killProxy kills the site's proxy process.
func (s *site) killProxy() {
	s.t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*/cmdline")
	s.must(err)
	for _, path := range all {
		text, err := os.ReadFile(path)
		if err != nil || !strings.Contains(string(text), "\x00proxy\x00--dir\x00"+s.dir) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		s.must(err)
		s.must(syscall.Kill(pid, syscall.SIGKILL))
		return
	}
	s.t.Fatal("no proxy runs")
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
	cmd.Env = append(append(os.Environ(), s.env...), role+"=cli")
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
