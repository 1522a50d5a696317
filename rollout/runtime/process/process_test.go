package process_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"goodstate.dev/goodstate/rollout/runtime"
	"goodstate.dev/goodstate/rollout/runtime/process"
	"goodstate.dev/goodstate/rollout/runtime/runtimetest"
)

// The test binary is also the keeper, a controller and the instances' program.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "keep":
			flags := flag.NewFlagSet("keep", flag.ExitOnError)
			dir := flags.String("dir", "", "folder of the instance")
			exitOn(flags.Parse(os.Args[2:]))
			exitOn(process.Keep(context.Background(), *dir))
			os.Exit(0)
		case "controller": // starts one instance as told, and ends
			var spec runtime.Spec
			exitOn(json.Unmarshal([]byte(os.Args[3]), &spec))
			r, err := process.New(process.Options{Dir: os.Args[2], Keeper: keeper(os.Args[0])})
			exitOn(err)
			i, err := r.Start(context.Background(), spec)
			exitOn(err)
			exitOn(json.NewEncoder(os.Stdout).Encode(i))
			os.Exit(0)
		}
	}
	runtimetest.Main()
	os.Exit(m.Run())
}

func exitOn(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// keeper is the command of keepers. The race detector sleeps a second at each exit unless it is told not to.
func keeper(self string) []string {
	return []string{"/usr/bin/env", "GORACE=atexit_sleep_ms=0", self, "keep"}
}

func open(t *testing.T, dir string) *process.Runtime {
	t.Helper()
	r, err := process.New(process.Options{Dir: dir, Keeper: keeper(self(t))})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func self(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func TestProcessesConform(t *testing.T) {
	runtimetest.Run(t, func(t *testing.T) runtimetest.Place {
		dir := t.TempDir()
		return runtimetest.Place{
			Open:       func(t *testing.T) runtime.Runtime { return open(t, dir) },
			Program:    []string{self(t)},
			Dir:        t.TempDir(),
			KillKeeper: func(t *testing.T, id string) { killKeeper(t, dir, id) },
		}
	})
}

// written is what tests read of state.json.
type written struct {
	Phase           string
	Keeper, Program struct{ PID int }
}

func readState(t *testing.T, dir, id string) (s written) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, id, "state.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &s); err != nil {
		t.Fatal(err)
	}
	return s
}

func killKeeper(t *testing.T, dir, id string) {
	t.Helper()
	pid := readState(t, dir, id).Keeper.PID
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	until(t, "the keeper is dead", func() bool { return !lives(pid) })
}

// lives tells whether any thread of the process is left: its first one shows as a zombie while others still hold its files and locks.
func lives(pid int) bool {
	threads, err := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/task/*/stat")
	return err == nil && slices.ContainsFunc(threads, func(file string) bool {
		text, err := os.ReadFile(file)
		return err == nil && !strings.Contains(string(text), ") Z ")
	})
}

func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	deadline := time.After(20 * time.Second)
	for !holds() {
		select {
		case <-ticker.C:
		case <-deadline:
			t.Fatalf("waited 20s in vain until %s", what)
		}
	}
}

// shop is a spec of the test program behaving as told.
func shop(t *testing.T, how string) runtime.Spec {
	t.Helper()
	return runtime.Spec{
		Service: "shop", Release: "v1", Dir: t.TempDir(), Command: []string{self(t)},
		Env: map[string]string{"RUNTIMETEST_PROGRAM": how, "GORACE": "atexit_sleep_ms=0"}, Grace: 5 * time.Second,
	}
}

// start starts the instance and stops it with the test.
func start(t *testing.T, r *process.Runtime, s runtime.Spec) runtime.Instance {
	t.Helper()
	i, err := r.Start(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Stop(context.WithoutCancel(t.Context()), i.ID); err != nil {
			t.Error(err)
		}
	})
	return i
}

func answers(url string) bool {
	c, err := net.DialTimeout("tcp", strings.TrimPrefix(url, "http://"), time.Second)
	return err == nil && c.Close() == nil
}

func only(t *testing.T, r *process.Runtime) runtime.Instance {
	t.Helper()
	all, err := r.List(t.Context(), "shop")
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 1 {
		t.Fatalf("listed %v, want one instance", all)
	}
	return all[0]
}

func wantError(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one with %q", parts)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q does not say %q", err, part)
		}
	}
}

func TestAnInstanceOutlivesTheControllerThatStartedIt(t *testing.T) {
	dir := t.TempDir()
	spec, err := json.Marshal(shop(t, "serve"))
	if err != nil {
		t.Fatal(err)
	}
	// The controller has a process group of its own, which is killed after it as a terminal or a supervisor may do.
	controller := exec.CommandContext(t.Context(), self(t), "controller", dir, string(spec))
	controller.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	controller.Stderr = os.Stderr
	said, err := controller.Output()
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(-controller.Process.Pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		t.Fatal(err)
	}
	var started runtime.Instance
	if err := json.Unmarshal(said, &started); err != nil {
		t.Fatal(err)
	}
	r := open(t, dir)
	until(t, "it serves", func() bool { return answers(started.URL) })
	if seen := only(t, r); seen.State != runtime.Running || seen.PID != started.PID {
		t.Errorf("adopted %+v, want process %d running", seen, started.PID)
	}
	if err := r.Stop(t.Context(), started.ID); err != nil {
		t.Fatal(err)
	}
	if lives(started.PID) {
		t.Error("it still runs after the stop")
	}
}

func TestAKeeperStartsNothingWhenItsControllerDiedBeforeTheWholeOrder(t *testing.T) {
	dir := t.TempDir()
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	answers, answer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	lock, err := os.Create(filepath.Join(dir, "keeper.lock"))
	if err != nil {
		t.Fatal(err)
	}
	keeper := exec.CommandContext(t.Context(), self(t), "keep", "--dir", dir)
	keeper.Stdin, keeper.ExtraFiles = out, []*os.File{answer, lock}
	if err := keeper.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := in.WriteString(`{"spec":{"service":"shop","command":["/bin/`); err != nil {
		t.Fatal(err)
	}
	for _, f := range []*os.File{in, out, answer, answers, lock} {
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := keeper.Wait(); err == nil {
		t.Error("the keeper ended well, want an error")
	}
	if _, err := os.Stat(filepath.Join(dir, "state.json")); err == nil {
		t.Error("the keeper wrote a state, want nothing started")
	}
}

func TestKeepByHandSaysThatItIsNotForPeople(t *testing.T) {
	text, err := exec.CommandContext(t.Context(), self(t), "keep", "--dir", t.TempDir()).CombinedOutput()
	if err == nil || !strings.Contains(string(text), "deploy its service") {
		t.Errorf("%v %q, want an error that says what to do", err, text)
	}
}

func TestAFixedPortThatIsTakenNamesWhoHasIt(t *testing.T) {
	r := open(t, t.TempDir())
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }() // ends with the test anyway
	spec := shop(t, "serve")
	spec.Port = l.Addr().(*net.TCPAddr).Port
	_, err = r.Start(t.Context(), spec)
	wantError(t, err, "start shop v1 #0", fmt.Sprintf("port %d is taken by process %d (process.test", spec.Port, os.Getpid()))

	running := start(t, r, shop(t, "serve"))
	until(t, "it serves", func() bool { return answers(running.URL) })
	if _, err := fmt.Sscanf(running.URL, "http://127.0.0.1:%d", &spec.Port); err != nil {
		t.Fatal(err)
	}
	spec.Release = "v2"
	_, err = r.Start(t.Context(), spec)
	wantError(t, err, "taken by process", "instance "+running.ID)
}

func TestAProgramThatIsNotThereIsAnErrorOfTheStart(t *testing.T) {
	for want, command := range map[string][]string{
		"does the build make it?":      {"./bin/web"},
		"for a program of the release": {"surely-not-installed"},
		"make it executable":           {"./notes.txt"},
		"no command":                   {},
	} {
		r := open(t, t.TempDir())
		spec := shop(t, "serve")
		spec.Command = command
		if err := os.WriteFile(filepath.Join(spec.Dir, "notes.txt"), []byte("no program"), 0o644); err != nil {
			t.Fatal(err)
		}
		_, err := r.Start(t.Context(), spec)
		wantError(t, err, "start shop v1 #0", want)
	}
}

func TestAStartThatFailedIsListedAsExitedWithTheReason(t *testing.T) {
	r := open(t, t.TempDir())
	spec := shop(t, "serve")
	spec.Command = []string{"./bin/web"}
	if _, err := r.Start(t.Context(), spec); err == nil {
		t.Fatal("started, want an error")
	}
	if seen := only(t, r); seen.State != runtime.Exited || !strings.Contains(seen.Exit, "did not start: ") {
		t.Errorf("listed %+v, want exited with the reason", seen)
	}
}

func TestSecretsAreNeitherInFilesNorInArguments(t *testing.T) {
	dir := t.TempDir()
	r := open(t, dir)
	spec := shop(t, "serve")
	spec.Env["DB_PASSWORD"] = "correct-horse-battery"
	i := start(t, r, spec)
	until(t, "it serves", func() bool { return answers(i.URL) })
	files, err := filepath.Glob(filepath.Join(dir, i.ID, "*"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	keeper := strconv.Itoa(readState(t, dir, i.ID).Keeper.PID)
	for _, file := range append(files, "/proc/"+keeper+"/cmdline", "/proc/"+keeper+"/environ") {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), spec.Env["DB_PASSWORD"]) {
			t.Errorf("the secret is in %s", file)
		}
		if info, err := os.Stat(file); err == nil && strings.HasPrefix(file, dir) && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v, want it for its owner only", file, info.Mode())
		}
	}
}

func TestWhatAProgramLeavesInASessionOfItsOwnIsEndedToo(t *testing.T) {
	for _, kill := range []bool{false, true} {
		dir := t.TempDir()
		r := open(t, dir)
		spec := shop(t, "child")
		spec.Grace = 200 * time.Millisecond
		i := start(t, r, spec)
		var child int
		until(t, "the child is named", func() bool {
			lines, err := r.Logs(t.Context(), i.ID, 1)
			if err != nil || len(lines) == 0 {
				return false
			}
			n, err := fmt.Sscanf(lines[0], "child %d", &child)
			return n == 1 && err == nil
		})
		if kill { // and the program with it: only the child is left, which nobody wrote down
			killKeeper(t, dir, i.ID)
			if err := syscall.Kill(i.PID, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			until(t, "the program is dead", func() bool { return !lives(i.PID) })
			if seen := only(t, r); seen.State != runtime.Exited || !strings.Contains(seen.Exit, "its keeper was killed") {
				t.Errorf("listed %+v, want exited after its keeper was killed", seen)
			}
		}
		if err := r.Stop(t.Context(), i.ID); err != nil {
			t.Fatal(err)
		}
		if lives(child) {
			t.Errorf("child %d still runs (keeper killed: %v)", child, kill)
		}
	}
}

func TestAnotherProcessWithTheSameIDIsNotTouched(t *testing.T) {
	dir := t.TempDir()
	r := open(t, dir)
	i := start(t, r, shop(t, "serve"))
	// Starts are counted in hundredths of a second: in another one than the program's, no longer the same process.
	until(t, "the program's hundredth is over", func() bool { return answers(i.URL) && time.Since(i.Started) > 50*time.Millisecond })
	stranger := exec.CommandContext(t.Context(), "sleep", "600")
	if err := stranger.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = stranger.Process.Kill(), stranger.Wait() }() // ends as killed
	killKeeper(t, dir, i.ID)
	if err := syscall.Kill(i.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	// As if the machine had given the program's and the keeper's ids away again.
	file := filepath.Join(dir, i.ID, "state.json")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, pid := range []int{i.PID, readState(t, dir, i.ID).Keeper.PID} {
		text = []byte(strings.ReplaceAll(string(text), fmt.Sprintf(`"pid":%d,`, pid), fmt.Sprintf(`"pid":%d,`, stranger.Process.Pid)))
	}
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if seen := only(t, r); seen.State != runtime.Exited || seen.PID != 0 {
		t.Errorf("listed %+v, want exited", seen)
	}
	if err := r.Stop(t.Context(), i.ID); err != nil {
		t.Fatal(err)
	}
	if !lives(stranger.Process.Pid) {
		t.Error("a stranger was killed")
	}
}

func TestAStopThatIsNotWaitedForStillHappens(t *testing.T) {
	r := open(t, t.TempDir())
	spec := shop(t, "stubborn")
	spec.Grace = 500 * time.Millisecond
	i := start(t, r, spec)
	until(t, "it serves", func() bool { return answers(i.URL) })
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := r.Stop(ctx, i.ID); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("stop said %v, want the deadline", err)
	}
	until(t, "it ended all the same", func() bool { return !lives(i.PID) })
	fresh, err := r.Start(t.Context(), spec) // waits for the end of the old one
	if err != nil || fresh.PID == i.PID {
		t.Errorf("started %+v, %v; want a new process", fresh, err)
	}
}

func TestAHungKeeperIsKilled(t *testing.T) {
	if testing.Short() {
		t.Log("takes the keeper's margin of five seconds")
	}
	dir := t.TempDir()
	r := open(t, dir)
	spec := shop(t, "serve")
	spec.Grace = 100 * time.Millisecond
	i := start(t, r, spec)
	if err := syscall.Kill(readState(t, dir, i.ID).Keeper.PID, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if err := r.Stop(t.Context(), i.ID); err != nil {
		t.Fatal(err)
	}
	if lives(i.PID) {
		t.Error("the program still runs")
	}
}

func TestAnInstanceThatWaitsForItsRestartCanBeStopped(t *testing.T) {
	r := open(t, t.TempDir())
	spec := shop(t, "exit 4")
	spec.Restarts = 1000
	i := start(t, r, spec)
	until(t, "it waits for its third restart", func() bool {
		seen := only(t, r)
		return seen.Restarts == 2 && seen.PID == 0 && seen.State == runtime.Running && seen.Exit == "exit code 4"
	})
	if err := r.Stop(t.Context(), i.ID); err != nil {
		t.Fatal(err)
	}
}

func TestALogThatGrowsIsRotated(t *testing.T) {
	dir := t.TempDir()
	r := open(t, dir)
	const lines = 160_000 // 64 bytes each: more than twice 4 MiB
	i := start(t, r, shop(t, fmt.Sprint("flood ", lines)))
	size := func(name string) int64 {
		info, err := os.Stat(filepath.Join(dir, i.ID, name))
		if err != nil {
			return 0
		}
		return info.Size()
	}
	until(t, "the log was rotated", func() bool { return size("log.1") > 0 && size("log") < 4<<20 && answers(i.URL) })
	if size("log.1") > 6<<20 {
		t.Errorf("log.1 has %d bytes, want about 4 MiB", size("log.1"))
	}
	last, err := r.Logs(t.Context(), i.ID, 1000)
	if err != nil {
		t.Fatal(err)
	}
	if len(last) != 1000 || !strings.HasPrefix(last[999], fmt.Sprintf("line %08d", lines-1)) {
		t.Errorf("%d lines, the last is %q; want 1000, the last number %d", len(last), last[len(last)-1], lines-1)
	}
}

func TestTheFoldersOfManyStoppedInstancesAreSweptAway(t *testing.T) {
	dir := t.TempDir()
	r := open(t, dir)
	var last string
	for n := range 13 {
		spec := shop(t, "serve")
		spec.Release = fmt.Sprint("v", n)
		last = start(t, r, spec).ID
		if err := r.Stop(t.Context(), last); err != nil {
			t.Fatal(err)
		}
	}
	left, err := filepath.Glob(filepath.Join(dir, "shop.*"))
	if err != nil || len(left) != 10 {
		t.Errorf("%d folders are left (%v), want 10", len(left), err)
	}
	if _, err := r.Logs(t.Context(), last, 1); err != nil {
		t.Errorf("the logs of the last one: %v", err)
	}
}

func TestIDsFromOutsideReachNoOtherFolder(t *testing.T) {
	r := open(t, filepath.Join(t.TempDir(), "instances"))
	for _, id := range []string{"", "../../etc", "a.b", "shop/../../v1.0.0", ".x.0"} {
		wantError(t, r.Stop(t.Context(), id), "is not the id of an instance")
		_, err := r.Logs(t.Context(), id, 1)
		wantError(t, err, "is not the id of an instance")
	}
	_, err := r.Logs(t.Context(), "shop.v9.0", 1)
	wantError(t, err, "no such instance")
}

func TestServicesWithDotsDoNotShareNames(t *testing.T) {
	r := open(t, t.TempDir())
	one, two := shop(t, "serve"), shop(t, "serve")
	one.Service, one.Release = "a", "b.1"
	two.Service, two.Release = "a.b", "1"
	if start(t, r, one).ID == start(t, r, two).ID {
		t.Error("two services share an instance's id")
	}
}
