package ruletest

import (
	"encoding/json"
	"slices"
	"testing"

	"goodstate.dev/goodstate/hooks/rule"
)

// ids are all hooks of the repository pre-commit-hooks, but check-ast: whether a file is Python only Python can say.
var ids = []string{
	"check-added-large-files", "check-builtin-literals", "check-byte-order-marker", "check-case-conflict", "check-docstring-first", "check-executables-have-shebangs",
	"check-illegal-windows-names", "check-json", "check-merge-conflict", "check-shebang-scripts-are-executable", "check-symlinks", "check-toml", "check-vcs-permalinks", "check-xml", "check-yaml",
	"debug-statements", "destroyed-symlinks", "detect-aws-credentials", "detect-private-key", "double-quote-string-fixer", "end-of-file-fixer", "file-contents-sorter", "fix-byte-order-marker",
	"fix-encoding-pragma", "forbid-new-submodules", "forbid-submodules", "mixed-line-ending", "name-tests-test", "no-commit-to-branch", "pretty-format-json", "requirements-txt-fixer",
	"sort-simple-yaml", "trailing-whitespace",
}

func TestEveryIdOfPreCommitHooksIsKnown(t *testing.T) {
	for _, id := range ids {
		k, ok := rule.Find(id)
		if !ok {
			t.Errorf("there is no rule for %s", id)
			continue
		}
		options, err := k.Options(id, nil)
		if err != nil {
			t.Errorf("%s: %v", id, err)
		}
		data, err := json.Marshal(options)
		if err != nil {
			t.Fatal(err)
		}
		New(t, k.Name, string(data))
	}
}

func TestArgumentsOfPreCommitHooksBecomeOptions(t *testing.T) {
	for _, c := range []struct {
		id   string
		args []string
		want string
	}{
		{"check-added-large-files", []string{"--maxkb=10", "--enforce-all"}, `{"all":true,"max":10}`},
		{"trailing-whitespace", []string{"--markdown-linebreak-ext=md,rst", "--markdown-linebreak-ext", "txt"}, `{"markdown":["md","rst","txt"]}`},
		{"trailing-whitespace", nil, `{"markdown":[]}`},
		{"check-yaml", []string{"-m"}, `{"multiple":true,"tags":"known"}`},
		{"check-yaml", []string{"--unsafe"}, `{"loose":true,"multiple":false,"tags":"known"}`},
		{"no-commit-to-branch", []string{"-b", "main", "--branch=a,b", "--pattern", "x/.*"}, `{"branches":["main","a,b"],"patterns":["x/.*"]}`},
		{"mixed-line-ending", []string{"--fix=lf"}, `{"want":"lf"}`},
		{"check-builtin-literals", []string{"--ignore=dict,list", "--no-allow-dict-kwargs"}, `{"dict-keywords":false,"ignore":["dict","list"]}`},
		{"pretty-format-json", []string{"--autofix", "--indent", "4", "--no-sort-keys", "--top-keys=a,b"}, `{"ascii":true,"indent":"4","repair":true,"sort":false,"top":["a","b"]}`},
		{"name-tests-test", []string{"--pytest-test-first"}, `{"style":"pytest-test-first"}`},
		{"forbid-new-submodules", nil, `{"new":true}`},
		{"forbid-submodules", nil, `{}`},
	} {
		k, ok := rule.Find(c.id)
		if !ok {
			t.Fatalf("there is no rule for %s", c.id)
		}
		options, err := k.Options(c.id, c.args)
		if err != nil {
			t.Errorf("%s %v: %v", c.id, c.args, err)
			continue
		}
		data, err := json.Marshal(options)
		if err != nil || string(data) != c.want {
			t.Errorf("%s %v: options %s (%v), want %s", c.id, c.args, data, err, c.want)
		}
		New(t, k.Name, string(data))
	}
}

func TestAnUnknownArgumentIsRefused(t *testing.T) {
	k, _ := rule.Find("check-json")
	for _, args := range [][]string{{"--strict"}, {"file.json"}} {
		if options, err := k.Options("check-json", args); err == nil {
			t.Errorf("%v became %v, want an error", args, options)
		}
	}
	k, _ = rule.Find("check-added-large-files")
	for _, args := range [][]string{{"--maxkb"}, {"--maxkb=many"}} {
		if options, err := k.Options("check-added-large-files", args); err == nil {
			t.Errorf("%v became %v, want an error", args, options)
		}
	}
}

func TestKindsAreListedOnceAndInOrder(t *testing.T) {
	var names []string
	for _, k := range rule.Kinds() {
		names = append(names, k.Name)
	}
	if !slices.IsSorted(names) || len(slices.Compact(slices.Clone(names))) != len(names) {
		t.Errorf("the kinds are %v", names)
	}
}
