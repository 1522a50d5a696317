package run_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"goodstate.dev/goodstate/core/journal"
	"goodstate.dev/goodstate/core/run"
	"goodstate.dev/goodstate/core/store"
)

// The child is this test binary again: it owns a data directory, starts the run or continues it, and dies where it is told.
const (
	childDir  = "RUN_TEST_DIR"
	childDie  = "RUN_TEST_DIE"
	childTell = "RUN_TEST_TELL"
)

func TestMain(m *testing.M) {
	if os.Getenv(childDir) != "" {
		if err := child(context.Background()); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// trip is a run as rollouts are: steps forward, a wait for a person, and on their word steps back.
func trip(dir string) func(r *run.Run, in string) ([]string, error) {
	return func(r *run.Run, in string) ([]string, error) {
		var seen []string
		step := func(name string) error {
			out, err := run.Step(r, name, func(ctx context.Context) (string, error) {
				if err := r.Journal(ctx, "doing", "doing "+name, nil); err != nil {
					return "", err
				}
				return name + " of " + in, appendLine(filepath.Join(dir, "effects"), name)
			})
			seen = append(seen, out)
			return err
		}
		for _, name := range []string{"one", "two"} {
			if err := step(name); err != nil {
				return seen, err
			}
		}
		s, came, err := r.WaitSignal("wait", 0, 30*time.Second)
		if err != nil || !came {
			return seen, errors.Join(err, errors.New("nobody said anything"))
		}
		seen = append(seen, s.Name)
		for _, name := range []string{"undo two", "undo one"} {
			if err := step(name); err != nil {
				return seen, err
			}
		}
		return seen, nil
	}
}

func appendLine(path, line string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(f, line)
	return errors.Join(err, f.Close())
}

func child(ctx context.Context) error {
	dir := os.Getenv(childDir)
	s, err := store.Open(ctx, dir)
	if err != nil {
		return err
	}
	e, err := run.Open(ctx, s, journal.New(s), run.Options{OnStep: func(point string) {
		if point == os.Getenv(childDie) {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
	}})
	if err != nil {
		return err
	}
	run.Register(e, "trip", trip(dir))
	if err := e.Launch(ctx); err != nil {
		return err
	}
	if _, err := e.Start(ctx, run.Request{ID: "trip-1", Kind: "trip", Target: "here", Who: "ann", Why: "to see", Input: "me"}); err != nil {
		return err
	}
	if os.Getenv(childTell) != "" {
		if err := e.Signal(ctx, run.Signal{Run: "trip-1", Name: "go back", Who: "ann"}); err != nil && !strings.Contains(err.Error(), "ended") {
			return err
		}
	}
	info, err := e.Wait(ctx, "trip-1")
	if err != nil {
		return err
	}
	fmt.Printf("%s %s\n", info.State, info.Result)
	return errors.Join(e.Close(ctx), s.Close())
}

// spawn runs the child in a data directory; after d it is killed, when d is not 0.
func spawn(t *testing.T, dir, die string, tell bool, d time.Duration) string {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), 60*time.Second)
	defer stop()
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(os.Environ(), childDir+"="+dir, childDie+"="+die)
	if tell {
		cmd.Env = append(cmd.Env, childTell+"=1")
	}
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if d > 0 {
		timer := time.AfterFunc(d, func() { _ = cmd.Process.Kill() })
		defer timer.Stop()
	}
	err := cmd.Wait()
	if die == "" && d == 0 && err != nil {
		t.Fatalf("child: %v\n%s", err, &out)
	}
	return out.String()
}

// settledWell is what must be true at the end, whatever happened on the way.
func settledWell(t *testing.T, dir, out string, mayRepeat bool) {
	t.Helper()
	want := `succeeded ["one of me","two of me","go back","undo two of me","undo one of me"]`
	if strings.TrimSpace(out) != want {
		t.Fatalf("the run ended as\n%s\nwant\n%s", out, want)
	}
	text, err := os.ReadFile(filepath.Join(dir, "effects"))
	if err != nil {
		t.Fatal(err)
	}
	var order []string
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if n := len(order); n > 0 && order[n-1] == line && mayRepeat {
			continue // the step that was under way runs again
		}
		order = append(order, line)
	}
	if got := strings.Join(order, ", "); got != "one, two, undo two, undo one" {
		t.Fatalf("effects came as %q: a finished step ran again, or one is missing", got)
	}
	s, err := store.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	r, err := journal.New(s).Verify(t.Context())
	if err != nil || len(r.Problems) > 0 {
		t.Fatalf("the journal after it: %v %v", err, r.Problems)
	}
	var leases int
	if err := s.DB().QueryRowContext(t.Context(), "SELECT count(*) FROM leases").Scan(&leases); err != nil || leases != 0 {
		t.Fatalf("%d leases are left (%v)", leases, err)
	}
}

func TestARunThatIsKilledAtAnyPointGoesOnWhereItWas(t *testing.T) {
	for _, step := range []string{"one", "two", "wait", "undo two", "undo one"} {
		for _, moment := range []string{"before ", "after "} {
			t.Run(moment+step, func(t *testing.T) {
				t.Parallel()
				dir := t.TempDir()
				spawn(t, dir, moment+step, true, 0)
				settledWell(t, dir, spawn(t, dir, "", true, 0), true)
			})
		}
	}
}

func TestARunThatWaitsIsKilledAndStillHearsTheSignal(t *testing.T) {
	dir := t.TempDir()
	spawn(t, dir, "", false, 700*time.Millisecond)
	settledWell(t, dir, spawn(t, dir, "", true, 0), true)
}

func TestRandomKillsLoseNothing(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 7))
	for i := range 4 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			dir := t.TempDir()
			for range 5 {
				spawn(t, dir, "", true, time.Duration(50+random.IntN(400))*time.Millisecond)
			}
			settledWell(t, dir, spawn(t, dir, "", true, 0), true)
		})
	}
}

func TestWithoutAnyKillEachStepRunsOnce(t *testing.T) {
	dir := t.TempDir()
	settledWell(t, dir, spawn(t, dir, "", true, 0), false)
}
