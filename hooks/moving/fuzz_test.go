package moving_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"goodstate.dev/goodstate/core/config"
	"goodstate.dev/goodstate/hooks"
	"goodstate.dev/goodstate/hooks/moving"
)

// Whatever stands in a repository, reading it ends with an error of one line or with hooks that goodstate takes.
func FuzzWhatIsMovedIsAConfiguration(f *testing.F) {
	for name, text := range map[string]string{".pre-commit-config.yaml": python, "lefthook.yml": web, "package.json": pkg} {
		f.Add(name, text)
	}
	f.Add("lefthook.yml", "pre-commit: {commands: {a: {run: \"a '{staged_files}' {1}\", root: .git, env: {\"A=B\\n\": x}, stage_fixed: true}}}")
	f.Add("package.json", `{"lint-staged": {"*.{a,b}": "x '{1}' {files}", "": "x"}, "husky": {"hooks": {"pre-commit": "a '{files}'"}}}`)
	f.Add(".commitlintrc", "rules: {header-max-length: [2, always, 72]}")
	f.Add(".husky/pre-commit", "npm test")
	f.Add(".pre-commit-config.yaml", "repos: [{repo: local, hooks: [{id: \"\\e\", name: \"\\u2028# x\", entry: \"a '{files}' \\\"{1}\\\"\", language: system, files: \"[\\\\x00-a]{2}\"}]}]")
	f.Fuzz(func(t *testing.T, name, text string) {
		switch name {
		case ".pre-commit-config.yaml", "lefthook.yml", "package.json", ".lintstagedrc", ".commitlintrc", ".husky/pre-commit":
		default:
			return
		}
		dir := t.TempDir()
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		found, err := moving.Read(dir)
		if err != nil {
			return
		}
		for _, n := range found.Notes() {
			if strings.ContainsFunc(n, unicode.IsControl) {
				t.Errorf("a note has control characters: %q", n)
			}
		}
		if found.Empty() {
			return
		}
		var file struct {
			Hooks hooks.Config `yaml:"hooks"`
		}
		if err := config.Parse("goodstate.yaml", []byte(found.YAML()), &file); err != nil {
			t.Fatalf("%v\n%s", err, found.YAML())
		}
		if _, err := file.Hooks.Compile(); err != nil {
			t.Fatalf("%v\n%s", err, found.YAML())
		}
	})
}
