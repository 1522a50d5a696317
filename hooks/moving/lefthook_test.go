package moving_test

import (
	"slices"
	"strings"
	"testing"

	"goodstate.dev/goodstate/hooks/moving"
)

const web = `min_version: 1.6.0
colors: false
pre-commit:
  parallel: true
  exclude: ["vendor/**"]
  commands:
    prettier:
      priority: 1
      glob: "*.{js,ts,css}"
      run: npx prettier --write "{staged_files}"
      stage_fixed: true
    eslint:
      glob: "src/*.{js,ts}"
      exclude: '\.test\.js$'
      run: npx eslint {staged_files} && echo ok
      env: {NODE_ENV: test}
    types:
      glob: "*.ts"
      run: npx tsc --noEmit
      skip: [merge, rebase]
    api:
      root: "api/"
      glob: "*.go"
      file_types: [text]
      run: golangci-lint run '{staged_files}'
  scripts:
    "licence.sh":
      runner: bash
commit-msg:
  commands:
    lint:
      run: npx commitlint --edit "{1}"
pre-push:
  piped: true
  jobs:
    - name: build
      run: make build
    - group:
        parallel: true
        jobs:
          - name: unit tests
            run: make test
          - name: files
            run: scripts/check {push_files}
    - run: make pack
post-checkout:
  commands:
    deps:
      run: test "{3}" = 0 || npm ci
`

func TestAWebTeamIsMoved(t *testing.T) {
	found, p := moved(t, map[string]string{"lefthook.yml": web})
	noted(t, found, "lefthook.yml:20", "types of pre-commit", "skip has no equal")
	if n := len(found.Notes()); n != 1 {
		t.Errorf("%d notes, want 1:\n%s", n, strings.Join(found.Notes(), "\n"))
	}
	pretty := job(t, p, "pre-commit", "prettier")
	if pretty.Run != "npx prettier --write {files}" || !pretty.Fix || !pretty.Matches("a/b.css") || pretty.Matches("vendor/b.css") || pretty.Matches("a.go") {
		t.Errorf("prettier: %+v", pretty)
	}
	eslint := job(t, p, "pre-commit", "eslint")
	if eslint.Run != "npx eslint {files} && echo ok" || eslint.Env["NODE_ENV"] != "test" || !eslint.Matches("src/a/b.ts") || eslint.Matches("src/a.test.js") || eslint.Matches("a.ts") {
		t.Errorf("eslint: %+v", eslint)
	}
	if j := job(t, p, "pre-commit", "types"); j.TakesFiles() || j.Always || j.Group != "" {
		t.Errorf("types: %+v", j)
	}
	if j := job(t, p, "pre-commit", "api"); j.Dir != "api" || j.Run != "golangci-lint run {files}" || !slices.Contains(j.Types, "text") {
		t.Errorf("api: %+v", j)
	}
	if j := job(t, p, "pre-commit", "licence.sh"); j.Run != "bash .lefthook/pre-commit/licence.sh" {
		t.Errorf("licence.sh: %+v", j)
	}
	if j := job(t, p, "commit-msg", "lint"); j.Run != "npx commitlint --edit {message}" || !j.Always {
		t.Errorf("lint: %+v", j)
	}
	if j := job(t, p, "pre-push", "files"); j.Run != "scripts/check {files}" || strings.Join(j.Needs, " ") != "build" || j.Group != "serial" {
		t.Errorf("files: %+v", j)
	}
	if j := job(t, p, "pre-push", "make"); strings.Join(j.Needs, " ") != "unit-tests files" {
		t.Errorf("make pack: %+v", j)
	}
	if j := job(t, p, "post-checkout", "deps"); j.Run != `test {3} = 0 || npm ci` {
		t.Errorf("deps: %+v", j)
	}
}

func TestWhatLefthookDoesOtherwiseIsNamed(t *testing.T) {
	for command, want := range map[string]string{
		`{run: "a {all_files}"}`:                     "{all_files} has no equal",
		`{run: "a {push_files}"}`:                    "{push_files} has no equal in pre-commit",
		`{run: "a {staged_files}", files: git diff}`: "files is a command",
		`{run: "a {files}"}`:                         "{files} means something else",
		`{run: a, only: [{ref: main}]}`:              "only has no equal",
		`{run: a, skip: [{ref: main}]}`:              "skip has a condition",
		`{run: a, stage_fixed: true}`:                "stage_fixed needs a command that is told which files",
		`{run: a, interactive: true}`:                "interactive has no equal",
		`{run: a, fail_text: sorry}`:                 "fail_text has no equal",
		`{run: a, colour: red}`:                      `"colour"`,
		`{run: a, root: .git}`:                       "leads out of the repository",
		`{run: a, env: {"A B": x}}`:                  `the name "A B"`,
		`{run: a, root: ../x}`:                       "leads out",
		`{run: "sh -c 'a {staged_files}'"}`:          "within quotes",
		`{run: a, glob: "[ab].js"}`:                  "a class in brackets",
		`{run: a, exclude: '(?=x)'}`:                 "exclude",
		`{run: a, file_types: [not executable]}`:     `file type "not executable"`,
		`{}`:                                         "it has no run",
		`{run: a, env: {PATH: "x:$PATH"}}`:           "env.PATH",
	} {
		found, _ := moved(t, map[string]string{"lefthook.yml": "pre-commit:\n  commands:\n    a: " + command + "\n"})
		noted(t, found, "lefthook.yml:3: a of pre-commit", want)
	}
	found, p := moved(t, map[string]string{"lefthook.yml": "extends: [a.yml]\nremotes: []\nrc: x\npre-rebase: {}\npre-push: {files: git diff, commands: {a: {run: a}}}\npre-commit:\n  exclude_tags: [slow]\n  commands:\n    a: {run: a, tags: [slow]}\n    b: {run: b, skip: true}\n    c: {run: c}\n"})
	for line, words := range map[string]string{":1": "extends", ":2": "remotes", ":3": "rc", ":4": "pre-rebase", ":5": "pre-push is not moved"} {
		noted(t, found, "lefthook.yml"+line+":", words)
	}
	if jobs := p.Stages["pre-commit"].Jobs; len(jobs) != 1 || jobs[0].Name != "c" || !strings.Contains(found.YAML(), "# a is left out by exclude_tags") {
		t.Errorf("jobs %+v", jobs)
	}
	found, _ = moved(t, map[string]string{"lefthook.toml": "[pre-commit]\n"})
	noted(t, found, "lefthook.toml: is TOML")
}

func TestWrongShapesOfLefthookHaveTheirLine(t *testing.T) {
	for text, want := range map[string]string{
		"pre-commit: []":                                         "lefthook.yml:1: pre-commit is a list",
		"pre-commit:\n  commands: []":                            "lefthook.yml:2: commands is a list",
		"pre-commit:\n  jobs: {}":                                "lefthook.yml:2: jobs is a mapping",
		"pre-commit:\n  jobs: [a]":                               "lefthook.yml:2: a job is a single value",
		"pre-commit:\n  parallel: much":                          `lefthook.yml:2: parallel is "much"`,
		"pre-commit:\n  jobs:\n  - group: []":                    "lefthook.yml:3: group is a list",
		"pre-commit:\n  commands:\n    a: {run: [a]}":            "lefthook.yml:3: run is a list",
		"pre-commit:\n  commands:\n    a: {run: a, priority: x}": `lefthook.yml:3: priority is "x"`,
		"pre-commit:\n  commands:\n    a: b":                     "lefthook.yml:3: a is a single value",
	} {
		if _, err := moving.Read(repository(t, map[string]string{"lefthook.yml": text})); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}
