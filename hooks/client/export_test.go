package client

import (
	"os"
	"path/filepath"
	"testing"

	"goodstate.dev/goodstate/hooks/plan"
)

// TestAnExportHasTheNeighboursOfTheWorkTree: a linter finds its settings and what it imports, in the folder of the file and above it.
func TestAnExportHasTheNeighboursOfTheWorkTree(t *testing.T) {
	said := filepath.Join(t.TempDir(), "said")
	for sees, want := range map[string]string{
		"staged": "settings\nneighbour\nignored\nstaged\nunknown\n", "tree": "settings\nneighbour\nstaged\n",
	} {
		job := plan.Job{Name: "look", Whole: sees == "tree", Run: "(cat .settings pkg/b.txt node_modules/m.js {files} pkg/unknown.txt 2>/dev/null; true) > " + said}
		w := newTree(t, preCommit(job))
		w.write(".git/info/exclude", "goodstate.yaml\nnode_modules\n")
		w.write("node_modules/m.js", "ignored\n")
		w.base(map[string]string{".settings": "settings\n", "pkg/a.txt": "a\n", "pkg/b.txt": "neighbour\n", "far/c.txt": "c\n"})
		w.stage("pkg/a.txt", "staged\n")
		w.write("pkg/a.txt", "UNSTAGED\n")
		w.write("pkg/unknown.txt", "unknown\n")
		w.git("commit", "-q", "-m", "x")
		content, err := os.ReadFile(said)
		if err != nil || string(content) != want {
			t.Errorf("%s: the job saw %q (%v), want %q", sees, content, err, want)
		}
		w.is("disk", "pkg/a.txt", "UNSTAGED\n")
		w.clean()
	}
}

// TestGitInAnExportIsThatOfTheChange: what asks Git for files and changes gets those that are staged, and reaches neither the index nor the work tree.
func TestGitInAnExportIsThatOfTheChange(t *testing.T) {
	said := filepath.Join(t.TempDir(), "said")
	w := newTree(t, preCommit(plan.Job{Name: "git", Run: "(git rev-parse --abbrev-ref HEAD; git diff --cached --name-only; git show :a.txt; git add -A; git rm -q --cached a.txt) > " + said + " && true {files}"}))
	w.base(map[string]string{"a.txt": "a\n"})
	w.stage("a.txt", "staged\n")
	w.write("a.txt", "UNSTAGED\n")
	w.git("commit", "-q", "-m", "x")
	content, err := os.ReadFile(said)
	if want := "main\na.txt\nstaged\n"; err != nil || string(content) != want {
		t.Errorf("the job's Git said %q (%v), want %q", content, err, want)
	}
	w.is("HEAD:", "a.txt", "staged\n")
	w.is(":", "a.txt", "staged\n")
	w.is("disk", "a.txt", "UNSTAGED\n")
}

func TestAttributesHoldInAnExport(t *testing.T) {
	w := newTree(t, preCommit(plan.Job{Name: "crlf", Fix: true, Run: `sed -i 's/$/\r/' {files}`, Select: plan.Select{Files: []string{"*.txt"}}}))
	w.base(map[string]string{".gitattributes": "*.txt text\n", "a.txt": "a\n"})
	w.stage("a.txt", "staged\n")
	w.write("a.txt", "staged\n\n\n\n\nUNSTAGED\n")
	w.git("commit", "-q", "-m", "x")
	w.is("HEAD:", "a.txt", "staged\n") // Git takes the CR out again, as it would with git add
}

func TestASplitIndexIsWholeInAnExport(t *testing.T) {
	said := filepath.Join(t.TempDir(), "said")
	w := newTree(t, preCommit(tidy(), plan.Job{Name: "git", Run: "git ls-files > " + said + " && true {files}"}))
	w.base(map[string]string{"a.txt": lines(20, nil), "b.txt": "b\n"})
	w.git("config", "core.splitIndex", "true")
	w.git("update-index", "--split-index")
	w.stage("a.txt", lines(20, map[int]string{1: "foo"}))
	w.write("a.txt", lines(20, map[int]string{1: "foo", 18: "UNSTAGED"}))
	w.git("commit", "-q", "-m", "x")
	w.is("HEAD:", "a.txt", lines(20, map[int]string{1: "formatted"}))
	w.is("disk", "a.txt", lines(20, map[int]string{1: "formatted", 18: "UNSTAGED"}))
	if content, err := os.ReadFile(said); err != nil || string(content) != "a.txt\nb.txt\n" {
		t.Errorf("the job's Git listed %q (%v)", content, err)
	}
}

func TestWhatAJobLeavesInAnExportIsSwept(t *testing.T) {
	w := newTree(t, preCommit(plan.Job{Name: "cache", Run: "mkdir -p cache/deep && echo > cache/deep/x && chmod -R a-w cache && true {files}"}))
	w.base(map[string]string{"a.txt": "a\n"})
	w.stage("a.txt", "staged\n")
	w.write("a.txt", "UNSTAGED\n")
	if out := w.git("commit", "-q", "-m", "x"); out != "" {
		t.Errorf("the hook said %q", out)
	}
	w.clean()
}
