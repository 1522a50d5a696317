package source

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// repository has v1 and v2; the build of v2 fails.
func repository(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	do := func(args ...string) {
		t.Helper()
		cmd := exec.Command("git", append([]string{"-c", "user.name=t", "-c", "user.email=t@localhost"}, args...)...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v %s", args, err, out)
		}
	}
	do("init", "-q", "-b", "main")
	for _, r := range []struct{ tag, text string }{{"v1", "fine"}, {"v2", "broken"}} {
		if err := os.WriteFile(filepath.Join(dir, "state"), []byte(r.text), 0o600); err != nil {
			t.Fatal(err)
		}
		do("add", ".")
		do("commit", "-q", "-m", "make it "+r.text)
		do("tag", r.tag)
	}
	return dir
}

func source(t *testing.T, repo string) *Source {
	t.Helper()
	return New(Options{Dir: t.TempDir(), Service: "web", Config: Config{Git: repo, Build: "grep -q fine state || { echo state is broken; exit 7; }; cp state built"}})
}

func TestAVersionIsTheCommitThatItNames(t *testing.T) {
	s := source(t, repository(t))
	byTag, err := s.Resolve(t.Context(), "v1")
	if err != nil || byTag.Subject != "make it fine" || len(byTag.Commit) != 40 {
		t.Fatalf("v1 is %+v, %v", byTag, err)
	}
	byCommit, err := s.Resolve(t.Context(), byTag.Commit)
	if err != nil || byCommit.Commit != byTag.Commit || byCommit.Version != byTag.Commit[:10] {
		t.Fatalf("the commit is %+v, %v", byCommit, err)
	}
}

func TestAnUnknownOrHostileVersionIsRefused(t *testing.T) {
	s := source(t, repository(t))
	for _, version := range []string{"v3", "--upload-pack=touch", "v1..v2", "", "v1;true", "@{-1}", "v1^{tree}"} {
		if r, err := s.Resolve(t.Context(), version); err == nil || !strings.Contains(err.Error(), "not a tag, branch or commit") {
			t.Errorf("%q became %+v, %v", version, r, err)
		}
	}
	if _, err := s.Resolve(t.Context(), "v3"); !strings.Contains(err.Error(), "v1") {
		t.Errorf("the error names nothing that is there: %v", err)
	}
}

func TestABuiltReleaseNeedsItsRepositoryNoMore(t *testing.T) {
	repo := repository(t)
	s := source(t, repo)
	r, err := s.Resolve(t.Context(), "v1")
	if err != nil {
		t.Fatal(err)
	}
	dir, built, err := s.Build(t.Context(), r)
	if err != nil || built.Artifact == "" {
		t.Fatalf("built %+v: %v", built, err)
	}
	if text, err := os.ReadFile(filepath.Join(dir, "built")); err != nil || string(text) != "fine" {
		t.Fatalf("built %q: %v", text, err)
	}
	if err := os.RemoveAll(repo); err != nil {
		t.Fatal(err)
	}
	again, same, err := s.Build(t.Context(), r)
	if err != nil || again != dir || same.Artifact != built.Artifact {
		t.Fatalf("without its repository: %s %+v %v", again, same, err)
	}
}

func TestADamagedReleaseIsFoundAndBuiltAgain(t *testing.T) {
	s := source(t, repository(t))
	r, err := s.Resolve(t.Context(), "v1")
	if err != nil {
		t.Fatal(err)
	}
	dir, built, err := s.Build(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "built"), []byte("other"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Verify(t.Context(), r); err == nil || !strings.Contains(err.Error(), "changed after it was built") {
		t.Fatalf("verify says %v", err)
	}
	if _, again, err := s.Build(t.Context(), r); err != nil || again.Artifact != built.Artifact {
		t.Fatalf("built again as %+v: %v", again, err)
	}
}

func TestABuildThatFailsIsToldWithItsLastLinesAndLeavesNothing(t *testing.T) {
	s := source(t, repository(t))
	r, err := s.Resolve(t.Context(), "v2")
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = s.Build(t.Context(), r)
	if err == nil || !strings.Contains(err.Error(), "state is broken") || !strings.Contains(err.Error(), "exit status 7") {
		t.Fatalf("got %v", err)
	}
	left, err := filepath.Glob(filepath.Join(s.Dir, "releases", "*.tmp"))
	if err != nil || len(left) > 0 {
		t.Fatalf("left: %v %v", left, err)
	}
}

func TestChangesAreTheCommitsAndFilesBetween(t *testing.T) {
	s := source(t, repository(t))
	v1, err := s.Resolve(t.Context(), "v1")
	if err != nil {
		t.Fatal(err)
	}
	v2, err := s.Resolve(t.Context(), "v2")
	if err != nil {
		t.Fatal(err)
	}
	commits, files, err := s.Changes(t.Context(), v1, v2)
	if err != nil || len(commits) != 1 || commits[0].Subject != "make it broken" || len(files) != 1 || files[0].Path != "state" {
		t.Fatalf("changes: %+v %+v %v", commits, files, err)
	}
}

func TestCollectKeepsWhatIsNamed(t *testing.T) {
	s := source(t, repository(t))
	s.Config.Build, s.Config.Keep = "", 1
	var commits []string
	for _, version := range []string{"v1", "v2"} {
		r, err := s.Resolve(t.Context(), version)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := s.Build(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		commits = append(commits, r.Commit)
	}
	if err := s.Collect(t.Context(), commits[:1]); err != nil {
		t.Fatal(err)
	}
	left, err := filepath.Glob(filepath.Join(s.Dir, "releases", "*"+marker))
	if err != nil || len(left) != 2 {
		t.Fatalf("left are %v, %v; want the named one and the newest", left, err)
	}
}
