package secrets_test

import (
	"encoding/json"
	"os"
	"strings"
	"sync"
	"testing"

	"goodstate.dev/goodstate/hooks/rule"
	"goodstate.dev/goodstate/hooks/rule/ruletest"
	"goodstate.dev/goodstate/hooks/rule/secrets"
)

// The options name files below the current folder, as a hook has it.
func TestTheRuleIsBuiltFromItsOptionsInTheWorkTree(t *testing.T) {
	t.Chdir(t.TempDir())
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	bad := ruletest.Text("a.txt", "token = "+github+"\n")
	if found := ruletest.Judge(t, ruletest.New(t, "secrets", ""), bad); len(found) != 1 {
		t.Errorf("without a configuration: %v, want one finding", found)
	}
	write(".gitleaks.toml", "[[rules]]\nid = 'shop'\nregex = 'shop-[0-9]+'\n")
	kind, ok := rule.Find("gitleaks")
	if !ok || kind.Name != "secrets" {
		t.Fatal("the id of the pre-commit hook of gitleaks is not known")
	}
	for _, options := range []string{"", kind.Example, "{config: .gitleaks.toml}"} {
		r := ruletest.New(t, "secrets", options)
		if found := ruletest.Judge(t, r, bad); len(found) != 0 {
			t.Errorf("%q: %v, want the configuration to replace our table", options, found)
		}
		if found := ruletest.Judge(t, r, ruletest.Text("a.txt", "shop-12\n")); len(found) != 1 {
			t.Errorf("%q: %v, want one finding", options, found)
		}
	}
	if err := os.Symlink("/etc/passwd", "outward.toml"); err != nil {
		t.Fatal(err)
	}
	for options, want := range map[string]string{
		`{"config": "outward.toml"}`: "outward.toml", `{"config": "../x.toml"}`: "x.toml", `{"colour": 1}`: "colour", `{"baseline": "gone.json"}`: "gone.json",
	} {
		_, err := kind.New(func(into any) error { return strict(options, into) })
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want an error about %s", options, err, want)
		}
	}
}

func TestNoBytesBringTheRuleDown(t *testing.T) {
	r := build(t, secrets.Options{}, nil)
	var all sync.WaitGroup
	for _, text := range []string{
		"", "\n", "\x00", "k", "key=", "\xff\xfe\xfd key = \xff", strings.Repeat("%", 1000), strings.Repeat("\\u00", 500), "token: " + strings.Repeat("=", 300),
		"secret\r\n=\r\n" + github + "\r\n", strings.Repeat("A", 100000), "U+", "\\u", "%4", "%41", "U+0041", strings.Repeat("U+0041 ", 100),
	} {
		all.Go(func() {
			for _, path := range []string{"a", "a.yml", "nuget.config", "a\nb.tf", "\xff.php"} {
				found := check(t, r, path, text)
				if strings.Contains(text, github) != (len(found) > 0) {
					t.Errorf("%q %.40q: %v", path, text, found)
				}
			}
		})
	}
	all.Wait()
}

func strict(text string, into any) error {
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	return d.Decode(into)
}
