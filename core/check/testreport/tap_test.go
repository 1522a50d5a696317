package testreport_test

import (
	"strings"
	"testing"

	"goodstate.dev/goodstate/core/check/testreport"
)

func TestTAP(t *testing.T) {
	for name, c := range map[string]struct {
		tap string
		want
	}{
		"version 12, without a version line": {"1..2\nok 1 - a\nok 2 - b\n", want{passed: 2}},
		"the plan at the end":                {"TAP version 13\nok\nok\n1..2\n", want{passed: 2}},
		"a failure with its YAML": {
			"TAP version 14\n1..2\nok 1 - a\nnot ok 2 - pays\n  ---\n  message: 'want 3, got 2'\n  ok 3 - not a point\n  ...\n",
			want{passed: 1, failed: 1, failure: "pays | message: 'want 3, got 2'"},
		},
		"skip and todo": {
			"1..4\nok 1 - a # SKIP no browser\nnot ok 2 - b # TODO not yet\nok 3 - c # skip\nok 4 # todo done early\n",
			want{passed: 1, skipped: 3},
		},
		"a number sign in the description is no directive": {"1..1\nnot ok 1 - issue \\# skip it\n", want{failed: 1, failure: "issue # skip it"}},
		"everything skipped by the plan":                   {"1..0 # SKIP no database\n", want{}},
		"bail out": {
			"1..9\nok 1\nBail out! database is gone\nok 2\n",
			want{passed: 1, failed: 1, failure: "Bail out! | database is gone"},
		},
		"cut off":                {"1..3\nok 1\nok 2\n", want{passed: 2, problem: "announces 3 tests, 2 were reported"}},
		"more than planned":      {"1..1\nok 1\nok 2\n", want{passed: 2, problem: "announces 1 test, 2"}},
		"no plan":                {"ok 1\nok 2\n", want{passed: 2, problem: "no plan"}},
		"the same number twice":  {"1..2\nok 1\nok 1\n", want{passed: 2, problem: "reported twice"}},
		"no TAP at all":          {"npm ERR! missing script: test\n", want{problem: "there is no TAP"}},
		"nothing":                {"", want{problem: "there is no TAP"}},
		"two plans":              {"1..1\nok 1\n1..1\n", want{passed: 1, problem: "two plans"}},
		"Windows line ends":      {"1..1\r\nok 1 - a\r\n", want{passed: 1}},
		"other output between":   {"1..2\nok 1\nserver listening\nokay then\nok 2\n", want{passed: 2}},
		"comments of a failure":  {"1..1\nnot ok 1 - a\n# at cart.js:3\n", want{failed: 1, failure: "# at cart.js:3"}},
		"a huge number":          {"1..1\nok 99999999999999999999\n", want{passed: 1, problem: "out of range"}},
		"a plan that is too big": {"1..99999999999\nok 1\n", want{passed: 1, problem: "out of range"}},
		"subtests are summed up by their parent": {
			"TAP version 14\n1..2\n# Subtest: cart\n    1..2\n    ok 1 - adds\n    not ok 2 - pays\nnot ok 1 - cart\nok 2 - login\n",
			want{passed: 1, failed: 1, failure: "cart | not ok 2 - pays"},
		},
	} {
		t.Run(name, func(t *testing.T) { c.hold(t, testreport.TAP(strings.NewReader(c.tap))) })
	}
}
