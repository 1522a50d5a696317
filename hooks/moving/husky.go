package moving

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// husky reads the scripts in .husky (version 5 and later), and the commands in package.json of version 4.
func husky(dir string, into *Found) error {
	seen := false
	for _, stage := range append([]string{"pre-rebase", "pre-merge-commit", "pre-applypatch", "applypatch-msg", "pre-auto-gc"}, stageNames...) {
		name := ".husky/" + stage
		data, err := read(dir, name)
		if err != nil {
			return err
		}
		if data == nil {
			continue
		}
		seen = true
		into.read(name)
		if !slices.Contains(stageNames, stage) {
			into.note(name, "is not moved: there is no stage %s here", stage)
			continue
		}
		moveHusky(name, stage, string(data), into)
	}
	if seen {
		return nil
	}
	return oldHusky(dir, into)
}

var (
	startsLintStaged = regexp.MustCompile(`(?:^|[\s/])lint-staged(?:\s|$)`)
	startsCommitlint = regexp.MustCompile(`(?:^|[\s/])commitlint(?:\s|$)`)
	startsPreCommit  = regexp.MustCompile(`(?:^|[\s/])(?:pre-commit|lefthook)\s+run(?:\s|$)`)
	// simple is a command alone: nothing that a shell would read as more.
	simple = regexp.MustCompile(`^[A-Za-z0-9_./:=@ "'$\{}-]+$`)
)

// moveHusky makes a job of a script, unless all it does is to start what is moved by itself.
func moveHusky(name, stage, text string, into *Found) {
	rest := 0
	var twice []int
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		switch {
		case line == "" || strings.HasPrefix(line, "#") || strings.Contains(line, "_/husky.sh"):
		case into.moves(line):
			twice = append(twice, i+1)
			if !simple.MatchString(line) {
				rest++
			}
		default:
			rest++
		}
	}
	if rest == 0 {
		return
	}
	for _, line := range twice {
		into.note(fmt.Sprintf("%s:%d", name, line), "starts what is moved to jobs of its own; take that out of the script, or it runs twice")
	}
	run := "sh -e " + name
	for _, a := range arguments[stage] {
		run += " " + a
	}
	// Such a script sees the work tree, as it always did.
	into.stage(stage).addJob(&job{name: "husky", place: name, remark: "the script of husky as it is, on the work tree", run: run, sees: "disk", always: true})
}

// moves tells whether a line starts something whose own configuration was moved.
func (f *Found) moves(line string) bool {
	return f.lintStaged && startsLintStaged.MatchString(line) || f.commitlint && startsCommitlint.MatchString(line) ||
		startsPreCommit.MatchString(line) && slices.ContainsFunc(f.files, func(n string) bool { return n == preCommitName || strings.Contains(n, "lefthook") })
}

// oldHusky reads the commands of version 4.
func oldHusky(dir string, into *Found) error {
	f, err := packageJSON(dir)
	if err != nil || f == nil {
		return err
	}
	hooks := f.root.get("husky").get("hooks")
	if hooks == nil {
		return nil
	}
	if err := f.want(hooks, "husky.hooks", mapping); err != nil {
		return err
	}
	into.read(f.name)
	for _, stage := range hooks.keys {
		n := hooks.at[stage]
		switch {
		case n.kind != scalar:
			return f.errorf(n, "husky.hooks.%s is %s, want a command", stage, n.kind)
		case !slices.Contains(stageNames, stage):
			into.note(f.place(n), "husky %s is not moved: there is no such stage here", stage)
		case into.moves(n.text) && simple.MatchString(n.text):
		case into.moves(n.text):
			into.note(f.place(n), "husky %s is not moved: it starts what is moved by itself, and more: %s; write the rest as a job", stage, n.text)
		case placeholder.MatchString(n.text) || strings.Contains(n.text, "HUSKY_GIT_"):
			into.note(f.place(n), "husky %s is not moved: %s; write it as a job, with {message} or {1} for what Git gives", stage, n.text)
		default:
			into.stage(stage).addJob(&job{
				name: "husky", place: f.place(n), remark: "the command of husky as it is, on the work tree", run: `PATH="$PWD/node_modules/.bin:$PATH"; ` + n.text, sees: "disk", always: true,
			})
		}
	}
	return nil
}
