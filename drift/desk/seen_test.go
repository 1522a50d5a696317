package desk

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"goodstate.dev/goodstate/core/run"
	"goodstate.dev/goodstate/drift/record"
	"goodstate.dev/goodstate/drift/state"
)

const seenPlaybook = `- hosts: all
  gather_facts: false
  tasks:
    - name: page
      ansible.builtin.template: {src: "{{ playbook_dir }}/templates/page.j2", dest: "{{ root }}/page", mode: "0600"}
    - name: token
      ansible.builtin.copy: {content: "token={{ token | default('none') }}\n", dest: "{{ root }}/token", mode: "0600"}
`

func TestWhatRunsSawIsInTheRecordOfDrift(t *testing.T) {
	b, root, _ := site(t)
	if b == nil {
		return
	}
	ctx := t.Context()
	b.must(os.WriteFile(filepath.Join(b.repo, "site.yml"), []byte(seenPlaybook), 0o600))
	b.must(os.Mkdir(filepath.Join(b.repo, "templates"), 0o700))
	b.must(os.WriteFile(filepath.Join(b.repo, "templates", "page.j2"), []byte("hello {{ greeting }}\n"), 0o600))
	b.git("add", "-A")
	b.git("commit", "-q", "-m", "pages")
	b.must(b.pull())
	launch := func(check bool) run.Info {
		t.Helper()
		info, err := b.Launch(ctx, Launch{Project: "web", Template: "motd", Who: "vera", Why: "to see", Check: check, Answers: Answers{"token": {"correct-horse"}}})
		b.must(err)
		info = b.ended(info.ID)
		if info.State != run.Succeeded {
			t.Fatalf("%s %s", info.State, info.Error)
		}
		return info
	}
	causes := func() []record.Cause {
		t.Helper()
		list, err := b.seen.Causes(ctx, "", "", 0, 0, time.Now())
		b.must(err)
		return list
	}
	launch(false)
	if list := causes(); len(list) != 0 {
		t.Fatalf("after it was carried out %+v differs", list)
	}
	b.must(os.WriteFile(filepath.Join(root, "page"), []byte("goodbye\n"), 0o600))
	b.must(os.WriteFile(filepath.Join(root, "token"), []byte("none\n"), 0o600))
	first := launch(true)
	one := causes()
	launch(true)
	two := causes()
	if len(one) != 2 || len(two) != 2 {
		t.Fatalf("%+v and %+v, want the two files", one, two)
	}
	for i, c := range one {
		if c.Cause != two[i].Cause || c.States.Drifted != 1 || c.Playbook != Target("web", "motd") || c.Hosts != "web1" || c.Path != "site.yml" {
			t.Errorf("%+v, then %+v: want the same drift", c, two[i])
		}
		if strings.Contains(c.Diff, "horse") || strings.Contains(c.Diff, "run-") {
			t.Errorf("the difference shows %q", c.Diff)
		}
	}
	r, err := b.seen.Run(ctx, first.ID)
	if err != nil || r.Mode != record.Detect || r.Who != "vera" || r.Why != "to see" || r.Ended.IsZero() || r.Counts != (state.Counts{Drifted: 2}) {
		t.Errorf("run %+v %v", r, err)
	}
	launch(false)
	if list := causes(); len(list) != 0 {
		t.Errorf("after the correction %+v differs", list)
	}
}
