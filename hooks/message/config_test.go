package message_test

import (
	"slices"
	"strings"
	"testing"

	"goodstate.dev/goodstate/core/config"
	"goodstate.dev/goodstate/hooks/message"
)

// section stands for the stage in goodstate.yaml that has a policy.
type section struct {
	Message message.Policy `yaml:"message" help:"what a commit message must be"`
}

func TestAPolicyStandsInTheConfiguration(t *testing.T) {
	var file section
	err := config.Parse("goodstate.yaml", []byte(`
message:
  types: [feat, fix]
  header: 60
  issue: {match: "[A-Z]+-[0-9]+", example: SHOP-12}
  patterns:
    - {match: "(?i)wip", refuse: true, why: finish it first}
  checks:
    subject-case: {list: [lower-case]}
    body-leading-blank: {skip: true}
`), &file)
	if err != nil {
		t.Fatal(err)
	}
	j := judge(t, file.Message)
	for text, want := range map[string]string{
		"fix: keep it\nSHOP-12":       "",
		"docs: keep it\n\nSHOP-12":    "type-enum",
		"fix: Keep it WIP\n\nSHOP-12": "pattern subject-case",
		"fix: keep it":                "issue",
	} {
		if got := rules(j.Check(text, "#")); strings.Join(slices.Sorted(strings.FieldsSeq(got)), " ") != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestAWrongPolicyIsRefusedAtItsLine(t *testing.T) {
	for text, want := range map[string]string{
		"message:\n  breaking: loud\n":               "goodstate.yaml:2",
		"message:\n  patterns: [{match: \"(\"}]\n":   "no regular expression",
		"message:\n  checks: {subject-colour: {}}\n": "subject-colour",
		"message:\n  tpyes: [a]\n":                   "types",
	} {
		var file section
		if err := config.Parse("goodstate.yaml", []byte(text), &file); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want an error with %q", text, err, want)
		}
	}
}
