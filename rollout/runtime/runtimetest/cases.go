package runtimetest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"goodstate.dev/goodstate/rollout/runtime"
)

func servesWithItsEnvironment(t *testing.T, s *stage) {
	t.Setenv("CONTROLLER_SECRET", "not for programs")
	spec := s.spec("serve")
	spec.Env["GREETING"] = "hello = world"
	spec.Command = append(append([]string(nil), s.Program...), "--listen=$HOST:${PORT}", "$PORTAL", "$HOME")
	i := s.serving(t, spec)
	env := get(t, i.URL+"/env")
	wantIn(t, env, "GREETING=hello = world", "PATH=", "HOST="+strings.TrimPrefix(i.URL[:strings.LastIndex(i.URL, ":")], "http://"), "GOODSTATE_SERVICE=shop",
		"GOODSTATE_RELEASE=v1-0123456789", "GOODSTATE_INSTANCE=", "PORT="+i.URL[strings.LastIndex(i.URL, ":")+1:])
	if strings.Contains(env, "CONTROLLER_SECRET") {
		t.Error("the program sees the controller's environment")
	}
	wantIn(t, get(t, i.URL+"/args"), "--listen="+strings.TrimPrefix(i.URL, "http://"), "$PORTAL", "$HOME")
	listed := s.only(t)
	wantSame(t, "state", listed.State, runtime.Running)
	if s.Manifest != "" {
		return
	}
	wantIn(t, env, "GOODSTATE_INSTANCE="+i.ID)
	wantSame(t, "process", listed.PID, get(t, i.URL+"/pid"))
	if listed.RSS <= 0 || listed.Started.IsZero() {
		t.Errorf("memory %d, started %v: want both known", listed.RSS, listed.Started)
	}
}

func startedTwiceIsOne(t *testing.T, s *stage) {
	first := s.serving(t, s.spec("serve"))
	second := s.start(t, s.spec("serve"))
	wantSame(t, "the second start's instance", second.ID+" "+second.URL, first.ID+" "+first.URL)
	if s.Manifest == "" {
		wantSame(t, "the process", get(t, first.URL+"/pid"), first.PID)
	}
	s.wantProcess(t, "its process", s.only(t), first)

	other := s.Open(t)
	done := make(chan error, 4)
	spec := s.spec("serve")
	spec.Index = 1
	for i := range cap(done) {
		r := []runtime.Runtime{s.runtime, other}[i%2]
		go func() {
			_, err := r.Start(t.Context(), spec)
			done <- err
		}()
	}
	for range cap(done) {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	wantSame(t, "the number of instances", len(s.list(t)), 2)
}

func stoppedTwiceIsFine(t *testing.T, s *stage) {
	i := s.serving(t, s.spec("serve"))
	s.stop(t, i.ID)
	wantSame(t, "what listens after the stop", get(t, i.URL+"/pid"), "")
	s.stop(t, i.ID)
	if all := s.list(t); len(all) != 0 {
		t.Errorf("listed after it was stopped: %v", all)
	}
	again := s.serving(t, s.spec("serve"))
	wantSame(t, "its id when started again", again.ID, i.ID)
}

func stoppingNothingIsFine(t *testing.T, s *stage) {
	i := s.start(t, s.spec("serve"))
	s.stop(t, strings.Replace(i.ID, "v1", "v0", 1))
	wantSame(t, "the other instance's state", s.only(t).State, runtime.Running)
	if all := s.list(t); len(all) != 1 {
		t.Errorf("listed %v, want the one", all)
	}
}

func exitsAtOnce(t *testing.T, s *stage) {
	i := s.start(t, s.spec("exit 3"))
	seen := s.exited(t)
	wantIn(t, seen.Exit, "exit code 3")
	wantSame(t, "restarts", seen.Restarts, 0)
	lines, err := s.runtime.Logs(t.Context(), i.ID, 10)
	if err != nil {
		t.Fatal(err)
	}
	if s.Manifest != "" && len(lines) > 1 {
		lines = slices.Compact(lines) // of more than one try
	}
	wantSame(t, "its last words", lines, []string{"cannot go on"})
	s.stop(t, i.ID)
}

func exitedCanBeStartedAgain(t *testing.T, s *stage) {
	s.start(t, s.spec("exit 3"))
	s.exited(t)
	i := s.serving(t, s.spec("serve"))
	wantSame(t, "its state", s.only(t).State, runtime.Running)
	wantSame(t, "how it ended before", i.Exit, "")
}

func ignoresThePoliteSignal(t *testing.T, s *stage) {
	spec := s.spec("stubborn")
	spec.Grace = 300 * time.Millisecond
	i := s.serving(t, spec)
	began := time.Now()
	s.stop(t, i.ID)
	wantSame(t, "what listens after the stop", get(t, i.URL+"/pid"), "")
	if took := time.Since(began); took < spec.Grace || took > spec.Grace+time.Minute {
		t.Errorf("stopping took %v, want its grace of %v and little more", took, spec.Grace)
	}
}

func logsAfterTheEnd(t *testing.T, s *stage) {
	i := s.serving(t, s.spec("flood 200"))
	want := []string{}
	for n := 197; n < 200; n++ {
		want = append(want, fmt.Sprintf("line %08d %s", n, strings.Repeat(".", 49)))
	}
	check := func(when string) {
		lines, err := s.runtime.Logs(t.Context(), i.ID, 3)
		if err != nil {
			t.Fatal(err)
		}
		wantSame(t, "the log "+when, strings.Join(lines, "\n"), strings.Join(want, "\n"))
	}
	check("while it runs")
	s.stop(t, i.ID)
	check("after it was stopped")
	all, err := s.runtime.Logs(t.Context(), i.ID, 10_000)
	if err != nil {
		t.Fatal(err)
	}
	wantSame(t, "the number of all lines", len(all), 200)
}

func memoryLimit(t *testing.T, s *stage) {
	spec := s.spec("eat 200")
	spec.Memory = 100 << 20
	s.start(t, spec)
	wantIn(t, s.exited(t).Exit, "killed: memory ", "over its limit of 100 MiB")
}

func restarts(t *testing.T, s *stage) {
	spec := s.spec("serve")
	spec.Restarts = 2
	i := s.serving(t, spec)
	for n := range spec.Restarts {
		get(t, i.URL+"/exit")
		until(t, "it was started again", func() bool { return s.only(t).Restarts == n+1 && get(t, i.URL+"/pid") != "" })
		seen := s.only(t)
		wantSame(t, "its address", seen.URL, i.URL)
		wantIn(t, seen.Exit, "exit code 7")
	}
	get(t, i.URL+"/exit")
	seen := s.exited(t)
	wantIn(t, seen.Exit, "exit code 7", "restarted 2 times")
	wantSame(t, "restarts", seen.Restarts, 2)
}

func adopts(t *testing.T, s *stage) {
	i := s.serving(t, s.spec("serve"))
	s.runtime = s.Open(t)
	s.wantProcess(t, "what the new controller finds", s.only(t), i)
	s.wantProcess(t, "what it starts", s.start(t, s.spec("serve")), i)
	s.stop(t, i.ID)
	wantSame(t, "what listens after the stop", get(t, i.URL+"/pid"), "")
}

func listedInOrder(t *testing.T, s *stage) {
	for _, name := range []string{"v2 1", "v1 1", "v2 0", "v1 0"} {
		release, index, _ := strings.Cut(name, " ")
		spec := s.spec("serve")
		spec.Release = release
		spec.Index, _ = strconv.Atoi(index) // it is a digit
		s.start(t, spec)
	}
	var got []string
	ports := map[string]bool{}
	for _, i := range s.list(t) {
		got = append(got, fmt.Sprint(i.Release, " ", i.Index))
		ports[i.URL] = true
	}
	wantSame(t, "the order", got, []string{"v1 0", "v1 1", "v2 0", "v2 1"})
	wantSame(t, "the number of addresses", len(ports), 4)
}

func servicesAreApart(t *testing.T, s *stage) {
	mine := s.start(t, s.spec("serve"))
	spec := s.spec("serve")
	spec.Service = "other"
	other := s.start(t, spec)
	s.stop(t, other.ID)
	s.wantProcess(t, "the instance of the other service", s.only(t), mine)
}

func takenOver(t *testing.T, s *stage) {
	if s.KillKeeper == nil {
		return // nothing watches over instances here
	}
	i := s.serving(t, s.spec("serve"))
	s.KillKeeper(t, i.ID)
	wantSame(t, "the process after its keeper was killed", get(t, i.URL+"/pid"), i.PID)
	seen := s.only(t)
	wantSame(t, "its state", seen.State, runtime.Running)
	wantSame(t, "its pid", seen.PID, i.PID)

	fresh := s.serving(t, s.spec("serve"))
	wantSame(t, "its address", fresh.URL, i.URL)
	if fresh.PID == i.PID || get(t, fresh.URL+"/pid") != strconv.Itoa(fresh.PID) {
		t.Errorf("process %d serves, the instance says %d; want a new one instead of %d", i.PID, fresh.PID, i.PID)
	}
	wantSame(t, "the number of instances", len(s.list(t)), 1)
}

func stoppedWithoutKeeper(t *testing.T, s *stage) {
	if s.KillKeeper == nil {
		return // nothing watches over instances here
	}
	spec := s.spec("stubborn")
	spec.Grace = 200 * time.Millisecond
	i := s.serving(t, spec)
	s.KillKeeper(t, i.ID)
	s.stop(t, i.ID)
	wantSame(t, "what listens after the stop", get(t, i.URL+"/pid"), "")
	if all := s.list(t); len(all) != 0 {
		t.Errorf("listed after it was stopped: %v", all)
	}
}
