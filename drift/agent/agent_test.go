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
	sshd := real.StartSSHD(t)
	if sshd == nil {
		return
	}
	login := sshLogin(t, sshd)
	do(t, open(t, login), agent.Call{Module: "ping"})
	folder := login.Folders[0]
	installed := func() (string, os.FileInfo) {
		found, err := filepath.Glob(filepath.Join(folder, "goodstate-agent-*"))
		if err != nil || len(found) != 1 {
			t.Fatalf("%v %v in %s, want one agent", found, err, folder)
		}
		info, err := os.Stat(found[0])
		if err != nil {
			t.Fatal(err)
		}
		return found[0], info
	}
	path, first := installed()
	if first.Mode().Perm() != 0o700 {
		t.Errorf("the agent has the mode %v, want 0700", first.Mode())
	}
	do(t, open(t, login), agent.Call{Module: "ping"})
	if _, second := installed(); !os.SameFile(first, second) {
		t.Error("the agent was sent again")
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("#!/bin/sh\necho goodstate ready; echo owned\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	do(t, open(t, login), agent.Call{Module: "ping"})
	if _, third := installed(); third.Size() != first.Size() {
		t.Error("an agent with another content was started")
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
