package desk

import (
	"strings"
	"testing"
)

func TestAnswersAreHeldAgainstTheirQuestions(t *testing.T) {
	one, ten := 1.0, 10.0
	survey := []Question{
		{Variable: "count", Ask: "How many", Kind: Integer, Required: true, Min: &one, Max: &ten},
		{Variable: "where", Ask: "Where", Kind: Choice, Choices: []string{"eu", "us"}, Default: "eu"},
		{Variable: "parts", Ask: "Which", Kind: MultiSelect, Choices: []string{"a", "b", "c"}},
		{Variable: "pin", Ask: "PIN", Kind: Password, Min: &ten},
	}
	for _, c := range []struct {
		name  string
		given Answers
		wrong string // part of the refusal; empty: it is taken
	}{
		{"all right", Answers{"count": {"3"}, "parts": {"a", "c"}, "pin": {"0123456789"}}, ""},
		{"one is missing", Answers{}, "count: an answer is wanted"},
		{"no number", Answers{"count": {"3; rm"}}, "no whole number"},
		{"too many", Answers{"count": {"11"}}, "want at most 10"},
		{"none of the choices", Answers{"count": {"3"}, "where": {"moon"}}, "none of eu, us"},
		{"one of several is no choice", Answers{"count": {"3"}, "parts": {"a", "z"}}, "none of a, b, c"},
		{"a variable that nobody asked for", Answers{"count": {"3"}, "ansible_host": {"evil"}}, "not asked"},
		{"a password that is too short", Answers{"count": {"3"}, "pin": {"hunter2"}}, "want at least 10"},
	} {
		open, hidden, err := answers(survey, c.given)
		switch {
		case c.wrong == "" && err != nil, c.wrong != "" && (err == nil || !strings.Contains(err.Error(), c.wrong)):
			t.Errorf("%s: %v, want %q", c.name, err, c.wrong)
		case err != nil && strings.Contains(err.Error(), "hunter2"):
			t.Errorf("%s: the refusal repeats the password", c.name)
		case err == nil && (open["count"] != int64(3) || open["where"] != "eu" || hidden["pin"] == nil || open["pin"] != nil):
			t.Errorf("%s: %v %v", c.name, open, hidden)
		}
	}
}
