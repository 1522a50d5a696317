package e2e

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"goodstate.dev/goodstate/app"
	"goodstate.dev/goodstate/internal/real"
	"goodstate.dev/goodstate/rollout"
	"goodstate.dev/goodstate/rollout/runtime"
)

// fleet is a site on machines of their own behind an HAProxy.
type fleet struct {
	*site
	machines []*real.Machine
	front    *real.HAProxy
}

// newFleet is nil where sshd or haproxy is left out.
func newFleet(t *testing.T, n int, systemd bool, more string) *fleet {
	t.Helper()
	front := real.StartHAProxy(t, "server-template goodstate 1-4 127.0.0.1:1 disabled")
	machines := real.StartMachines(t, n, systemd)
	if front == nil || machines == nil {
		return nil
	}
	s := newSite(t, "rolling: {batch: 2, unavailable: 2, surge: 0, hold: 2s}")
	f := &fleet{site: s, machines: machines, front: front}
	s.address = front.Address
	var hosts strings.Builder
	hosts.WriteString("[web]\n")
	for _, m := range machines {
		fmt.Fprintf(&hosts, "%s ansible_host=%s ansible_port=%d ansible_user=root ansible_ssh_private_key_file=%s\n", m.Name, m.Address, m.Port, m.Key)
	}
	fmt.Fprintf(&hosts, "[web:vars]\nansible_ssh_common_args=-o UserKnownHostsFile=%s -o GlobalKnownHostsFile=none -o IdentityAgent=none\n", machines[0].Known)
	s.must(os.WriteFile(filepath.Join(s.dir, "hosts.ini"), []byte(hosts.String()), 0o600))
	supervisor := "keeper"
	if systemd {
		supervisor = "systemd"
	}
	s.must(os.WriteFile(s.file, []byte(fmt.Sprintf(`
data: d
server: {listen: none}
services:
  web:
    source: {git: repo, build: "cp %s program"}
    run: ./program
    env: {E2E_ROLE: service}
    hosts: {inventory: hosts.ini, pattern: web, supervisor: %s}
    grace: 2s
    start: 30s
    health: {http: {url: /healthz}}
    checks: {home: {http: {url: /, status: "200,500"}}}
    traffic: {haproxy: {sockets: [%s], backend: web, url: "http://%s", ring: goodstate}}
    strategy: {rolling: {batch: 2, unavailable: 2, surge: 0, hold: 2s}}
    judge: {warmup: 0s, requests: 20}
    watch: 2s
    recover: 30s
%s`, os.Args[0], supervisor, front.Socket, front.Address, more)), 0o600))
	return f
}

// stands checks that the version serves alone, on so many hosts, and returns the state.
func (f *fleet) stands(version string, hosts int) rollout.State {
	f.t.Helper()
	conf, err := app.Load(f.file)
	f.must(err)
	a, err := app.Open(f.t.Context(), app.Options{Config: conf, Base: f.dir, Self: []string{os.Args[0]}, Idle: true})
	f.must(err)
	defer func() { f.must(a.Close()) }()
	st, err := a.Client().Service(f.t.Context(), "web")
	f.must(err)
	if st.Serving == nil || st.Serving.Version != version {
		f.t.Fatalf("state: %+v, want %s serving", st, version)
	}
	on := map[string]bool{}
	for _, in := range st.Instances {
		if in.State == string(runtime.Running) && in.Release == st.Serving.ID() {
			on[in.Host] = true
		}
	}
	if len(on) != hosts {
		f.t.Fatalf("%s runs on %v, want %d hosts: %+v", version, on, hosts, st)
	}
	out, err := exec.Command("sh", "-c", "echo 'show stat web 4 -1' | "+socat(f.front.Socket)).Output()
	f.must(err)
	used := 0
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, ",no check,") {
			used++
		}
	}
	if used != hosts {
		f.t.Fatalf("HAProxy uses %d servers, want %d:\n%s", used, hosts, out)
	}
	report, err := a.Client().VerifyJournal(f.t.Context())
	f.must(err)
	if len(report.Problems) > 0 {
		f.t.Fatalf("journal: %v", report.Problems)
	}
	return st
}

// socat is a command that asks a socket what it reads.
func socat(socket string) string {
	return `python3 -c 'import socket,sys; s=socket.socket(socket.AF_UNIX); s.connect("` + socket + `"); s.sendall(sys.stdin.read().encode()); sys.stdout.write(b"".join(iter(lambda: s.recv(65536), b"")).decode())'`
}

// overHosts says whether releases go over hosts: their keeper is this program, and with the race detector in it sending it to five hosts takes minutes.
func overHosts() bool { return os.Getenv("E2E_HOSTS") != "" || os.Getenv(everything) != "" }

func TestARollingReleaseOverFiveHostsBehindHAProxyLosesNoRequestForwardAndBack(t *testing.T) {
	if !overHosts() {
		t.Log("make test runs it without the race detector")
		return
	}
	t.Parallel()
	f := newFleet(t, 5, false, "")
	if f == nil {
		return
	}
	leave := f.visitors()
	if res := f.control("v1", ""); res.Outcome != rollout.Promoted {
		t.Fatalf("v1: %s: %s", res.Outcome, res.Why)
	}
	f.stands("v1", 5)
	if res := f.control("v4", ""); res.Outcome != rollout.Promoted {
		t.Fatalf("v4: %s: %s %v", res.Outcome, res.Why, res.Findings)
	}
	f.stands("v4", 5)
	if os.Getenv(everything) != "" {
		if res := f.control("v2", ""); res.Outcome != rollout.RolledBack || res.Held != "v2" {
			t.Fatalf("v2: %s: %s %v", res.Outcome, res.Why, res.Findings)
		}
		f.stands("v4", 5)
	}
	if out, code := f.goodstate("rollback", "web", "-m", "to and fro"); code != 4 {
		t.Fatalf("rollback ended with %d:\n%s", code, out)
	}
	f.stands("v1", 5)
	requests, lost := leave()
	if lost > 0 || requests < 500 {
		t.Fatalf("%d of %d requests were lost", lost, requests)
	}
	t.Logf("%d requests, none lost", requests)
}

func TestAHostThatDiesInTheMiddleOfARolloutEndsInAClearState(t *testing.T) {
	if !overHosts() {
		t.Log("make test runs it without the race detector")
		return
	}
	t.Parallel()
	f := newFleet(t, 3, false, "    unknown: rollback\n")
	if f == nil {
		return
	}
	leave := f.visitors()
	if res := f.control("v1", ""); res.Outcome != rollout.Promoted {
		t.Fatalf("v1: %s: %s", res.Outcome, res.Why)
	}
	leave()
	f.points = filepath.Join(t.TempDir(), "points")
	leave = f.visitors()
	var ending sync.WaitGroup
	var res rollout.Result
	ending.Go(func() { res = f.control("v4", "") })
	real.Eventually(t, 60*time.Second, "the first batch is judged", func() bool {
		text, err := os.ReadFile(f.points)
		return err == nil && strings.Contains(string(text), "before judge-0")
	})
	dead := f.machines[len(f.machines)-1]
	dead.Kill(t)
	ending.Wait()
	if res.Outcome != rollout.Incomplete || !strings.Contains(res.Why, dead.Name) {
		t.Fatalf("it ended as %s: %s", res.Outcome, res.Why)
	}
	st := f.stands("v1", 2)
	if !strings.Contains(st.Problem, dead.Name) {
		t.Errorf("the state does not name the dead host: %+v", st)
	}
	requests, lost := leave()
	if lost > 4 || requests < 100 { // each visitor may have had one request in the host that died
		t.Errorf("%d of %d requests were lost", lost, requests)
	}
	dead.Start(t)
	if _, code := f.goodstate("unhold", "web", "v4"); code != 0 {
		t.Fatalf("unhold ended with %d", code)
	}
	leave = f.visitors()
	defer leave()
	if res := f.control("v4", ""); res.Outcome != rollout.Promoted { // what was left on the host is no more
		t.Fatalf("v4 again: %s: %s", res.Outcome, res.Why)
	}
	f.stands("v4", 3)
}

func TestSystemdKeepsAReleaseOnItsHostsThroughARestart(t *testing.T) {
	if os.Getenv(everything) == "" {
		return // the fleet's own tests try systemd, too
	}
	t.Parallel()
	f := newFleet(t, 2, true, "")
	if f == nil {
		return
	}
	leave := f.visitors()
	defer leave()
	for _, version := range []string{"v1", "v4"} {
		if res := f.control(version, ""); res.Outcome != rollout.Promoted {
			t.Fatalf("%s: %s: %s %v", version, res.Outcome, res.Why, res.Findings)
		}
		f.stands(version, 2)
	}
	if res := f.control("v2", ""); res.Outcome != rollout.RolledBack {
		t.Fatalf("v2: %s: %s %v", res.Outcome, res.Why, res.Findings)
	}
	f.machines[0].Kill(t)
	f.machines[0].Start(t)
	real.Eventually(t, 30*time.Second, "the instance is up again with its host", func() bool {
		out, err := exec.Command("ssh", "-F", f.machines[0].Config, f.machines[0].Name, "systemctl is-active 'goodstate-*'").CombinedOutput()
		return err == nil && strings.Contains(string(out), "active")
	})
	f.stands("v4", 2)
}

func TestTrafficMovesFromGoodstatesProxyToHAProxyWithARelease(t *testing.T) {
	t.Parallel()
	front := real.StartHAProxy(t, "server-template goodstate 1-4 127.0.0.1:1 disabled")
	if front == nil {
		return
	}
	s := newSite(t, "bluegreen: {hold: 2s}")
	own := s.address
	leave := s.visitors()
	if res := s.control("v1", ""); res.Outcome != rollout.Promoted {
		t.Fatalf("v1: %s: %s", res.Outcome, res.Why)
	}
	if _, lost := leave(); lost > 0 {
		t.Fatalf("%d requests were lost", lost)
	}
	text, err := os.ReadFile(s.file)
	s.must(err)
	proxied := fmt.Sprintf("traffic: {listen: %q, sticky: none}", own)
	haproxy := fmt.Sprintf("traffic: {haproxy: {sockets: [%s], backend: web, url: 'http://%s', ring: goodstate}}", front.Socket, front.Address)
	if !strings.Contains(string(text), proxied) {
		t.Fatalf("the configuration has no %q:\n%s", proxied, text)
	}
	s.must(os.WriteFile(s.file, []byte(strings.Replace(string(text), proxied, haproxy, 1)), 0o600))
	s.address = front.Address
	leave = s.visitors()
	s.isWell(s.control("v4", ""), rollout.Promoted, "v4")
	requests, lost := leave()
	if lost > 0 || requests == 0 {
		t.Fatalf("%d of %d requests were lost in HAProxy", lost, requests)
	}
	if conn, err := net.Dial("tcp", own); err == nil {
		_ = conn.Close()
		t.Error("goodstate's proxy still listens")
	}
}

func TestAControllerThatIsKilledOnTheWayOverHostsGoesOn(t *testing.T) {
	if os.Getenv(everything) == "" {
		return // half a minute a point
	}
	walkFrom(t, "v4", func(t *testing.T) (*site, func(rollout.Result)) {
		f := newFleet(t, 2, false, "")
		if f == nil {
			t.Fatal("this walk needs sshd and haproxy")
		}
		return f.site, func(res rollout.Result) {
			if res.Outcome != rollout.Promoted {
				t.Fatalf("v4: %s: %s", res.Outcome, res.Why)
			}
			f.stands("v4", 2)
		}
	}, func(point string) bool { return strings.HasPrefix(point, "after ") })
}
