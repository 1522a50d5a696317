package agent_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"goodstate.dev/goodstate/core/remote"
	"goodstate.dev/goodstate/drift/agent"
	"goodstate.dev/goodstate/internal/real"
)

// sshLogin is a login at a real sshd of this machine, with a folder of its own for the agent.
func sshLogin(t *testing.T, h *real.SSHD) agent.Login {
	t.Helper()
	return agent.Login{
		Target: remote.Target{Host: "target"}, Options: remote.Options{Config: h.Config, Timeout: 20 * time.Second}, Folders: []string{filepath.Join(h.Dir, "agent")},
	}
}

func open(t *testing.T, login agent.Login) *agent.Host {
	t.Helper()
	h := agent.NewHost(login)
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Errorf("closing: %v", err)
		}
	})
	return h
}

// do carries out a call and gives its result.
func do(t *testing.T, h *agent.Host, call agent.Call) map[string]any {
	t.Helper()
	raw, err := h.Do(t.Context(), call)
	if err != nil {
		t.Fatalf("%s: %v", call.Module, err)
	}
	result := map[string]any{}
	if err := json.Unmarshal(raw, &result); err != nil {
		t.Fatal(err)
	}
	return result
}

func args(t *testing.T, pairs ...any) json.RawMessage {
	t.Helper()
	m := map[string]any{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i].(string)] = pairs[i+1]
	}
	raw, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestModulesRunOverSSHAndOnThisMachine(t *testing.T) {
	sshd := real.StartSSHD(t)
	if sshd == nil {
		return
	}
	for name, login := range map[string]agent.Login{"ssh": sshLogin(t, sshd), "local": {Local: true, Folders: []string{filepath.Join(t.TempDir(), "agent")}}} {
		h := open(t, login)
		if got := do(t, h, agent.Call{Module: "ping", Args: args(t, "data", "hi")}); got["ping"] != "hi" || got["changed"] != false {
			t.Errorf("%s: %v, want hi", name, got)
		}
		if got := do(t, h, agent.Call{Module: "ping", Args: args(t, "dat", "hi")}); got["failed"] != true {
			t.Errorf("%s: %v, want a failure", name, got)
		}
		got := do(t, h, agent.Call{Module: "command", Args: args(t, "_raw_params", "id -un"), Become: &agent.Become{User: "nobody"}})
		if got["stdout"] != "nobody" {
			t.Errorf("%s: as nobody: %v", name, got)
		}
	}
}

func TestTheAgentIsSentOncePerVersion(t *testing.T) {
	m := machine(t)
	if m == nil {
		return
	}
	const folder = "/root/.cache/goodstate"
	m.Do(t, "rm -rf "+folder)
	ping := func() string {
		t.Helper()
		h := agent.NewHost(login(m, "root"))
		do(t, h, agent.Call{Module: "ping"})
		if err := h.Close(); err != nil {
			t.Fatal(err)
		}
		return m.Do(t, "stat -c '%a %i %s %n' "+folder+"/goodstate-agent-*")
	}
	first := ping()
	if !strings.HasPrefix(first, "700 ") || strings.Contains(first, "\n") {
		t.Fatalf("%q, want one agent with the mode 0700", first)
	}
	if second := ping(); second != first {
		t.Errorf("the agent was sent again: %q, before %q", second, first)
	}
	m.Do(t, `f=$(ls `+folder+`/goodstate-agent-*); rm "$f"; printf '#!/bin/sh\necho goodstate ready; echo owned\n' >"$f"; chmod 700 "$f"`)
	if third := ping(); strings.Fields(third)[2] != strings.Fields(first)[2] {
		t.Errorf("an agent with another content was kept: %q", third)
	}
}

func TestCallsAreCarriedOutInOrderAndAChainStops(t *testing.T) {
	sshd := real.StartSSHD(t)
	if sshd == nil {
		return
	}
	h := open(t, sshLogin(t, sshd))
	log := filepath.Join(t.TempDir(), "log")
	var all []*agent.Pending
	for i, word := range []string{"echo 1", "sleep 0.2; echo 2", "exit 3", "echo 4"} {
		p, err := h.Send(t.Context(), agent.Call{Module: "shell", Args: args(t, "_raw_params", "("+word+") >>"+log), Chained: i > 0})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	for i, want := range []string{`"rc":0`, `"rc":0`, `"rc":3`, `"not_run":true`} {
		got, err := all[i].Wait(t.Context())
		if err != nil || !strings.Contains(string(got), want) {
			t.Errorf("call %d: %s %v, want %s", i, got, err, want)
		}
	}
	if text, err := os.ReadFile(log); err != nil || string(text) != "1\n2\n" {
		t.Errorf("%q %v, want 1 and 2 in order", text, err)
	}
}

func TestAHostThatIsLostInTheMiddleOfATaskIsUnreachable(t *testing.T) {
	sshd := real.StartSSHD(t)
	if sshd == nil {
		return
	}
	h := open(t, sshLogin(t, sshd))
	mark := filepath.Join(t.TempDir(), "mark")
	p, err := h.Send(t.Context(), agent.Call{Module: "shell", Args: args(t, "_raw_params", "echo $$ >"+mark+".new; mv "+mark+".new "+mark+"; exec sleep 1000")})
	if err != nil {
		t.Fatal(err)
	}
	pid := waitFor(t, mark)
	sshd.Cut(t)
	var away *remote.UnreachableError
	if _, err := p.Wait(t.Context()); !errors.As(err, &away) || !away.Lost {
		t.Errorf("%v, want a lost host", err)
	}
	gone(t, pid)
	if got := do(t, h, agent.Call{Module: "ping"}); got["ping"] != "pong" {
		t.Errorf("after the host came back: %v", got)
	}
}

func TestACancelledTaskEndsOnTheHost(t *testing.T) {
	sshd := real.StartSSHD(t)
	if sshd == nil {
		return
	}
	h := open(t, sshLogin(t, sshd))
	mark := filepath.Join(t.TempDir(), "mark")
	ctx, cancel := context.WithCancelCause(t.Context())
	p, err := h.Send(ctx, agent.Call{Module: "shell", Args: args(t, "_raw_params", "echo $$ >"+mark+".new; mv "+mark+".new "+mark+"; exec sleep 1000")})
	if err != nil {
		t.Fatal(err)
	}
	pid := waitFor(t, mark)
	why := errors.New("Ctrl-C")
	cancel(why)
	if _, err := p.Wait(ctx); !errors.Is(err, why) {
		t.Errorf("%v, want the reason", err)
	}
	gone(t, pid)
	if got := do(t, h, agent.Call{Module: "ping"}); got["ping"] != "pong" {
		t.Errorf("after a cancelled task: %v", got)
	}
}

func waitFor(t *testing.T, mark string) string {
	t.Helper()
	var pid string
	real.Eventually(t, 20*time.Second, "the task is under way", func() bool {
		text, err := os.ReadFile(mark)
		pid = strings.TrimSpace(string(text))
		return err == nil
	})
	return pid
}

func gone(t *testing.T, pid string) {
	t.Helper()
	if n, err := strconv.Atoi(pid); err != nil || n < 2 {
		t.Fatalf("%q is no process", pid)
	}
	real.Eventually(t, 20*time.Second, "what the task started is gone", func() bool {
		_, err := os.Stat("/proc/" + pid)
		return os.IsNotExist(err)
	})
}
