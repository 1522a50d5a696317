package fleet_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"goodstate.dev/goodstate/core/remote"
	"goodstate.dev/goodstate/internal/real"
	"goodstate.dev/goodstate/rollout/runtime"
	"goodstate.dev/goodstate/rollout/runtime/fleet"
	"goodstate.dev/goodstate/rollout/runtime/process"
	"goodstate.dev/goodstate/rollout/runtime/runtimetest"
)

// The test binary is also the program of the instances, and goodstate on the hosts.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && (os.Args[1] == "keep" || os.Args[1] == "instances") {
		flags := flag.NewFlagSet(os.Args[1], flag.ExitOnError)
		dir := flags.String("dir", "", "folder")
		err := flags.Parse(os.Args[2:])
		if err == nil && os.Args[1] == "keep" {
			err = process.Keep(context.Background(), *dir)
		} else if err == nil {
			err = process.Serve(context.Background(), process.Options{Dir: *dir, Keeper: []string{os.Args[0], "keep"}}, os.Stdin, os.Stdout)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	runtimetest.Main()
	os.Exit(m.Run())
}

func open(t *testing.T, m *real.Machine, dir string) *fleet.Runtime {
	t.Helper()
	local, err := process.New(process.Options{Dir: filepath.Join(dir, "local"), Keeper: []string{"unused"}})
	if err != nil {
		t.Fatal(err)
	}
	me, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	f, err := fleet.New(fleet.Options{Dir: dir, Local: local, Self: me, SSH: remote.Options{Config: m.Config}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() }) // the host may be gone
	return f
}

// release is a folder with the test program in it.
func release(t *testing.T) string {
	t.Helper()
	me, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Link(me, filepath.Join(dir, "program")); err != nil {
		in, err := os.Open(me)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = in.Close() }()
		out, err := os.OpenFile(filepath.Join(dir, "program"), os.O_CREATE|os.O_WRONLY, 0o755)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(out, in); err != nil {
			t.Fatal(err)
		}
		if err := out.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// place is a machine as goodstate is told of it.
func place(m *real.Machine, supervisor string, settings any, become bool) *runtime.Place {
	p := &runtime.Place{Name: m.Name, Host: m.Name, Address: m.Address, Supervisor: supervisor, Become: become, User: "root"}
	if become {
		p.User = "ops"
	}
	if settings != nil {
		text, err := json.Marshal(settings)
		if err != nil {
			panic(err)
		}
		p.Settings = string(text)
	}
	return p
}

// conform tries a supervisor; each place has a folder of its own on the host.
func conform(t *testing.T, m *real.Machine, p *runtime.Place, killKeeper func(t *testing.T, folder, id string)) {
	t.Helper()
	dir, n := release(t), 0
	runtimetest.Run(t, func(t *testing.T) runtimetest.Place {
		state := t.TempDir()
		n++
		here := *p
		here.Dir = fmt.Sprintf("/var/lib/place%d", n)
		place := runtimetest.Place{
			Open: func(t *testing.T) runtime.Runtime { return open(t, m, state) }, On: &here, Program: []string{"./program"}, Dir: dir,
		}
		if os.Getenv("E2E_ALL") == "" { // each takes a second or two; all of them are for make test-all
			place.Only = []string{"environment of its spec", "restarted on its port", "logs are the last", "memory limit"}
		}
		if killKeeper != nil {
			place.KillKeeper = func(t *testing.T, id string) { t.Helper(); killKeeper(t, here.Dir, id) }
		}
		return place
	})
}

func TestKeepersOnAHostConform(t *testing.T) {
	all := real.StartMachines(t, 1, false)
	if all == nil {
		return
	}
	m := all[0]
	conform(t, m, place(m, "keeper", nil, false), func(t *testing.T, folder, id string) {
		t.Helper()
		text := m.Do(t, "cat "+folder+"/shop/instances/"+id+"/state.json")
		var state struct {
			Keeper struct {
				PID int `json:"pid"`
			} `json:"keeper"`
		}
		if err := json.Unmarshal([]byte(text), &state); err != nil || state.Keeper.PID == 0 {
			t.Fatalf("keeper of %s: %v in %s", id, err, text)
		}
		m.Do(t, "kill -KILL "+strconv.Itoa(state.Keeper.PID))
	})
}

func TestSystemdConforms(t *testing.T) {
	all := real.StartMachines(t, 1, true)
	if all == nil {
		return
	}
	conform(t, all[0], place(all[0], "systemd", nil, true), nil)
}

// own is a start and stop script as people have them.
const own = `#!/bin/sh
set -eu
pid() { cat "$GOODSTATE_DIR/pid" 2>/dev/null || echo 0; }
case $1 in
start)
	eval "set -- $GOODSTATE_RUN"
	setsid "$@" >>"$GOODSTATE_DIR/log" 2>&1 &
	echo $! >"$GOODSTATE_DIR/pid"
	;;
status) kill -0 "$(pid)" ;;
stop)
	kill "$(pid)" 2>/dev/null || true
	for try in $(seq 50); do kill -0 "$(pid)" 2>/dev/null || exit 0; sleep 0.02; done
	kill -KILL "$(pid)"
	;;
esac
`

func TestCommandsOfTheUserStartAndStopAnInstance(t *testing.T) {
	all := real.StartMachines(t, 1, false)
	if all == nil {
		return
	}
	m := all[0]
	dir := release(t)
	if err := os.WriteFile(filepath.Join(dir, "service"), []byte(own), 0o755); err != nil {
		t.Fatal(err)
	}
	p := place(m, "command", map[string]string{"start": "./service start", "stop": "./service stop", "status": "./service status", "logs": "cat $GOODSTATE_DIR/log"}, false)
	f := open(t, m, t.TempDir())
	spec := runtime.Spec{
		Service: "shop", Release: "v1", Place: p, Dir: dir, Command: []string{"./program", "--listen=$HOST:$PORT"},
		Env: map[string]string{"RUNTIMETEST_PROGRAM": "serve", "SECRET": "it's $HOME"},
	}
	i, err := f.Start(t.Context(), spec)
	if err != nil || i.State != runtime.Running || i.Host != m.Name {
		t.Fatalf("%+v %v", i, err)
	}
	real.Eventually(t, 10*time.Second, "it serves", func() bool { return strings.Contains(ask(i.URL+"/env"), "SECRET=it's $HOME\n") })
	again, err := f.Start(t.Context(), spec)
	if err != nil || again.URL != i.URL {
		t.Fatalf("started twice: %+v %v", again, err)
	}
	lines, err := f.Logs(t.Context(), i.ID, 5)
	if err != nil || len(lines) == 0 || lines[0] != "serving" {
		t.Errorf("its log: %q %v", lines, err)
	}
	if text := m.Do(t, "cat /var/lib/goodstate/shop/instances/*/spec.json"); strings.Contains(text, "SECRET") {
		t.Errorf("the environment is on the disk: %s", text)
	}
	m.Do(t, "kill -KILL $(cat /var/lib/goodstate/shop/instances/*/pid)")
	real.Eventually(t, 10*time.Second, "it is seen to have ended", func() bool {
		all, err := f.List(t.Context(), "shop")
		return err == nil && len(all) == 1 && all[0].State == runtime.Exited
	})
	for range 2 {
		if err := f.Stop(t.Context(), i.ID); err != nil {
			t.Fatal(err)
		}
	}
	if all, err := f.List(t.Context(), "shop"); err != nil || len(all) != 0 {
		t.Errorf("listed after it was stopped: %v %v", all, err)
	}
}

func ask(url string) string {
	out, err := exec.Command("curl", "-s", "-m", "5", url).Output()
	if err != nil {
		return ""
	}
	return string(out)
}

func TestOnlyWhatAHostDoesNotHaveIsSent(t *testing.T) {
	all := real.StartMachines(t, 1, false)
	if all == nil {
		return
	}
	m := all[0]
	f := open(t, m, t.TempDir())
	dir := release(t)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.MkdirAll(filepath.Join(dir, "a folder", "empty"), 0o755))
	must(os.WriteFile(filepath.Join(dir, "a folder", "page"), []byte("one"), 0o640))
	must(os.WriteFile(filepath.Join(dir, "-odd name"), []byte("same"), 0o600))
	must(os.Symlink("a folder/page", filepath.Join(dir, "link")))
	spec := runtime.Spec{
		Service: "shop", Release: "v1", Place: place(m, "keeper", nil, false), Dir: dir, Command: []string{"./program"},
		Env: map[string]string{"RUNTIMETEST_PROGRAM": "serve"},
	}
	start := func(release string) runtime.Instance {
		t.Helper()
		spec.Release = release
		i, err := f.Start(t.Context(), spec)
		must(err)
		return i
	}
	first := start("v1")
	at := "/var/lib/goodstate/shop/current/"
	look := func() string {
		return m.Do(t, "cd "+at+" && stat -c '%a %F %n' 'a folder/page' ./-odd* link 'a folder/empty' && cat link ./-odd*; readlink ../../current")
	}
	one := look()
	for _, want := range []string{"640 regular file a folder/page", "600 regular file ./-odd name", "777 symbolic link link", "755 directory a folder/empty", "onesame"} {
		if !strings.Contains(one, want) {
			t.Errorf("on the host: %s\nwant %q", one, want)
		}
	}
	received := func() int {
		text := m.Do(t, "awk '/lo:/ { print $2 }' /proc/net/dev")
		n, err := strconv.Atoi(text)
		must(err)
		return n
	}
	must(os.WriteFile(filepath.Join(dir, "a folder", "page"), []byte("two"), 0o640))
	before := received()
	second := start("v2")
	if sent := received() - before; sent > 2<<20 {
		t.Errorf("%d bytes were sent for a change of three", sent)
	}
	if two := look(); !strings.Contains(two, "twosame") {
		t.Errorf("on the host: %s", two)
	}
	releases := func() int {
		n, err := strconv.Atoi(m.Do(t, "ls -d /var/lib/goodstate/shop/releases/*.whole | wc -l"))
		must(err)
		return n
	}
	if n := releases(); n != 2 {
		t.Errorf("%d releases are on the host, want both", n)
	}
	// What was changed on the host is not taken over into the next release.
	m.Do(t, "echo spoilt > '"+at+"-odd name'")
	must(os.WriteFile(filepath.Join(dir, "a folder", "page"), []byte("three"), 0o640))
	third := start("v3")
	if three := look(); !strings.Contains(three, "threesame") {
		t.Errorf("on the host: %s", three)
	}
	for _, i := range []runtime.Instance{first, second, third} {
		must(f.Stop(t.Context(), i.ID))
	}
}

func TestAHostThatIsGoneIsLostAndNotEnded(t *testing.T) {
	all := real.StartMachines(t, 2, false)
	if all == nil {
		return
	}
	f := open(t, all[0], t.TempDir())
	dir := release(t)
	spec := func(i int) runtime.Spec {
		return runtime.Spec{
			Service: "shop", Release: "v1", Index: i, Place: place(all[i], "keeper", nil, false), Dir: dir, Command: []string{"./program"},
			Env: map[string]string{"RUNTIMETEST_PROGRAM": "serve"},
		}
	}
	var ids []string
	for i := range all {
		in, err := f.Start(t.Context(), spec(i))
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, in.ID)
	}
	all[1].Kill(t)
	var seen []runtime.Instance
	real.Eventually(t, 20*time.Second, "it is lost", func() bool {
		var err error
		seen, err = f.List(t.Context(), "shop")
		return err == nil && len(seen) == 2 && seen[1].State == runtime.Lost
	})
	if seen[0].State != runtime.Running || !strings.Contains(seen[1].Exit, all[1].Name) || seen[1].Host != all[1].Name {
		t.Errorf("seen: %+v", seen)
	}
	var gone *runtime.UnreachableError
	if err := f.Stop(t.Context(), ids[1]); !errors.As(err, &gone) || gone.Host != all[1].Name {
		t.Errorf("stopping what cannot be reached: %v", err)
	}
	if _, err := f.Start(t.Context(), spec(1)); !errors.As(err, &gone) {
		t.Errorf("starting what cannot be reached: %v", err)
	}
	all[1].Start(t) // the machine is back, and what ran there is not
	real.Eventually(t, 20*time.Second, "it is seen to have ended", func() bool {
		seen, err := f.List(t.Context(), "shop")
		return err == nil && len(seen) == 2 && seen[1].State == runtime.Exited
	})
	for _, id := range ids {
		if err := f.Stop(t.Context(), id); err != nil {
			t.Error(err)
		}
	}
}

func TestAHostThatCannotBeUsedSaysWhy(t *testing.T) {
	all := real.StartMachines(t, 1, false)
	if all == nil {
		return
	}
	m := all[0]
	look := func(p *runtime.Place) error {
		_, err := open(t, m, t.TempDir()).Look(t.Context(), *p)
		return err
	}
	if err := look(place(m, "keeper", nil, true)); err != nil {
		t.Errorf("with sudo: %v", err)
	}
	if err := look(place(m, "systemd", nil, true)); err == nil || !strings.Contains(err.Error(), "use supervisor: keeper") {
		t.Errorf("without systemd: %v", err)
	}
	m.Do(t, "echo 'ops ALL=(ALL) ALL' > /etc/sudoers.d/ops")
	err := look(place(m, "keeper", nil, true))
	var hinted interface{ Hint() string }
	if err == nil || !strings.Contains(err.Error(), "sudo is refused") || !errors.As(err, &hinted) || !strings.Contains(hinted.Hint(), "NOPASSWD") {
		t.Errorf("sudo refused: %v", err)
	}
	if err := look(place(m, "keeper", nil, false)); err != nil {
		t.Errorf("without sudo: %v", err)
	}
	m.Kill(t)
	m.NewKey(t)
	m.Start(t)
	var gone *runtime.UnreachableError
	if err := look(place(m, "keeper", nil, false)); !errors.As(err, &gone) || !strings.Contains(err.Error(), "HOST KEY CHANGED") {
		t.Errorf("another host key: %v", err)
	}
}
