package check_test

import (
	"context"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"goodstate.dev/goodstate/core/check"
	"goodstate.dev/goodstate/core/config"
	"goodstate.dev/goodstate/core/good"
)

func up() (bool, string) { return true, "" }

func TestAnInstanceThatComesUpLateIsWaitedFor(t *testing.T) {
	var asked atomic.Int32
	target := site(t, func(w http.ResponseWriter, _ *http.Request) {
		if asked.Add(1) < 4 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	s := spec(t, "http: {url: /healthz}\nevery: 20ms\nsuccesses: 3")
	says(t, check.UntilHealthy(t.Context(), s, "health", target, time.Minute, up), good.Pass)
	if n := asked.Load(); n != 6 {
		t.Errorf("asked %d times, want 3 failures and 3 passes in a row", n)
	}
}

func TestHealthThatNeverComesSaysWhatWasSeenHowOften(t *testing.T) {
	target := site(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	f := check.UntilHealthy(t.Context(), spec(t, "http: {url: /healthz, status: 200}\nevery: 20ms"), "health", target, 300*time.Millisecond, up)
	says(t, f, good.Fail, "/healthz answered 503", "times in 300ms", "status 200")
}

func TestAnInstanceThatEndsIsNotWaitedFor(t *testing.T) {
	target := site(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	ended := func() (bool, string) { return false, "exit code 3" }
	f := check.UntilHealthy(t.Context(), spec(t, "http: {url: /healthz}"), "health", target, time.Minute, ended)
	says(t, f, good.Fail, "exit code 3")
	if f.Took > 10*time.Second {
		t.Errorf("it took %s", f.Took)
	}
}

func TestWaitingForHealthCanBeInterrupted(t *testing.T) {
	target := site(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	says(t, check.UntilHealthy(ctx, spec(t, "http: {url: /healthz}"), "health", target, time.Minute, up), good.Unknown, "interrupted")
}

func TestHealthThatCouldNeverBeLookedAtIsUnknown(t *testing.T) {
	f := check.UntilHealthy(t.Context(), spec(t, "command: {run: no-such-program}\nevery: 20ms"), "health", check.Target{Dir: t.TempDir()}, 300*time.Millisecond, up)
	says(t, f, good.Unknown)
}

func TestALookThatHangsDoesNotOutlastTheLimit(t *testing.T) {
	release := make(chan struct{})
	target := site(t, func(http.ResponseWriter, *http.Request) { <-release })
	defer close(release)
	s := spec(t, "http: {url: /healthz}")
	s.Timeout = config.Duration(20 * time.Second)
	f := check.UntilHealthy(t.Context(), s, "health", target, 500*time.Millisecond, up)
	says(t, f, good.Fail, "/healthz")
	if f.Took > 3*time.Second {
		t.Errorf("it took %s, want 500ms", f.Took)
	}
}

func TestAnInstanceThatEndsDuringALookEndsTheLook(t *testing.T) {
	release := make(chan struct{})
	target := site(t, func(http.ResponseWriter, *http.Request) { <-release })
	defer close(release)
	s := spec(t, "http: {url: /healthz}")
	s.Timeout = config.Duration(20 * time.Second)
	began := time.Now()
	alive := func() (bool, string) { return time.Since(began) < 500*time.Millisecond, "exit code 3" }
	f := check.UntilHealthy(t.Context(), s, "health", target, time.Minute, alive)
	says(t, f, good.Fail, "exit code 3")
	if f.Took > 5*time.Second {
		t.Errorf("it took %s, want about 500ms", f.Took)
	}
}
