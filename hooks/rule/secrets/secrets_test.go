package secrets_test

import (
	"encoding/base64"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"testing"
	"time"

	"goodstate.dev/goodstate/hooks/rule"
	"goodstate.dev/goodstate/hooks/rule/secrets"
)

// Tokens are put together here, so that this file has none.
var (
	github = "ghp_" + "A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8"
	amazon = "AKIA" + "Q3EGRT5XYZ7LMN2P"
)

// files is what a load function reads from.
type files map[string]string

func (f files) load(path string) ([]byte, error) {
	text, ok := f[path]
	if !ok {
		return nil, fmt.Errorf("open %s: %w", path, fs.ErrNotExist)
	}
	return []byte(text), nil
}

func build(t testing.TB, o secrets.Options, f files) *secrets.Rule {
	t.Helper()
	r, err := secrets.New(o, f.load)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Verify(); err != nil {
		t.Fatal(err)
	}
	return r
}

func file(path, text string) *rule.File {
	return &rule.File{Path: path, Mode: rule.Regular, Size: int64(len(text)), Content: func() ([]byte, error) { return []byte(text), nil }}
}

func check(t testing.TB, r *secrets.Rule, path, text string) []rule.Finding {
	t.Helper()
	f := file(path, text)
	if !r.Wants(f) {
		return nil
	}
	found, err := r.Check(f)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestASecretIsFoundAndNotWritten(t *testing.T) {
	r := build(t, secrets.Options{}, nil)
	found := check(t, r, "deploy.sh", "#!/bin/sh\n\nexport TOKEN="+github+"\n")
	if len(found) != 1 {
		t.Fatalf("%v, want one finding", found)
	}
	f := found[0]
	if f.Rule != "secrets" || f.Path != "deploy.sh" || f.Line != 3 || f.Column != 14 {
		t.Errorf("%+v, want deploy.sh:3:14", f)
	}
	if !strings.Contains(f.Message, "github-pat") || !strings.Contains(f.Message, "40 characters") || strings.Contains(f.Message, github[4:8]) {
		t.Errorf("%q, want the kind and the length, and not the secret", f.Message)
	}
}

func TestASecretIsFoundThroughEncodings(t *testing.T) {
	r := build(t, secrets.Options{}, nil)
	once := base64.StdEncoding.EncodeToString([]byte("token " + github + " end"))
	twice := base64.StdEncoding.EncodeToString([]byte(once + "\n"))
	percent := ""
	points := ""
	for _, c := range []byte(github) {
		percent += fmt.Sprintf("%%%02X", c)
		points += fmt.Sprintf(`\u%04x`, c)
	}
	for name, text := range map[string]string{
		"base64": once, "base64 twice": twice, "percent": percent, "code points": points, "hexadecimal": fmt.Sprintf("%x", github),
	} {
		found := check(t, r, "a.txt", "one\ntwo "+text+"\nthree\n")
		if len(found) != 1 || found[0].Line != 2 || !strings.Contains(found[0].Message, "github-pat") {
			t.Errorf("%s: %v, want github-pat on line 2", name, found)
		}
	}
}

func TestWhatStandsForASecretIsNone(t *testing.T) {
	r := build(t, secrets.Options{}, nil)
	for _, text := range []string{
		"password = \"${PASSWORD}\"", "api_key: {{ vault_api_key }}", "token: xxxxxxxxxxxxxxxxxxxxxxxx", "secret = getSecretFromEnvironment()",
		"key: 'AKIAIOSFODNN7EXAMPLE'", "primary_key = 'order_line_number_2'", "export TOKEN=" + github + " # gitleaks:allow",
	} {
		if found := check(t, r, "a.yml", text+"\n"); len(found) > 0 {
			t.Errorf("%q: %v", text, found)
		}
	}
	for _, path := range []string{"go.sum", "node_modules/x/a.js", "logo.svg", "package-lock.json"} {
		if found := check(t, r, path, github); len(found) > 0 {
			t.Errorf("%s: %v", path, found)
		}
	}
}

func TestAConfigurationOfGitleaksIsRead(t *testing.T) {
	r := build(t, secrets.Options{}, files{".gitleaks.toml": `
title = "shop"
[extend]
useDefault = true
disabledRules = ["github-pat"]

[[rules]]
id = "shop-key"
description = "a key of the shop"
regex = '''shop_([a-z0-9]{8})'''
entropy = 2
keywords = ["SHOP_"]
  [[rules.allowlists]]
  stopwords = ["demo"]
  [[rules.allowlists]]
  condition = "AND"
  paths = ['''\.md$''']
  regexes = ['''^a''']

[[allowlists]]
targetRules = ["aws-access-token"]
paths = ['''^docs/''']

[[allowlists]]
regexTarget = "line"
regexes = ['''# example''']
`})
	for _, c := range []struct {
		path, text string
		want       int
	}{
		{"a.txt", "k = shop_a1b2c3d4", 1},
		{"a.txt", "k = shop_aaaaaaaa", 0}, // low entropy
		{"a.txt", "k = shop_demo12a4", 0},
		{"a.md", "k = shop_a1b2c3d4", 0},
		{"a.md", "k = shop_b1b2c3d4", 1},
		{"a.txt", "k = shop_a1b2c3d4 # example", 0},
		{"a.txt", github, 0},
		{"a.txt", "id " + amazon, 1},
		{"docs/a.txt", "id " + amazon, 0},
		{".gitleaks.toml", "k = shop_a1b2c3d4", 0},
	} {
		if found := check(t, r, c.path, c.text+"\n"); len(found) != c.want {
			t.Errorf("%s %q: %v, want %d", c.path, c.text, found, c.want)
		}
	}
}

func TestARuleCanRequireAnother(t *testing.T) {
	r := build(t, secrets.Options{Config: "rules.toml"}, files{"rules.toml": `
[[rules]]
id = "user"
regex = '''user=(\w+)'''
skipReport = true
[[rules]]
id = "password"
regex = '''password=(\w+)'''
  [[rules.required]]
  id = "user"
  withinLines = 2
`})
	if found := check(t, r, "a", "user=ann\n\npassword=hidden\n"); len(found) != 1 || found[0].Line != 3 {
		t.Errorf("%v, want the password on line 3", found)
	}
	if found := check(t, r, "a", "user=ann\n\n\n\npassword=hidden\n"); len(found) != 0 {
		t.Errorf("%v, want none: the user is too far away", found)
	}
}

func TestAcceptedFindingsAreLeftOut(t *testing.T) {
	text := "\nexport TOKEN=" + github + "\n"
	for name, f := range map[string]files{
		"a fingerprint":       {".gitleaksignore": "# known\na.sh:github-pat:2\n"},
		"a baseline":          {"known.json": `[{"RuleID": "github-pat", "File": "a.sh", "StartLine": 2, "Secret": "` + github + `"}]`},
		"a redacted baseline": {"known.json": `[{"RuleID": "github-pat", "File": "a.sh", "StartLine": 2, "Secret": "REDACTED"}]`},
	} {
		o := secrets.Options{}
		if _, ok := f["known.json"]; ok {
			o.Baseline = "known.json"
		}
		r := build(t, o, f)
		if found := check(t, r, "a.sh", text); len(found) != 0 {
			t.Errorf("%s: %v", name, found)
		}
		if found := check(t, r, "b.sh", text); len(found) != 1 {
			t.Errorf("%s: another file has %v, want one finding", name, found)
		}
		if found := check(t, r, "a.sh", "\n"+text); len(found) != 1 {
			t.Errorf("%s: another line has %v, want one finding", name, found)
		}
	}
}

func TestACommitCanBeAllowed(t *testing.T) {
	const commit = "0123456789abcdef0123456789abcdef01234567"
	r := build(t, secrets.Options{}, files{".gitleaks.toml": "[extend]\nuseDefault = true\n[[allowlists]]\ncommits = ['" + strings.ToUpper(commit) + "']\n"})
	f := file("a.sh", github)
	if found, err := r.CheckCommit(f, commit); err != nil || len(found) != 0 {
		t.Errorf("%v %v, want nothing", found, err)
	}
	if found, err := r.CheckCommit(f, strings.Repeat("f", 40)); err != nil || len(found) != 1 {
		t.Errorf("%v %v, want one finding", found, err)
	}
}

func TestAKeyStoreIsFoundByItsName(t *testing.T) {
	r := build(t, secrets.Options{}, nil)
	for _, text := range []string{"\x30\x82\x00\x01", ""} {
		if found := check(t, r, "certs/shop.p12", text); len(found) != 1 || found[0].Line != 0 {
			t.Errorf("%q: %v, want one finding about the file", text, found)
		}
	}
}

func TestAVeryLargeFileIsSaidToBeUnchecked(t *testing.T) {
	r := build(t, secrets.Options{}, nil)
	found, err := r.Check(&rule.File{Path: "dump.sql", Mode: rule.Regular, Size: rule.Largest + 1, Content: func() ([]byte, error) {
		t.Error("a file of this size is read")
		return nil, nil
	}})
	if err != nil || len(found) != 1 || !found[0].Unchecked {
		t.Errorf("%v %v, want one unchecked", found, err)
	}
}

func TestAFileFullOfSecretsIsSearchedInTime(t *testing.T) {
	r := build(t, secrets.Options{}, nil)
	for name, text := range map[string]string{
		"on one line":    strings.Repeat("key='"+github+"'; ", 400),
		"on many lines":  strings.Repeat("key = '"+github+"'\n", 400),
		"keys alone":     strings.Repeat("password=", 4000),
		"headers alone":  strings.Repeat("-----BEGIN PRIVATE KEY-----", 1000),
		"commands alone": strings.Repeat("curl \n", 4000),
		"encoded":        strings.Repeat(base64.StdEncoding.EncodeToString([]byte("key = '"+github+"'"))+" ", 300),
	} {
		start := time.Now()
		found := check(t, r, "a.txt", text)
		if took := time.Since(start); took > 15*time.Second {
			t.Errorf("%s: %s for %d kB", name, took, len(text)>>10)
		}
		if strings.Contains(text, github) && (len(found) != 100 || !strings.Contains(found[99].Message, "more in this file")) {
			t.Errorf("%s: %d findings, want 100 and a word about the others", name, len(found))
		}
	}
}

func TestAWrongConfigurationIsRefusedWithItsPlace(t *testing.T) {
	for text, want := range map[string]string{
		"[[rules]\n":                                                 "line 1",
		"[[rules]]\nregex = 'a'\n":                                   "no id",
		"[[rules]]\nid = 'a'\n":                                      "neither regex nor path",
		"[[rules]]\nid = 'a'\nregexp = 'a'\n":                        "regexp",
		"[extend]\nurl = 'https://x'\n":                              "url",
		"[extend]\npath = 'gone.toml'\n":                             "gone.toml",
		"[extend]\npath='a'\nuseDefault=true\n":                      "both",
		"[[allowlists]]\ncondition='XOR'\npaths=['a']\n":             "XOR",
		"[[allowlists]]\n":                                           "empty",
		"[[allowlists]]\ntargetRules=['gone']\npaths=['a']\n":        "gone",
		"[[rules]]\nid='a'\nregex='a'\n[[rules.required]]\nid='b'\n": "\"b\"",
	} {
		_, err := secrets.New(secrets.Options{Config: "x.toml"}, files{"x.toml": text}.load)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "x.toml") {
			t.Errorf("%q: %v, want an error with x.toml and %q", text, err, want)
		}
	}
	for text, want := range map[string]string{
		"[[rules]]\nid='a'\nregex='('\n":                   "regular expression",
		"[[rules]]\nid='a'\nregex='a(b)'\nsecretGroup=2\n": "secretGroup",
	} {
		r, err := secrets.New(secrets.Options{Config: "x.toml"}, files{"x.toml": text}.load)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Verify(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	if _, err := secrets.New(secrets.Options{Baseline: "gone.json"}, files{}.load); err == nil {
		t.Error("a baseline that is not there is no error")
	}
}

func TestTheRuleIsUsedFromManyGoroutines(t *testing.T) {
	r := build(t, secrets.Options{}, nil)
	var all sync.WaitGroup
	for n := range 8 {
		all.Go(func() {
			for i := range 20 {
				text := fmt.Sprintf("x%d\n%s\n%s\n", i, github, amazon)
				if found := check(t, r, fmt.Sprintf("%d.txt", n), text); len(found) != 2 {
					t.Errorf("%v, want two", found)
				}
			}
		})
	}
	all.Wait()
}

func FuzzCheckFindsWhatIsThereAndNeverPanics(f *testing.F) {
	for _, seed := range []string{"", "\n", "%41%", "U+0041", `\u00`, "\xff\x00", strings.Repeat("key=", 200), "AAAAAAAAAAAAAAAA=", strings.Repeat("ab", 20), "curl -u a:b -H \"Authorization: Basic YWJjZGVmZ2g=\""} {
		f.Add(seed, seed)
	}
	r := build(f, secrets.Options{}, nil)
	f.Fuzz(func(t *testing.T, before, after string) {
		if len(before)+len(after) > 1<<16 {
			return
		}
		text := before + "\n\n token " + github + "\n\n" + after
		found := check(t, r, "a.txt", text)
		lines := strings.Count(text, "\n") + 1
		there := false
		for _, x := range found {
			there = there || strings.Contains(x.Message, "github-pat")
			if x.Line < 0 || x.Line > lines || strings.Contains(x.Message, github) {
				t.Errorf("%+v", x)
			}
		}
		if !there && !rule.IsBinary([]byte(text)) {
			t.Errorf("%q: the token is not found: %v", text, found)
		}
	})
}
