package ruletest

import (
	"bufio"
	"encoding/json"
	"os"
	"testing"

	"goodstate.dev/goodstate/hooks/rule"
)

// recorded is one input with what Python said of it: json, tomllib, expat, tokenize and ast of Python 3.11 and ruamel.yaml 0.17, which the hooks of
// pre-commit-hooks call, and the algorithms of those hooks.
type recorded struct {
	Rule    string  `json:"rule"`
	Options string  `json:"options"`
	Path    string  `json:"path"`
	Input   string  `json:"input"`
	OK      bool    `json:"ok"`
	Fixed   *string `json:"fixed"`
}

// differs are the rules whose verdict is another one on some of the recorded inputs, and on how many. YAML: sequences and empty scalars as keys are refused,
// a tab after a dash, wrong dates, binaries and \x escapes, and {x:"1"} are accepted. TOML: the comma before } of TOML 1.1 is accepted. XML:
// version ".0" is refused.
var differs = map[string]int{"yaml": 9, "toml": 1, "xml": 1}

func TestRulesSayWhatTheOriginalsSay(t *testing.T) {
	file, err := os.Open("testdata/originals.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := file.Close(); err != nil {
			t.Error(err)
		}
	}()
	other, all := map[string]int{}, map[string]int{}
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		var r recorded
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			t.Fatal(err)
		}
		all[r.Rule]++
		if !same(t, r) {
			other[r.Rule]++
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	for name, n := range all {
		t.Logf("%s: %d inputs, %d judged otherwise", name, n, other[name])
		if other[name] > differs[name] {
			t.Errorf("%s judges %d of %d inputs otherwise than the original, want at most %d", name, other[name], n, differs[name])
		}
	}
}

func same(t *testing.T, r recorded) bool {
	built := New(t, r.Rule, r.Options)
	change := Text(r.Path, r.Input)
	found := Judge(t, built, change)
	if ok := len(found) == 0; ok != r.OK {
		t.Logf("%s %s on %q: found %v, the original says %v", r.Rule, r.Options, r.Input, found, r.OK)
		return false
	}
	_, fixes := built.(rule.Fixer)
	if r.Fixed == nil || !fixes {
		return true
	}
	better, _ := Fixed(t, built, change)
	content, err := better.Files[0].Content()
	if err != nil {
		t.Fatal(err)
	}
	if string(content) != *r.Fixed {
		t.Logf("%s %s on %q: repaired to %q, the original makes %q", r.Rule, r.Options, r.Input, content, *r.Fixed)
		return false
	}
	return true
}
