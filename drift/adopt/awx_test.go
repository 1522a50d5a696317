package adopt

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"goodstate.dev/goodstate/drift/desk"
)

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func named1[T any](t *testing.T, all []T, name string, of func(T) string) T {
	t.Helper()
	at := slices.IndexFunc(all, func(v T) bool { return of(v) == name })
	if at < 0 {
		t.Fatalf("%s is not among %d: %+v", name, len(all), all)
	}
	return all[at]
}

func says(t *testing.T, list []Remark, what, name, why string) {
	t.Helper()
	if !slices.ContainsFunc(list, func(r Remark) bool { return r.What == what && r.Name == name && strings.Contains(r.Why, why) }) {
		t.Errorf("nothing says of %s %q that %q: %+v", what, name, why, list)
	}
}

func TestAnExportOfAWXBecomesProjectsOfTheDesk(t *testing.T) {
	p, err := AWX(t.Context(), [][]byte{readFile(t, "testdata/awx.json")}, Options{}, today)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Projects) != 2 || p.Projects[0].Name != "Shop-playbooks" || p.Projects[0].Branch != "main" || p.Projects[1].Name != "Shop-playbooks-next" || p.Projects[1].Branch != "next" {
		t.Errorf("projects %+v, want the repository at its branch and at the branch of a template", p.Projects)
	}
	deploy := named1(t, p.Templates, "Deploy-the-shop", func(t desk.Template) string { return t.Name })
	if deploy.Project != "Shop-playbooks" || deploy.Playbook != "deploy.yml" || deploy.Inventory != "Production" || strings.Join(deploy.Credentials, " ") != "Fleet-key Vault" || deploy.Forks != 20 ||
		strings.Join(deploy.Tags, " ") != "code config" || strings.Join(deploy.SkipTags, " ") != "slow" || deploy.Limit != "web" || !deploy.Become || deploy.Check || !strings.Contains(deploy.Vars, "region: eu") {
		t.Errorf("template %+v", deploy)
	}
	if s := deploy.Survey; len(s) != 5 || s[0].Variable != "version" || !s[0].Required || s[1].Default != "3" || strings.Join(s[2].Choices, " ") != "eu us" || s[3].Default != "a\nb" || s[4].Kind != desk.Password || s[4].Default != "" {
		t.Errorf("survey %+v", s)
	}
	stage := named1(t, p.Templates, "Stage", func(t desk.Template) string { return t.Name })
	if stage.Project != "Shop-playbooks-next" || !stage.Check || stage.Vars != "" {
		t.Errorf("template %+v", stage)
	}
	nightly := named1(t, p.Schedules, "Deploy-the-shop-nightly", func(s desk.Schedule) string { return s.Name })
	own := named1(t, p.Templates, nightly.Template, func(t desk.Template) string { return t.Name })
	if nightly.Cron != "15 3 * * *" || nightly.Zone != "Europe/Berlin" || own.Limit != "web1" || !strings.Contains(own.Vars, "version: stable") || !strings.Contains(own.Vars, "size: 4") ||
		!strings.Contains(own.Vars, "region: eu") || len(own.Survey) != 3 || len(p.Schedules) != 1 {
		t.Errorf("schedules %+v with %+v", p.Schedules, own)
	}
	text := named1(t, p.Inventories, "Production", func(i desk.Inventory) string { return i.Name }).Text
	for _, want := range []string{"web1:", "ansible_host: 192.0.2.11", "ansible_port: 2222", "ntp: time.example.org", "workers: 4", "port: 420"} {
		if !strings.Contains(text, want) {
			t.Errorf("the inventory lacks %q:\n%s", want, text)
		}
	}
	if strings.Contains(text, "old") || strings.Contains(text, "1000000000") {
		t.Errorf("the inventory has hosts that are disabled or a range:\n%s", text)
	}
	fromGit := slices.IndexFunc(p.Inventories, func(i desk.Inventory) bool { return i.Project == "Shop-playbooks-next" })
	if fromGit < 0 || p.Inventories[fromGit].Path != "" || !strings.Contains(p.Inventories[fromGit].Text, "stage1") {
		t.Errorf("inventories %+v: a file of another branch is not read there, the hosts are taken as they were", p.Inventories)
	}
	key := named1(t, p.Credentials, "Fleet-key", func(c desk.Credential) string { return c.Name })
	if key.User != "deploy" || key.Become != "root" || len(key.Has) != 0 {
		t.Errorf("credential %+v", key)
	}
	missing := named1(t, p.Missing, "Fleet-key", func(m Missing) string { return m.Credential })
	if strings.Join(missing.Values, " ") != "key passphrase become_password" || !strings.HasPrefix(missing.Command, "goodstate credential set Shop-playbooks Fleet-key --user deploy --become-user root < FILE") {
		t.Errorf("missing %+v", missing)
	}
	for _, r := range []Remark{
		{"project", "By hand", "a folder of the other controller"},
		{"project", "Leaky", "password"},
		{"template", "Old way", "project By hand is not taken"},
		{"template", "Out", "want a path in the project"},
		{"inventory", "Clever", ""},
		{"host", "old", "disabled"},
		{"host", "web[1:1000000000]", "no name of one host"},
		{"schedule", "every other day", "2 days"},
		{"schedule", "unanswered", "nobody is there to answer"},
		{"schedule", "Cleanup Job Schedule", "system job template"},
		{"workflow", "Whole release", ""},
		{"user", "olga", ""},
		{"notification", "Chat", ""},
	} {
		says(t, p.Left, r.What, r.Name, r.Why)
	}
	says(t, p.Notes, "template", "Deploy the shop", "Cloud")
	says(t, p.Notes, "project", "Shop playbooks", "credential Git")
	all, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(all), "hunter2secret") || strings.Contains(string(all), "$encrypted$") {
		t.Error("the plan repeats a password")
	}
}

func TestAnExportGivesTheSameNamesWheneverItIsRead(t *testing.T) {
	text := `{"projects": [
		{"name": "Größe & Co.", "scm_type": "git", "scm_url": "https://git.example.org/a.git", "natural_key": {"organization": {"name": "A", "type": "organization"}, "name": "Größe & Co.", "type": "project"}},
		{"name": "Grosse Co", "scm_type": "git", "scm_url": "https://git.example.org/b.git", "natural_key": {"organization": {"name": "B", "type": "organization"}, "name": "Grosse Co", "type": "project"}},
		{"name": "日本", "scm_type": "git", "scm_url": "https://git.example.org/c.git", "natural_key": {"organization": {"name": "B", "type": "organization"}, "name": "日本", "type": "project"}},
		{"name": "x", "scm_type": "git", "scm_url": "--upload-pack=touch /tmp/x", "natural_key": {"organization": {"name": "B", "type": "organization"}, "name": "x", "type": "project"}},
		{"name": "y", "scm_type": "git", "scm_url": "ext::sh -c touch", "natural_key": {"organization": {"name": "B", "type": "organization"}, "name": "y", "type": "project"}},
		{"name": "z", "scm_type": "git", "scm_url": "/root/private", "natural_key": {"organization": {"name": "B", "type": "organization"}, "name": "z", "type": "project"}},
		{"name": "w", "scm_type": "git", "scm_url": "http://git.example.org/w.git", "natural_key": {"organization": {"name": "B", "type": "organization"}, "name": "w", "type": "project"}}
	]}`
	first, err := AWX(t.Context(), [][]byte{[]byte(text)}, Options{Repositories: map[string]string{"w": "https://git.example.org/w.git"}}, today)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range first.Projects {
		got = append(got, p.Name)
	}
	if len(got) != 4 || got[0] != "A-Grosse-Co" || got[1] != "B-Grosse-Co" || !strings.HasPrefix(got[2], "project-") || got[3] != "w" {
		t.Errorf("names %v, want what tells them apart", got)
	}
	for _, name := range []string{"x", "y", "z"} {
		says(t, first.Left, "project", name, "")
	}
	again, err := AWX(t.Context(), [][]byte{[]byte(text)}, Options{Repositories: map[string]string{"w": "https://git.example.org/w.git"}}, today)
	if err != nil || again.Projects[2].Name != got[2] {
		t.Errorf("%v, then %v %v", got, again.Projects, err)
	}
}

func TestWhatIsNoExportIsRefused(t *testing.T) {
	for _, text := range []string{"", "{}", "[]", "[{\"asset_type\": \"job_template\"}]", "- a\n- b\n", "{\"projects\": 7}", "\x00\x01", "{\"projects\": [{}]", "just text"} {
		if p, err := AWX(t.Context(), [][]byte{[]byte(text)}, Options{}, today); err == nil {
			t.Errorf("%q is taken: %+v", text, p)
		}
	}
}

func FuzzAWX(f *testing.F) {
	text, err := os.ReadFile("testdata/awx.json")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte("projects:\n- {name: a, scm_type: git, scm_url: 'https://x/y', natural_key: {name: a, type: project}}\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := AWX(t.Context(), [][]byte{text}, Options{}, today)
		if err != nil {
			return
		}
		for _, x := range p.Projects {
			if desk.Check(t.Context(), x) != nil {
				t.Errorf("%+v would be refused", x)
			}
		}
		for _, x := range p.Templates {
			if desk.Check(t.Context(), x) != nil {
				t.Errorf("%+v would be refused", x)
			}
		}
	})
}
