// Package runtimetest is the conformance suite of the runtimes: what every member of the family must do, tried with real
// instances.
package runtimetest

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"goodstate.dev/goodstate/rollout/runtime"
)

// Place is where a runtime runs instances.
type Place struct {
	// Open connects to the place. Each call is a controller that has just been started and knows nothing.
	Open func(t *testing.T) runtime.Runtime
	// On is the host that instances run on; nil: this machine.
	On *runtime.Place
	// Program is a command that runs the test binary (see Main) at the place, in Dir.
	Program []string
	Dir     string
	// KillKeeper kills whatever watches over the instance without giving it a chance; nil where nothing does.
	KillKeeper func(t *testing.T, id string)
	// Manifest is what pods are made from, where instances are pods. Their processes, memory and environment's names are their own then, and what ends
	// is started again by the cluster, with pauses of its own.
	Manifest string
	// Only are parts of the names of what is tried; nil: everything.
	Only []string
}

// Run tries everything that a runtime must do, each time at a fresh place.
func Run(t *testing.T, newPlace func(t *testing.T) Place) {
	for name, try := range map[string]func(*testing.T, *stage){
		"an instance serves on its port with the environment of its spec": servesWithItsEnvironment,
		"started twice is one instance":                                   startedTwiceIsOne,
		"stopped twice is fine":                                           stoppedTwiceIsFine,
		"stopping what never was is fine":                                 stoppingNothingIsFine,
		"an instance that exits at once is exited and says how":           exitsAtOnce,
		"an exited instance can be started again":                         exitedCanBeStartedAgain,
		"an instance that ignores the polite signal is killed":            ignoresThePoliteSignal,
		"logs are the last lines, also after the end":                     logsAfterTheEnd,
		"an instance over its memory limit is killed and says so":         memoryLimit,
		"an instance is restarted on its port, and not for ever":          restarts,
		"a new controller finds, keeps and stops the instances":           adopts,
		"instances are listed by release and index":                       listedInOrder,
		"services do not see each other":                                  servicesAreApart,
		"an instance survives its keeper and is taken over":               takenOver,
		"an instance whose keeper was killed can be stopped":              stoppedWithoutKeeper,
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			if p.Only != nil && !slices.ContainsFunc(p.Only, func(part string) bool { return strings.Contains(name, part) }) {
				return
			}
			s := &stage{Place: p, runtime: p.Open(t)}
			t.Cleanup(func() { s.clear(t) })
			try(t, s)
		})
	}
}

// stage is a place with a runtime on it.
type stage struct {
	Place
	runtime runtime.Runtime
}

const service = "shop"

// spec is an instance of the test program that behaves as told.
func (s *stage) spec(how string) runtime.Spec {
	return runtime.Spec{
		Service: service, Release: "v1-0123456789", Place: s.On, Manifest: s.Manifest, Within: time.Minute, Dir: s.Dir, Command: s.Program,
		Env: map[string]string{behaviour: how, "GORACE": "atexit_sleep_ms=0"}, Grace: 5 * time.Second,
	}
}

func (s *stage) start(t *testing.T, spec runtime.Spec) runtime.Instance {
	t.Helper()
	i, err := s.runtime.Start(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// serving starts an instance that serves, and waits until it does.
func (s *stage) serving(t *testing.T, spec runtime.Spec) runtime.Instance {
	t.Helper()
	i := s.start(t, spec)
	until(t, "the instance serves", func() bool { return get(t, i.URL+"/pid") != "" })
	return i
}

func (s *stage) stop(t *testing.T, id string) {
	t.Helper()
	if err := s.runtime.Stop(t.Context(), id); err != nil {
		t.Fatal(err)
	}
}

func (s *stage) list(t *testing.T) []runtime.Instance {
	t.Helper()
	all, err := s.runtime.List(t.Context(), service)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// only is the one instance that there is.
func (s *stage) only(t *testing.T) runtime.Instance {
	t.Helper()
	all := s.list(t)
	if len(all) != 1 {
		t.Fatalf("listed %d instances, want 1: %v", len(all), all)
	}
	return all[0]
}

func (s *stage) exited(t *testing.T) runtime.Instance {
	t.Helper()
	var seen runtime.Instance
	until(t, "the instance is exited", func() bool { seen = s.only(t); return seen.State == runtime.Exited })
	return seen
}

// clear stops everything, so that a test leaves nothing behind.
func (s *stage) clear(t *testing.T) {
	ctx := context.WithoutCancel(t.Context())
	for _, name := range []string{service, "other"} {
		all, err := s.runtime.List(ctx, name)
		if err != nil {
			t.Error(err)
		}
		for _, i := range all {
			if err := s.runtime.Stop(ctx, i.ID); err != nil {
				t.Error(err)
			}
		}
	}
}

// until waits for something to become true.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	deadline := time.After(time.Minute)
	for !holds() {
		select {
		case <-ticker.C:
		case <-deadline:
			t.Fatalf("waited a minute in vain until %s", what)
		}
	}
}

// get is what a URL answers; nothing when nobody answers.
func get(t *testing.T, url string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		return ""
	}
	text, err := io.ReadAll(response.Body)
	if err != nil || response.Body.Close() != nil || response.StatusCode != http.StatusOK {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// wantProcess compares the processes behind two looks at an instance; those of pods by when they were started.
func (s *stage) wantProcess(t *testing.T, what string, got, want runtime.Instance) {
	t.Helper()
	if s.Manifest != "" {
		wantSame(t, what+" by its start", got.URL+" "+got.Started.String(), want.URL+" "+want.Started.String())
		return
	}
	wantSame(t, what, got.PID, want.PID)
}

func wantIn(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q is not in %q", part, text)
		}
	}
}

func wantSame(t *testing.T, what string, got, want any) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s is %v, want %v", what, got, want)
	}
}
