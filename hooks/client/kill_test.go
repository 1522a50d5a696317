package client

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"

	"goodstate.dev/goodstate/hooks/plan"
)

// situation is a work tree in the middle of somebody's work, and the command that starts the hooks.
type situation struct {
	name   string
	stages map[string]plan.Stage
	set    func(w *tree)
	commit []string
}

// situations have everything that a repair can meet: files that are as staged, files with other changes elsewhere and on the same lines, new files,
// executables.
func situations() []situation {
	mixed := func(w *tree) {
		w.base(map[string]string{"part.txt": lines(30, nil), "clash.txt": lines(3, nil), "other.txt": "other\n", "whole.txt": "w\n"})
		w.stage("part.txt", lines(30, map[int]string{2: "foo staged "}))
		w.write("part.txt", lines(30, map[int]string{2: "foo staged ", 25: "UNSTAGED"}))
		w.stage("clash.txt", lines(3, map[int]string{1: "foo staged "}))
		w.write("clash.txt", lines(3, map[int]string{1: "foo staged UNSTAGED "}))
		w.write("other.txt", "other\nUNSTAGED\n")
		w.stage("whole.txt", "foo whole \n")
		w.stage("new.sh", "foo new \n")
		if err := os.Chmod(w.path("new.sh"), 0o750); err != nil {
			w.t.Fatal(err)
		}
		w.git("add", "new.sh")
	}
	inPlace := func(w *tree) {
		w.base(map[string]string{"a.txt": "a\n", "b.txt": "b\n", "other.txt": "other\n"})
		w.stage("a.txt", "foo a \n")
		w.stage("b.txt", "b staged \n")
		w.write("other.txt", "other\nUNSTAGED\n")
	}
	only := func(w *tree) {
		w.base(map[string]string{"a.txt": "a\n", "b.txt": "b\n"})
		w.stage("a.txt", "foo a \n")
		w.write("b.txt", "foo b \n")
	}
	both := map[string]plan.Stage{"pre-commit": {Rules: trimming()["pre-commit"].Rules, Jobs: []plan.Job{tidy()}}}
	commit := []string{"commit", "-q", "-m", "x"}
	return []situation{
		{"a rule repairs files with other changes", trimming(), mixed, commit},
		{"a job repairs an export", preCommit(tidy()), mixed, commit},
		{"a rule and a job repair", both, mixed, commit},
		{"a job repairs in place", preCommit(tidy()), inPlace, commit},
		{"a rule and a job repair in place", both, inPlace, commit},
		{"commit of one path", both, only, []string{"commit", "-q", "-m", "x", "-o", "b.txt"}},
		{"commit of all", both, only, []string{"commit", "-q", "-a", "-m", "x"}},
	}
}

// state is every byte that is the user's: files, their permissions, and the index.
func (w *tree) state() map[string]string {
	w.t.Helper()
	all := map[string]string{"index": w.git("ls-files", "-s")}
	for name := range strings.SplitSeq(strings.TrimRight(w.git("ls-files", "-z"), "\x00"), "\x00") {
		info, err := os.Lstat(w.path(name))
		if err != nil {
			w.t.Fatal(err)
		}
		all[name] = fmt.Sprint(info.Mode(), " ", w.read(name))
	}
	return all
}

func difference(a, b map[string]string) string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(a)) {
		if a[name] != b[name] {
			out = append(out, fmt.Sprintf("%s: %q, want %q", name, a[name], b[name]))
		}
	}
	return strings.Join(out, "\n")
}

// merged is a state with the index of another one.
func merged(files, index map[string]string) map[string]string {
	all := maps.Clone(files)
	all["index"] = index["index"]
	return all
}

// walk is what a situation may become.
type walk struct {
	situation
	start    *tree // the work tree before the commit
	before   map[string]string
	want     map[string]string   // after a commit that nobody disturbed
	settled  []map[string]string // what may be there after a kill and the next start
	unstaged []string            // files with lines that are nowhere but on disk
}

func newWalk(t *testing.T, s situation) *walk {
	t.Helper()
	k := &walk{situation: s, start: newTree(t, s.stages)}
	s.set(k.start)
	k.before = k.start.state()
	k.want = k.end(t, s.stages)
	k.settled = []map[string]string{k.before, k.want}
	stage := s.stages["pre-commit"]
	if len(stage.Rules) > 0 && len(stage.Jobs) > 0 {
		// Rules have done their work, to the end, before jobs begin.
		k.settled = append(k.settled, k.end(t, map[string]plan.Stage{"pre-commit": {Rules: stage.Rules}}))
	}
	for _, state := range slices.Clone(k.settled) {
		if len(s.commit) > 4 { // Git throws the temporary index away
			k.settled = append(k.settled, merged(state, k.before))
		}
	}
	for name, content := range k.before {
		if strings.Contains(content, "UNSTAGED") {
			k.unstaged = append(k.unstaged, name)
		}
	}
	return k
}

// end is the state after an undisturbed commit with these hooks.
func (k *walk) end(t *testing.T, stages map[string]plan.Stage) map[string]string {
	t.Helper()
	w := k.start.copy(t)
	w.hooks(stages)
	if out, ok := w.try(k.commit...); !ok {
		t.Fatalf("the commit is refused: %s", out)
	}
	return w.state()
}

// copy is a work tree like this one.
func (w *tree) copy(t *testing.T) *tree {
	t.Helper()
	return w.copyTo(t, realpath(t, t.TempDir())+"/copy")
}

func (w *tree) copyTo(t *testing.T, dir string) *tree {
	t.Helper()
	other := &tree{t: t, dir: dir, env: w.env}
	if out, err := exec.Command("cp", "-a", w.dir, other.dir).CombinedOutput(); err != nil {
		t.Fatalf("copy: %v %s", err, out)
	}
	return other
}

// TestAKillAtAnyStepLosesNothing kills the hook and Git at every step that changes something. Afterwards no unstaged line is gone from the work tree, the next
// start brings back what was there, or finds a repair done in the work tree and the index alike, and the same commit then ends as if nothing had happened.
func TestAKillAtAnyStepLosesNothing(t *testing.T) {
	for _, s := range situations() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			k := newWalk(t, s)
			steps := 0
			for k.killedAt(t, steps+1) {
				steps++
			}
			if steps < 8 {
				t.Errorf("the hook was killed at %d steps, want all of them", steps)
			}
		})
	}
}

// killedAt is false when the commit has fewer steps.
func (k *walk) killedAt(t *testing.T, at int) bool {
	t.Helper()
	w := k.start.copy(t)
	cmd := w.command(k.commit...)
	cmd.Env = append(slices.Clone(cmd.Env), fmt.Sprintf("%s=%d", killAt, at))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := cmd.CombinedOutput()
	if err == nil {
		return false
	}
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGKILL {
		t.Fatalf("step %d: git was not killed but %v\n%s", at, err, out)
	}
	// What Git itself leaves when it is killed, and says how to remove.
	if err := os.Remove(w.path(".git/index.lock")); err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	for _, name := range k.unstaged {
		if now := w.read(name); !strings.Contains(now, "UNSTAGED") {
			t.Errorf("step %d: %s is %q, the unstaged line is gone from the work tree", at, name, now)
		}
	}
	said := recovered(t, w)
	after := w.state()
	if !slices.ContainsFunc(k.settled, func(state map[string]string) bool { return maps.Equal(state, after) }) {
		t.Fatalf("step %d: after recovery, which said %q, it is neither what it was:\n%s\nnor what it should become:\n%s", at, said,
			difference(after, k.before), difference(after, k.want))
	}
	if text, ok := w.try(k.commit...); !ok && !strings.Contains(text, "nothing to commit") {
		t.Fatalf("step %d: the next commit: %s", at, text)
	}
	if d := difference(w.state(), k.want); d != "" {
		t.Fatalf("step %d: after the next commit\n%s", at, d)
	}
	w.clean()
	return true
}
