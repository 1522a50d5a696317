package notify

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestACommandReadsTheEventFromItsInput(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	if err := deliverNow(t, "command", map[string]any{"run": []string{"sh", "-c", `cat > "$1"`, "sh", out}}, rolledBack("1")); err != nil {
		t.Fatal(err)
	}
	body, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	wantAt(t, body, "dev.goodstate.rollout.rolled_back", "type")
	wantAt(t, body, "shop: v2 <rolled back> & held", "data", "title")
}

func TestACommandThatDoesNotReadItsInputIsFine(t *testing.T) {
	if err := deliverNow(t, "command", map[string]any{"run": []string{"true"}}, rolledBack("1")); err != nil {
		t.Error(err)
	}
}

func TestACommandThatFailsSaysWhy(t *testing.T) {
	for why, c := range map[string]struct {
		run  []string
		want string
	}{
		"exit code": {[]string{"sh", "-c", "echo first; echo the pager is off >&2; exit 3"}, "command sh: exit status 3: first the pager is off"},
		"not there": {[]string{"/does/not/exist"}, "no such file"},
		"too long":  {[]string{"sh", "-c", "echo waiting; sleep 60"}, "it did not end within 300ms and was killed: waiting"},
	} {
		begin := time.Now()
		err := deliverNow(t, "command", map[string]any{"run": c.run, "within": "300ms"}, rolledBack("1"))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error is %v, want one with %q", why, err, c.want)
		}
		if took := time.Since(begin); took > 10*time.Second {
			t.Errorf("%s: took %s", why, took)
		}
	}
}

func TestACommandMayLeaveAChildBehindThatHoldsItsOutput(t *testing.T) {
	pid := filepath.Join(t.TempDir(), "pid")
	begin := time.Now()
	err := deliverNow(t, "command", map[string]any{"run": []string{"sh", "-c", `sleep 30 & echo $! > "$1"`, "sh", pid}}, rolledBack("1"))
	if err != nil || time.Since(begin) > 10*time.Second {
		t.Errorf("%v after %s", err, time.Since(begin))
	}
	text, err := os.ReadFile(pid)
	if err != nil {
		t.Fatal(err)
	}
	if err := deliverNow(t, "command", map[string]any{"run": []string{"kill", strings.TrimSpace(string(text))}}, rolledBack("2")); err != nil {
		t.Error(err)
	}
}

func TestOnlyTheEndOfALongOutputIsKept(t *testing.T) {
	tail := &tail{most: 8}
	for range 1000 {
		if n, err := tail.Write([]byte("0123456789")); n != 10 || err != nil {
			t.Fatal(n, err)
		}
	}
	if tail.String() != "23456789" {
		t.Errorf("kept %q", tail)
	}
}
