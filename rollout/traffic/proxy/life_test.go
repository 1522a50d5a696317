package proxy

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"goodstate.dev/goodstate/rollout/traffic"
)

func TestAProxyThatIsKilledComesBackWithItsRoutesAndSeconds(t *testing.T) {
	c, _ := process(t)
	r := routeTo(t, map[string]int{"v1": traffic.Full}, instanceOf(t, "v1", nil))
	r.Sticky = "cookie"
	apply(t, c, r)
	b := browser(t)
	for range 7 {
		get(t, b, "http://"+r.Listen)
	}
	totals(t, c, 7)
	pid := kill(t, c, syscall.SIGKILL)
	got, ok, err := c.Route(t.Context(), "web")
	if err != nil || !ok || got.Listen != r.Listen || got.Weights["v1"] != traffic.Full {
		t.Fatalf("route after the kill: %+v, %v, %v", got, ok, err)
	}
	if now, err := c.PID(t.Context()); err != nil || now == pid {
		t.Fatalf("pid %d after kill of %d: %v", now, pid, err)
	}
	if status, body, _ := get(t, b, "http://"+r.Listen); status != 200 || body != "v1" {
		t.Errorf("answer after the kill: %d %q", status, body)
	}
	if n := totals(t, c, 8)["v1"].Requests; n != 8 {
		t.Errorf("%d requests known after the kill, want 8", n)
	}
}

func TestAProxyOutlivesTheControllerThatStartedItAndIsAdopted(t *testing.T) {
	dir := shortDir(t)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "GOODSTATE_TEST_AS=controller", "GOODSTATE_TEST_PROXY="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	c, err := Ensure(t.Context(), Options{Dir: dir}) // no command: it can only adopt
	if err != nil {
		t.Fatal(err)
	}
	defer end(t, c)
	pid, err := c.PID(t.Context())
	if err != nil || strconv.Itoa(pid) != strings.TrimSpace(string(out)) {
		t.Errorf("adopted pid %d, started %s: %v", pid, out, err)
	}
}

func TestSeveralControllersStartOneProxy(t *testing.T) {
	dir := shortDir(t)
	var wg sync.WaitGroup
	clients := make([]*Client, 4)
	pids := make([]int, len(clients))
	for i := range clients {
		wg.Go(func() {
			c, err := Ensure(t.Context(), Options{Dir: dir, Command: command(dir)})
			if err != nil {
				t.Error(err)
				return
			}
			clients[i] = c
			if pids[i], err = c.PID(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for i, c := range clients {
		if c != nil && i > 0 {
			_ = c.Close()
		}
		if pids[i] != pids[0] {
			t.Errorf("several proxies: %v", pids)
		}
	}
	if clients[0] != nil {
		end(t, clients[0])
	}
}

func TestAProxyThatDoesNotStartShowsItsLastLogLines(t *testing.T) {
	dir := shortDir(t)
	_, err := Ensure(t.Context(), Options{Dir: dir, Command: []string{"/bin/sh", "-c", "echo first; echo the disk is on fire >&2; exit 3"}})
	if err == nil || !strings.Contains(err.Error(), "the disk is on fire") || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("got %v", err)
	}
	_, err = Ensure(t.Context(), Options{Dir: dir, Command: []string{"/no/such/program"}})
	if err == nil || !strings.Contains(err.Error(), "/no/such/program") {
		t.Errorf("got %v", err)
	}
	_, err = Ensure(t.Context(), Options{Dir: dir})
	if err == nil || !strings.Contains(err.Error(), "not said how to start") {
		t.Errorf("got %v", err)
	}
}

func TestRoutesThatCannotBeReadAreRefusedAndKept(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{`{"version": 1, "services": [{"rou`, "cannot be understood"},
		{`{"version": 2, "services": []}`, "version 2"},
		{`{"version": 1, "services": [{"route": {"service": "web", "listen": "x", "backends": null, "weights": null}, "shares": null}]}`, `listen "x"`},
		{`{"version": 1, "services": [{"route": {"service": "web", "listen": "127.0.0.1:1", "backends": null, "weights": null}, "shares": [{"to": 5, "release": "a"}, {"to": 3, "release": "b"}]}]}`, `share of release "b"`},
		{`{"version": 1, "servces": []}`, "servces"},
	} {
		dir := shortDir(t)
		writeFile(t, dir+"/routes.json", c.text)
		_, err := Ensure(t.Context(), Options{Dir: dir, Command: command(dir)})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v", c.text, err)
		}
		if readFile(t, dir, "routes.json") != c.text {
			t.Errorf("%s: the file was changed", c.text)
		}
	}
}

func TestASecondProxyInTheSameFolderIsToldWhoHasIt(t *testing.T) {
	dir := shortDir(t)
	c := inside(t, Options{Dir: dir})
	err := Main(t.Context(), Options{Dir: dir})
	if err == nil || !strings.Contains(err.Error(), "pid "+strconv.Itoa(os.Getpid())) {
		t.Errorf("got %v", err)
	}
	if err := c.Ping(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestTheSocketIsForItsUserOnly(t *testing.T) {
	_, dir := process(t)
	at, err := os.Stat(dir + "/proxy.sock")
	if err != nil || at.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", at.Mode(), err)
	}
	if os.Getuid() != 0 {
		return // only root can be somebody else
	}
	for _, err := range []error{os.Chmod(dir, 0o755), os.Chmod(dir+"/proxy.sock", 0o666)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("/proc/self/exe") // the file itself lies in a folder that only root may enter
	cmd.Env = []string{"GOODSTATE_TEST_AS=stranger", "GOODSTATE_TEST_PROXY=" + dir}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.CombinedOutput()
	if err != nil || strings.Contains(string(out), "<nil>") {
		t.Errorf("another user pinged: %s, %v", out, err)
	}
	if !strings.Contains(readFile(t, dir, "proxy.log"), "uid=65534") {
		t.Errorf("the refusal is not in the log: %s", out)
	}
}

func TestSIGTERMLetsRequestsFinish(t *testing.T) {
	c, _ := process(t)
	entered, leave := make(chan bool), make(chan bool)
	r := routeTo(t, map[string]int{"v1": traffic.Full}, instanceOf(t, "v1", gate(entered, leave)))
	apply(t, c, r)
	type answer struct {
		status int
		body   string
	}
	got := make(chan answer, 1)
	b := browser(t)
	go func() {
		status, body, _ := get(t, b, "http://"+r.Listen)
		got <- answer{status, body}
	}()
	<-entered
	pid := kill(t, c, syscall.SIGTERM)
	eventually(t, "the address is given up", func() bool { return !accepts(r.Listen) })
	close(leave)
	if a := <-got; a.status != 200 || a.body != "done" {
		t.Errorf("the request under way was answered %+v", a)
	}
	eventually(t, "the process is gone", func() bool { return syscall.Kill(pid, 0) != nil })
}

func TestAnAddressThatCannotBeOpenedAfterARestartIsTriedAgain(t *testing.T) {
	c, dir := process(t)
	r := routeTo(t, map[string]int{"v1": traffic.Full}, instanceOf(t, "v1", nil))
	apply(t, c, r)
	end(t, c)
	release := occupy(t, r.Listen)
	again, err := Ensure(t.Context(), Options{Dir: dir, Command: command(dir)})
	if err != nil {
		t.Fatal(err)
	}
	defer end(t, again)
	if _, _, err := again.Route(t.Context(), "web"); err == nil || !strings.Contains(err.Error(), "not served") {
		t.Errorf("route: %v", err)
	}
	if err := again.Ping(t.Context()); err == nil || !strings.Contains(err.Error(), r.Listen) {
		t.Errorf("ping: %v", err)
	}
	release()
	eventually(t, "the route is served", func() bool { return again.Ping(t.Context()) == nil })
	if status, body, _ := get(t, browser(t), "http://"+r.Listen); status != 200 || body != "v1" {
		t.Errorf("answer %d %q", status, body)
	}
}

func TestShutdownEndsTheProcessAndTheClient(t *testing.T) {
	dir := shortDir(t)
	c, err := Ensure(t.Context(), Options{Dir: dir, Command: command(dir)})
	if err != nil {
		t.Fatal(err)
	}
	pid, err := c.PID(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	end(t, c)
	if err := c.Remove(t.Context(), "web"); err == nil || !strings.Contains(err.Error(), "was shut down") {
		t.Errorf("a call after Shutdown: %v", err)
	}
	eventually(t, "the process is gone", func() bool { return syscall.Kill(pid, 0) != nil })
	end(t, c) // again is no error
}
