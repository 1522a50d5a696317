package commitlint_test

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"goodstate.dev/goodstate/hooks/message/commitlint"
)

// knowingly are the cases that we judge differently, and why.
var knowingly = map[string]string{
	"feat: a\n\nBREAKING-CHANGE: v1 is gone":                               "the specification has both spellings; commitlint without a preset knows one",
	"fix: a\n\nbody text.\n\nSigned-off-by: Ann <ann@example.com>":         "a paragraph of trailers is a footer, as in the specification and in Git; commitlint calls it body",
	"fix: a\n\none\n\ntwo\n\nReviewed-by: B <b@x>\nSigned-off-by: A <a@x>": "likewise",
	"fix: " + strings.Repeat("ä", 95):                                      "commitlint takes ä for a in camel-case, so ä is in no such case there",
	"feat: über":                                                           "likewise",
}

// The verdicts in testdata were recorded from @commitlint/lint 20 with @commitlint/config-conventional.
func TestVerdictsAreThoseOfCommitlint(t *testing.T) {
	data, err := os.ReadFile("testdata/verdicts.json")
	if err != nil {
		t.Fatal(err)
	}
	var recorded struct {
		Configs map[string]json.RawMessage
		Cases   []struct {
			Config, Message  string
			Errors, Warnings []string
		}
	}
	if err := json.Unmarshal(data, &recorded); err != nil {
		t.Fatal(err)
	}
	if len(recorded.Cases) < 400 {
		t.Fatalf("%d recorded verdicts, want hundreds", len(recorded.Cases))
	}
	for name, config := range recorded.Configs {
		policy, notes, err := commitlint.Read("commitlint.json", config)
		if err != nil || len(notes) > 0 {
			t.Fatalf("%s: %v, not understood: %q", name, err, notes)
		}
		judge, err := policy.Compile()
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range recorded.Cases {
			if c.Config != name || knowingly[c.Message] != "" {
				continue
			}
			var errors, warnings []string
			for _, f := range judge.Check(c.Message, "") {
				if f.Warning {
					warnings = append(warnings, f.Rule)
				} else {
					errors = append(errors, f.Rule)
				}
			}
			slices.Sort(errors)
			slices.Sort(warnings)
			if !slices.Equal(errors, c.Errors) || !slices.Equal(warnings, c.Warnings) {
				t.Errorf("%s: %q\n has  %v, warnings %v\n want %v, warnings %v", name, c.Message, errors, warnings, c.Errors, c.Warnings)
			}
		}
	}
}

func TestYAMLAndJSONSayTheSame(t *testing.T) {
	for name, text := range map[string]string{
		".commitlintrc.json": `{"extends": ["@commitlint/config-conventional"], "rules": {"header-max-length": [2, "always", 20], "type-enum": [0]}}`,
		".commitlintrc.yml":  "extends:\n  - '@commitlint/config-conventional'\nrules:\n  header-max-length: [2, always, 20]\n  type-enum: [0]\n",
		"package.json":       `{"name": "shop", "commitlint": {"extends": "@commitlint/config-conventional", "rules": {"header-max-length": [2, "always", 20], "type-enum": [0]}}}`,
	} {
		policy, notes, err := commitlint.Read(name, []byte(text))
		if err != nil || len(notes) > 0 {
			t.Fatalf("%s: %v %q", name, err, notes)
		}
		judge, err := policy.Compile()
		if err != nil {
			t.Fatal(err)
		}
		if found := judge.Check("cart: short enough", "#"); len(found) > 0 {
			t.Errorf("%s: %v, want type-enum to be off", name, found)
		}
		if found := judge.Check("cart: this is longer than twenty", "#"); len(found) != 1 || found[0].Rule != "header-max-length" {
			t.Errorf("%s: %v, want header-max-length", name, found)
		}
	}
}

func TestWhatIsNotUnderstoodIsNamed(t *testing.T) {
	_, notes, err := commitlint.Read(".commitlintrc.yaml", []byte(`
extends: ["@commitlint/config-angular"]
plugins: [jira]
parserPreset: ./preset.js
rules:
  jira-key: [2, always]
  type-enum: [3, always]
  subject-case: [2, sometimes, lower-case]
  header-max-length: [2, always, long]
  type-case: [2, always, shouting]
`))
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Join(notes, "\n")
	for _, want := range []string{"config-angular", "plugins", "parserPreset", "jira-key", "level 3", "sometimes", "shouting"} {
		if !strings.Contains(all, want) {
			t.Errorf("nothing is said about %q in:\n%s", want, all)
		}
	}
}

func TestAProgramIsRefusedWithWhatToDo(t *testing.T) {
	_, _, err := commitlint.Read("commitlint.config.js", []byte("module.exports = {extends: ['@commitlint/config-conventional']}"))
	if err == nil || !strings.Contains(err.Error(), ".commitlintrc.json") {
		t.Errorf("%v, want an error that names .commitlintrc.json", err)
	}
}

func FuzzReadNeverPanics(f *testing.F) {
	f.Add([]byte(`{"rules": {"type-enum": [2, "always", [1, null, {}]]}}`))
	f.Add([]byte("rules: {a: [2, always, {scopes: [x]}]}"))
	f.Add([]byte("extends: [[[]]]\nrules: 5"))
	f.Fuzz(func(t *testing.T, data []byte) {
		policy, _, err := commitlint.Read("x.yml", data)
		if err == nil {
			if _, err := policy.Compile(); err != nil {
				t.Errorf("read without an error, and does not compile: %v", err)
			}
		}
	})
}
