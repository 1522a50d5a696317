package hooks

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"goodstate.dev/goodstate/core/config"
	"goodstate.dev/goodstate/hooks/plan"
)

// Job is one command of a stage.
type Job struct {
	Run     string            `yaml:"run" json:"run" required:"true" help:"command for sh; {files} stands for the selected files, {message} for the file of the commit message, {1} to {9} for the arguments that Git gave; without {files} it is about the whole tree" example:"flake8 {files}"`
	Files   []string          `yaml:"files" json:"files,omitempty" help:"globs, one of which a file must match; without a slash they are about the name alone" example:"[\"*.py\"]"`
	Exclude []string          `yaml:"exclude" json:"exclude,omitempty" help:"globs of files that are left out" example:"[\"vendor/\"]"`
	Types   []string          `yaml:"types" json:"types,omitempty" help:"what a file must be, all of them: text, binary, executable, symlink, python, shell, ..." example:"[python]"`
	Fix     bool              `yaml:"fix" json:"fix,omitempty" help:"the command repairs files: what it changes is staged and merged into the work tree"`
	Within  config.Duration   `yaml:"within" json:"within,omitempty" default:"5m" help:"how long it may take before it is killed with all that it started"`
	Dir     string            `yaml:"dir" json:"dir,omitempty" help:"folder to run in, from the root of the repository; {files} are then those below it, as seen from there"`
	Env     map[string]string `yaml:"env" json:"env,omitempty" help:"more environment for the command"`
	Group   string            `yaml:"group" json:"group,omitempty" help:"jobs of one group never run at the same time"`
	Needs   []string          `yaml:"needs" json:"needs,omitempty" help:"jobs that must have passed before"`
	Reads   []string          `yaml:"reads" json:"reads,omitempty" help:"what it reads besides its files, as globs or any other words; it never runs together with a job that writes one of them"`
	Writes  []string          `yaml:"writes" json:"writes,omitempty" help:"what it writes besides its files, as globs or any other words" example:"[coverage.xml]"`
	Link    []string          `yaml:"link" json:"link,omitempty" help:"ignored folders that an export of the staged tree gets a link to" example:"[node_modules]"`
	Sees    string            `yaml:"sees" json:"sees,omitempty" default:"staged" enum:"staged,tree,disk" help:"staged: the files exactly as they are staged, from an export when those on disk differ; tree: the whole tree exactly as it is staged, as for commands without {files}; disk: the work tree as it is"`
	Reuse   string            `yaml:"reuse" json:"reuse,omitempty" enum:"files,tree" help:"do not run it again where the same command of the same version has passed on the same content, at any stage and in CI: files: of its files and those that reads names; tree: of the whole tree" example:"files"`
	Version string            `yaml:"version" json:"version,omitempty" help:"command whose output tells which version of the tool runs, for reuse; without it the program's file counts" example:"flake8 --version"`
	Always  bool              `yaml:"always" json:"always,omitempty" help:"run even when no file is selected"`
}

const longestJob = 24 * time.Hour

// Validate reports what the single values cannot know of each other.
func (j *Job) Validate(report func(path, message string)) {
	if strings.TrimSpace(j.Run) == "" {
		report("run", "no command, want for example: flake8 {files}")
	}
	if strings.Contains(j.Run, "'"+plan.FilesPlaceholder+"'") {
		report("run", "{files} stands in single quotes, where a shell does not look; want it without quotes: names with blanks are passed whole")
	}
	if j.Within <= 0 || j.Within.Std() > longestJob {
		report("within", fmt.Sprintf("%s, want more than 0 and at most %s", j.Within, config.Duration(longestJob)))
	}
	if j.Fix && !strings.Contains(j.Run, plan.FilesPlaceholder) {
		report("fix", "a command that repairs must be told which files, want {files} in run")
	}
	if j.Fix && j.Sees == "disk" {
		report("sees", "a command that repairs sees what is staged, want sees: staged or no fix")
	}
	if j.Reuse != "" && (j.Fix || j.Sees == "disk") {
		report("reuse", "only what is judged exactly as it is staged can be known to be good, want no fix and no sees: disk")
	}
	if j.Reuse == "files" && !strings.Contains(j.Run, plan.FilesPlaceholder) {
		report("reuse", "a command without {files} is about the whole tree, want reuse: tree")
	}
	if j.Version != "" && j.Reuse == "" {
		report("version", "it is asked only for reuse, want reuse: files or reuse: tree")
	}
	for _, p := range append(slices.Clone(j.Link), j.Dir) {
		if p != "" && !inside(p) {
			report("link", fmt.Sprintf("%q leads out of the repository, want a path from its root", p))
		}
	}
	checkSelect(j.Files, j.Exclude, j.Types, report)
}

// inside is true for a path from the root that stays below it and out of .git.
func inside(p string) bool {
	clean := path.Clean(p)
	return !path.IsAbs(p) && clean != ".." && !strings.HasPrefix(clean, "../") && clean != ".git" && !strings.HasPrefix(clean, ".git/")
}

func (j Job) compile(name string) plan.Job {
	dir := ""
	if j.Dir != "" {
		dir = path.Clean(j.Dir)
	}
	return plan.Job{
		Name: name, Run: j.Run, Select: plan.Select{Files: j.Files, Exclude: j.Exclude, Types: j.Types}, Fix: j.Fix, Within: j.Within.Std(), Dir: dir,
		Env: j.Env, Group: j.Group, Needs: j.Needs, Reads: j.Reads, Writes: j.Writes, Link: j.Link, OnDisk: j.Sees == "disk", Whole: j.Sees == "tree", Reuse: j.Reuse, Version: j.Version, Always: j.Always,
	}
}
