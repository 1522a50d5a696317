package adopt

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"goodstate.dev/goodstate/drift/desk"
)

func TestABackupOfSemaphoreBecomesProjectsOfTheDesk(t *testing.T) {
	p, err := Semaphore(t.Context(), readFile(t, "testdata/semaphore.json"), Options{Zone: "Europe/Berlin"})
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Projects) != 2 || p.Projects[0].Name != "Tea-shop-Playbooks" || p.Projects[1].Name != "Tea-shop-Playbooks-next" || p.Projects[1].Branch != "next" {
		t.Errorf("projects %+v", p.Projects)
	}
	name := func(t desk.Template) string { return t.Name }
	deploy := named1(t, p.Templates, "Deploy", name)
	if deploy.Limit != "web" || strings.Join(deploy.Tags, " ") != "code" || strings.Join(deploy.SkipTags, " ") != "slow" || deploy.Forks != 20 || !deploy.Become || deploy.Check ||
		strings.Join(deploy.Credentials, " ") != "fleet sudo-become vault-pass-vault-prod" || deploy.Inventory != "Fleet" {
		t.Errorf("template %+v", deploy)
	}
	for _, want := range []string{"region: eu", "port: 8080", "color: blue", "size: '3'"} {
		if !strings.Contains(deploy.Vars, want) {
			t.Errorf("variables lack %q:\n%s", want, deploy.Vars)
		}
	}
	if s := deploy.Survey; len(s) != 4 || s[0].Default != "stable" || s[1].Kind != desk.Integer || strings.Join(s[2].Choices, " ") != "eu us" || s[3].Kind != desk.Password || s[3].Default != "" {
		t.Errorf("survey %+v", s)
	}
	look := named1(t, p.Templates, "Look", name)
	if look.Project != "Tea-shop-Playbooks-next" || !look.Check || look.Limit != "a,b" || strings.Join(look.Tags, " ") != "fast" || len(look.Credentials) != 0 {
		t.Errorf("template %+v", look)
	}
	if len(p.Templates) != 2 || len(p.Schedules) != 2 {
		t.Errorf("%d templates and %d schedules, want 2 of each", len(p.Templates), len(p.Schedules))
	}
	nightly := named1(t, p.Schedules, "Deploy-nightly", func(s desk.Schedule) string { return s.Name })
	mornings := named1(t, p.Schedules, "Look-mornings", func(s desk.Schedule) string { return s.Name })
	if nightly.Cron != "30 2 * * *" || nightly.Zone != "Europe/Berlin" || nightly.Off || !mornings.Off {
		t.Errorf("schedules %+v", p.Schedules)
	}
	of := func(m Missing) string { return m.Credential }
	if m := named1(t, p.Missing, "fleet", of); m.Command != "goodstate credential set Tea-shop-Playbooks fleet --key FILE" {
		t.Errorf("missing %+v", m)
	}
	if m := named1(t, p.Missing, "vault-pass-vault-prod", of); m.Values[0] != "vault_password" || !strings.Contains(m.Command, "--vault-id prod") {
		t.Errorf("missing %+v", m)
	}
	for _, r := range []Remark{
		{"project", "Folder", "folder of the other controller"},
		{"template", "Cloud", "terraform"},
		{"template", "Late", "--start-at-task"},
		{"template", "From file", "come from file"},
		{"template", "Local", "repository Folder is not taken"},
		{"inventory", "Elsewhere", "leads out of the project"},
		{"template", "Foreign", "inventory Elsewhere"},
		{"schedule", "seconds", "six fields"},
		{"schedule", "only web", "template of its own"},
		{"schedule", "once", "happens once"},
		{"secret", "DB_TOKEN", "survey"},
		{"environment", "Production", "HTTPS_PROXY"},
		{"integration", "From CI", ""},
	} {
		says(t, p.Left, r.What, r.Name, r.Why)
	}
	says(t, p.Notes, "environment", "Careless", "passwords")
	said, err := json.Marshal([]any{p.Left, p.Notes, p.Missing})
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(said), "hunter2secret") || strings.Contains(string(said), "proxy.example.org") {
		t.Errorf("what is said repeats a secret: %s", said)
	}
}

func TestWhatIsNoBackupIsRefused(t *testing.T) {
	for _, text := range []string{"", "{}", "[]", `{"meta": {"name": "x"}}`, `{"meta": {"name": 1}}`, `{"projects": []}`, "\xff\xfe"} {
		if p, err := Semaphore(t.Context(), []byte(text), Options{}); err == nil {
			t.Errorf("%q is taken: %+v", text, p)
		}
	}
}

func FuzzSemaphore(f *testing.F) {
	text, err := os.ReadFile("testdata/semaphore.json")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := Semaphore(t.Context(), text, Options{})
		if err != nil {
			return
		}
		for _, x := range p.Templates {
			if desk.Check(t.Context(), x) != nil {
				t.Errorf("%+v would be refused", x)
			}
		}
		for _, x := range p.Schedules {
			if desk.Check(t.Context(), x) != nil {
				t.Errorf("%+v would be refused", x)
			}
		}
	})
}
