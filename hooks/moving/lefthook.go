package moving

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// lefthookNames are where lefthook looks for its main configuration, as far as it is YAML or JSON.
var lefthookNames = []string{
	"lefthook.yml", "lefthook.yaml", ".lefthook.yml", ".lefthook.yaml", ".config/lefthook.yml", ".config/lefthook.yaml", "lefthook.json", ".lefthook.json",
}

// lefthookFile is lefthook.yml, see https://lefthook.dev/configuration/.
type lefthookFile struct {
	*file
	into   *Found
	strict bool   // globs are doublestar's
	folder string // of scripts
}

// lefthookScope is what holds for the jobs of a hook or a group.
type lefthookScope struct {
	stage   string
	serial  string // group of jobs that do not run at the same time; empty where they may
	piped   bool
	needs   []string
	leftOut []string // tags
	root    string
	globs   []string
	exclude []string
	env     map[string]string
}

func lefthook(dir string, into *Found) error {
	for _, name := range []string{"lefthook.toml", ".lefthook.toml"} {
		if data, err := read(dir, name); err == nil && data != nil {
			into.read(name)
			into.note(name, "is TOML, which is not read here; write it as lefthook.yml (lefthook dump --format yaml)")
		}
	}
	for _, name := range lefthookNames {
		data, err := read(dir, name)
		if err != nil {
			return err
		}
		if data == nil {
			continue
		}
		parsed, err := parse(name, data)
		if err != nil {
			return err
		}
		into.read(name)
		f := &lefthookFile{file: parsed, into: into}
		if err := f.top(); err != nil {
			return err
		}
		return nil
	}
	return nil
}

// silent are keys that change what lefthook shows or how it is installed, and nothing that is checked.
var silent = []string{
	"assert_lefthook_installed", "colors", "min_version", "no_tty", "output", "skip_output", "source_dir", "source_dir_local", "skip_lfs", "glob_matcher", "lefthook", "no_auto_install", "install_non_git_hooks", "$schema",
}

func (f *lefthookFile) top() error {
	if err := f.want(f.root, "the document", mapping); err != nil {
		return err
	}
	k := &keys{file: f.file, of: f.root}
	f.strict = k.text("glob_matcher") == "doublestar"
	if f.folder = strings.TrimSuffix(k.text("source_dir"), "/"); f.folder == "" {
		f.folder = ".lefthook"
	}
	if k.err != nil {
		return k.err
	}
	if !f.strict {
		f.into.remark("globs of " + f.name + " took no account of case; here they do")
	}
	for _, key := range f.root.keys {
		n := f.root.at[key]
		switch {
		case slices.Contains(silent, key):
		case slices.Contains(stageNames, key):
			if err := f.want(n, key, mapping); err != nil {
				return err
			}
			if err := f.hook(key, n); err != nil {
				return err
			}
		case key == "extends" || key == "remote" || key == "remotes":
			f.into.note(f.place(n), "%s: other configurations are not read; put what they say into %s, and import again", key, f.name)
			f.into.lost = append(f.into.lost, Lost{Stage: "pre-commit", Name: key, Why: oneLine(f.place(n) + ": other configurations are not read; put what they say into " + f.name)})
		case key == "rc" || key == "templates":
			f.into.note(f.place(n), "%s has no equal; write what it sets into env or run of the jobs", key)
		default:
			f.into.note(f.place(n), "%s is not moved: there is no such stage here", key)
		}
	}
	return nil
}

func (f *lefthookFile) hook(stage string, n *node) error {
	k := &keys{file: f.file, of: n}
	s := lefthookScope{stage: stage, piped: k.flag("piped", false), leftOut: k.list("exclude_tags"), env: k.texts("env")}
	if !k.flag("parallel", false) {
		s.serial = "serial"
	}
	if k.err != nil {
		return k.err
	}
	for _, key := range k.unknown("parallel", "piped", "follow", "commands", "scripts", "jobs", "exclude_tags", "skip", "only", "exclude", "files", "env") {
		f.into.note(f.place(n.at[key]), "%s.%s has no equal, and is not moved", stage, key)
	}
	if says(n.get("skip"), "true") || says(n.get("only"), "false") {
		f.into.remark(stage + " is switched off by skip or only")
		return k.err
	}
	if said, err := conditions(k); said != "" || err != nil {
		if err != nil {
			f.into.lose(stage, "lefthook", f.place(n), stage, err.Error())
			return nil
		}
		f.into.note(f.place(n), "%s: %s", stage, said)
	}
	if k.err != nil {
		return k.err
	}
	if n.get("files") != nil {
		f.into.lose(stage, "lefthook", f.place(n.get("files")), stage, "files is a command that lists files, which has no equal; use {staged_files} or {push_files}")
		return nil
	}
	var err error
	if s.exclude, err = f.excluded(n.get("exclude")); err != nil {
		f.into.lose(stage, "lefthook", f.place(n.get("exclude")), stage, err.Error())
		return nil
	}
	items, err := f.items(n)
	if err != nil {
		return err
	}
	_, err = f.jobs(items, s)
	return err
}

// item is a command, a script or a job of lefthook.
type item struct {
	name, script string
	node         *node
	priority     int
}

// items lists what a hook has, in the order in which lefthook runs it.
func (f *lefthookFile) items(n *node) ([]item, error) {
	var all []item
	for _, key := range []string{"commands", "scripts"} {
		of := n.get(key)
		if err := f.want(of, key, mapping); err != nil {
			return nil, err
		}
		if of == nil {
			continue
		}
		for _, name := range of.keys {
			it := item{name: name, node: of.at[name], priority: math.MaxInt}
			if key == "scripts" {
				it.script = name
			}
			if err := f.want(it.node, name, mapping); err != nil {
				return nil, err
			}
			k := &keys{file: f.file, of: it.node}
			if text := k.text("priority"); text != "" {
				p, err := strconv.Atoi(text)
				if err != nil {
					return nil, f.errorf(it.node.get("priority"), "priority is %q, want a whole number", text)
				}
				if p != 0 {
					it.priority = p
				}
			}
			all = append(all, it)
		}
	}
	slices.SortStableFunc(all, func(a, b item) int { return cmp.Or(cmp.Compare(a.priority, b.priority), cmp.Compare(a.name, b.name)) })
	list, err := f.list(n)
	return append(all, list...), err
}

// list is what stands under jobs.
func (f *lefthookFile) list(n *node) ([]item, error) {
	jobs := n.get("jobs")
	if err := f.want(jobs, "jobs", sequence); err != nil || jobs == nil {
		return nil, err
	}
	var all []item
	for i, j := range jobs.list {
		if j.kind != mapping {
			return nil, f.errorf(j, "a job is %s, want a mapping with run, script or group", j.kind)
		}
		k := &keys{file: f.file, of: j}
		it := item{name: k.text("name"), script: k.text("script"), node: j}
		if it.name == "" {
			it.name = cmp.Or(it.script, firstWord(k.text("run")), fmt.Sprintf("job-%d", i+1))
		}
		if k.err != nil {
			return nil, k.err
		}
		all = append(all, it)
	}
	return all, nil
}

// firstWord names a command by its program.
func firstWord(run string) string {
	if all, err := words(run); err == nil {
		if name, _, found := program(all); found {
			return name
		}
	}
	return ""
}

// jobs moves items and returns the names of the jobs that they became.
func (f *lefthookFile) jobs(items []item, s lefthookScope) ([]string, error) {
	var all []string
	needs := s.needs
	for _, it := range items {
		within := s
		within.needs = needs
		names, err := f.item(it, within)
		if err != nil {
			return nil, err
		}
		all = append(all, names...)
		if s.piped && len(names) > 0 {
			needs = names
		}
	}
	return all, nil
}
