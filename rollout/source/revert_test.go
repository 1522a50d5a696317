package source_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"goodstate.dev/goodstate/core/good"
	"goodstate.dev/goodstate/rollout/source"
)

// history is a repository with v1, v2 and a commit after it, on the branch main, that is checked out with something that is not committed.
type history struct {
	t   *testing.T
	dir string
}

func newHistory(t *testing.T) *history {
	h := &history{t, t.TempDir()}
	h.git("init", "-q", "-b", "main")
	h.commit("shop", "tea\n\n\n\nmilk\n", "Sell tea")
	h.git("tag", "v1")
	h.commit("price_list", "tea 3\n", "A price list")
	h.commit("shop", "tea from the price list\n\n\n\nmilk\n", "Use it")
	h.git("tag", "v2")
	h.commit("readme", "we sell tea\n", "Say what we do")
	if err := os.WriteFile(filepath.Join(h.dir, "readme"), []byte("not committed\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *history) git(args ...string) string {
	h.t.Helper()
	cmd := exec.Command("git", append([]string{"-c", "user.name=ann", "-c", "user.email=ann@localhost"}, args...)...)
	cmd.Dir = h.dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		h.t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func (h *history) commit(file, text, subject string) {
	h.t.Helper()
	if err := os.WriteFile(filepath.Join(h.dir, file), []byte(text), 0o600); err != nil {
		h.t.Fatal(err)
	}
	h.git("add", file)
	h.git("commit", "-q", "-m", subject)
}

func (h *history) release(tag string) good.Release {
	return good.Release{Version: tag, Commit: h.git("rev-parse", tag+"^{commit}")}
}

func (h *history) source(git string) *source.Source {
	return source.New(source.Options{Dir: h.t.TempDir(), Config: source.Config{Git: git}, Service: "web"})
}

func TestARevertIsABranchAndTouchesNothingElse(t *testing.T) {
	h := newHistory(t)
	before := h.git("status", "--porcelain=v2", "--branch") + h.git("rev-parse", "main", "HEAD")
	r, err := h.source(h.dir).Revert(t.Context(), h.release("v1"), h.release("v2"), "", "Revert v2: it fails", false)
	if err != nil {
		t.Fatal(err)
	}
	if after := h.git("status", "--porcelain=v2", "--branch") + h.git("rev-parse", "main", "HEAD"); after != before {
		t.Errorf("the checkout was\n%s\nand is\n%s", before, after)
	}
	if r.Base != "main" || strings.Join(r.Files, " ") != "price_list shop" || r.Branch != "goodstate/revert-v2" {
		t.Errorf("%+v", r)
	}
	if got := h.git("diff", "--stat", "v1", r.Branch, "--", "shop", "price_list"); got != "" {
		t.Errorf("against v1 the branch has\n%s", got)
	}
	if got := h.git("show", r.Branch+":readme"); got != "we sell tea" {
		t.Errorf("what came after v2 is %q on the branch", got)
	}
	if got := h.git("log", "-1", "--format=%s %P", r.Branch); got != "Revert v2: it fails "+h.git("rev-parse", "main") {
		t.Errorf("the commit is %q", got)
	}
	if _, err := h.source(h.dir).Revert(t.Context(), h.release("v1"), h.release("v2"), "", "again", false); err == nil || !strings.Contains(err.Error(), "is it there already") {
		t.Errorf("a second time it says %v", err)
	}
	h.git("checkout", "-q", "--", "readme")
	h.git("merge", "-q", r.Branch)
	h.git("branch", "-D", r.Branch)
	if _, err := h.source(h.dir).Revert(t.Context(), h.release("v1"), h.release("v2"), "", "again", false); err == nil || !strings.Contains(err.Error(), "taken back already") {
		t.Errorf("after the merge it says %v", err)
	}
}

func TestARevertThatDoesNotApplySaysWhere(t *testing.T) {
	h := newHistory(t)
	h.git("checkout", "-q", "--", "readme")
	h.commit("shop", "tea from a better price list\n\n\n\nmilk\n", "Better")
	_, err := h.source(h.dir).Revert(t.Context(), h.release("v1"), h.release("v2"), "", "Revert", false)
	var conflict *source.ConflictError
	if !errors.As(err, &conflict) || strings.Join(conflict.Files, " ") != "shop" || !strings.Contains(err.Error(), "nothing was changed") {
		t.Fatalf("it says %v", err)
	}
	if got := h.git("branch", "--list", "goodstate/*"); got != "" {
		t.Errorf("there is the branch %s", got)
	}
	h.git("checkout", "-q", "--detach")
	h.git("branch", "-D", "main")
	if _, err := h.source(h.dir).Revert(t.Context(), h.release("v1"), h.release("v2"), "", "Revert", false); err == nil || !strings.Contains(err.Error(), "no branch") {
		t.Errorf("without a branch it says %v", err)
	}
}

func TestARevertOfARemoteRepositoryIsMadeThereWhereAskedTo(t *testing.T) {
	h := newHistory(t)
	s := h.source("file://" + h.dir)
	if _, err := s.Revert(t.Context(), h.release("v1"), h.release("v2"), "", "Revert", false); err == nil || !strings.Contains(err.Error(), "--push") {
		t.Errorf("without --push it says %v", err)
	}
	r, err := s.Revert(t.Context(), h.release("v1"), h.release("v2"), "", "Revert", true)
	if err != nil || !r.Pushed || h.git("rev-parse", r.Branch) != r.Commit {
		t.Fatalf("%+v %v", r, err)
	}
	if _, err := s.Revert(t.Context(), h.release("v1"), h.release("v2"), "", "Revert again", true); err == nil {
		t.Error("a branch that is there was replaced")
	}
}
