package run_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"goodstate.dev/goodstate/core/journal"
	"goodstate.dev/goodstate/core/run"
	"goodstate.dev/goodstate/core/store"
)

// open opens an engine on a data directory; close leaves it as Close does.
func open(t *testing.T, dir string, register func(e *run.Engine)) (e *run.Engine, done func()) {
	t.Helper()
	s, err := store.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	e, err = run.Open(t.Context(), s, journal.New(s), run.Options{})
	if err != nil {
		t.Fatal(err)
	}
	register(e)
	if err := e.Launch(t.Context()); err != nil {
		t.Fatal(err)
	}
	closed := false
	done = func() {
		if closed {
			return
		}
		closed = true
		if err := errors.Join(e.Close(context.Background()), s.Close()); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(done)
	return e, done
}

// waiter is a run that waits for one signal and returns its name.
func waiter(e *run.Engine) {
	run.Register(e, "wait", func(r *run.Run, _ string) (string, error) {
		r.Note("waiting for a word")
		s, _, err := r.WaitSignal("listen", 0, time.Minute)
		return s.Name, err
	})
}

func TestTheSecondRunOnATargetIsToldWhoHoldsItSinceWhen(t *testing.T) {
	e, _ := open(t, t.TempDir(), waiter)
	first, err := e.Start(t.Context(), run.Request{Kind: "wait", Target: "service/shop", Who: "ann", Why: "release"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = e.Start(t.Context(), run.Request{Kind: "wait", Target: "service/shop", Who: "bob"})
	var held *run.LeaseError
	if !errors.As(err, &held) || held.Holder.ID != first.ID || !strings.Contains(err.Error(), "ann") {
		t.Fatalf("the second start got %v, want to be told of %s by ann", err, first.ID)
	}
	if _, err := e.Start(t.Context(), run.Request{Kind: "wait", Target: "service/other", Who: "bob"}); err != nil {
		t.Fatalf("another target is free, got %v", err)
	}
	if err := e.Signal(t.Context(), run.Signal{Run: first.ID, Name: "enough", Who: "ann"}); err != nil {
		t.Fatal(err)
	}
	info, err := e.Wait(t.Context(), first.ID)
	if err != nil || info.State != run.Succeeded || string(info.Result) != `"enough"` {
		t.Fatalf("the run ended as %+v, %v", info, err)
	}
	if _, err := e.Start(t.Context(), run.Request{Kind: "wait", Target: "service/shop", Who: "bob"}); err != nil {
		t.Fatalf("the lease is free after the end, got %v", err)
	}
	if err := e.Signal(t.Context(), run.Signal{Run: first.ID, Name: "again"}); err == nil {
		t.Fatal("a run that ended takes no signal")
	}
}

func TestASignalWakesARunAtOnce(t *testing.T) {
	e, _ := open(t, t.TempDir(), waiter)
	info, err := e.Start(t.Context(), run.Request{Kind: "wait", Target: "x", Who: "ann"})
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if err := e.Signal(t.Context(), run.Signal{Run: info.ID, Name: "now"}); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Wait(t.Context(), info.ID); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Fatalf("it took %s, as if it had slept", took)
	}
}

func TestARunThatIsOpenWhenTheEngineClosesGoesOnAtTheNextLaunch(t *testing.T) {
	dir := t.TempDir()
	e, done := open(t, dir, waiter)
	info, err := e.Start(t.Context(), run.Request{Kind: "wait", Target: "x", Who: "ann"})
	if err != nil {
		t.Fatal(err)
	}
	done()
	e, _ = open(t, dir, waiter)
	again, err := e.Get(t.Context(), info.ID)
	if err != nil || again.State != run.Running {
		t.Fatalf("after close and open the run is %+v, %v; want running", again, err)
	}
	if err := e.Signal(t.Context(), run.Signal{Run: info.ID, Name: "welcome back"}); err != nil {
		t.Fatal(err)
	}
	if again, err = e.Wait(t.Context(), info.ID); err != nil || string(again.Result) != `"welcome back"` {
		t.Fatalf("it ended as %+v, %v", again, err)
	}
}

func TestAnErrorIsTheOutcomeOfARun(t *testing.T) {
	e, _ := open(t, t.TempDir(), func(e *run.Engine) {
		run.Register(e, "bad", func(r *run.Run, _ int) (int, error) {
			return run.Step(r, "try", func(context.Context) (int, error) { return 0, errors.New("the disk is full") })
		})
	})
	info, err := e.Start(t.Context(), run.Request{Kind: "bad", Target: "x", Who: "ann", Input: 1})
	if err != nil {
		t.Fatal(err)
	}
	info, err = e.Wait(t.Context(), info.ID)
	if err != nil || info.State != run.Failed || !strings.Contains(info.Error, "the disk is full") {
		t.Fatalf("it ended as %+v, %v", info, err)
	}
}

func TestACancelledRunFreesItsTarget(t *testing.T) {
	e, _ := open(t, t.TempDir(), waiter)
	info, err := e.Start(t.Context(), run.Request{Kind: "wait", Target: "x", Who: "ann"})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Cancel(t.Context(), info.ID, "bob", "mistake"); err != nil {
		t.Fatal(err)
	}
	if info, err = e.Get(t.Context(), info.ID); err != nil || info.State != run.Cancelled {
		t.Fatalf("it is %+v, %v", info, err)
	}
	if _, err := e.Start(t.Context(), run.Request{Kind: "wait", Target: "x", Who: "bob"}); err != nil {
		t.Fatal(err)
	}
}

func TestAnUnknownRunIsSaidToBeUnknown(t *testing.T) {
	e, _ := open(t, t.TempDir(), waiter)
	if _, err := e.Get(t.Context(), "nothing"); !errors.Is(err, run.ErrNoRun) {
		t.Fatalf("got %v", err)
	}
}

func BenchmarkStep(b *testing.B) {
	dir := b.TempDir()
	s, err := store.Open(b.Context(), dir)
	if err != nil {
		b.Fatal(err)
	}
	e, err := run.Open(b.Context(), s, journal.New(s), run.Options{})
	if err != nil {
		b.Fatal(err)
	}
	run.Register(e, "many", func(r *run.Run, n int) (int, error) {
		for i := range n {
			if _, err := run.Step(r, "step", func(context.Context) (int, error) { return i, nil }); err != nil {
				return i, err
			}
		}
		return n, nil
	})
	if err := e.Launch(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	info, err := e.Start(b.Context(), run.Request{Kind: "many", Target: "x", Who: "bench", Input: b.N})
	if err != nil {
		b.Fatal(err)
	}
	if _, err := e.Wait(b.Context(), info.ID); err != nil {
		b.Fatal(err)
	}
	b.StopTimer()
	if err := errors.Join(e.Close(context.Background()), s.Close()); err != nil {
		b.Fatal(err)
	}
}
