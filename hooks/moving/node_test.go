package moving_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"goodstate.dev/goodstate/hooks/moving"
)

const pkg = `{
	"name": "shop",
	"lint-staged": {
		"*.{js,jsx}": ["eslint --fix", "prettier --write", "git add"],
		"src/**/*.css": "stylelint",
		"*.md": ["prettier --write", "tsc"],
		"!(*test).ts": "tsc"
	},
	"commitlint": {"extends": ["@commitlint/config-conventional"], "rules": {"header-max-length": [2, "always", 72]}}
}
`

func TestANodeTeamIsMoved(t *testing.T) {
	found, p := moved(t, map[string]string{
		"package.json":         pkg,
		".husky/pre-commit":    "#!/usr/bin/env sh\n. \"$(dirname -- \"$0\")/_/husky.sh\"\n\nnpx lint-staged\n",
		".husky/commit-msg":    "npx --no-install commitlint --edit \"$1\"\n",
		".husky/pre-push":      "npx lint-staged --diff=main\nnpm test\n",
		".husky/post-merge":    "npm ci\n",
		".husky/pre-rebase":    "true\n",
		".husky/_/husky.sh":    "exit 0\n",
		".husky/.gitignore":    "_\n",
		"commitlint.config.js": "throw 1",
	})
	noted(t, found, "package.json:7", `!(*test).ts`)
	noted(t, found, ".husky/pre-rebase", "there is no stage")
	noted(t, found, ".husky/pre-push:1", "runs twice")
	if n := len(found.Notes()); n != 3 {
		t.Errorf("%d notes, want 3:\n%s", n, strings.Join(found.Notes(), "\n"))
	}
	eslint, pretty := job(t, p, "pre-commit", "eslint"), job(t, p, "pre-commit", "prettier")
	if eslint.Run != `PATH="$PWD/node_modules/.bin:$PATH" eslint --fix {files}` || !eslint.Fix || !eslint.Matches("a/b.jsx") || strings.Join(pretty.Needs, " ") != "eslint" {
		t.Errorf("eslint: %+v\nprettier: %+v", eslint, pretty)
	}
	if j := job(t, p, "pre-commit", "tsc"); j.Fix || strings.Join(j.Needs, " ") != "prettier-2" {
		t.Errorf("tsc: %+v", j)
	}
	if j := job(t, p, "pre-push", "husky"); j.Run != "sh -e .husky/pre-push {1} {2}" || !j.OnDisk || !j.Always {
		t.Errorf("pre-push: %+v", j)
	}
	if len(p.Stages["commit-msg"].Jobs) != 0 || !strings.Contains(string(policyOf(p)), `"number":72`) {
		t.Errorf("commit-msg: %+v %s", p.Stages["commit-msg"].Jobs, policyOf(p))
	}
	if len(p.Stages["pre-commit"].Jobs) != 5 {
		t.Errorf("pre-commit: %+v", p.Stages["pre-commit"].Jobs)
	}
}

func TestWhatStartsTheOtherIsNotRunTwice(t *testing.T) {
	found, p := moved(t, map[string]string{
		".lintstagedrc": "'*.py': black\n", ".commitlintrc.yaml": "extends: ['@commitlint/config-conventional']\n",
		"lefthook.yml": "pre-commit: {commands: {staged: {run: npx lint-staged}}}\ncommit-msg: {jobs: [{run: \"npx commitlint --edit {1}\"}, {name: more, run: \"yarn commitlint --edit {1} && echo good\"}]}\n",
	})
	noted(t, found, "lefthook.yml:2", "more of commit-msg", "runs twice")
	if len(found.Notes()) != 1 || len(p.Stages["pre-commit"].Jobs) != 1 || len(p.Stages["commit-msg"].Jobs) != 1 || len(policyOf(p)) == 0 {
		t.Errorf("%q\n%s", found.Notes(), found.YAML())
	}
}

func TestProgramsAreNotRun(t *testing.T) {
	found, p := moved(t, map[string]string{"commitlint.config.js": "// ours\nmodule.exports = {\n  extends: ['@commitlint/config-conventional'],\n};\n", "lint-staged.config.js": "export default {}"})
	noted(t, found, "lint-staged.config.js: is a program")
	if len(policyOf(p)) == 0 {
		t.Error("the usual commitlint.config.js was not read")
	}
	found, _ = moved(t, map[string]string{"commitlint.config.ts": "export default {extends: process.env.X}"})
	noted(t, found, "commitlint.config.ts: is a program")
}

func TestTheHooksOfHusky4AreMoved(t *testing.T) {
	found, p := moved(t, map[string]string{"package.json": `{"husky": {"hooks": {
"pre-commit": "npm test",
"commit-msg": "commitlint -E HUSKY_GIT_PARAMS",
"pre-applypatch": "true"}}}`})
	noted(t, found, "package.json:3", "commit-msg is not moved")
	noted(t, found, "package.json:4", "pre-applypatch")
	if j := job(t, p, "pre-commit", "husky"); !strings.HasSuffix(j.Run, "npm test") || !j.OnDisk {
		t.Errorf("%+v", j)
	}
}

func TestNothingIsReadBehindALinkOutOfTheRepository(t *testing.T) {
	dir, outside := t.TempDir(), filepath.Join(t.TempDir(), "x.yaml")
	if err := os.WriteFile(outside, []byte("repos: []\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(dir, ".pre-commit-config.yaml")); err != nil {
		t.Fatal(err)
	}
	if _, err := moving.Read(dir); err == nil || !strings.Contains(err.Error(), "escapes") {
		t.Errorf("%v, want it refused", err)
	}
}

func TestShapesOfPackageJSONHaveTheirLine(t *testing.T) {
	for text, want := range map[string]string{
		"{\n\"lint-staged\": []}":                   "package.json:2: the configuration of lint-staged is a list",
		"{\n\"lint-staged\": {\n\"*.js\": {}}}":     "package.json:3: the commands of a glob are a mapping",
		"{\n\"lint-staged\": {\n\"*.js\": [1,{}]}}": "package.json:3: a command is a mapping",
		"{\n\"husky\": {\n\"hooks\": []}}":          "package.json:3: husky.hooks is a list",
		"{\n\n,":                                    "package.json:3: is no JSON",
		strings.Repeat(`{"a":`, 100):                "is no JSON",
	} {
		if _, err := moving.Read(repository(t, map[string]string{"package.json": text})); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}
