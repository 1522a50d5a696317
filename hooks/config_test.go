package hooks

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"goodstate.dev/goodstate/core/config"
	"goodstate.dev/goodstate/hooks/plan"
)

func parse(t *testing.T, text string) (Config, error) {
	t.Helper()
	var c Config
	err := config.Parse("goodstate.yaml", []byte(text), &c)
	return c, err
}

func TestAConfigurationBecomesAPlan(t *testing.T) {
	c, err := parse(t, `
pre-commit:
  rules:
    trailing-whitespace: {exclude: ["*.md"]}
    conflict-markers: {}
  jobs:
    black: {run: "black {files}", types: [python], fix: true, within: 90s}
    test: {run: go test ./..., files: ["*.go"], needs: [black], writes: [coverage.out], sees: tree, dir: backend, link: [node_modules]}
pre-push:
  jobs:
    scan: {run: bandit -r ., always: true}
`)
	if err != nil {
		t.Fatal(err)
	}
	p, err := c.Compile()
	if err != nil {
		t.Fatal(err)
	}
	pre := p.Stages["pre-commit"]
	if len(pre.Rules) != 2 || pre.Rules[0].Name != "trailing-whitespace" || !pre.Rules[0].Fix || pre.Rules[0].Exclude[0] != "*.md" {
		t.Errorf("the rules are %+v", pre.Rules)
	}
	want := []plan.Job{
		{Name: "black", Run: "black {files}", Select: plan.Select{Types: []string{"python"}}, Fix: true, Within: 90 * time.Second},
		{
			Name: "test", Run: "go test ./...", Select: plan.Select{Files: []string{"*.go"}}, Within: 5 * time.Minute, Dir: "backend", Needs: []string{"black"},
			Writes: []string{"coverage.out"}, Link: []string{"node_modules"}, Whole: true,
		},
	}
	if !reflect.DeepEqual(pre.Jobs, want) {
		t.Errorf("the jobs are\n%+v, want\n%+v", pre.Jobs, want)
	}
	if got := c.Stages(); !reflect.DeepEqual(got, []string{"pre-commit", "pre-push"}) {
		t.Errorf("the stages are %q", got)
	}
}

func TestWhatIsWrongIsSaidByLine(t *testing.T) {
	for _, c := range []struct{ name, text, line, want string }{
		{"an unknown rule", "pre-commit:\n  rules:\n    trailing-witespace: {}\n", ":3", "unknown rule"},
		{"an unknown option", "pre-commit:\n  rules:\n    conflict-markers: {colour: red}\n", ":3", "colour"},
		{"a repair that is none", "pre-commit:\n  rules:\n    conflict-markers: {fix: true}\n", ":3", "nothing that it could repair"},
		{"no command", "pre-commit:\n  jobs:\n    a: {files: ['*.go']}\n", ":3", "run"},
		{"files in quotes", "pre-commit:\n  jobs:\n    a: {run: \"lint '{files}'\"}\n", ":3", "single quotes"},
		{"a circle", "pre-commit:\n  jobs:\n    a: {run: a, needs: [b]}\n    b: {run: b, needs: [a]}\n", ":", "a -> b -> a"},
		{"an unknown need", "pre-commit:\n  jobs:\n    a: {run: a, needs: [c]}\n", ":3", `no job "c"`},
		{"a fixer that needs a check", "pre-commit:\n  jobs:\n    a: {run: 'a {files}', fix: true, needs: [b]}\n    b: {run: b}\n", ":3", "runs before"},
		{"a fixer without files", "pre-commit:\n  jobs:\n    a: {run: a, fix: true}\n", ":3", "{files}"},
		{"a fixer before a push", "pre-push:\n  jobs:\n    a: {run: 'a {files}', fix: true}\n", ":3", "only pre-commit"},
		{"rules after a commit", "post-commit:\n  rules:\n    conflict-markers: {}\n", ":2", "comes after"},
		{"a folder outside", "pre-commit:\n  jobs:\n    a: {run: a, dir: ../x}\n", ":3", "out of the repository"},
		{"a broken glob", "pre-commit:\n  jobs:\n    a: {run: a, files: ['[a']}\n", ":3", "broken"},
		{"an unknown type", "pre-commit:\n  jobs:\n    a: {run: a, types: [pyton]}\n", ":3", "unknown type"},
		{"no time", "pre-commit:\n  jobs:\n    a: {run: a, within: 48h}\n", ":3", "at most"},
	} {
		_, err := parse(t, c.text)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "goodstate.yaml"+c.line) {
			t.Errorf("%s: %v, want %q at %s", c.name, err, c.want, c.line)
		}
	}
}
