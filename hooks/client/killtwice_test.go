package client

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"testing"
)

// die runs the commit with a kill at a step, and says whether it had that many.
func (k *walk) die(t *testing.T, w *tree, at int) bool {
	t.Helper()
	cmd := w.command(k.commit...)
	cmd.Env = slices.Concat(cmd.Env, []string{fmt.Sprintf("%s=%d", killAt, at)})
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	err := cmd.Run()
	if gone := os.Remove(w.path(".git/index.lock")); gone != nil && !os.IsNotExist(gone) {
		t.Fatal(gone)
	}
	return err != nil
}

// TestAKillWhileAnEarlierOneIsSettledLosesNothing kills a commit at every third step, and the next start at its first steps, which settle what the first left.
func TestAKillWhileAnEarlierOneIsSettledLosesNothing(t *testing.T) {
	for _, s := range []situation{situations()[0], situations()[4]} {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			k := newWalk(t, s)
			for at := 3; ; at += 3 {
				killed := k.start.copy(t)
				if !k.die(t, killed, at) {
					break
				}
				for second := 1; second <= 4; second++ {
					w := killed.copy(t)
					k.die(t, w, second)
					said := recovered(t, w)
					after := w.state()
					if !slices.ContainsFunc(k.settled, func(state map[string]string) bool { return maps.Equal(state, after) }) {
						t.Fatalf("killed at %d and %d: after recovery, which said %q:\n%s", at, second, said, difference(after, k.before))
					}
				}
			}
		})
	}
}

// TestADamagedJournalIsNotGuessedAt: the commit is refused, and what is there stays for a person to look at.
func TestADamagedJournalIsNotGuessedAt(t *testing.T) {
	w := newTree(t, preCommit(tidy()))
	w.stage("a.txt", "foo\n")
	w.write(".git/goodstate/run-1/journal.json", "{")
	out, ok := w.try("commit", "-q", "-m", "x")
	if ok {
		t.Errorf("the commit is made: %s", out)
	}
	w.is("disk", ".git/goodstate/run-1/journal.json", "{")
	w.is("disk", "a.txt", "foo\n")
	if _, err := exec.Command("rm", "-r", w.path(".git/goodstate/run-1")).Output(); err != nil {
		t.Fatal(err)
	}
	w.git("commit", "-q", "-m", "x")
}
