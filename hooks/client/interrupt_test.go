package client

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"goodstate.dev/goodstate/hooks/plan"
	"goodstate.dev/goodstate/internal/real"
)

// await waits until a file is there.
func await(t *testing.T, path string) {
	t.Helper()
	real.Eventually(t, 30*time.Second, path+" appears", func() bool {
		_, err := os.Stat(path)
		return err == nil
	})
}

// interrupt starts a commit and sends a signal to all of it when a job has begun.
func interrupt(t *testing.T, w *tree, begun string, with syscall.Signal) {
	t.Helper()
	cmd := w.command("commit", "-q", "-m", "x")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	await(t, begun)
	if err := syscall.Kill(-cmd.Process.Pid, with); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Fatal("the commit went well in spite of the signal")
	}
}

// spoiling is a job that has destroyed a file when it says that it has begun, and then goes on for a long time.
func spoiling(begun string) plan.Job {
	return plan.Job{Name: "spoil", Fix: true, Run: `: > "$(printf %s {files})"; touch '` + begun + `'; sleep 60`}
}

func TestACommitThatIsInterruptedPutsBackWhatAJobSpoiled(t *testing.T) {
	begun := filepath.Join(t.TempDir(), "begun")
	w := newTree(t, preCommit(spoiling(begun)))
	w.base(map[string]string{"a.txt": "a\n", "b.txt": "b\n"})
	w.stage("a.txt", "staged\n")
	w.write("b.txt", "b\nUNSTAGED\n")
	before := w.state()
	interrupt(t, w, begun, syscall.SIGINT)
	// Git ends at once; the hook ends its children, which may take a moment longer.
	waitFor(t, func() bool { return len(w.repo().openRuns()) == 0 })
	if d := difference(w.state(), before); d != "" {
		t.Error(d)
	}
	w.clean()
}

func waitFor(t *testing.T, what func() bool) {
	t.Helper()
	real.Eventually(t, 30*time.Second, "what is waited for happens", what)
}

func TestAKillWhileAJobWritesIsMendedByTheNextStart(t *testing.T) {
	begun := filepath.Join(t.TempDir(), "begun")
	w := newTree(t, preCommit(spoiling(begun)))
	w.base(map[string]string{"a.txt": "a\n", "b.txt": "b\n"})
	w.stage("a.txt", "staged\n")
	w.write("b.txt", "b\nUNSTAGED\n")
	before := w.state()
	interrupt(t, w, begun, syscall.SIGKILL)
	w.is("disk", "a.txt", "")
	said := recovered(t, w)
	if len(said) != 1 || !strings.Contains(said[0], "spoil was killed while it worked on it") {
		t.Errorf("the recovery said %q", said)
	}
	if d := difference(w.state(), before); d != "" {
		t.Error(d)
	}
	w.clean()
}

func TestWorkDoneAfterAKillIsNotTakenBack(t *testing.T) {
	begun := filepath.Join(t.TempDir(), "begun")
	w := newTree(t, preCommit(spoiling(begun)))
	w.base(map[string]string{"a.txt": "a\n"})
	w.stage("a.txt", "staged\n")
	interrupt(t, w, begun, syscall.SIGKILL)
	w.write("a.txt", "written by hand afterwards\n")
	later := time.Now().Add(time.Minute)
	if err := os.Chtimes(w.path("a.txt"), later, later); err != nil {
		t.Fatal(err)
	}
	said := recovered(t, w)
	w.is("disk", "a.txt", "written by hand afterwards\n")
	if len(said) != 1 || !strings.Contains(said[0], "what was staged is in ") {
		t.Fatalf("the recovery said %q, want where what was staged is", said)
	}
	_, where, _ := strings.Cut(said[0], "what was staged is in ")
	if content, err := os.ReadFile(where); err != nil || string(content) != "staged\n" {
		t.Errorf("%s has %q (%v)", where, content, err)
	}
}

func TestAJobThatTakesTooLongIsKilledWithItsChildren(t *testing.T) {
	dir := t.TempDir()
	w := newTree(t, preCommit(plan.Job{
		Name: "slow", Fix: true, Within: 300 * time.Millisecond,
		Run: `: > {files}; sh -c 'trap "" TERM; echo $$ > "$1"; while :; do sleep 1; done' stubborn '` + dir + `/pid' & sleep 100`,
	}))
	w.base(map[string]string{"a.txt": "a\n"})
	w.stage("a.txt", "staged\n")
	before := w.state()
	began := time.Now()
	out, ok := w.try("commit", "-q", "-m", "x")
	if ok || !strings.Contains(out, "was killed after 300ms") {
		t.Errorf("the commit ended with %v and %q", ok, out)
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("it took %s", took)
	}
	text, err := os.ReadFile(dir + "/pid")
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		return err != nil || strings.Contains(string(status), ") Z ") // dead, even if nobody has buried it
	})
	if d := difference(w.state(), before); d != "" {
		t.Error(d)
	}
	w.clean()
}

func TestAFileSavedWhileTheHookRunsIsKept(t *testing.T) {
	dir := t.TempDir()
	w := newTree(t, preCommit(plan.Job{
		Name: "wait", Fix: true,
		Run: `sed -i s/foo/formatted/ {files}; touch '` + dir + `/begun'; while [ ! -e '` + dir + `/go' ]; do sleep 0.02; done`,
	}))
	w.base(map[string]string{"a.txt": lines(30, nil)})
	w.stage("a.txt", lines(30, map[int]string{2: "foo"}))
	w.write("a.txt", lines(30, map[int]string{2: "foo", 15: "UNSTAGED"}))
	cmd := w.command("commit", "-q", "-m", "x")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	await(t, dir+"/begun")
	w.write("a.txt", lines(30, map[int]string{2: "foo", 15: "UNSTAGED", 25: "SAVED MEANWHILE"}))
	if err := os.WriteFile(dir+"/go", nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	w.is("HEAD:", "a.txt", lines(30, map[int]string{2: "formatted"}))
	w.is("disk", "a.txt", lines(30, map[int]string{2: "formatted", 15: "UNSTAGED", 25: "SAVED MEANWHILE"}))
	w.clean()
}

func TestTwoCommitsInOneWorkTreeWaitForEachOther(t *testing.T) {
	dir := t.TempDir()
	w := newTree(t, preCommit(plan.Job{
		Name: "wait", Fix: true,
		Run: `echo in >> '` + dir + `/log'; sed -i s/foo/formatted/ {files}; touch '` + dir + `/begun'; sleep 0.3; echo out >> '` + dir + `/log'`,
	}))
	w.base(map[string]string{"a.txt": "a\n"})
	w.stage("a.txt", "foo\n")
	first, second := w.command("commit", "-q", "-m", "one"), w.command("hook", "run", "pre-commit")
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	await(t, dir+"/begun")
	if out, err := second.CombinedOutput(); err != nil && !strings.Contains(string(out), "staged anew") {
		t.Fatalf("the second: %v %s", err, out)
	}
	if err := first.Wait(); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(dir + "/log")
	if err != nil || strings.Contains(string(content), "in\nin\n") {
		t.Errorf("the jobs ran as %q (%v), want one after the other", content, err)
	}
	w.is("disk", "a.txt", "formatted\n")
	w.is("HEAD:", "a.txt", "formatted\n")
	w.clean()
}

// TestAnInterruptionAtAnyStepIsTakenBackAtOnce interrupts the hook at every step that changes something: Git's lock is not left behind, and the work tree and
// the index are as they were when the commit ends, or the repair is done in both.
func TestAnInterruptionAtAnyStepIsTakenBackAtOnce(t *testing.T) {
	for _, s := range situations()[2:5] {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			k := newWalk(t, s)
			for at := 1; ; at++ {
				w := k.start.copy(t)
				cmd := w.command(k.commit...)
				cmd.Env = append(slices.Clone(cmd.Env), fmt.Sprintf("%s=%d", interruptAt, at))
				cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
				out, err := cmd.CombinedOutput()
				if err == nil {
					break // the commit has fewer steps, or was done when the signal came
				}
				waitFor(t, func() bool { return len(w.repo().openRuns()) == 0 })
				if _, err := os.Stat(w.path(".git/index.lock")); err == nil {
					t.Errorf("step %d: the lock of the index is left behind: %s", at, out)
				}
				after := w.state()
				if !slices.ContainsFunc(k.settled, func(state map[string]string) bool { return maps.Equal(state, after) }) {
					t.Errorf("step %d: %s\n%s", at, difference(after, k.before), out)
				}
			}
		})
	}
}
