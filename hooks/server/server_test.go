package server_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"goodstate.dev/goodstate/hooks/plan"
	"goodstate.dev/goodstate/hooks/rule"
	"goodstate.dev/goodstate/hooks/server"
)

const policyFile = "SERVER_TEST_POLICY"

// This binary is also the pre-receive hook of the repositories under test.
func TestMain(m *testing.M) {
	path := os.Getenv(policyFile)
	if path == "" || os.Getenv("GIT_DIR") == "" {
		os.Exit(m.Run())
	}
	os.Exit(hook(path))
}

// terms is a policy as a test writes it.
type terms struct {
	Rules   []plan.Rule      `json:"rules"`
	Subject string           `json:"subject"` // what every subject must begin with
	Emails  []string         `json:"emails"`
	Signed  bool             `json:"signed"`
	Refs    []server.RefRule `json:"refs"`
	Break   []string         `json:"break"`
}

func (t terms) policy() (*server.Policy, error) {
	p := &server.Policy{Signed: t.Signed, Refs: t.Refs, Break: t.Break}
	if len(t.Emails) > 0 {
		p.Emails = [][]string{t.Emails}
	}
	for _, r := range t.Rules {
		u, err := server.NewUse(r)
		if err != nil {
			return nil, err
		}
		p.Rules = append(p.Rules, u)
	}
	if t.Subject != "" {
		p.Messages = append(p.Messages, func(message string) []rule.Finding {
			if strings.HasPrefix(message, t.Subject) {
				return nil
			}
			return []rule.Finding{{Rule: "message", Line: 1, Message: fmt.Sprintf("want a subject that begins with %q", t.Subject)}}
		})
	}
	return p, nil
}

func hook(path string) int {
	var t terms
	data, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(data, &t)
	}
	var p *server.Policy
	if err == nil {
		p, err = t.policy()
	}
	if err == nil {
		push := server.Push{Env: os.Getenv, Who: []string{"GL_USERNAME"}, Audit: filepath.Join(os.Getenv("GIT_DIR"), "goodstate", "audit.jsonl")}
		_, err = p.Receive(context.Background(), push, os.Stdin)
	}
	var refused *server.Refused
	if errors.As(err, &refused) {
		refused.Judgement.Say(os.Stderr, "goodstate hooks ci")
	} else if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	if err != nil {
		return 1
	}
	return 0
}

// site is a bare repository with a policy, and a clone of it.
type site struct {
	t          *testing.T
	bare, work string
	env        []string
}

func newSite(t *testing.T, policy terms) *site {
	t.Helper()
	dir := t.TempDir()
	s := &site{t: t, bare: filepath.Join(dir, "bare.git"), work: filepath.Join(dir, "work")}
	path := filepath.Join(dir, "policy.json")
	data, err := json.Marshal(policy)
	s.must(err)
	s.must(os.WriteFile(path, data, 0o600))
	s.env = append(os.Environ(), policyFile+"="+path, "GIT_CONFIG_NOSYSTEM=1", "HOME="+dir, "GL_USERNAME=ann",
		"GIT_AUTHOR_NAME=Ann", "GIT_AUTHOR_EMAIL=ann@example.org", "GIT_COMMITTER_NAME=Ann", "GIT_COMMITTER_EMAIL=ann@example.org")
	s.git(dir, "init", "-q", "--bare", "-b", "main", s.bare)
	s.git(s.bare, "config", "receive.advertisePushOptions", "true")
	s.git(dir, "init", "-q", "-b", "main", s.work)
	s.git(s.work, "remote", "add", "origin", s.bare)
	self, err := os.Executable()
	s.must(err)
	s.must(os.Symlink(self, filepath.Join(s.bare, "hooks", "pre-receive")))
	return s
}

func (s *site) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *site) try(dir string, args ...string) (string, error) {
	cmd := exec.Command("git", args...)
	cmd.Dir, cmd.Env = dir, s.env
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (s *site) git(dir string, args ...string) string {
	s.t.Helper()
	out, err := s.try(dir, args...)
	if err != nil {
		s.t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(out)
}

// commit records a file with a content.
func (s *site) commit(name, content, message string) {
	s.t.Helper()
	path := filepath.Join(s.work, name)
	s.must(os.MkdirAll(filepath.Dir(path), 0o755))
	s.must(os.WriteFile(path, []byte(content), 0o600))
	s.git(s.work, "add", "-A")
	s.git(s.work, "commit", "-q", "--no-verify", "--allow-empty-message", "-m", message)
}

func (s *site) lands(args ...string) {
	s.t.Helper()
	if out, err := s.try(s.work, append([]string{"push", "-q", "origin"}, args...)...); err != nil {
		s.t.Fatalf("push %v: %v\n%s", args, err, out)
	}
}

// refused wants the push to be turned away with all these words, and nothing of it to be there.
func (s *site) refused(words []string, args ...string) string {
	s.t.Helper()
	before := s.git(s.bare, "for-each-ref")
	out, err := s.try(s.work, append([]string{"push", "-q", "origin"}, args...)...)
	if err == nil {
		s.t.Fatalf("push %v landed, want it refused with %q", args, words)
	}
	for _, w := range words {
		if !strings.Contains(out, w) {
			s.t.Errorf("the refusal lacks %q:\n%s", w, out)
		}
	}
	if after := s.git(s.bare, "for-each-ref"); after != before {
		s.t.Errorf("refs after a refused push:\n%s\nwant\n%s", after, before)
	}
	return out
}

var careful = []plan.Rule{{Name: "private-key"}, {Name: "conflict-markers"}, {Name: "case-conflict"}, {Name: "large-files", Options: json.RawMessage(`{"max":1024,"all":true}`)}}

const key = "-----BEGIN RSA PRIVATE " + "KEY-----\nMIIE\n-----END RSA PRIVATE " + "KEY-----\n"

func TestAPushThatKeepsToThePolicyLands(t *testing.T) {
	s := newSite(t, terms{Rules: careful, Subject: "feat: ", Emails: []string{"*@example.org"}})
	s.commit("a.txt", "one\n", "feat: one")
	s.lands("main")
	s.git(s.work, "checkout", "-q", "-b", "topic")
	s.commit("b.txt", "two\n", "feat: two")
	s.git(s.work, "tag", "-a", "-m", "first", "v1")
	s.lands("topic", "v1")
	s.lands(":topic")
	s.lands("main") // nothing new
}

func TestTheFirstLineOfARefusalSaysRuleCommitFileAndLine(t *testing.T) {
	s := newSite(t, terms{Rules: careful})
	s.commit("a.txt", "one\n", "one")
	s.commit("deep/key.pem", "hello\n"+key, "oops")
	id := s.git(s.work, "rev-parse", "HEAD")
	s.commit("deep/key.pem", "gone\n", "hide it again") // the key is in history all the same
	out := s.refused([]string{"goodstate hooks ci"}, "main")
	_, said, _ := strings.Cut(out, "refused")
	first, _, _ := strings.Cut(said, "\n")
	for _, w := range []string{"private-key", id[:10], "(oops)", "deep/key.pem:2"} {
		if !strings.Contains(first, w) {
			t.Errorf("the first line lacks %q: %s", w, first)
		}
	}
}

func TestEveryCommitOfEveryRefIsJudged(t *testing.T) {
	s := newSite(t, terms{Subject: "feat: "})
	s.commit("a.txt", "one\n", "feat: one")
	s.git(s.work, "checkout", "-q", "-b", "bad")
	s.commit("b.txt", "two\n", "two")
	s.commit("b.txt", "three\n", "feat: three")
	s.git(s.work, "tag", "-a", "-m", "t", "v1")
	s.refused([]string{"message", "(two)"}, "main", "bad")
	s.refused([]string{"(two)"}, "v1")
	s.lands("main")
}

func TestWhatOnlyAMergeBringsIsJudged(t *testing.T) {
	s := newSite(t, terms{Rules: careful})
	s.commit("a.txt", "one\n", "one")
	s.git(s.work, "checkout", "-q", "-b", "side")
	s.commit("b.txt", "two\n", "two")
	s.git(s.work, "checkout", "-q", "main")
	s.commit("c.txt", "three\n", "three")
	s.git(s.work, "merge", "-q", "--no-commit", "side")
	s.commit("evil.pem", key, "merge")
	s.refused([]string{"private-key", "evil.pem"}, "main")
}

func TestAFileThatIsOnlyRenamedIsJudgedUnderItsNewName(t *testing.T) {
	s := newSite(t, terms{Rules: []plan.Rule{{Name: "forbidden-paths", Options: json.RawMessage(`{"paths":["*.pem"]}`)}}})
	s.commit("key.txt", "harmless\n", "one")
	s.lands("main")
	s.git(s.work, "mv", "key.txt", "key.pem")
	s.commit("x", "x\n", "rename")
	s.refused([]string{"forbidden-paths", "key.pem"}, "main")
}

func TestCaseConflictsAreFoundAcrossCommits(t *testing.T) {
	s := newSite(t, terms{Rules: careful})
	s.commit("Readme.md", "one\n", "one")
	s.lands("main")
	s.commit("README.md", "two\n", "two")
	s.refused([]string{"case-conflict"}, "main")
}

func TestALargeFileIsRefusedAndAnEnormousOneIsNotReadIntoMemory(t *testing.T) {
	s := newSite(t, terms{Rules: careful})
	s.commit("big.bin", strings.Repeat("x", 2<<20), "big")
	s.refused([]string{"large-files", "big.bin"}, "main")
}

func TestRefsAreProtected(t *testing.T) {
	s := newSite(t, terms{Refs: []server.RefRule{
		{Refs: []string{"main"}, Create: true}, {Refs: []string{"refs/tags/**"}, Create: true}, {Refs: []string{"release/**"}, Create: true, Who: []string{"olga"}}, {Refs: []string{"**"}, Create: true, Delete: true, Force: true},
	}})
	s.commit("a.txt", "one\n", "one")
	s.commit("a.txt", "two\n", "two")
	s.git(s.work, "tag", "v1")
	s.lands("main", "v1", "main:topic")
	s.git(s.work, "reset", "-q", "--hard", "HEAD~1")
	s.commit("a.txt", "three\n", "three")
	s.refused([]string{"force", "refs/heads/main", "would lose commits"}, "+main")
	s.refused([]string{"delete", "may not be deleted"}, ":main")
	s.git(s.work, "tag", "-f", "v1")
	s.refused([]string{"force", "may not be moved"}, "+v1")
	s.refused([]string{"who", "ann may not push here; only olga"}, "main:release/1")
	s.lands("+main:topic")
	s.lands(":topic")
}

func TestWhoCommitsMustBelongHere(t *testing.T) {
	s := newSite(t, terms{Emails: []string{"*@example.com"}})
	s.commit("a.txt", "one\n", "one")
	s.refused([]string{"emails", "ann@example.org", "git config user.email"}, "main")
}

func TestACommitWithoutAGoodSignatureIsRefused(t *testing.T) {
	s := newSite(t, terms{Signed: true})
	s.commit("a.txt", "one\n", "one")
	s.refused([]string{"signatures", "no signature"}, "main")
	key := filepath.Join(filepath.Dir(s.bare), "key")
	if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key).CombinedOutput(); err != nil {
		t.Fatalf("make a key: %v\n%s", err, out)
	}
	public, err := os.ReadFile(key + ".pub")
	s.must(err)
	for _, c := range [][2]string{{"gpg.format", "ssh"}, {"user.signingKey", key}} {
		s.git(s.work, "config", c[0], c[1])
	}
	s.git(s.work, "commit", "-q", "--amend", "-S", "-m", "signed")
	s.refused([]string{"signatures"}, "main") // the server does not know the key
	signers := filepath.Join(filepath.Dir(s.bare), "signers")
	s.must(os.WriteFile(signers, append([]byte("ann@example.org "), public...), 0o600))
	s.git(s.bare, "config", "gpg.ssh.allowedSignersFile", signers)
	s.lands("main")
}

func TestTheGlassIsBrokenByNamedPeopleForAReasonAndWrittenDown(t *testing.T) {
	s := newSite(t, terms{Subject: "feat: ", Break: []string{"olga"}})
	s.commit("a.txt", "one\n", "one")
	s.refused([]string{"ann may not break the glass; only olga may"}, "-o", "goodstate-break-glass=fire", "main")
	for i, v := range s.env {
		if v == "GL_USERNAME=ann" {
			s.env[i] = "GL_USERNAME=olga"
		}
	}
	s.refused([]string{"only for a reason"}, "-o", "goodstate-break-glass=", "main")
	s.refused([]string{"message"}, "main")
	s.lands("-o", "goodstate-break-glass=the shop is on fire", "main")
	audit, err := os.ReadFile(filepath.Join(s.bare, "goodstate", "audit.jsonl"))
	s.must(err)
	for _, w := range []string{`"broken":"the shop is on fire"`, `"who":"olga"`, `"rule":"message"`} {
		if !bytes.Contains(audit, []byte(w)) {
			t.Errorf("the audit lacks %s:\n%s", w, audit)
		}
	}
}

func TestTheGlassStaysWholeWhenItCannotBeWrittenDown(t *testing.T) {
	s := newSite(t, terms{Subject: "feat: ", Break: []string{"ann"}})
	s.must(os.WriteFile(filepath.Join(s.bare, "goodstate"), []byte("a file where a folder should be"), 0o600))
	s.commit("a.txt", "one\n", "one")
	s.refused([]string{"could not be written down"}, "-o", "goodstate-break-glass=fire", "main")
}

func TestWhatCannotBeJudgedDoesNotLand(t *testing.T) {
	s := newSite(t, terms{Rules: []plan.Rule{{Name: "no-such-rule"}}})
	s.commit("a.txt", "one\n", "one")
	s.refused([]string{"no-such-rule"}, "main")
	s = newSite(t, terms{})
	s.commit("a.txt", "one\n", "one")
	blob := s.git(s.work, "rev-parse", "HEAD:a.txt")
	s.refused([]string{"points to a file or a folder"}, blob+":refs/tags/blob")
}

func TestNamesAndMessagesOfOthersCannotSteerTheTerminal(t *testing.T) {
	s := newSite(t, terms{Rules: careful, Subject: "feat: "})
	s.commit("a\x1b[2J\n.pem", key, "x\x1b[31mred")
	out := s.refused([]string{"private-key"}, "main")
	if strings.Contains(out, "\x1b[2J") || strings.Contains(out, "\x1b[31m") {
		t.Errorf("control characters came through: %q", out)
	}
}

func TestAMessageWithOddBytesIsJudged(t *testing.T) {
	s := newSite(t, terms{Subject: "feat: "})
	s.git(s.work, "config", "i18n.commitEncoding", "latin1")
	s.commit("a.txt", "one\n", "feat: caf\xe9\n\n:100644 100644 looks like a diff\n\x01and like a commit")
	s.lands("main")
	s.commit("a.txt", "two\n", "\x01feat: no")
	s.refused([]string{"message"}, "main")
}

func TestManyRefsInOnePushAreJudgedAtOnce(t *testing.T) {
	s := newSite(t, terms{Rules: careful, Subject: "feat: ", Refs: []server.RefRule{{Refs: []string{"main"}}}})
	s.commit("a.txt", "one\n", "feat: one")
	head := s.git(s.work, "rev-parse", "HEAD")
	var refs strings.Builder
	for i := range 10_000 {
		fmt.Fprintf(&refs, "create refs/heads/b%d %s\n", i, head)
	}
	cmd := exec.Command("git", "update-ref", "--stdin")
	cmd.Dir, cmd.Env, cmd.Stdin = s.work, s.env, strings.NewReader(refs.String())
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	s.refused([]string{"create", "refs/heads/main"}, "--all")
	s.lands("refs/heads/b*:refs/heads/b*")
}
