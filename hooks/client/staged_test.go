package client

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"goodstate.dev/goodstate/hooks/plan"
)

// partly puts the tree into a state with one file that is staged in part and one that is not staged.
func partly(t *testing.T, stages map[string]plan.Stage) *tree {
	t.Helper()
	w := newTree(t, stages)
	w.base(map[string]string{"a.txt": lines(30, nil), "b.txt": "b\n"})
	w.stage("a.txt", lines(30, map[int]string{2: "foo staged"}))
	w.write("a.txt", lines(30, map[int]string{2: "foo staged", 25: "UNSTAGED"}))
	w.write("b.txt", "b\nUNSTAGED\n")
	return w
}

func TestAJobSeesWhatIsStagedAndNothingElse(t *testing.T) {
	seen := filepath.Join(t.TempDir(), "seen")
	w := partly(t, preCommit(plan.Job{Name: "look", Run: "cat {files} > " + seen}))
	w.git("commit", "-q", "-m", "x")
	content, err := os.ReadFile(seen)
	if err != nil {
		t.Fatal(err)
	}
	if want := lines(30, map[int]string{2: "foo staged"}); string(content) != want {
		t.Errorf("the job saw %q, want %q", content, want)
	}
	w.clean()
}

func TestARepairIsMergedIntoTheWorkTree(t *testing.T) {
	for name, stages := range map[string]map[string]plan.Stage{"job": preCommit(tidy()), "rule": trimming()} {
		t.Run(name, func(t *testing.T) {
			w := newTree(t, stages)
			w.base(map[string]string{"a.txt": lines(30, nil), "b.txt": "b\n"})
			w.stage("a.txt", lines(30, map[int]string{2: "foo staged "}))
			w.write("a.txt", lines(30, map[int]string{2: "foo staged ", 25: "UNSTAGED"}))
			w.write("b.txt", "b\nUNSTAGED\n")
			fixed := map[string]string{"job": "formatted staged ", "rule": "foo staged"}[name]
			out := w.git("commit", "-q", "-m", "x")
			if !strings.Contains(out, "repaired and staged a.txt") || strings.Count(out, "\n") != 1 {
				t.Errorf("the hook said %q, want one line on a.txt", out)
			}
			w.is("HEAD:", "a.txt", lines(30, map[int]string{2: fixed}))
			w.is(":", "a.txt", lines(30, map[int]string{2: fixed}))
			w.is("disk", "a.txt", lines(30, map[int]string{2: fixed, 25: "UNSTAGED"}))
			w.is("disk", "b.txt", "b\nUNSTAGED\n")
			w.clean()
		})
	}
}

func TestARepairOfALineWithOtherChangesLeavesTheWorkTree(t *testing.T) {
	w := newTree(t, preCommit(tidy()))
	w.base(map[string]string{"a.txt": "l1\nbase\nl3\n"})
	w.stage("a.txt", "l1\nfoo staged\nl3\n")
	w.write("a.txt", "l1\nfoo staged UNSTAGED\nl3\n")
	out := w.git("commit", "-q", "-m", "x")
	w.is("HEAD:", "a.txt", "l1\nformatted staged\nl3\n")
	w.is("disk", "a.txt", "l1\nfoo staged UNSTAGED\nl3\n")
	if !strings.Contains(out, "stays as it is") {
		t.Errorf("the hook said %q, want that the file stays as it is", out)
	}
	w.clean()
}

func TestACommitThatIsRefusedLeavesEverything(t *testing.T) {
	w := partly(t, preCommit(plan.Job{Name: "no", Run: "echo so much is wrong; exit 3"}))
	w.stage("new.txt", "NEW\n")
	before := w.state()
	out, ok := w.try("commit", "-q", "-m", "x")
	if ok || !strings.Contains(out, "no failed (exit status 3") || !strings.Contains(out, "so much is wrong\n") {
		t.Errorf("the commit ended with %v and %q, want it refused with the job's output", ok, out)
	}
	if d := difference(w.state(), before); d != "" {
		t.Error(d)
	}
	w.clean()
}

func TestTheFirstCommitIsRepairedLikeAnyOther(t *testing.T) {
	w := newTree(t, preCommit(tidy()))
	w.stage("a.txt", lines(9, map[int]string{1: "foo"}))
	w.write("a.txt", lines(9, map[int]string{1: "foo", 8: "UNSTAGED"}))
	w.git("commit", "-q", "-m", "x")
	w.is("HEAD:", "a.txt", lines(9, map[int]string{1: "formatted"}))
	w.is("disk", "a.txt", lines(9, map[int]string{1: "formatted", 8: "UNSTAGED"}))
	w.clean()
}

// odd are names that have broken scripts before.
var odd = []string{
	"with space.txt", "new\nline.txt", "quo'te.txt", "double\"quote.txt", "-dash.txt", "$(touch owned).txt", "back\\slash.txt", "ünï.txt", "latin\xe9.txt",
	"tab\tbed.txt", "sub dir/-x", "*.txt", ":(top)x", "\"quoted\"",
}

func TestNamesArePassedAsTheyAre(t *testing.T) {
	for _, part := range []bool{false, true} {
		t.Run(fmt.Sprintf("other changes %v", part), func(t *testing.T) {
			list := filepath.Join(t.TempDir(), "list")
			w := newTree(t, preCommit(tidy(), plan.Job{Name: "list", Run: `printf '%s\0' {files} > ` + list}))
			for _, name := range odd {
				w.write(name, "foo\n\n\n\n\n\nx\n")
			}
			w.git("add", "-A", "--", ".")
			if part {
				for _, name := range odd {
					w.write(name, "foo\n\n\n\n\n\nx\nUNSTAGED\n")
				}
			}
			w.git("commit", "-q", "-m", "x")
			content, err := os.ReadFile(list)
			if err != nil {
				t.Fatal(err)
			}
			got := strings.Split(strings.TrimSuffix(string(content), "\x00"), "\x00")
			for _, name := range odd {
				if !slices.Contains(got, name) && !slices.Contains(got, "./"+name) {
					t.Errorf("%q was not passed: %q", name, got)
				}
				w.is("HEAD:", "./"+name, "formatted\n\n\n\n\n\nx\n")
				want := "formatted\n\n\n\n\n\nx\n"
				if part {
					want += "UNSTAGED\n"
				}
				w.is("disk", name, want)
			}
			if _, err := os.Stat(w.path("owned")); err == nil {
				t.Error("a file name was run as a command")
			}
			w.clean()
		})
	}
}

func TestALinkOutOfTheRepositoryIsNeverWrittenThrough(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "outside.txt")
	if err := os.WriteFile(outside, []byte("foo outside \n"), 0o644); err != nil {
		t.Fatal(err)
	}
	stages := map[string]plan.Stage{"pre-commit": {Rules: trimming()["pre-commit"].Rules, Jobs: []plan.Job{tidy()}}}
	w := newTree(t, stages)
	w.base(map[string]string{"dir/outside.txt": "x\n"})
	if err := os.Symlink(outside, w.path("link.txt")); err != nil {
		t.Fatal(err)
	}
	w.stage("dir/outside.txt", "foo inside \n")
	w.git("add", "link.txt")
	// The folder of a staged file becomes a link: what lies behind it is not the file.
	if err := os.RemoveAll(w.path("dir")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Dir(outside), w.path("dir")); err != nil {
		t.Fatal(err)
	}
	w.git("commit", "-q", "-m", "x")
	if content, err := os.ReadFile(outside); err != nil || string(content) != "foo outside \n" {
		t.Errorf("the file outside is %q (%v)", content, err)
	}
	w.is("HEAD:", "dir/outside.txt", "formatted inside\n")
	w.clean()
}

func TestDeletedAndRenamedFilesAreNotPassed(t *testing.T) {
	list := filepath.Join(t.TempDir(), "list")
	w := newTree(t, preCommit(plan.Job{Name: "list", Run: `printf '%s ' {files} > ` + list}))
	w.base(map[string]string{"a.txt": "a\n", "b.txt": "b\n"})
	w.git("rm", "-q", "b.txt")
	w.git("mv", "a.txt", "c.txt")
	w.git("commit", "-q", "-m", "x")
	if content, err := os.ReadFile(list); err != nil || string(content) != "c.txt " {
		t.Errorf("the job got %q (%v), want c.txt", content, err)
	}
}

func TestCommitOfAPathRepairsTheIndexToo(t *testing.T) {
	w := newTree(t, preCommit(tidy()))
	w.base(map[string]string{"a.txt": "a\n", "b.txt": "b\n"})
	w.stage("a.txt", "foo a\n")
	w.write("b.txt", "foo b\n")
	w.git("commit", "-q", "-m", "x", "-o", "b.txt")
	w.is("HEAD:", "b.txt", "formatted b\n")
	w.is("HEAD:", "a.txt", "a\n")
	w.is(":", "b.txt", "formatted b\n")
	w.is(":", "a.txt", "foo a\n")
	w.is("disk", "b.txt", "formatted b\n")
	w.is("disk", "a.txt", "foo a\n")
	if status := w.git("status", "--short"); status != "M  a.txt\n" {
		t.Errorf("the status is %q, want a.txt staged and nothing else", status)
	}
}

func TestCommitOfAllIsRepaired(t *testing.T) {
	for _, how := range [][]string{{"-a"}, {"-i", "a.txt"}} {
		w := newTree(t, preCommit(tidy()))
		w.base(map[string]string{"a.txt": "a\n"})
		w.write("a.txt", "foo a\n")
		w.git(append([]string{"commit", "-q", "-m", "x"}, how...)...)
		w.is("HEAD:", "a.txt", "formatted a\n")
		if status := w.git("status", "--short"); status != "" {
			t.Errorf("%s: the status is %q, want nothing", how, status)
		}
	}
}

func TestAMergeStaysAMergeAndWhatCameFromTheOtherSideIsNotTouched(t *testing.T) {
	w := newTree(t, preCommit(tidy()))
	w.base(map[string]string{"a.txt": "a\n", "b.txt": "b\n"})
	w.git("checkout", "-q", "-b", "side")
	w.write("b.txt", "b\nside\n")
	w.write("theirs.txt", "foo of theirs\n")
	w.git("add", "-A")
	w.git("commit", "-q", "--no-verify", "-m", "side")
	w.git("checkout", "-q", "main")
	w.write("b.txt", "b\nmain\n")
	w.git("commit", "-q", "--no-verify", "-a", "-m", "main")
	if _, ok := w.try("merge", "side"); ok {
		t.Fatal("the merge has no conflict")
	}
	w.stage("b.txt", "b\nfoo of both\n")
	w.write("a.txt", "a\nUNSTAGED\n")
	w.git("commit", "-q", "-m", "merge")
	if parents := strings.Fields(w.git("rev-list", "--parents", "-1", "HEAD")); len(parents) != 3 {
		t.Errorf("the commit has %d parents, want 2", len(parents)-1)
	}
	w.is("HEAD:", "b.txt", "b\nformatted of both\n")
	w.is("HEAD:", "theirs.txt", "foo of theirs\n")
	w.is("disk", "a.txt", "a\nUNSTAGED\n")
}

func TestAJobMayUseGitInAnotherRepository(t *testing.T) {
	other := newTree(t, nil)
	other.git("commit", "-q", "--allow-empty", "-m", "of the other")
	said := filepath.Join(t.TempDir(), "said")
	w := newTree(t, preCommit(plan.Job{Name: "elsewhere", Run: "env | grep -c ^GIT_DIR= > " + said + "; cd '" + other.dir + "' && git log -1 --format=%s >> " + said}))
	w.base(map[string]string{"a.txt": "a\n"})
	linked := filepath.Join(realpath(t, t.TempDir()), "linked")
	w.git("worktree", "add", "-q", linked, "-b", "linked")
	in := &tree{t: t, dir: linked, env: w.env}
	in.write("goodstate.yaml", nobody)
	in.stage("a.txt", "x\n")
	in.git("commit", "-q", "-m", "x")
	if content, err := os.ReadFile(said); err != nil || string(content) != "0\nof the other\n" {
		t.Errorf("the job's Git said %q (%v)", content, err)
	}
}

func TestTwoWorkTreesCommitAtTheSameTime(t *testing.T) {
	gate := t.TempDir()
	w := newTree(t, preCommit(plan.Job{
		Name: "gate", Fix: true,
		Run: "sed -i s/foo/formatted/ {files}; case $(git rev-parse --abbrev-ref HEAD) in main) touch '" + gate + "/begun'; for i in $(seq 600); do [ -e '" + gate + "/go' ] && break; sleep 0.05; done;; esac",
	}))
	w.base(map[string]string{"a.txt": lines(30, nil)})
	linked := filepath.Join(realpath(t, t.TempDir()), "linked")
	w.git("worktree", "add", "-q", linked, "-b", "linked")
	in := &tree{t: t, dir: linked, env: w.env}
	in.write("goodstate.yaml", nobody)
	for tag, x := range map[string]*tree{"MAIN": w, "LINKED": in} {
		x.stage("a.txt", lines(30, map[int]string{2: "foo " + tag}))
		x.write("a.txt", lines(30, map[int]string{2: "foo " + tag, 25: "UNSTAGED " + tag}))
	}
	first := w.command("commit", "-q", "-m", "x")
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	await(t, filepath.Join(gate, "begun"))
	in.git("commit", "-q", "-m", "x")
	if err := os.WriteFile(filepath.Join(gate, "go"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := first.Wait(); err != nil {
		t.Fatal(err)
	}
	for tag, x := range map[string]*tree{"MAIN": w, "LINKED": in} {
		x.is("HEAD:", "a.txt", lines(30, map[int]string{2: "formatted " + tag}))
		x.is("disk", "a.txt", lines(30, map[int]string{2: "formatted " + tag, 25: "UNSTAGED " + tag}))
	}
}

func TestAFileThatIsOnlyAnnouncedIsNotCommitted(t *testing.T) {
	w := newTree(t, preCommit(tidy()))
	w.base(map[string]string{"a.txt": "a\n"})
	w.write("new.txt", "UNSTAGED foo\n")
	w.git("add", "-N", "new.txt")
	w.stage("a.txt", "foo\n")
	w.git("commit", "-q", "-m", "x")
	w.is("disk", "new.txt", "UNSTAGED foo\n")
	if names := w.git("show", "--name-only", "--format=", "HEAD"); names != "a.txt\n" {
		t.Errorf("the commit has %q, want a.txt", names)
	}
}

func TestLineEndingsThatGitConvertsSurvive(t *testing.T) {
	for _, auto := range []string{"true", "input", "false"} {
		t.Run(auto, func(t *testing.T) {
			w := newTree(t, map[string]plan.Stage{"pre-commit": {Rules: trimming()["pre-commit"].Rules, Jobs: []plan.Job{tidy()}}})
			w.git("config", "core.autocrlf", auto)
			w.git("config", "core.safecrlf", "false")
			crlf := func(text string) string { return strings.ReplaceAll(text, "\n", "\r\n") }
			w.base(map[string]string{"part.txt": crlf(lines(30, nil)), "whole.txt": crlf("w\nx\n")})
			w.stage("part.txt", crlf(lines(30, map[int]string{2: "foo staged "})))
			w.stage("whole.txt", crlf("foo \nx\n"))
			w.write("part.txt", crlf(lines(30, map[int]string{2: "foo staged ", 25: "UNSTAGED"})))
			w.git("commit", "-q", "-m", "x")
			committed := lines(30, map[int]string{2: "formatted staged"})
			if auto == "false" {
				committed = crlf(committed)
			}
			w.is("HEAD:", "part.txt", committed)
			disk := crlf(lines(30, map[int]string{2: "formatted staged", 25: "UNSTAGED"}))
			if auto == "input" {
				disk = w.read("part.txt") // Git does not write CR with this setting, so the repair may take it away on disk
			}
			w.is("disk", "part.txt", disk)
			if !strings.Contains(w.read("part.txt"), "UNSTAGED") {
				t.Error("the unstaged line is gone")
			}
			if !strings.Contains(w.git("show", "HEAD:whole.txt"), "formatted") {
				t.Error("the file that is as staged was not repaired")
			}
			w.clean()
		})
	}
}

func TestABinaryFileWithOtherChangesStays(t *testing.T) {
	stages := map[string]plan.Stage{"pre-commit": {Rules: trimming()["pre-commit"].Rules, Jobs: []plan.Job{{Name: "b", Run: `for f in {files}; do printf fixed >> "$f"; done`, Fix: true}}}}
	w := newTree(t, stages)
	w.base(map[string]string{"a.bin": "\x00\x01base"})
	w.stage("a.bin", "\x00\x01staged\xff")
	w.write("a.bin", "\x00\x01staged\xffUNSTAGED\x00")
	w.git("commit", "-q", "-m", "x")
	w.is("disk", "a.bin", "\x00\x01staged\xffUNSTAGED\x00")
	w.is("HEAD:", "a.bin", "\x00\x01staged\xfffixed")
}

func TestAnUnstagedDeletionStaysOne(t *testing.T) {
	w := newTree(t, preCommit(tidy()))
	w.base(map[string]string{"a.txt": "a\n", "b.txt": "b\n"})
	w.stage("a.txt", "foo\n")
	w.stage("gone.txt", "foo\n")
	for _, name := range []string{"b.txt", "gone.txt"} {
		if err := os.Remove(w.path(name)); err != nil {
			t.Fatal(err)
		}
	}
	w.git("commit", "-q", "-m", "x")
	for _, name := range []string{"b.txt", "gone.txt"} {
		if _, err := os.Stat(w.path(name)); err == nil {
			t.Errorf("%s is back", name)
		}
	}
	w.is("HEAD:", "a.txt", "formatted\n")
	w.is("HEAD:", "gone.txt", "formatted\n")
}
