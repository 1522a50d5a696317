package desk

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"goodstate.dev/goodstate/core/auth"
	"goodstate.dev/goodstate/core/journal"
	"goodstate.dev/goodstate/core/run"
	"goodstate.dev/goodstate/core/store"
	"goodstate.dev/goodstate/internal/real"
)

const playbook = `- hosts: all
  gather_facts: false
  tasks:
    - name: motd
      ansible.builtin.copy:
        dest: "{{ root }}/motd"
        content: "{{ greeting }}\n"
        mode: "0600"
    - name: token
      ansible.builtin.debug:
        msg: "token {{ token | default('none') }}"
`

// bench is a desk with a project whose repository is a folder.
type bench struct {
	*testing.T
	*Desk
	repo  string
	roles map[string]auth.Role // what people are everywhere; others are unknown
}

func newBench(t *testing.T, files map[string]string) *bench {
	t.Helper()
	ctx := t.Context()
	s, err := store.Open(ctx, filepath.Join(t.TempDir(), "data"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() }) // the folder goes with the test
	j := journal.New(s)
	e, err := run.Open(ctx, s, j, run.Options{})
	if err != nil {
		t.Fatal(err)
	}
	roles := map[string]auth.Role{"anna": auth.Admin}
	d, err := New(Options{Store: s, Engine: e, Journal: j, Log: slog.New(slog.DiscardHandler), RoleOf: func(_ context.Context, who string) (auth.Role, error) {
		if role, ok := roles[who]; ok {
			return role, nil
		}
		return "", auth.ErrUnknownUser
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Launch(ctx); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	b := &bench{T: t, Desk: d, repo: t.TempDir(), roles: roles}
	b.git("init", "-q", "-b", "main")
	for name, text := range files {
		path := filepath.Join(b.repo, name)
		b.must(os.MkdirAll(filepath.Dir(path), 0o700))
		b.must(os.WriteFile(path, []byte(text), 0o600))
	}
	b.git("add", "-A")
	b.git("commit", "-q", "-m", "playbooks")
	b.must(d.PutProject(ctx, "anna", Project{Name: "web", Repository: b.repo}))
	return b
}

func (b *bench) must(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

func (b *bench) git(args ...string) {
	b.Helper()
	cmd := exec.Command("git", append([]string{"-C", b.repo, "-c", "user.name=anna", "-c", "user.email=anna@example.org"}, args...)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("git %v: %v: %s", args, err, out)
	}
}

func (b *bench) pull() error {
	_, err := b.Pull(b.Context(), "anna", "web")
	return err
}

// ended waits for a run.
func (b *bench) ended(id string) run.Info {
	b.Helper()
	ctx, stop := context.WithTimeout(b.Context(), 2*time.Minute)
	defer stop()
	info, err := b.Engine.Wait(ctx, id)
	b.must(err)
	return info
}

// site is a bench with a host, behind an sshd that lets only the credential's key in.
func site(t *testing.T) (b *bench, root string, host *real.SSHD) {
	t.Helper()
	host = real.StartSSHD(t)
	if host == nil {
		return nil, "", nil
	}
	b = newBench(t, map[string]string{"site.yml": playbook})
	root = t.TempDir()
	known, err := os.ReadFile(host.KnownHosts)
	b.must(err)
	key, err := os.ReadFile(host.Key)
	b.must(err)
	ctx := t.Context()
	b.must(b.PutProject(ctx, "anna", Project{Name: "web", Repository: b.repo, KnownHosts: string(known), Roles: map[string]auth.Role{"vera": auth.Operator}}))
	b.must(b.pull())
	b.must(b.PutInventory(ctx, "anna", Inventory{Project: "web", Name: "hosts", Text: fmt.Sprintf("web1 ansible_host=127.0.0.1 ansible_port=%d root=%s\n", host.Port, root)}))
	b.must(b.PutCredential(ctx, "anna", Credential{Project: "web", Name: "login", User: host.User}, Values{Key: string(key)}))
	b.must(b.PutTemplate(ctx, "anna", Template{
		Project: "web", Name: "motd", Playbook: "site.yml", Inventory: "hosts", Credentials: []string{"login"},
		Survey: []Question{{Variable: "greeting", Ask: "What to say", Kind: Text, Default: "hello"}, {Variable: "token", Ask: "Token", Kind: Password}},
	}))
	return b, root, host
}

func TestATemplateIsLaunchedOnAHostAndItsAnswersAreData(t *testing.T) {
	b, root, _ := site(t)
	if b == nil {
		return
	}
	const evil = "{{ lookup('pipe', 'id') }}"
	info, err := b.Launch(t.Context(), Launch{Project: "web", Template: "motd", Who: "olga", Check: true, Answers: Answers{"greeting": {evil}, "token": {"s3cret-token"}}})
	b.must(err)
	if got := b.ended(info.ID); got.State != run.Succeeded {
		t.Fatalf("the check: %s %s", got.State, got.Error)
	}
	if _, err := os.Stat(filepath.Join(root, "motd")); err == nil {
		t.Fatal("a check has changed the host")
	}
	info, err = b.Launch(t.Context(), Launch{Project: "web", Template: "motd", Who: "olga", Answers: Answers{"greeting": {evil}, "token": {"s3cret-token"}}})
	b.must(err)
	got := b.ended(info.ID)
	if got.State != run.Succeeded {
		t.Fatalf("the run: %s %s", got.State, got.Error)
	}
	text, err := os.ReadFile(filepath.Join(root, "motd"))
	b.must(err)
	if string(text) != evil+"\n" {
		t.Errorf("the answer was written as %q, want it as it was typed", text)
	}
	rows, err := b.Results(t.Context(), info.ID, Filter{})
	b.must(err)
	all, err := json.Marshal(rows)
	b.must(err)
	if len(rows) != 2 || rows[0].State != StateChanged || rows[0].Host != "web1" || rows[0].Place != "site.yml:4" || !strings.Contains(rows[0].Diff, "lookup") {
		t.Errorf("rows: %s", all)
	}
	if strings.Contains(string(all)+string(got.Input), "s3cret-token") || rows[1].Text != "token (hidden)" {
		t.Errorf("the hidden answer can be read: %s %s", all, got.Input)
	}
	left, err := filepath.Glob(filepath.Join(b.dir, "web", "run-*"))
	b.must(err)
	if len(left) > 0 {
		t.Errorf("checkouts are left: %v", left)
	}
}

func TestAFailedHostIsRunAgainAlone(t *testing.T) {
	b, root, _ := site(t)
	if b == nil {
		return
	}
	inv, err := b.Inventory(t.Context(), "web", "hosts")
	b.must(err)
	inv.Text += fmt.Sprintf("gone ansible_host=127.0.0.1 ansible_port=%d root=%s\n", real.FreePort(t), root)
	b.must(b.PutInventory(t.Context(), "anna", inv))
	info, err := b.Launch(t.Context(), Launch{Project: "web", Template: "motd", Who: "olga"})
	b.must(err)
	got := b.ended(info.ID)
	out, err := OutcomeOf(got)
	b.must(err)
	if got.State != run.Failed || len(out.Failed) != 1 || out.Failed[0] != "gone" || out.Hosts["web1"].Changed != 1 {
		t.Fatalf("one host is away: %s %q %+v", got.State, got.Error, out)
	}
	again, err := b.Again(t.Context(), info.ID, "olga", "")
	b.must(err)
	out, err = OutcomeOf(b.ended(again.ID))
	b.must(err)
	if _, other := out.Hosts["web1"]; other || len(out.Failed) != 1 {
		t.Errorf("run again: %+v, want only the host that failed", out)
	}
}

func TestACredentialIsSealedAndNeverComesBack(t *testing.T) {
	b := newBench(t, map[string]string{"site.yml": playbook})
	ctx := t.Context()
	b.must(b.PutCredential(ctx, "anna", Credential{Project: "web", Name: "db"}, Values{Password: "correct horse", BecomePass: "battery staple"}))
	all, err := b.Credentials(ctx, "web")
	b.must(err)
	text, err := json.Marshal(all)
	b.must(err)
	if strings.Contains(string(text), "horse") || len(all) != 1 || strings.Join(all[0].Has, " ") != "become_password password" {
		t.Errorf("listed: %s", text)
	}
	raw, err := os.ReadFile(filepath.Join(b.Store.Dir(), store.File))
	b.must(err)
	wal, err := os.ReadFile(filepath.Join(b.Store.Dir(), store.File+"-wal"))
	b.must(err)
	if strings.Contains(string(raw)+string(wal), "correct horse") {
		t.Error("the database has the password as text")
	}
	err = b.PutCredential(ctx, "anna", Credential{Project: "web", Name: "key"}, Values{Key: "-----BEGIN nonsense hunter2"})
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("a broken key: %v, want a refusal without it", err)
	}
}

func TestAProjectDoesNotReachOutOfItsFolder(t *testing.T) {
	for name, link := range map[string]map[string]string{
		"absolute":         {"secret": "/etc/passwd"},
		"upwards":          {"a/secret": "../../x"},
		"over other links": {"d1/d2/l": "../../s", "x": "d1/d2/l/../../../etc"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, map[string]string{"site.yml": playbook, "s/f": "x", "a/b": "x", "d1/d2/f": "x"})
			for path, target := range link {
				b.must(os.Symlink(target, filepath.Join(b.repo, path)))
			}
			b.git("add", "-A")
			b.git("commit", "-q", "-m", "links")
			err := b.pull()
			if err == nil {
				p, _ := b.Project(t.Context(), "web") // it is there, newBench made it
				_, err = b.checkout(t.Context(), "web", p.Commit)
			}
			if err == nil || !strings.Contains(err.Error(), "outside") && !strings.Contains(err.Error(), "out of the project") && !strings.Contains(err.Error(), "not in the project") {
				t.Errorf("got %v, want a refusal", err)
			}
		})
	}
	b := newBench(t, map[string]string{"site.yml": playbook})
	for _, url := range []string{"ext::sh -c id", "http://example.org/x", "--upload-pack=id", "https://me:secret@example.org/x", "git://example.org/x", "../x"} {
		if err := b.PutProject(t.Context(), "anna", Project{Name: "bad", Repository: url}); err == nil {
			t.Errorf("repository %s is taken", url)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("the refusal of %s repeats the password: %v", url, err)
		}
	}
	b.must(b.PutInventory(t.Context(), "anna", Inventory{Project: "web", Name: "h", Text: "h1\n"}))
	if err := b.PutTemplate(t.Context(), "anna", Template{Project: "web", Name: "t", Playbook: "../../site.yml", Inventory: "h"}); err == nil {
		t.Error("a playbook outside of the project is taken")
	}
}

func TestTasksOnTheControllerAreRefusedUntilTheProjectMay(t *testing.T) {
	b := newBench(t, map[string]string{"site.yml": "- hosts: all\n  connection: local\n  gather_facts: false\n  tasks:\n    - ansible.builtin.command: id\n"})
	ctx := t.Context()
	b.must(b.pull())
	b.must(b.PutInventory(ctx, "anna", Inventory{Project: "web", Name: "h", Text: "h1\n"}))
	b.must(b.PutTemplate(ctx, "anna", Template{Project: "web", Name: "t", Playbook: "site.yml", Inventory: "h"}))
	info, err := b.Launch(ctx, Launch{Project: "web", Template: "t", Who: "olga"})
	b.must(err)
	if got := b.ended(info.ID); got.State != run.Failed {
		t.Errorf("a local task: %s, want it refused", got.State)
	}
	b.must(b.PutProject(ctx, "anna", Project{Name: "web", Repository: b.repo, Local: true}))
	info, err = b.Launch(ctx, Launch{Project: "web", Template: "t", Who: "olga"})
	b.must(err)
	if got := b.ended(info.ID); got.State != run.Succeeded {
		t.Errorf("a local task that the project may have: %s %s", got.State, got.Error)
	}
}

func TestAScheduleLaunchesOnceForAllTimesThatWereMissed(t *testing.T) {
	b := newBench(t, map[string]string{"site.yml": "- hosts: all\n  gather_facts: false\n  tasks: []\n"})
	ctx := t.Context()
	b.must(b.pull())
	b.must(b.PutInventory(ctx, "anna", Inventory{Project: "web", Name: "h", Text: "h1\n"}))
	b.must(b.PutTemplate(ctx, "anna", Template{Project: "web", Name: "t", Playbook: "site.yml", Inventory: "h"}))
	b.must(b.PutSchedule(ctx, "anna", Schedule{Project: "web", Name: "hourly", Template: "t", Cron: "@every 1h"}))
	b.must(b.Due(ctx, time.Now()))
	later := time.Now().Add(5 * time.Hour)
	b.must(b.Due(ctx, later))
	b.must(b.Due(ctx, later))
	runs, err := b.Engine.List(ctx, run.Filter{Kind: KindPlay})
	b.must(err)
	if len(runs) != 1 || runs[0].Who != "anna" || runs[0].Why != "schedule hourly" {
		t.Fatalf("runs: %+v, want one", runs)
	}
	b.ended(runs[0].ID)
}

func TestWhatSomebodyMayDependsOnTheProject(t *testing.T) {
	b := newBench(t, map[string]string{"site.yml": playbook})
	ctx := t.Context()
	b.must(b.PutProject(ctx, "anna", Project{Name: "web", Repository: b.repo, Roles: map[string]auth.Role{"vera": auth.Operator, "olga": auth.Viewer}}))
	for _, c := range []struct {
		who  string
		role auth.Role
		may  bool
	}{{"vera", auth.Viewer, true}, {"olga", auth.Operator, false}, {"otto", auth.Operator, true}, {"vito", auth.Viewer, false}, {"olga", auth.Admin, true}} {
		if err := b.May(ctx, auth.Principal{Name: c.who, Role: c.role}, "web", auth.Launch); (err == nil) != c.may {
			t.Errorf("%s, elsewhere %s, launches: %v, want allowed %v", c.who, c.role, err, c.may)
		}
	}
}
