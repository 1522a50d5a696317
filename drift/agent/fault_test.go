package agent_test

import (
	"context"
	"debug/elf"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"goodstate.dev/goodstate/core/remote"
	"goodstate.dev/goodstate/drift/agent"
	"goodstate.dev/goodstate/internal/real"
)

// controllerVar makes this test binary a controller that has one long task under way.
const controllerVar = "GOODSTATE_TEST_CONTROLLER"

func TestMain(m *testing.M) {
	if config := os.Getenv(controllerVar); config != "" {
		h := agent.NewHost(agent.Login{Target: remote.Target{Host: "m1"}, Options: remote.Options{Config: config}})
		_, err := h.Do(context.Background(), agent.Call{
			Module: "shell", Args: json.RawMessage(`{"_raw_params": "echo $$ >/root/mark.new; mv /root/mark.new /root/mark; exec sleep 1000"}`), Become: &agent.Become{User: "ops"},
		})
		panic(err)
	}
	os.Exit(m.Run())
}

func machine(t *testing.T) *real.Machine {
	t.Helper()
	all := real.StartMachines(t, 1, false)
	if all == nil {
		return nil
	}
	return all[0]
}

func login(m *real.Machine, user string) agent.Login {
	return agent.Login{Target: remote.Target{Host: m.Name, User: user}, Options: remote.Options{Config: m.Config, Timeout: 20 * time.Second}}
}

func TestPasswordsOfSudoAndSu(t *testing.T) {
	m := machine(t)
	if m == nil {
		return
	}
	m.Do(t, "echo 'ops:open sesame' | chpasswd; echo 'root:roots own' | chpasswd; echo 'ops ALL=(ALL) ALL' >/etc/sudoers.d/ops; printf 'Defaults timestamp_timeout=0\n' >/etc/sudoers.d/lab")
	for _, c := range []struct {
		name    string
		become  agent.Become
		refusal string
	}{
		{"the right password", agent.Become{Password: "open sesame"}, ""},
		{"a wrong one", agent.Become{Password: "guess"}, "Incorrect sudo password"},
		{"none", agent.Become{}, "Missing sudo password"},
		{"another account", agent.Become{User: "nobody", Password: "open sesame"}, ""},
		{"an account that is not there", agent.Become{User: "nosuch", Password: "open sesame"}, "nosuch"},
		{"su with the right password", agent.Become{Method: "su", Password: "roots own"}, ""},
		{"su with a wrong one", agent.Become{Method: "su", Password: "guess"}, "Incorrect su password"},
		{"su with none", agent.Become{Method: "su"}, "Missing su password"},
		{"a program that is not there", agent.Become{Method: "doas"}, "doas"},
		{"a method that is not there", agent.Become{Method: "magic"}, "become_method"},
	} {
		h := open(t, login(m, "ops"))
		raw, err := h.Do(t.Context(), agent.Call{Module: "command", Args: args(t, "_raw_params", "id -un"), Become: &c.become})
		var refused *agent.BecomeError
		switch {
		case c.refusal == "" && (err != nil || !strings.Contains(string(raw), `"stdout":"`+map[string]string{"": "root", "nobody": "nobody"}[c.become.User]+`"`)):
			t.Errorf("%s: %s %v", c.name, raw, err)
		case c.refusal != "" && (!errors.As(err, &refused) || !strings.Contains(err.Error(), c.refusal)):
			t.Errorf("%s: %s %v, want %q", c.name, raw, err, c.refusal)
		}
		if got := do(t, h, agent.Call{Module: "ping"}); got["ping"] != "pong" {
			t.Errorf("%s: afterwards the login account answers %v", c.name, got)
		}
	}
	if out := m.Do(t, "ps axww -o args"); strings.Contains(out, "sesame") || strings.Contains(out, "roots own") {
		t.Errorf("a password is in a command line:\n%s", out)
	}
}

func TestFoldersThatStartNoProgramsArePassedOver(t *testing.T) {
	m := machine(t)
	if m == nil {
		return
	}
	m.Do(t, "mkdir -p /home/ops && mount -t tmpfs -o noexec,mode=0777 x /home/ops; mount -t tmpfs -o noexec,mode=1777 x /tmp")
	h := open(t, login(m, "ops"))
	do(t, h, agent.Call{Module: "ping"})
	if found := m.Do(t, "ls -d /var/tmp/goodstate-*/goodstate-agent-*"); !strings.Contains(found, "/var/tmp/") {
		t.Errorf("the agent is in %q", found)
	}
	m.Do(t, "rm -rf /var/tmp/goodstate-*; mount -t tmpfs -o noexec,mode=1777 x /var/tmp; mount -o remount,noexec /dev/shm")
	_, err := open(t, login(m, "ops")).Do(t.Context(), agent.Call{Module: "ping"})
	var cannot *agent.InstallError
	if !errors.As(err, &cannot) || !strings.Contains(err.Error(), "noexec") || !strings.Contains(err.Error(), "/var/tmp/goodstate") {
		t.Errorf("%v, want which folders are noexec", err)
	}
}

func TestAFullDiskIsTold(t *testing.T) {
	m := machine(t)
	if m == nil {
		return
	}
	m.Do(t, "for d in /root /tmp /var/tmp /dev/shm; do mount -t tmpfs -o size=100k,mode=1777 x $d; done")
	_, err := open(t, login(m, "root")).Do(t.Context(), agent.Call{Module: "ping"})
	var cannot *agent.InstallError
	if !errors.As(err, &cannot) || !strings.Contains(err.Error(), "No space left") {
		t.Errorf("%v, want that no space is left", err)
	}
}

func TestTheAgentFitsTheHostsArchitecture(t *testing.T) {
	m := machine(t)
	if m == nil {
		return
	}
	m.Do(t, "rm -rf /root/.cache/goodstate")
	pretend := func(arch string) error {
		m.Do(t, "printf '#!/bin/sh\\n[ \"$1\" = -m ] && echo "+arch+" || echo Linux\\n' >/usr/local/bin/uname; chmod 755 /usr/local/bin/uname")
		_, err := open(t, login(m, "root")).Do(t.Context(), agent.Call{Module: "ping"})
		return err
	}
	if err := pretend("riscv64"); err == nil || !strings.Contains(err.Error(), "riscv64") {
		t.Errorf("%v, want that there is no agent for riscv64", err)
	}
	if err := pretend("aarch64"); err == nil {
		t.Error("an agent for aarch64 ran on this machine")
	}
	local := filepath.Join(t.TempDir(), "agent")
	if err := os.WriteFile(local, []byte(m.Do(t, "cat /root/.cache/goodstate/goodstate-agent-*")), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := elf.Open(local)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if f.Machine != elf.EM_AARCH64 {
		t.Errorf("the agent that was sent is for %v, want aarch64", f.Machine)
	}
}

func TestATaskThatPrintsGigabytesIsBounded(t *testing.T) {
	sshd := real.StartSSHD(t)
	if sshd == nil {
		return
	}
	h := open(t, sshLogin(t, sshd))
	raw, err := h.Do(t.Context(), agent.Call{Module: "shell", Args: args(t, "_raw_params", "yes | head -c 2000000000"), MaxOutput: 1 << 20})
	if err != nil || len(raw) > 8<<20 || !strings.Contains(string(raw), `"rc":0`) {
		t.Errorf("%d bytes, %v; want at most some MiB", len(raw), err)
	}
}

func TestNothingStaysBehindWhenTheControllerIsKilled(t *testing.T) {
	m := machine(t)
	if m == nil {
		return
	}
	m.Do(t, "chmod 777 /root")
	controller := exec.Command(os.Args[0])
	controller.Env = append(os.Environ(), controllerVar+"="+m.Config)
	controller.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := controller.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = controller.Process.Kill() })
	real.Eventually(t, 60*time.Second, "the task is under way", func() bool { return m.Do(t, "cat /root/mark 2>/dev/null || true") != "" })
	if err := controller.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = controller.Wait() // it was killed
	left := ""
	real.Eventually(t, 30*time.Second, "agents and tasks are gone", func() bool {
		left = m.Do(t, "ps axww -o args | grep -e goodstate-agent -e 'sleep 1000' | grep -v grep || true")
		return left == ""
	})
}

func TestAChangedHostKeyAndAHostThatIsDown(t *testing.T) {
	m := machine(t)
	if m == nil {
		return
	}
	h := open(t, login(m, "root"))
	do(t, h, agent.Call{Module: "ping"})
	m.Kill(t)
	var away *remote.UnreachableError
	if _, err := h.Do(t.Context(), agent.Call{Module: "ping"}); !errors.As(err, &away) {
		t.Errorf("%v, want an unreachable host", err)
	}
	m.NewKey(t)
	m.Start(t)
	var key *remote.HostKeyError
	if _, err := h.Do(t.Context(), agent.Call{Module: "ping"}); !errors.As(err, &key) || !key.Changed {
		t.Errorf("%v, want a changed key", err)
	}
}

func TestAJobGoesOnInTheBackground(t *testing.T) {
	sshd := real.StartSSHD(t)
	if sshd == nil {
		return
	}
	dir := t.TempDir()
	h := agent.NewHost(sshLogin(t, sshd))
	start := func(id, command string, seconds int) {
		t.Helper()
		got := do(t, h, agent.Call{Module: "shell", Args: args(t, "_raw_params", command), Async: &agent.Async{ID: id, Seconds: seconds, Dir: filepath.Join(dir, "jobs")}})
		if got["started"] != float64(1) || got["ansible_job_id"] != id {
			t.Errorf("%v, want a job %s", got, id)
		}
	}
	start("j1", "while [ ! -e "+dir+"/go ]; do sleep 0.05; done; echo done", 60)
	start("j2", "exec sleep 1000", 1)
	if err := h.Close(); err != nil { // jobs outlive the agent
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "go"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]string{"j1": `"stdout":"done"`, "j2": "Timeout exceeded"} {
		text := ""
		real.Eventually(t, 20*time.Second, "job "+id+" says "+want, func() bool {
			raw, err := os.ReadFile(filepath.Join(dir, "jobs", id))
			text = string(raw)
			return err == nil && strings.Contains(text, want)
		})
	}
}
