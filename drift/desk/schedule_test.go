package desk

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"goodstate.dev/goodstate/core/auth"
	"goodstate.dev/goodstate/core/run"
)

func TestAScheduleLaunchesNothingOnceItsMakerMayNot(t *testing.T) {
	b := newBench(t, map[string]string{"site.yml": "- hosts: all\n  gather_facts: false\n  tasks: []\n"})
	ctx := t.Context()
	b.must(b.pull())
	b.must(b.PutInventory(ctx, "anna", Inventory{Project: "web", Name: "h", Text: "h1\n"}))
	b.must(b.PutTemplate(ctx, "anna", Template{Project: "web", Name: "t", Playbook: "site.yml", Inventory: "h"}))
	b.roles["otto"] = auth.Admin
	b.must(b.PutSchedule(ctx, "otto", Schedule{Project: "web", Name: "hourly", Template: "t", Cron: "@every 1h"}))
	owner := auth.WithPrincipal(ctx, auth.Principal{Name: "root", Role: auth.Admin, Via: auth.ViaSocket})
	now := time.Now()
	for _, c := range []struct {
		what   string
		change func()
		runs   int
		says   string
	}{
		{"an admin", func() {}, 1, "play-"},
		{"a viewer", func() { b.roles["otto"] = auth.Viewer }, 1, "may not"},
		{"nobody", func() { delete(b.roles, "otto") }, 1, "no such user"},
		{"the owner of the process", func() {
			b.must(b.PutSchedule(owner, "root", Schedule{Project: "web", Name: "a-owned", Template: "t", Cron: "@every 1h"}))
		}, 2, "play-"},
	} {
		c.change()
		now = now.Add(3 * time.Hour)
		b.must(b.Due(ctx, now))
		runs, err := b.Engine.List(ctx, run.Filter{Kind: KindPlay})
		b.must(err)
		all, err := b.Schedules(ctx, "web")
		b.must(err)
		if len(runs) != c.runs || !strings.Contains(all[0].Said, c.says) {
			t.Errorf("made by %s: %d runs, %q; want %d, %q", c.what, len(runs), all[0].Said, c.runs, c.says)
		}
		for _, r := range runs {
			b.ended(r.ID)
		}
	}
}

func TestCheckoutsOfKilledRunsAreSweptAtStart(t *testing.T) {
	b := newBench(t, map[string]string{"site.yml": playbook})
	b.must(b.pull())
	p, err := b.Project(t.Context(), "web")
	b.must(err)
	left, err := b.checkout(t.Context(), "web", p.Commit)
	b.must(err)
	b.must(os.WriteFile(filepath.Join(left, "inventory"), []byte("h1\n"), 0o600))
	b.must(b.sweep())
	if _, err := os.Stat(left); !os.IsNotExist(err) {
		t.Errorf("the checkout is left: %v", err)
	}
	if _, err := b.checkout(t.Context(), "web", p.Commit); err != nil {
		t.Errorf("the clone was swept with it: %v", err)
	}
}
