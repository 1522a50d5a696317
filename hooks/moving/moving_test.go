package moving_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"goodstate.dev/goodstate/core/config"
	"goodstate.dev/goodstate/hooks"
	"goodstate.dev/goodstate/hooks/moving"
	"goodstate.dev/goodstate/hooks/plan"
)

// repository writes files into a new folder.
func repository(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// moved reads the files, and compiles what came of them as goodstate does with its own configuration.
func moved(t *testing.T, files map[string]string) (moving.Found, *plan.Plan) {
	t.Helper()
	found, err := moving.Read(repository(t, files))
	if err != nil {
		t.Fatal(err)
	}
	if found.Empty() {
		return found, &plan.Plan{}
	}
	var file struct {
		Hooks hooks.Config `yaml:"hooks"`
	}
	if err := config.Parse("goodstate.yaml", []byte(found.YAML()), &file); err != nil {
		t.Fatalf("%v\n%s", err, found.YAML())
	}
	compiled, err := file.Hooks.Compile()
	if err != nil {
		t.Fatalf("%v\n%s", err, found.YAML())
	}
	return found, compiled
}

func job(t *testing.T, p *plan.Plan, stage, name string) plan.Job {
	t.Helper()
	for _, j := range p.Stages[stage].Jobs {
		if j.Name == name {
			return j
		}
	}
	t.Fatalf("there is no job %s in %s: %+v", name, stage, p.Stages[stage].Jobs)
	return plan.Job{}
}

func ruleOf(t *testing.T, p *plan.Plan, stage, name string) plan.Rule {
	t.Helper()
	for _, r := range p.Stages[stage].Rules {
		if r.Name == name {
			return r
		}
	}
	t.Fatalf("there is no rule %s in %s: %+v", name, stage, p.Stages[stage].Rules)
	return plan.Rule{}
}

// noted wants a note that has all of the words.
func noted(t *testing.T, found moving.Found, words ...string) {
	t.Helper()
	if !slices.ContainsFunc(found.Notes(), func(n string) bool {
		return !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(n, w) })
	}) {
		t.Errorf("no note has %q:\n%s", words, strings.Join(found.Notes(), "\n"))
	}
}

func all(t *testing.T, found moving.Found) {
	t.Helper()
	if notes := found.Notes(); len(notes) > 0 {
		t.Errorf("not moved:\n%s", strings.Join(notes, "\n"))
	}
}

// policyOf is the policy for commit messages; empty where there is none.
func policyOf(p *plan.Plan) []byte {
	for _, m := range p.Stages["commit-msg"].Messages {
		return m
	}
	return nil
}
