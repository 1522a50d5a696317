package client

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"goodstate.dev/goodstate/hooks/plan"
)

// pushing is a work tree with a remote that has its first commit.
func pushing(t *testing.T, job plan.Job) *tree {
	t.Helper()
	w := newTree(t, map[string]plan.Stage{"pre-push": {Jobs: []plan.Job{job}, Rules: []plan.Rule{{Name: "conflict-markers"}}}})
	remote := filepath.Join(t.TempDir(), "remote.git")
	w.git("init", "-q", "--bare", remote)
	w.git("remote", "add", "origin", remote)
	w.base(map[string]string{"a.txt": "a\n", "b.txt": "b\n"})
	w.git("push", "-q", "--no-verify", "origin", "main")
	return w
}

func TestAPushIsJudgedByWhatItBrings(t *testing.T) {
	list := filepath.Join(t.TempDir(), "list")
	w := pushing(t, plan.Job{Name: "list", Run: `printf '%s ' {files} >> ` + list + `; cat {files} >> ` + list})
	w.stage("b.txt", "pushed\n")
	w.git("commit", "-q", "--no-verify", "-m", "x")
	w.write("b.txt", "pushed\nUNSTAGED\n")
	said := func(want string) {
		t.Helper()
		content, err := os.ReadFile(list)
		if err != nil && want != "" || string(content) != want {
			t.Errorf("the job saw %q (%v), want %q", content, err, want)
		}
		if err := os.Remove(list); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
	}
	w.git("push", "-q", "origin", "main")
	said("b.txt pushed\n")
	// A new branch brings only what the remote has not.
	w.git("checkout", "-q", "b.txt")
	w.git("checkout", "-q", "-b", "topic")
	w.stage("c.txt", "new\n")
	w.git("commit", "-q", "--no-verify", "-m", "c")
	w.git("checkout", "-q", "main")
	w.git("push", "-q", "origin", "topic", "HEAD:refs/tags/v1")
	said("c.txt new\n")
	// A deletion brings nothing; what is pushed by force is judged as well.
	w.git("push", "-q", "origin", ":topic")
	said("")
	w.git("commit", "-q", "--amend", "--no-verify", "-m", "other words")
	w.stage("a.txt", "forced\n")
	w.git("commit", "-q", "--no-verify", "-m", "y")
	w.git("push", "-q", "--force", "origin", "main")
	if content, err := os.ReadFile(list); err != nil || !strings.Contains(string(content), "a.txt") {
		t.Errorf("the job saw %q (%v), want a.txt", content, err)
	}
	w.clean()
}

func TestAPushThatIsRefusedDoesNotHappen(t *testing.T) {
	w := pushing(t, plan.Job{Name: "no", Run: "grep -L wanted {files} | grep -q . && exit 1 || exit 0"})
	w.stage("b.txt", "bad\n")
	w.git("commit", "-q", "--no-verify", "-m", "x")
	if out, ok := w.try("push", "-q", "origin", "main"); ok || !strings.Contains(out, "no failed") {
		t.Errorf("the push ended with %v and %q", ok, out)
	}
	w.stage("b.txt", "wanted\n<<<<<<< ours\n=======\n>>>>>>> theirs\n")
	w.git("commit", "-q", "--no-verify", "-m", "y")
	if out, ok := w.try("push", "-q", "origin", "main"); ok || !strings.Contains(out, "b.txt:2") {
		t.Errorf("the push ended with %v and %q, want the conflict markers named", ok, out)
	}
	if w.git("rev-parse", "origin/main") == w.git("rev-parse", "main") {
		t.Error("the remote has the commit")
	}
}

func TestMessageStagesGetTheFileOfTheMessage(t *testing.T) {
	w := newTree(t, map[string]plan.Stage{
		"prepare-commit-msg": {Jobs: []plan.Job{{Name: "prefix", Always: true, Dir: "", Run: `printf 'AB-1 %s\n' "$(cat {message})" > {message}`}}},
		"commit-msg":         {Jobs: []plan.Job{{Name: "key", Always: true, Run: `grep -q '^AB-1 good' {message}`}}},
	})
	w.git("commit", "-q", "--allow-empty", "-m", "good")
	if subject := w.git("log", "-1", "--format=%s"); subject != "AB-1 good\n" {
		t.Errorf("the subject is %q", subject)
	}
	if out, ok := w.try("commit", "-q", "--allow-empty", "-m", "bad"); ok || !strings.Contains(out, "key failed") {
		t.Errorf("the commit ended with %v and %q", ok, out)
	}
}

func TestLaterStagesRunAndStopNothing(t *testing.T) {
	list := filepath.Join(t.TempDir(), "list")
	say := func(name string) plan.Stage {
		return plan.Stage{Jobs: []plan.Job{{Name: name, Run: "echo " + name + " {1} {2} >> " + list + "; exit 1"}}}
	}
	w := newTree(t, map[string]plan.Stage{
		"post-commit": {Jobs: []plan.Job{{Name: "files", Run: "echo files {files} >> " + list}}}, "post-checkout": say("checkout"), "post-merge": say("merge"),
		"post-rewrite": say("rewrite"),
	})
	w.base(map[string]string{"a.txt": "a\n"})
	w.stage("b.txt", "b\n")
	w.git("commit", "-q", "-m", "x")
	w.git("commit", "-q", "--amend", "-m", "y")
	w.git("checkout", "-q", "-b", "side")
	w.git("commit", "-q", "--allow-empty", "-m", "z")
	w.git("checkout", "-q", "main")
	w.git("merge", "-q", "side")
	content, err := os.ReadFile(list)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"files b.txt\n", "rewrite amend", "checkout ", "merge 0"} {
		if !strings.Contains(string(content), want) {
			t.Errorf("the jobs said %q, want %q", content, want)
		}
	}
}

func TestAFirstPushBringsEverything(t *testing.T) {
	list := filepath.Join(t.TempDir(), "list")
	w := newTree(t, map[string]plan.Stage{"pre-push": {Jobs: []plan.Job{{Name: "list", Run: `printf '%s ' {files} >> ` + list}}}})
	remote := filepath.Join(t.TempDir(), "remote.git")
	w.git("init", "-q", "--bare", remote)
	w.base(map[string]string{"a.txt": "a\n", "b.txt": "b\n"})
	w.git("push", "-q", remote, "main", "HEAD:other")
	if content, err := os.ReadFile(list); err != nil || string(content) != "a.txt b.txt " {
		t.Errorf("the job saw %q (%v), want all files, once", content, err)
	}
}

func TestAPushOfAMergeBringsWhatItsCommitsChange(t *testing.T) {
	list := filepath.Join(t.TempDir(), "list")
	w := pushing(t, plan.Job{Name: "list", Run: `printf '%s|' {files} >> ` + list})
	w.git("checkout", "-q", "-b", "side")
	w.stage("side.txt", "s\n")
	w.stage("\nodd.txt", "o\n")
	w.git("commit", "-q", "--no-verify", "-m", "side")
	w.git("checkout", "-q", "main")
	w.stage("gone.txt", "g\n")
	w.git("commit", "-q", "--no-verify", "-m", "gone")
	w.git("rm", "-q", "gone.txt")
	w.stage("a.txt", "main\n")
	w.git("commit", "-q", "--no-verify", "-m", "main")
	w.git("merge", "-q", "--no-verify", "-m", "merge", "side")
	w.git("push", "-q", "origin", "main")
	if content, err := os.ReadFile(list); err != nil || string(content) != "\nodd.txt|a.txt|side.txt|" {
		t.Errorf("the job saw %q (%v)", content, err)
	}
}
