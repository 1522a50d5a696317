package drift

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	_ "goodstate.dev/goodstate/core/check" // registers its members
	"goodstate.dev/goodstate/core/config"
	"goodstate.dev/goodstate/drift/policy"
	"goodstate.dev/goodstate/drift/record"
)

func load(t *testing.T, text string) (Config, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "goodstate.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var c struct {
		Drift Config `yaml:"drift"`
	}
	err := config.Load(path, &c)
	return c.Drift, err
}

func TestTheSectionIsReadWithItsDefaults(t *testing.T) {
	c, err := load(t, `
drift:
  playbooks:
    base:
      file: site.yml
      inventory: [hosts.ini, "web1,web2"]
      vars: {folder: /srv, ports: [80, 443]}
      passwords: {vault: {default: {secret: vault}}}
      schedules:
        - {cron: "*/30 * * * *", tz: Europe/Berlin, jitter: 5m}
        - {cron: "0 3 * * *", do: correct, windows: [{from: "02:00", to: "05:00", days: [mon, tue]}]}
      policy:
        - {path: /etc/ssh/**, do: report}
        - {tags: [kernel], do: ask}
      cap: {at_once: 2, share: 5%}
      checks: {site: {http: {url: "http://127.0.0.1:1/"}}}
      ignore:
        - {task: "the greeting", reason: load test, until: "2027-03-31"}
`)
	if err != nil {
		t.Fatal(err)
	}
	p, _ := c.Playbooks.Get("base")
	if p.Shard != 50 || p.Cap != (policy.Cap{AtOnce: 2, Share: 500}) || p.Schedules[0].Do != record.Detect || p.Schedules[1].Do != record.Correct || p.Wait.String() != "15m" {
		t.Errorf("%+v", p)
	}
	if c.Connections.Most != 500 || c.Connections.Keep.String() != "10m" {
		t.Errorf("%+v", c.Connections)
	}
	c.Absolute("/base")
	if p, _ = c.Playbooks.Get("base"); p.File != "/base/site.yml" || p.Inventory[0] != "/base/hosts.ini" || p.Inventory[1] != "web1,web2" {
		t.Errorf("paths %s %v", p.File, p.Inventory)
	}
}

func TestWhatCannotBeMeantIsRefusedWithItsPlace(t *testing.T) {
	for text, want := range map[string]string{
		"{file: a, shard: 500}":                                           "want 1 to 100",
		"{file: a, schedules: [{cron: nonsense}]}":                        "minute",
		`{file: a, schedules: [{cron: "* * * * *", jitter: 5m}]}`:         "longer than the 1m",
		`{file: a, schedules: [{cron: "@daily", tz: Mars}]}`:              `"Mars" is not known`,
		"{file: a, policy: [{do: report}]}":                               "names nothing",
		`{file: a, policy: [{path: "[", do: report}]}`:                    "is no pattern",
		"{file: a, policy: [{path: /a, do: fix}]}":                        "fix",
		"{file: a, policy: [{path: /a, do: ask, windows: [{}]}]}":         "windows are for do: correct",
		"{file: a, ignore: [{path: /a, reason: x, until: later}]}":        "is no day",
		"{file: a, ignore: [{path: /a, until: \"2027-01-01\"}]}":          "reason",
		"{file: a, cap: {at_once: 0}}":                                    "at least 1",
		"{file: a, checks: {x: {command: {run: \"true\"}, when: [end]}}}": "when is for rollouts",
		"{inventory: [a]}": "file",
	} {
		if _, err := load(t, "drift: {playbooks: {base: "+text+"}}"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
	for _, name := range []string{"report", "a/b", "-x"} {
		if _, err := load(t, "drift: {playbooks: {"+name+": {file: a}}}"); err == nil || !strings.Contains(err.Error(), "no name for a playbook") {
			t.Errorf("name %q: %v", name, err)
		}
	}
}
