package config

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

func TestTheSchemaIsCompleteAndAlwaysTheSame(t *testing.T) {
	one, err := Schema[root]("goodstate.yaml")
	if err != nil {
		t.Fatal(err)
	}
	two, err := Schema[root]("goodstate.yaml")
	if err != nil || !bytes.Equal(one, two) {
		t.Errorf("two schemas differ, %v", err)
	}
	var schema map[string]any
	if err := json.Unmarshal(one, &schema); err != nil {
		t.Fatal(err)
	}
	defs := schema["$defs"].(map[string]any)
	for _, name := range []string{"service", "strategy", "strategy.canary", "probe.http", "secret", "spec"} {
		if defs[name] == nil {
			t.Errorf("no definition of %s", name)
		}
	}
	var follow func(v any)
	follow = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			if ref, ok := v["$ref"].(string); ok && defs[strings.TrimPrefix(ref, "#/$defs/")] == nil {
				t.Errorf("%s leads nowhere", ref)
			}
			for _, inner := range v {
				follow(inner)
			}
		case []any:
			for _, inner := range v {
				follow(inner)
			}
		}
	}
	follow(schema)
	http := defs["probe.http"].(map[string]any)["properties"].(map[string]any)
	if got := http["status"].(map[string]any)["default"]; got != 200.0 {
		t.Errorf("what New fills in is the default: got %v", got)
	}
	if got := http["within"].(map[string]any)["default"]; got != "1s" {
		t.Errorf("a duration as it is written: got %v", got)
	}
}

func TestTheSchemaRefusesWhatOtherReadersWouldMistake(t *testing.T) {
	if _, err := Schema[struct {
		On []string `yaml:"on"`
	}]("x"); err == nil || !strings.Contains(err.Error(), `key "on"`) {
		t.Errorf("got %v", err)
	}
	if _, err := Schema[struct {
		Wait Duration `yaml:"wait" default:"5"`
	}]("x"); err == nil || !strings.Contains(err.Error(), `default "5" of wait`) {
		t.Errorf("got %v", err)
	}
}

func TestTheReferenceHasEveryKeyAndMember(t *testing.T) {
	page := Reference[root]()
	for _, want := range []string{
		"## `services.NAME`\n", "| `port` | where it listens | whole number | required |", "## `services.NAME.probes[]`\n\nOne probe (see [probe](#probe))",
		"### strategy: canary\n\nA small share of the traffic first.\n\n```yaml\ncanary: {steps: [5%, 25%], hold: 1m}\n```",
		"| `steps` | share of traffic at each step | list of share | `[5%, 50%]` |", "| `status` | the answer's status | whole number | `200` |",
		"section, as in `strategy: canary`",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q in\n%s", want, page)
		}
	}
}

func TestExplainFindsWhatWasMeant(t *testing.T) {
	for _, c := range []struct{ topic, want string }{
		{"", "the whole file"},
		{"services", "what is released"},
		{"services.strategy", "at-once  everything at once"},
		{"services.strategy.canary", "canary: {steps: [5%, 25%], hold: 1m}"},
		{"services.web.strategy.canary.steps", "share of traffic at each step\n  list of share, default [5%, 50%]"},
		{"services.web.probes[0].http.url", "services.NAME.probes.http.url: what to ask\n  text, required\n\n  example:\n    url: /healthz"},
		{"services.web", "port      where it listens"},
		{"services.limits.memory", "default 256MiB"},
		{"canary", "a small share of the traffic first"},
		{"probe", "command  run a program"},
		{"probe.http", "GET a URL"},
		{"memory", "most memory"},
	} {
		if got, err := Explain[root](c.topic); err != nil || !strings.Contains(got, c.want) {
			t.Errorf("%s: %v\n%s\nwant %s", c.topic, err, got, c.want)
		}
	}
	for _, c := range []struct{ topic, want string }{
		{"canery", "did you mean canary?"},
		{"services.stratgy", "did you mean services.strategy?"},
		{"zzzzzz", "start at one of data, probe, services"},
	} {
		if got, err := Explain[root](c.topic); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v\n%s\nwant %s", c.topic, err, got, c.want)
		}
	}
}
