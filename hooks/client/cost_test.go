package client

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"goodstate.dev/goodstate/hooks/plan"
)

// TestACleanCommitCostsTwoGitProcessesAtMost counts what Git itself says of its starts, while rules and jobs look at files that are on disk as they are staged.
func TestACleanCommitCostsTwoGitProcessesAtMost(t *testing.T) {
	w := newTree(t, map[string]plan.Stage{"pre-commit": {
		Rules: []plan.Rule{{Name: "trailing-whitespace", Fix: true}, {Name: "conflict-markers"}, {Name: "json"}, {Name: "private-key"}, {Name: "protected-branch"}},
		Jobs:  []plan.Job{{Name: "a", Run: "true {files}"}, {Name: "b", Run: "true {files}", Select: plan.Select{Types: []string{"text"}}}},
	}})
	w.base(map[string]string{"a.txt": "a\n"})
	w.git("checkout", "-q", "-b", "topic")
	for _, name := range odd {
		w.write(name, "x\n")
	}
	w.git("add", "-A", "--", ".")
	trace := filepath.Join(t.TempDir(), "trace")
	cmd := exec.Command(os.Args[0], "pre-commit")
	cmd.Dir, cmd.Env = w.dir, slices.Concat(w.env, []string{"GIT_TRACE2_EVENT=" + trace})
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Fatalf("the hook said %q (%v), want nothing", out, err)
	}
	events, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(events), `"event":"start"`); n < 1 || n > 2 {
		t.Errorf("Git was started %d times, want at most twice", n)
	}
	if _, err := os.Stat(w.path(".git/goodstate/lock")); err == nil {
		t.Error("a clean commit took the lock of those that change something")
	}
}
