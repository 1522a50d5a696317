package run_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"goodstate.dev/goodstate/core/journal"
	"goodstate.dev/goodstate/core/run"
	"goodstate.dev/goodstate/core/store"
)

// until waits for a condition.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(15 * time.Second)
	for !ok() {
		select {
		case <-limit:
			t.Fatalf("waited 15s for: %s", what)
		case <-tick.C:
		}
	}
}

// lines is a file's words on one line.
func lines(path string) string {
	b, _ := os.ReadFile(path)
	return strings.Join(strings.Fields(string(b)), " ")
}

// forward is a run that goes back when its long step fails, as rollouts do.
func forward(dir string, in chan struct{}) func(*run.Engine) {
	return func(e *run.Engine) {
		run.Register(e, "f", func(r *run.Run, _ string) (string, error) {
			_, err := run.Step(r, "long", func(ctx context.Context) (int, error) {
				in <- struct{}{}
				_, ok, err := r.Await(ctx, 0, time.Minute)
				if err == nil && !ok {
					err = errors.New("no signal")
				}
				return 1, err
			})
			if err != nil {
				_, undo := run.Step(r, "undo", func(context.Context) (int, error) { return 1, appendLine(filepath.Join(dir, "effects"), "undo") })
				return "back", errors.Join(err, undo)
			}
			return "forward", nil
		})
	}
}

func TestClosingDoesNotMakeARunGoBack(t *testing.T) {
	dir := t.TempDir()
	in := make(chan struct{}, 9)
	e, done := open(t, dir, forward(dir, in))
	info, err := e.Start(t.Context(), run.Request{Kind: "f", Target: "x"})
	if err != nil {
		t.Fatal(err)
	}
	<-in
	done()
	if got := lines(filepath.Join(dir, "effects")); got != "" {
		t.Errorf("closing ran: %q", got)
	}
	e, _ = open(t, dir, forward(dir, in))
	<-in
	if err := e.Signal(t.Context(), run.Signal{Run: info.ID, Name: "on"}); err != nil {
		t.Fatal(err)
	}
	info, err = e.Wait(t.Context(), info.ID)
	if err != nil || string(info.Result) != `"forward"` {
		t.Fatalf("%+v %v", info, err)
	}
}

func TestCancellingDoesNotMakeARunGoBack(t *testing.T) {
	dir := t.TempDir()
	in := make(chan struct{}, 9)
	e, done := open(t, dir, forward(dir, in))
	info, err := e.Start(t.Context(), run.Request{Kind: "f", Target: "x"})
	if err != nil {
		t.Fatal(err)
	}
	<-in
	if err := e.Cancel(t.Context(), info.ID, "ann", "no"); err != nil {
		t.Fatal(err)
	}
	done()
	if got := lines(filepath.Join(dir, "effects")); got != "" {
		t.Errorf("cancel ran: %q", got)
	}
}

func TestACancelledRunHasStoppedWhenItsLeaseIsFree(t *testing.T) {
	dir := t.TempDir()
	in, out := make(chan struct{}, 9), make(chan struct{}, 9)
	e, _ := open(t, dir, func(e *run.Engine) {
		run.Register(e, "f", func(r *run.Run, _ string) (string, error) {
			return run.Step(r, "long", func(ctx context.Context) (string, error) {
				in <- struct{}{}
				select {
				case <-ctx.Done():
				case <-time.After(3 * time.Second):
				}
				out <- struct{}{}
				return "", ctx.Err()
			})
		})
	})
	info, err := e.Start(t.Context(), run.Request{Kind: "f", Target: "x"})
	if err != nil {
		t.Fatal(err)
	}
	<-in
	if err := e.Cancel(t.Context(), info.ID, "ann", "no"); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Start(t.Context(), run.Request{Kind: "f", Target: "x"}); err == nil {
		select {
		case <-out:
		default:
			t.Error("two runs work on one target: the cancelled run's step is still under way")
		}
	}
}

func TestTheStarterGoingAwayDoesNotCancelRuns(t *testing.T) {
	dir := t.TempDir()
	in := make(chan struct{}, 9)
	s, err := store.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	ctx, leave := context.WithCancel(t.Context())
	e, err := run.Open(ctx, s, journal.New(s), run.Options{})
	if err != nil {
		t.Fatal(err)
	}
	forward(dir, in)(e)
	if err := e.Launch(ctx); err != nil {
		t.Fatal(err)
	}
	info, err := e.Start(ctx, run.Request{Kind: "f", Target: "x"})
	if err != nil {
		t.Fatal(err)
	}
	<-in
	leave() // as Ctrl-C does through signal.NotifyContext
	if err := e.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := s.DB().PingContext(t.Context()); err != nil {
		t.Errorf("after the engine's Close the store is dead: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	e, _ = open(t, dir, forward(dir, in))
	select {
	case <-in:
	case <-time.After(5 * time.Second):
		got, _ := e.Get(t.Context(), info.ID)
		_, held := e.Start(t.Context(), run.Request{Kind: "f", Target: "x"})
		t.Fatalf("the run is stuck: %s; lease: %v", got.State, held)
	}
}

func TestAPanicInARunIsItsFailure(t *testing.T) {
	e, _ := open(t, t.TempDir(), func(e *run.Engine) {
		run.Register(e, "p", func(r *run.Run, _ string) (string, error) {
			return run.Step(r, "s", func(context.Context) (string, error) { panic("no such luck") })
		})
	})
	info, err := e.Start(t.Context(), run.Request{Kind: "p", Target: "x"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), 5*time.Second)
	defer stop()
	info, err = e.Wait(ctx, info.ID)
	if err != nil || info.State != run.Failed {
		t.Fatalf("%+v %v", info, err)
	}
}

func TestAWaitKeepsItsDeadlineAcrossARestart(t *testing.T) {
	dir := t.TempDir()
	w := func(e *run.Engine) {
		run.Register(e, "w", func(r *run.Run, _ string) (bool, error) {
			r.Note("waiting")
			_, came, err := r.WaitSignal("w", 0, 2*time.Second)
			return came, err
		})
	}
	e, done := open(t, dir, w)
	began := time.Now()
	info, err := e.Start(t.Context(), run.Request{Kind: "w", Target: "x"})
	if err != nil {
		t.Fatal(err)
	}
	until(t, "1.5s", func() bool { return time.Since(began) > 1500*time.Millisecond })
	done()
	e, _ = open(t, dir, w)
	if _, err := e.Wait(t.Context(), info.ID); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("a 2s wait took %s with a restart in it", took)
	}
}

func TestStartedIsJournaledEvenWhenKilledBetween(t *testing.T) {
	dir := t.TempDir()
	_, done := open(t, dir, waiter)
	done()
	s, err := store.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	// What a kill between the run's row and its first entry leaves.
	if _, err := s.DB().ExecContext(t.Context(), `INSERT INTO leases VALUES ('x','r1',1); INSERT INTO runs (id,kind,target,who,why,state,input,started_at,seq) VALUES ('r1','wait','x','ann','','running','""',1,1)`); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	e, _ := open(t, dir, waiter)
	if err := e.Signal(t.Context(), run.Signal{Run: "r1", Name: "go", Who: "bob"}); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Wait(t.Context(), "r1"); err != nil {
		t.Fatal(err)
	}
	s2, err := store.OpenReadOnly(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s2.Close()
	var events []string
	es, err := journal.New(s2).List(t.Context(), journal.Filter{Run: "r1"})
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range es {
		events = append(events, x.Event)
	}
	if !strings.Contains(fmt.Sprint(events), "started") {
		t.Errorf("journal has only %v", events)
	}
}

func TestAProgramThatDoesNotKnowAKindLeavesItsRunAlone(t *testing.T) {
	dir := t.TempDir()
	e, done := open(t, dir, waiter)
	info, err := e.Start(t.Context(), run.Request{Kind: "wait", Target: "x"})
	if err != nil {
		t.Fatal(err)
	}
	done()
	s, err := store.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	e, err = run.Open(t.Context(), s, journal.New(s), run.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Launch(t.Context()); err != nil {
		t.Fatalf("it must launch all the same: %v", err)
	}
	if err := errors.Join(e.Close(context.Background()), s.Close()); err != nil {
		t.Fatal(err)
	}
	e, _ = open(t, dir, waiter)
	if err := e.Signal(t.Context(), run.Signal{Run: info.ID, Name: "go"}); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), 5*time.Second)
	defer stop()
	if got, err := e.Wait(ctx, info.ID); err != nil {
		t.Errorf("the run was lost after a program that did not know it: %s %v", got.State, err)
	}
}

func TestStepsOfOneNameAndTheCodeBetweenThemJournalEachTheirOwnOnce(t *testing.T) {
	dir := t.TempDir()
	loop := func(e *run.Engine) {
		run.Register(e, "loop", func(r *run.Run, _ string) (string, error) {
			for i := range 3 {
				if _, err := run.Step(r, "judge", func(ctx context.Context) (int, error) {
					return i, r.Journal(ctx, "judged", fmt.Sprint("look ", i), nil)
				}); err != nil {
					return "", err
				}
				if err := r.Journal(t.Context(), "between", fmt.Sprint("after ", i), nil); err != nil {
					return "", err
				}
			}
			_, _, err := r.WaitSignal("wait", 0, time.Minute)
			return "", err
		})
	}
	said := func() (out []string) {
		s, err := store.OpenReadOnly(t.Context(), dir)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close() // only read
		entries, err := journal.New(s).List(t.Context(), journal.Filter{})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if e.Event == "judged" || e.Event == "between" {
				out = append(out, e.Text)
			}
		}
		return out
	}
	want := "look 0,after 0,look 1,after 1,look 2,after 2"
	e, done := open(t, dir, loop)
	info, err := e.Start(t.Context(), run.Request{Kind: "loop", Target: "x"})
	if err != nil {
		t.Fatal(err)
	}
	until(t, "six entries", func() bool { return len(said()) == 6 })
	done()
	e, _ = open(t, dir, loop) // walks over the recorded steps again
	if err := e.Signal(t.Context(), run.Signal{Run: info.ID, Name: "go"}); err != nil {
		t.Fatal(err)
	}
	if info, err = e.Wait(t.Context(), info.ID); err != nil || info.State != run.Succeeded {
		t.Fatalf("%+v %v", info, err)
	}
	if got := strings.Join(said(), ","); got != want {
		t.Fatalf("the journal has %s, want %s", got, want)
	}
}

func TestACancelledRunStaysCancelledWhenTheProcessDiesBeforeItStopped(t *testing.T) {
	dir := t.TempDir()
	in := make(chan struct{}, 9)
	e, done := open(t, dir, forward(dir, in))
	info, err := e.Start(t.Context(), run.Request{Kind: "f", Target: "x"})
	if err != nil {
		t.Fatal(err)
	}
	<-in
	done()
	s, err := store.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.DB().ExecContext(t.Context(), "UPDATE runs SET error = 'cancelled by ann: no'"); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	e, _ = open(t, dir, forward(dir, in))
	if info, err = e.Wait(t.Context(), info.ID); err != nil || info.State != run.Cancelled || info.Error != "cancelled by ann: no" {
		t.Fatalf("%+v %v", info, err)
	}
	if len(in) != 0 {
		t.Error("its step ran again")
	}
}

func TestAStepInsideAStepIsRefused(t *testing.T) {
	e, _ := open(t, t.TempDir(), func(e *run.Engine) {
		run.Register(e, "n", func(r *run.Run, _ string) (int, error) {
			return run.Step(r, "outer", func(context.Context) (int, error) {
				return run.Step(r, "inner", func(context.Context) (int, error) { return 1, nil })
			})
		})
	})
	info, err := e.Start(t.Context(), run.Request{Kind: "n", Target: "x"})
	if err != nil {
		t.Fatal(err)
	}
	if info, err = e.Wait(t.Context(), info.ID); err != nil || !strings.Contains(info.Error, "step inner is called inside step outer") {
		t.Fatalf("%+v %v", info, err)
	}
}
