package server_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"goodstate.dev/goodstate/hooks/plan"
	"goodstate.dev/goodstate/hooks/server"
	"goodstate.dev/goodstate/hooks/verdict"
)

func TestANewBranchAndANewTagAreJudgedByWhatTheyBring(t *testing.T) {
	s := newSite(t, terms{Rules: careful, Subject: "feat: "})
	s.commit("a.txt", "one\n", "feat: one")
	s.lands("main", "main:other")
	s.git(s.work, "checkout", "-q", "-b", "side")
	s.commit("b.txt", "two\n", "two")
	s.git(s.work, "tag", "-a", "-m", "a tag that has a message of its own", "v1")
	s.git(s.work, "reset", "-q", "--hard", "main")
	s.refused([]string{"message", "(two)"}, "v1") // its commit is on no branch
	s.git(s.work, "tag", "-f", "-a", "-m", "on what is there", "v1", "main")
	s.lands("v1")
	s.git(s.work, "tag", "light")
	s.lands("light", ":other", "main:refs/heads/deep/er")
}

func TestTheObjectsOfARefusedPushAreGone(t *testing.T) {
	s := newSite(t, terms{Rules: careful})
	s.commit("a.txt", "one\n", "one")
	s.lands("main")
	s.commit("key.pem", key, "a key")
	secret := s.git(s.work, "rev-parse", "HEAD:key.pem")
	s.refused([]string{"private-key"}, "main")
	if out, err := s.try(s.bare, "cat-file", "-e", secret); err == nil {
		t.Errorf("the key of a refused push lies in the repository: %s", out)
	}
	// The same object by another way is judged as well.
	s.git(s.work, "checkout", "-q", "-b", "side")
	s.refused([]string{"private-key"}, "side:refs/heads/side", "main~1:refs/heads/fine")
}

func TestAPushFromAShallowCloneIsJudged(t *testing.T) {
	s := newSite(t, terms{Rules: careful, Subject: "feat: "})
	for i := range 5 {
		s.commit("a.txt", fmt.Sprintln(i), fmt.Sprint("feat: ", i))
	}
	s.lands("main")
	whole := s.work
	s.work = filepath.Join(filepath.Dir(s.bare), "shallow")
	s.git(filepath.Dir(s.bare), "clone", "-q", "--depth=1", "file://"+s.bare, s.work)
	s.commit("b.txt", "b\n", "not like that")
	s.refused([]string{"message", "(not like that)"}, "main")
	s.git(s.work, "commit", "-q", "--amend", "-m", "feat: like that")
	s.lands("main")

	// A history without its beginning is not taken by a repository that has nothing of it, and does not slip by.
	s.git(s.bare, "update-ref", "-d", "refs/heads/main")
	s.commit("key.pem", key, "feat: a key")
	s.refused([]string{"private-key"}, "main")
	s.work = whole
	s.lands("main")
}

func TestASignatureOfGnuPGIsCheckedAgainstTheServersKeys(t *testing.T) {
	s := newSite(t, terms{Signed: true})
	home := t.TempDir()
	if err := os.Chmod(home, 0o700); err != nil {
		t.Fatal(err)
	}
	gpg := func(dir string, args ...string) string {
		cmd := exec.Command("gpg", append([]string{"--batch", "--quiet", "--homedir", dir}, args...)...)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("gpg %v: %v\n%s", args, err, out)
		}
		return string(out)
	}
	t.Cleanup(func() { _ = exec.Command("gpgconf", "--homedir", home, "--kill", "all").Run() }) // the agent that gpg starts
	gpg(home, "--passphrase", "", "--quick-generate-key", "Ann <ann@example.org>", "ed25519", "sign", "never")
	s.git(s.work, "config", "user.signingKey", "ann@example.org")
	s.env = append(s.env, "GNUPGHOME="+home)
	s.commit("a.txt", "one\n", "one")
	s.git(s.work, "commit", "-q", "--amend", "-S", "-m", "signed")
	s.lands("main")

	// Who is not on the server's ring is not believed.
	server := t.TempDir()
	if err := os.Chmod(server, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = exec.Command("gpgconf", "--homedir", server, "--kill", "all").Run() })
	s.commit("a.txt", "two\n", "two")
	s.git(s.work, "commit", "-q", "--amend", "-S", "-m", "signed")
	s.env[len(s.env)-1] = "GNUPGHOME=" + server
	s.refused([]string{"signatures", "cannot be checked"}, "main")
}

func TestWhatWasJudgedToBeGoodIsNotReadAgain(t *testing.T) {
	s := newSite(t, terms{})
	s.commit("a.txt", "one\n", "one")
	s.commit("b.txt", "two\n", "two")
	s.commit("key.pem", key, "a key")
	repo := server.Repository{Dir: s.work}
	tip := s.git(s.work, "rev-parse", "HEAD")
	dir := t.TempDir()
	judge := func(rules []plan.Rule) *server.Judgement {
		p, err := terms{Rules: rules}.policy()
		s.must(err)
		p.Verdicts = verdict.Open(dir)
		j, err := p.JudgeRange(t.Context(), repo, nil, tip)
		s.must(err)
		if j.Forgot != nil {
			t.Error(j.Forgot)
		}
		return j
	}
	rules := []plan.Rule{{Name: "private-key"}, {Name: "trailing-whitespace"}}
	first, second := judge(rules), judge(rules)
	if first.Known != 0 || second.Known != 2 || len(first.Findings) != 1 || len(second.Findings) != 1 {
		t.Errorf("first %+v, then %+v; want two files known then, and the key found both times", first, second)
	}
	if other := judge(append(rules, plan.Rule{Name: "conflict-markers"})); other.Known != 0 {
		t.Errorf("a rule that has not looked yet was not asked: %+v", other)
	}
}

// TestOddNamesAndEncodingsAreJudged pushes names that no text encoding has, and a message in one that is not UTF-8.
func TestOddNamesAndEncodingsAreJudged(t *testing.T) {
	s := newSite(t, terms{Rules: careful})
	for _, name := range []string{"latin\xe9.pem", "two\nlines.pem", "-dash.pem", "quo\"te.pem", "tab\t.pem", strings.Repeat("long", 60) + ".pem"} {
		s.commit(name, key, "odd")
		s.refused([]string{"private-key"}, "HEAD:refs/heads/main")
		s.git(s.work, "update-ref", "-d", "HEAD")
		s.git(s.work, "rm", "-q", "-r", "--cached", "-f", ".")
		s.must(os.Remove(filepath.Join(s.work, name)))
	}
}
