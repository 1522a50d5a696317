package client

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"goodstate.dev/goodstate/hooks/plan"
)

func TestAmendJudgesWhatIsStagedNow(t *testing.T) {
	w := newTree(t, preCommit(tidy()))
	w.base(map[string]string{"a.txt": "a\n", "b.txt": "b\n"})
	w.stage("a.txt", lines(20, map[int]string{1: "foo"}))
	w.write("a.txt", lines(20, map[int]string{1: "foo", 18: "UNSTAGED"}))
	w.git("commit", "-q", "--amend", "-m", "amended")
	w.is("HEAD:", "a.txt", lines(20, map[int]string{1: "formatted"}))
	w.is("disk", "a.txt", lines(20, map[int]string{1: "formatted", 18: "UNSTAGED"}))
	if n := strings.Count(w.git("log", "--format=%s"), "\n"); n != 1 {
		t.Errorf("there are %d commits, want 1", n)
	}
	w.git("commit", "-q", "--amend", "-m", "message alone")
	w.clean()
}

func TestRebaseAndCherryPickGoOn(t *testing.T) {
	w := newTree(t, preCommit(tidy()))
	w.base(map[string]string{"a.txt": lines(9, nil)})
	w.git("checkout", "-q", "-b", "topic")
	w.stage("a.txt", lines(9, map[int]string{1: "topic"}))
	w.git("commit", "-q", "-m", "topic")
	w.git("checkout", "-q", "main")
	w.stage("a.txt", lines(9, map[int]string{1: "main"}))
	w.git("commit", "-q", "-m", "main")
	if _, ok := w.try("cherry-pick", "topic"); ok {
		t.Fatal("the cherry-pick has no conflict")
	}
	w.stage("a.txt", lines(9, map[int]string{1: "foo of both"}))
	w.write("a.txt", lines(9, map[int]string{1: "foo of both", 7: "UNSTAGED"}))
	w.git("-c", "core.editor=true", "commit", "-q")
	w.is("HEAD:", "a.txt", lines(9, map[int]string{1: "formatted of both"}))
	w.is("disk", "a.txt", lines(9, map[int]string{1: "formatted of both", 7: "UNSTAGED"}))
	w.git("checkout", "-q", "-f", "topic")
	if _, ok := w.try("rebase", "main"); ok {
		t.Fatal("the rebase has no conflict")
	}
	w.stage("a.txt", lines(9, map[int]string{1: "foo of the rebase"}))
	w.git("-c", "core.editor=true", "rebase", "--continue")
	w.is("HEAD:", "a.txt", lines(9, map[int]string{1: "foo of the rebase"})) // Git runs no pre-commit here
	w.clean()
}

func TestASubmoduleIsARepositoryAndAnEntry(t *testing.T) {
	inner := newTree(t, nil)
	inner.base(map[string]string{"i.txt": "i\n"})
	w := newTree(t, preCommit(tidy()))
	w.base(map[string]string{"a.txt": "a\n"})
	w.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", inner.dir, "sub")
	w.stage("a.txt", "foo\n")
	w.git("commit", "-q", "-m", "with a submodule")
	w.is("HEAD:", "a.txt", "formatted\n")
	// In the submodule itself: its .git is a file, and its repository is elsewhere.
	in := &tree{t: t, dir: w.path("sub"), env: w.env}
	in.write("goodstate.yaml", nobody)
	dir := strings.TrimSpace(in.git("rev-parse", "--absolute-git-dir"))
	for _, name := range []string{"hooks/pre-commit", "goodstate/" + plan.Name([]byte(nobody))} {
		content := w.read(".git/" + name)
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	in.stage("i.txt", lines(20, map[int]string{1: "foo"}))
	in.write("i.txt", lines(20, map[int]string{1: "foo", 18: "UNSTAGED"}))
	in.git("commit", "-q", "-m", "inside")
	in.is("HEAD:", "i.txt", lines(20, map[int]string{1: "formatted"}))
	in.is("disk", "i.txt", lines(20, map[int]string{1: "formatted", 18: "UNSTAGED"}))
	w.git("add", "sub")
	w.git("commit", "-q", "-m", "moved")
}

func TestASparseCheckoutStaysSparse(t *testing.T) {
	w := newTree(t, preCommit(tidy(), plan.Job{Name: "whole", Run: "ls"}))
	w.base(map[string]string{"in/a.txt": "a\n", "out/b.txt": "b\n", "top.txt": "t\n"})
	w.git("sparse-checkout", "set", "in")
	w.write("goodstate.yaml", nobody)
	w.stage("in/a.txt", lines(20, map[int]string{1: "foo"}))
	w.write("in/a.txt", lines(20, map[int]string{1: "foo", 18: "UNSTAGED"}))
	w.git("commit", "-q", "-m", "x")
	w.is("HEAD:", "in/a.txt", lines(20, map[int]string{1: "formatted"}))
	w.is("HEAD:", "out/b.txt", "b\n")
	if _, err := os.Stat(w.path("out/b.txt")); err == nil {
		t.Error("a file outside of the sparse checkout appeared")
	}
	if status := w.git("status", "--short"); status != " M in/a.txt\n" {
		t.Errorf("the status is %q", status)
	}
}

func TestARepairKeepsPermissionsAndModes(t *testing.T) {
	for name, stages := range map[string]map[string]plan.Stage{"job": preCommit(tidy()), "rule": trimming()} {
		w := newTree(t, stages)
		w.base(map[string]string{"run.sh": "#!/bin/sh\n", "part.sh": "#!/bin/sh\n"})
		for _, file := range []string{"run.sh", "part.sh"} {
			if err := os.Chmod(w.path(file), 0o751); err != nil {
				t.Fatal(err)
			}
			w.stage(file, lines(20, map[int]string{0: "#!/bin/sh", 2: "foo "}))
		}
		w.write("part.sh", lines(20, map[int]string{0: "#!/bin/sh", 2: "foo ", 18: "UNSTAGED"}))
		w.git("commit", "-q", "-m", "x")
		for _, file := range []string{"run.sh", "part.sh"} {
			info, err := os.Stat(w.path(file))
			if err != nil || info.Mode().Perm() != 0o751 {
				t.Errorf("%s: the permissions of %s are %v (%v), want 0751", name, file, info.Mode(), err)
			}
			if entry := w.git("ls-files", "-s", file); !strings.HasPrefix(entry, "100755") {
				t.Errorf("%s: the index has %q", name, entry)
			}
		}
	}
}

func TestAFilterOfGitIsHonoured(t *testing.T) {
	w := newTree(t, preCommit(tidy()))
	w.git("config", "filter.upper.clean", "tr A-Z a-z")
	w.git("config", "filter.upper.smudge", "tr a-z A-Z")
	w.base(map[string]string{".gitattributes": "*.up filter=upper\n"})
	w.stage("whole.up", strings.ToUpper(lines(5, map[int]string{1: "bar"})))
	w.stage("part.up", strings.ToUpper(lines(20, map[int]string{1: "bar"})))
	w.write("part.up", strings.ToUpper(lines(20, map[int]string{1: "bar", 18: "UNSTAGED"})))
	w.hooks(preCommit(plan.Job{Name: "bar", Fix: true, Run: "sed -i s/BAR/BETTER/ {files}"}))
	w.git("commit", "-q", "-m", "x")
	w.is("HEAD:", "whole.up", lines(5, map[int]string{1: "better"}))
	w.is("HEAD:", "part.up", lines(20, map[int]string{1: "better"}))
	w.is("disk", "whole.up", strings.ToUpper(lines(5, map[int]string{1: "better"})))
	w.is("disk", "part.up", strings.ToUpper(lines(20, map[int]string{1: "better", 18: "UNSTAGED"})))
	w.clean()
}

func TestASHA256RepositoryIsLikeAnyOther(t *testing.T) {
	w := newTree(t, nil)
	if err := os.RemoveAll(w.path(".git")); err != nil {
		t.Fatal(err)
	}
	w.git("init", "-q", "--object-format=sha256", "-b", "main")
	w.hooks(preCommit(tidy()))
	w.stage("a.txt", "foo\n")
	w.git("commit", "-q", "-m", "x")
	w.is("HEAD:", "a.txt", "formatted\n")
	w.clean()
}

func TestAFixerThatNeverRestsIsRunTwiceAtMost(t *testing.T) {
	count := filepath.Join(t.TempDir(), "count")
	endless := plan.Job{Name: "endless", Fix: true, Run: "echo >> " + count + "; for f in {files}; do echo more >> \"$f\"; done; exit 1"}
	for _, part := range []bool{false, true} {
		if err := os.WriteFile(count, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		w := newTree(t, preCommit(endless))
		w.base(map[string]string{"a.txt": "a\n"})
		w.stage("a.txt", "staged\n")
		if part {
			w.write("a.txt", "staged\n\n\n\nUNSTAGED\n")
		}
		if out, ok := w.try("commit", "-q", "-m", "x"); ok {
			t.Errorf("the commit is made: %s", out)
		}
		if content, err := os.ReadFile(count); err != nil || len(content) != 2 {
			t.Errorf("the job ran %d times (%v), want 2", len(content), err)
		}
		w.is(":", "a.txt", "staged\n")
		if part {
			w.is("disk", "a.txt", "staged\n\n\n\nUNSTAGED\n")
		}
		w.clean()
	}
}

func TestAFixerThatSaysOneWhenItRepairedPasses(t *testing.T) {
	w := newTree(t, preCommit(plan.Job{Name: "one", Fix: true, Run: "grep -q foo {files} && sed -i s/foo/formatted/ {files} && exit 1; exit 0"}))
	w.base(map[string]string{"a.txt": "a\n"})
	w.stage("a.txt", "foo\n")
	w.git("commit", "-q", "-m", "x")
	w.is("HEAD:", "a.txt", "formatted\n")
}

func TestACheckThatChangesFilesIsRefused(t *testing.T) {
	w := newTree(t, preCommit(plan.Job{Name: "sly", Run: "sed -i s/foo/formatted/ {files}"}))
	w.base(map[string]string{"a.txt": "a\n"})
	w.stage("a.txt", "foo\n")
	out, ok := w.try("commit", "-q", "-m", "x")
	if ok || !strings.Contains(out, "sly changed a.txt; if that is its work, say fix: true") {
		t.Errorf("the commit ended with %v and %q", ok, out)
	}
	w.is(":", "a.txt", "foo\n")
}

func TestAHugeFileIsSaidToBeUnchecked(t *testing.T) {
	w := newTree(t, trimming())
	w.base(nil)
	f, err := os.Create(w.path("huge.txt"))
	if err != nil {
		t.Fatal(err)
	}
	block := bytes.Repeat([]byte("words \n"), 1<<17)
	for written := 0; written <= largest; written += len(block) {
		if _, err := f.Write(block); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	w.git("-c", "core.compression=0", "add", "huge.txt")
	out := w.git("commit", "-q", "-m", "x")
	if !strings.Contains(out, "huge.txt") || !strings.Contains(out, "not checked") && !strings.Contains(out, "too large") && !strings.Contains(out, "more than") {
		t.Errorf("the hook said %q, want that huge.txt is not checked", out)
	}
}

func TestAJobWithoutFilesSeesTheStagedTree(t *testing.T) {
	list := filepath.Join(t.TempDir(), "list")
	w := newTree(t, preCommit(plan.Job{Name: "whole", Link: []string{"node_modules"}, Run: "cat a.txt > " + list + "; git status --short >> " + list + "; ls -A >> " + list}))
	w.write(".git/info/exclude", "goodstate.yaml\nnode_modules\n")
	w.write("node_modules/m.js", "m\n")
	w.base(map[string]string{"a.txt": "a\n", "b.txt": "b\n"})
	w.stage("b.txt", "staged\n")
	w.write("a.txt", "UNSTAGED\n")
	w.write("nobody-knows.txt", "n\n")
	w.git("commit", "-q", "-m", "x")
	content, err := os.ReadFile(list)
	if want := "a\nM  b.txt\n.git\na.txt\nb.txt\nnode_modules\n"; err != nil || string(content) != want {
		t.Errorf("the job saw %q (%v), want %q", content, err, want)
	}
	w.git("checkout", "-q", "a.txt")
	w.git("clean", "-q", "-f")
	w.stage("b.txt", "again\n")
	w.git("commit", "-q", "-m", "x")
	content, err = os.ReadFile(list)
	if err != nil || !strings.Contains(string(content), "goodstate.yaml") {
		t.Errorf("the job saw %q (%v), want the work tree itself, which is what is staged", content, err)
	}
	w.clean()
}

func TestASkipNeedsAReasonAndIsRecorded(t *testing.T) {
	w := newTree(t, preCommit(plan.Job{Name: "no", Run: "false {files}"}, plan.Job{Name: "yes", Run: "true {files}", Needs: []string{"no"}}))
	w.stage("a.txt", "a\n")
	w.env = append(w.env, "GOODSTATE_SKIP=no")
	out, ok := w.try("commit", "-q", "-m", "x")
	if ok || !strings.Contains(out, "GOODSTATE_SKIP_REASON says no reason") {
		t.Errorf("without a reason the commit ended with %v and %q", ok, out)
	}
	w.env = append(w.env, "GOODSTATE_SKIP_REASON=the linter is down")
	if out := w.git("commit", "-q", "-m", "x"); out != "goodstate: skipped no, recorded\n" {
		t.Errorf("the hook said %q", out)
	}
	record := w.read(".git/goodstate/skips.jsonl")
	for _, want := range []string{`"who":"Ada \u003cada@example.test\u003e"`, `"names":["no"]`, `"reason":"the linter is down"`, `"stage":"pre-commit"`} {
		if !strings.Contains(record, want) {
			t.Errorf("the record is %s, want %s", record, want)
		}
	}
}

func TestJobsThatWriteTheSameNeverMeet(t *testing.T) {
	dir := t.TempDir()
	one := func(name string, set func(*plan.Job)) plan.Job {
		j := plan.Job{Name: name, Run: fmt.Sprintf("echo in >> %[1]s/log; sleep 0.1; echo out >> %[1]s/log; true {files}", dir)}
		set(&j)
		return j
	}
	for name, jobs := range map[string][]plan.Job{
		"write and read": {one("a", func(j *plan.Job) { j.Writes = []string{"out/*"} }), one("b", func(j *plan.Job) { j.Reads = []string{"out/x"} })},
		"group":          {one("a", func(j *plan.Job) { j.Group = "g" }), one("b", func(j *plan.Job) { j.Group = "g" })},
		"needs":          {one("a", func(j *plan.Job) { j.Needs = []string{"b"} }), one("b", func(*plan.Job) {})},
	} {
		if err := os.WriteFile(dir+"/log", nil, 0o644); err != nil {
			t.Fatal(err)
		}
		w := newTree(t, preCommit(jobs...))
		w.stage("a.txt", "a\n")
		w.git("commit", "-q", "-m", "x")
		if log, err := os.ReadFile(dir + "/log"); err != nil || string(log) != "in\nout\nin\nout\n" {
			t.Errorf("%s: the jobs ran as %q (%v)", name, log, err)
		}
	}
}

func TestWhatAFailedJobIsNeededForIsNotRun(t *testing.T) {
	w := newTree(t, preCommit(
		plan.Job{Name: "first", Run: "false {files}", Fix: true}, plan.Job{Name: "second", Run: "true {files}", Fix: true, Needs: []string{"first"}},
		plan.Job{Name: "third", Run: "true {files}", Needs: []string{"first"}}, plan.Job{Name: "fourth", Run: "true {files}", Needs: []string{"third"}},
	))
	w.stage("a.txt", "a\n")
	out, ok := w.try("commit", "-q", "-m", "x")
	for _, want := range []string{"first failed", "second was not run", "third was not run", "fourth was not run"} {
		if ok || !strings.Contains(out, want) {
			t.Errorf("the hook said %q, want %q", out, want)
		}
	}
}

func TestAJobInAFolderSeesTheFilesFromThere(t *testing.T) {
	list := filepath.Join(t.TempDir(), "list")
	w := newTree(t, preCommit(plan.Job{Name: "front", Dir: "web/front", Run: "(pwd; echo {files}; cat {files}) > " + list}))
	w.base(map[string]string{"web/front/a.js": "a\n", "web/back/b.go": "b\n"})
	for _, part := range []string{"", "UNSTAGED\n"} {
		w.stage("web/front/a.js", "staged"+part)
		w.stage("web/back/b.go", "staged"+part)
		if part != "" {
			w.write("web/front/a.js", "UNSTAGED\n")
		}
		w.git("commit", "-q", "-m", "x")
		content, err := os.ReadFile(list)
		if err != nil {
			t.Fatal(err)
		}
		where, rest, _ := strings.Cut(string(content), "\n")
		if !strings.HasSuffix(where, "/web/front") || rest != "a.js\nstaged"+part {
			t.Errorf("the job ran in %s and saw %q", where, rest)
		}
	}
}

func TestAllTrackedFilesCanBeJudgedAtOnce(t *testing.T) {
	w := newTree(t, map[string]plan.Stage{"pre-commit": {Rules: []plan.Rule{{Name: "trailing-whitespace", Fix: true}}, Jobs: []plan.Job{tidy()}}})
	w.base(map[string]string{"a.txt": "foo \n", "b.txt": "b\n"})
	if out, ok := w.try("hook", "run", "pre-commit"); !ok || out != "" {
		t.Errorf("with nothing staged the hook said %q", out)
	}
	var out bytes.Buffer
	if code := Run(context.Background(), w.repo(), Call{Stage: "pre-commit", Every: true, Out: &out}); code != 0 {
		t.Fatalf("the code is %d: %s", code, out.String())
	}
	w.is(":", "a.txt", "formatted\n")
	w.is("disk", "a.txt", "formatted\n")
	w.is("disk", "b.txt", "b\n")
	w.clean()
}

// TestWhatAFixerDoesToOtherFilesIsNotCommitted: the second job's file is not what is staged any more when its turn comes.
func TestWhatAFixerDoesToOtherFilesIsNotCommitted(t *testing.T) {
	w := newTree(t, preCommit(
		plan.Job{Name: "greedy", Fix: true, Run: "sed -i s/foo/formatted/ {files}; echo UNSTAGED >> b.md", Select: plan.Select{Files: []string{"*.txt"}}},
		plan.Job{Name: "modest", Fix: true, Run: "sed -i s/foo/formatted/ {files}", Select: plan.Select{Files: []string{"*.md"}}},
	))
	w.base(map[string]string{"a.txt": "a\n", "b.md": "b\n"})
	w.stage("a.txt", "foo\n")
	w.stage("b.md", "foo\n\n\n\n\nend\n")
	w.git("commit", "-q", "-m", "x")
	w.is("HEAD:", "a.txt", "formatted\n")
	w.is("HEAD:", "b.md", "formatted\n\n\n\n\nend\n")
	w.is("disk", "b.md", "formatted\n\n\n\n\nend\nUNSTAGED\n")
	w.clean()
}
