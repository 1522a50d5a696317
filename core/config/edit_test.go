package config_test

import (
	"strings"
	"testing"

	"goodstate.dev/goodstate/core/config"
)

func TestAValueIsAddedAndEverythingElseStaysAsItWasWritten(t *testing.T) {
	checks := []string{"services", "web", "checks"}
	limits := []string{"services", "web", "judge", "limits"}
	for _, c := range []struct {
		name, old, want string
		path            []string
		key, value      string
	}{
		{
			"a block of checks", "# ours\nservices:\n  web:\n    run: x   # the shop\n    checks:\n      home: {http: {url: /}}\n      # more to come\n\n    watch: 5s\n",
			"# ours\nservices:\n  web:\n    run: x   # the shop\n    checks:\n      home: {http: {url: /}}\n      item: {http: {url: /item}}\n      # more to come\n\n    watch: 5s\n",
			checks, "item", "{http: {url: /item}}",
		},
		{
			"checks in brackets", "services:\n  web:\n    checks: {home: {http: {url: /}}} # one\n    watch: 5s\n",
			"services:\n  web:\n    checks: {home: {http: {url: /}}, item: {http: {url: /item}}} # one\n    watch: 5s\n",
			checks, "item", "{http: {url: /item}}",
		},
		{
			"no checks yet", "services:\n  web:\n    run: x\n  # the second\n  api:\n    run: y\n",
			"services:\n  web:\n    run: x\n    checks:\n      item: {http: {url: /item}}\n  # the second\n  api:\n    run: y\n",
			checks, "item", "{http: {url: /item}}",
		},
		{
			"a list in brackets", "services:\n  web:\n    judge: {warmup: 1s, limits: [errors > 10% for 5m]}\n",
			"services:\n  web:\n    judge: {warmup: 1s, limits: [errors > 10% for 5m, errors > 5% for 3s]}\n",
			limits, "", "errors > 5% for 3s",
		},
		{
			"a list in lines, at the end without a line end", "services:\n  web:\n    judge:\n      limits:\n      - errors > 10% for 5m",
			"services:\n  web:\n    judge:\n      limits:\n      - errors > 10% for 5m\n      - errors > 5% for 3s\n",
			limits, "", "errors > 5% for 3s",
		},
		{
			"no judge yet", "services:\n  web:\n    run: |\n      # no comment\n      exec x\nnotify: []\n",
			"services:\n  web:\n    run: |\n      # no comment\n      exec x\n    judge:\n      limits: [errors > 5% for 3s]\nnotify: []\n",
			limits, "", "errors > 5% for 3s",
		},
		{
			"a judge in brackets without limits", "services: {web: {run: x, judge: {}}}\n",
			"services: {web: {run: x, judge: {limits: [errors > 5% for 3s]}}}\n",
			limits, "", "errors > 5% for 3s",
		},
		{
			"a key without a value", "services:\n  web:\n    checks:\n    run: x\n",
			"services:\n  web:\n    checks: {item: {http: {url: /item}}}\n    run: x\n",
			checks, "item", "{http: {url: /item}}",
		},
		{
			"lines of Windows", "services:\r\n  web:\r\n    run: x\r\n",
			"services:\r\n  web:\r\n    run: x\r\n    checks:\r\n      item: {tcp: {}}\r\n",
			checks, "item", "{tcp: {}}",
		},
	} {
		got, err := config.Insert([]byte(c.old), c.path, c.key, c.value)
		if err != nil || string(got) != c.want {
			t.Errorf("%s: %v\n%s\nwant\n%s", c.name, err, got, c.want)
		}
	}
}

func TestWhatCannotBeChangedForSureIsRefused(t *testing.T) {
	checks := []string{"services", "web", "checks"}
	for name, text := range map[string]string{
		"there already":  "services:\n  web:\n    checks:\n      item: {}\n",
		"shared":         "services:\n  web:\n    checks: &c {home: {}}\n  api:\n    checks: *c\n",
		"an alias":       "x: &c {home: {}}\nservices:\n  web:\n    checks: *c\n",
		"no map":         "services:\n  web: text\n",
		"two documents":  "a: 1\n---\nb: 2\n",
		"no YAML":        "a: [\n",
		"nothing at all": "",
	} {
		if got, err := config.Insert([]byte(text), checks, "item", "{http: {url: /item}}"); err == nil {
			t.Errorf("%s was changed:\n%s", name, got)
		} else if strings.Contains(err.Error(), "panic") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
