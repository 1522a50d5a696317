package plan

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"goodstate.dev/goodstate/hooks/rule"
)

func TestGlobsMatchAsPeopleExpect(t *testing.T) {
	for _, c := range []struct {
		glob, name string
		want       bool
	}{
		{"*.py", "a.py", true},
		{"*.py", "deep/down/a.py", true},
		{"*.py", "a.pyc", false},
		{"src/*.py", "src/a.py", true},
		{"src/*.py", "src/b/a.py", false},
		{"src/**/*.py", "src/a.py", true},
		{"src/**/*.py", "src/b/c/a.py", true},
		{"src/**/*.py", "other/src/a.py", false},
		{"**/test/**", "a/test/b/c", true},
		{"**", "a/b", true},
		{"vendor/", "vendor/a/b.go", true},
		{"vendor/", "a/vendor/b.go", false},
		{"./a.txt", "a.txt", true},
		{"/a/b.txt", "a/b.txt", true},
		{"*.{js,ts}", "a/b.ts", true},
		{"*.{js,ts}", "a/b.tsx", false},
		{"{a,b}/{c,d}", "b/c", true},
		{"[ab].txt", "b.txt", true},
		{"{a", "{a", true},
		{"?.txt", "ab.txt", false},
	} {
		if got := Match(c.glob, c.name); got != c.want {
			t.Errorf("%s on %s is %v, want %v", c.glob, c.name, got, c.want)
		}
	}
	for _, broken := range []string{"", "[a", "a/**/**/**/**/**/b"} {
		if CheckGlob(broken) == nil {
			t.Errorf("%q is taken", broken)
		}
	}
}

func FuzzMatch(f *testing.F) {
	f.Add("src/**/{a,b}*.[ch]", "src/x/y/a1.c")
	f.Add("**/**/x", "a/b/c/d/e/f/g/x")
	f.Add("{{{,,,", "{")
	f.Fuzz(func(t *testing.T, glob, name string) {
		if CheckGlob(glob) == nil && len(glob) < 200 && len(name) < 200 {
			Match(glob, name)
		}
	})
}

func TestTypesAreToldByNameModeAndFirstLine(t *testing.T) {
	for _, c := range []struct {
		name  string
		mode  rule.Mode
		head  string
		types []string
		want  bool
	}{
		{"a.py", rule.Regular, "", []string{"python"}, true},
		{"tool", rule.Executable, "#!/usr/bin/env python3.12\n", []string{"python", "executable"}, true},
		{"tool", rule.Regular, "#!/usr/bin/env -S FOO=1 bash -e\n", []string{"shell"}, true},
		{"tool", rule.Regular, "plain", []string{"shell"}, false},
		{"a.bin", rule.Regular, "\x00", []string{"text"}, false},
		{"a.bin", rule.Regular, "\x00", []string{"binary"}, true},
		{"Dockerfile.dev", rule.Regular, "", []string{"dockerfile"}, true},
		{"link", rule.Symlink, "", nil, false},
		{"link", rule.Symlink, "", []string{"symlink"}, true},
		{"sub", rule.Submodule, "", nil, false},
		{"a.py", rule.Regular, "", []string{"file", "python", "executable"}, false},
	} {
		s := Select{Types: c.types}
		if got := s.Chooses(c.name, c.mode, func() []byte { return []byte(c.head) }); got != c.want {
			t.Errorf("%s as %v is %v, want %v", c.name, c.types, got, c.want)
		}
	}
}

func TestAPlanIsReadAsItWasWritten(t *testing.T) {
	dir, config := t.TempDir(), []byte("hooks: {}\n")
	p := &Plan{Version: Version, Stages: map[string]Stage{"pre-commit": {
		Rules: []Rule{{Name: "json", Select: Select{Files: []string{"*.json"}}, Fix: true, Options: []byte(`{"a":1}`)}},
		Jobs:  []Job{{Name: "a", Run: "a {files}", Within: time.Second, Env: map[string]string{"A": "b"}, Needs: []string{"b"}}},
	}}}
	old := filepath.Join(dir, Name([]byte("an old configuration")))
	if err := os.WriteFile(old, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	long := time.Now().AddDate(0, -2, 0)
	if err := os.Chtimes(old, long, long); err != nil {
		t.Fatal(err)
	}
	if err := Write(dir, config, p); err != nil {
		t.Fatal(err)
	}
	got, err := Read(dir, config)
	if err != nil || !reflect.DeepEqual(got, p) {
		t.Errorf("it was read as %+v (%v), want %+v", got, err, p)
	}
	if _, err := os.Stat(old); err == nil {
		t.Error("the plan of a configuration that nobody uses is still there")
	}
	for name, content := range map[string]string{"damaged": "{", "of another version": `{"version":0}`} {
		if err := os.WriteFile(filepath.Join(dir, Name(config)), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := Read(dir, config); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("a plan that is %s gives %v, want that it is made again", name, err)
		}
	}
}
