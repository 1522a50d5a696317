package client

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"goodstate.dev/goodstate/hooks/plan"
)

// TestAPushDoesNotReadWhatTheCommitHasJudged counts the processes that read objects, by what Git says of its starts.
func TestAPushDoesNotReadWhatTheCommitHasJudged(t *testing.T) {
	rules := []plan.Rule{{Name: "trailing-whitespace", Fix: true}, {Name: "private-key"}}
	only := []plan.Rule{{Name: "trailing-whitespace"}, {Name: "private-key"}}
	w := newTree(t, map[string]plan.Stage{"pre-commit": {Rules: rules}, "pre-push": {Rules: only}})
	remote := filepath.Join(t.TempDir(), "remote.git")
	w.git("init", "-q", "--bare", remote)
	w.git("remote", "add", "origin", remote)
	w.base(map[string]string{"a.txt": "a\n"})
	w.git("push", "-q", "--no-verify", "origin", "main")
	reads := func(branch string) int {
		t.Helper()
		trace := filepath.Join(t.TempDir(), "trace")
		cmd := w.command("push", "-q", "origin", branch)
		cmd.Env = append(cmd.Env, "GIT_TRACE2_EVENT="+trace)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("push: %v\n%s", err, out)
		}
		events, err := os.ReadFile(trace)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Count(string(events), `"argv":["git","cat-file","--batch"]`)
	}
	w.stage("b.txt", "b \n") // is repaired, and known to be good as it is then
	w.git("commit", "-q", "-m", "x")
	if n := reads("main"); n != 0 {
		t.Errorf("the push read what the commit had judged: %d times", n)
	}
	w.stage("c.txt", "c\n")
	w.git("commit", "-q", "--no-verify", "-m", "y")
	if n := reads("main"); n != 1 {
		t.Errorf("the push read what nobody had judged %d times, want once", n)
	}
	w.git("checkout", "-q", "-b", "again", "HEAD~1")
	w.stage("c.txt", "c\n")
	w.git("commit", "-q", "--no-verify", "-m", "the same content in another commit")
	if n := reads("again"); n != 0 {
		t.Errorf("the push read what the push before had judged: %d times", n)
	}
}

func TestAPassOfAJobIsKnownForTheSameContentAlone(t *testing.T) {
	count := filepath.Join(t.TempDir(), "count")
	job := func(change func(j *plan.Job)) map[string]plan.Stage {
		j := plan.Job{Name: "look", Run: "echo >> " + count + " && cat {files} > /dev/null", Version: "echo 1", Reuse: "files", Select: plan.Select{Files: []string{"*.txt"}}}
		change(&j)
		return preCommit(j)
	}
	w := newTree(t, job(func(*plan.Job) {}))
	w.base(map[string]string{"a.txt": "a\n", "setup.cfg": "1\n"})
	ran := func(want int, why string) {
		t.Helper()
		if out, ok := w.try("commit", "-q", "--allow-empty", "-m", "x"); !ok {
			t.Fatalf("%s: %s", why, out)
		}
		content, err := os.ReadFile(count)
		if err != nil || len(content) != want {
			t.Errorf("%s: the job has run %d times (%v), want %d", why, len(content), err, want)
		}
		w.git("reset", "-q", "--soft", "HEAD~1")
	}
	w.stage("a.txt", "b\n")
	ran(1, "first")
	ran(1, "the same again")
	w.write("a.txt", "b\nUNSTAGED\n")
	ran(1, "the same with unstaged lines")
	w.stage("setup.cfg", "2\n")
	ran(1, "a file that it does not read")
	w.hooks(job(func(j *plan.Job) { j.Reads = []string{"setup.cfg"} }))
	ran(2, "it reads that file now")
	w.stage("setup.cfg", "3\n")
	ran(3, "the file that it reads has changed")
	w.hooks(job(func(j *plan.Job) { j.Version = "echo 2" }))
	ran(4, "another version")
	w.hooks(job(func(j *plan.Job) { j.Version = "exit 1" }))
	ran(5, "nobody can tell the version")
	ran(6, "nobody can tell the version")
	w.hooks(job(func(j *plan.Job) { j.Reuse = "tree" }))
	ran(7, "of the whole tree")
	ran(7, "of the same tree")
	w.stage("other.md", "o\n")
	ran(8, "of another tree")
	w.stage("a.txt", fmt.Sprint(os.Getpid(), "\n"))
	ran(9, "another content")
}

func TestAJobThatFailedIsRunAgain(t *testing.T) {
	count := filepath.Join(t.TempDir(), "count")
	w := newTree(t, preCommit(plan.Job{Name: "look", Run: "echo >> " + count + "; test -e fine || cat {files} nowhere", Version: "echo 1", Reuse: "files"}))
	w.base(map[string]string{"a.txt": "a\n"})
	w.stage("a.txt", "b\n")
	for range 2 {
		if _, ok := w.try("commit", "-q", "-m", "x"); ok {
			t.Fatal("it passed")
		}
	}
	if content, err := os.ReadFile(count); err != nil || len(content) != 2 {
		t.Errorf("it has run %d times (%v), want 2", len(content), err)
	}
}
