package moving

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
)

// lintStagedNames are where lint-staged looks for its configuration, in its order; package.json comes first.
var (
	lintStagedNames    = []string{".lintstagedrc", ".lintstagedrc.json", ".lintstagedrc.yaml", ".lintstagedrc.yml"}
	lintStagedPrograms = []string{
		".lintstagedrc.js", ".lintstagedrc.mjs", ".lintstagedrc.cjs", ".lintstagedrc.ts", "lint-staged.config.js", "lint-staged.config.mjs", "lint-staged.config.cjs", "lint-staged.config.ts",
	}
)

// packageName is where the tools of Node may have their configurations.
const packageName = "package.json"

// packageJSON is package.json, nil where there is none.
func packageJSON(dir string) (*file, error) {
	data, err := read(dir, packageName)
	if err != nil || data == nil {
		return nil, err
	}
	f, err := parse(packageName, data)
	if err != nil {
		return nil, err
	}
	return f, f.want(f.root, "the document", mapping)
}

func lintStaged(dir string, into *Found) error {
	f, err := packageJSON(dir)
	if err != nil {
		return err
	}
	if f != nil && f.root.get("lint-staged") != nil {
		return moveLintStaged(f, f.root.get("lint-staged"), into)
	}
	for _, name := range lintStagedNames {
		data, err := read(dir, name)
		if err != nil {
			return err
		}
		if data == nil {
			continue
		}
		f, err := parse(name, data)
		if err != nil {
			return err
		}
		return moveLintStaged(f, f.root, into)
	}
	for _, name := range lintStagedPrograms {
		if data, err := read(dir, name); err == nil && data != nil {
			into.read(name)
			into.note(name, "is a program, and none is run here; write what it exports as .lintstagedrc.json, and import again")
			return nil
		}
	}
	return nil
}

// moveLintStaged moves globs and their commands, see https://github.com/lint-staged/lint-staged#configuration.
func moveLintStaged(f *file, n *node, into *Found) error {
	into.read(f.name)
	if err := f.want(n, "the configuration of lint-staged", mapping); err != nil {
		return err
	}
	into.lintStaged = true
	for _, glob := range n.keys {
		tasks := n.at[glob]
		commands, err := tasksOf(f, tasks)
		if err != nil {
			return err
		}
		selected, err := fromStrictGlob(glob)
		if err != nil {
			into.note(f.place(tasks), "lint-staged %q is not moved: %s", glob, err)
			continue
		}
		moveTasks(f, tasks, glob, commands, selected, into)
	}
	return nil
}

// tasksOf are the commands of one glob.
func tasksOf(f *file, n *node) ([]string, error) {
	list := n.list
	if n.kind == scalar {
		list = []*node{n}
	} else if n.kind != sequence {
		return nil, f.errorf(n, "the commands of a glob are %s, want a text or a list of texts", n.kind)
	}
	var all []string
	for _, item := range list {
		if item.kind != scalar {
			return nil, f.errorf(item, "a command is %s, want a text", item.kind)
		}
		all = append(all, item.text)
	}
	return all, nil
}

// moveTasks makes jobs that run one after the other. What a task of lint-staged changes is staged, so each may repair; those that are known to check only,
// and come last, do not.
func moveTasks(f *file, n *node, glob string, commands []string, selected paths, into *Found) {
	var jobs []*job
	for _, text := range commands {
		command, err := words(text)
		if err == nil && len(command) == 0 {
			err = errors.New("it is empty")
		}
		if err != nil {
			into.note(f.place(n), "lint-staged %q: %q is not moved: %s", glob, text, err)
			continue
		}
		if len(command) >= 2 && command[0] == "git" && command[1] == "add" {
			into.remark(fmt.Sprintf("%q of lint-staged is not needed: what a job with fix changes is staged", text))
			continue
		}
		name, _, _ := program(command)
		fixes, known := repairs(command)
		run := shell(command) + " {files}"
		if ownPrograms(command[0]) {
			run = `PATH="$PWD/node_modules/.bin:$PATH" ` + run
		}
		jobs = append(jobs, &job{
			name: name, place: f.place(n), remark: "lint-staged " + glob, run: run, selection: selection{files: slices.Clone(selected.globs)}, fix: fixes || !known,
		})
	}
	for i := len(jobs) - 2; i >= 0; i-- { // jobs with fix run before those without
		jobs[i].fix = jobs[i].fix || jobs[i+1].fix
	}
	var before string
	for _, j := range jobs {
		if before != "" {
			j.needs = []string{before}
		}
		before = into.stage("pre-commit").addJob(j)
	}
}

// ownPrograms tells whether a program is looked for in node_modules first.
func ownPrograms(name string) bool {
	return !strings.Contains(name, "/") && !slices.Contains([]string{"npx", "npm", "yarn", "pnpm", "bun", "bunx", "sh", "bash", "git", "env", "node", "python", "python3"}, name)
}

// ofNode are commands that look into node_modules.
var ofNode = regexp.MustCompile(`(?:^|[\s/;&|("'])(?:node|npm|npx|yarn|pnpm|bun|bunx|eslint|prettier|stylelint|tsc|jest|vitest|node_modules)(?:$|[\s/;&|)"'])`)

// linkNode gives jobs of Node their packages where they run on an export of what is staged, which has no ignored folders.
func (f *Found) linkNode() {
	for _, s := range f.stages {
		for _, j := range s.jobs {
			if j.sees != "disk" && ofNode.MatchString(j.run) {
				j.link = []string{path.Join(j.dir, "node_modules")}
			}
		}
	}
}
