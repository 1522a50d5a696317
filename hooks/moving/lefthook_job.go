package moving

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

var lefthookKeys = []string{
	"name", "run", "script", "runner", "args", "glob", "exclude", "files", "file_types", "root", "env", "skip", "only", "tags", "stage_fixed", "fail_text", "interactive", "use_stdin", "priority", "group",
}

// item moves one command, script, job or group.
func (f *lefthookFile) item(it item, s lefthookScope) ([]string, error) {
	k := &keys{file: f.file, of: it.node}
	if it.node.kind != mapping {
		k.of = &node{kind: mapping, line: it.node.line}
	}
	if left := slices.IndexFunc(k.list("tags"), func(tag string) bool { return slices.Contains(s.leftOut, tag) }); left >= 0 {
		f.into.remark(it.name + " is left out by exclude_tags")
		return nil, k.err
	}
	names, err := f.move(k, it, s)
	if k.err != nil {
		return nil, k.err
	}
	if err != nil {
		f.into.lose(s.stage, it.name, f.place(it.node), it.name+" of "+s.stage, err.Error())
	}
	return names, nil
}

func (f *lefthookFile) move(k *keys, it item, s lefthookScope) ([]string, error) {
	note := func(key, format string, values ...any) {
		f.into.note(f.place(cmp.Or(k.of.get(key), it.node)), "%s of %s: %s", it.name, s.stage, fmt.Sprintf(format, values...))
	}
	if says(k.of.get("skip"), "true") || says(k.of.get("only"), "false") {
		f.into.remark(it.name + " is switched off by skip or only")
		return nil, nil
	}
	said, err := conditions(k)
	if err != nil {
		return nil, err
	}
	if said != "" {
		note("skip", "%s", said)
	}
	for _, key := range k.unknown(lefthookKeys...) {
		note(key, "key %q has no equal, and is not moved", key)
	}
	for _, key := range []string{"interactive", "use_stdin"} {
		if k.flag(key, false) && (key == "interactive" || s.stage != "pre-push") {
			return nil, fmt.Errorf("%s has no equal: a job is given no terminal", key)
		}
	}
	if k.text("fail_text") != "" {
		note("fail_text", "fail_text has no equal; have the command say it")
	}
	if k.of.get("files") != nil {
		return nil, errors.New("files is a command that lists files, which has no equal; use {staged_files} or {push_files}")
	}
	if s, err = f.narrowed(k, s); err != nil || k.err != nil {
		return nil, err
	}
	if group := k.of.get("group"); group != nil {
		return f.group(k, it, group, s), nil
	}
	j := &job{name: it.name, place: f.place(it.node), needs: s.needs, group: s.serial, env: s.env, dir: s.root, always: s.stage != "pre-commit" && s.stage != "pre-push"}
	j.files, j.exclude = s.globs, s.exclude
	if j.types, err = lefthookTypes(k.list("file_types")); err != nil {
		return nil, err
	}
	if j.always && (len(j.files) > 0 || len(j.exclude) > 0 || len(j.types) > 0) {
		return nil, errors.New("it chooses among files, and this stage is not about them")
	}
	if j.run, err = f.run(k, it, s); err != nil {
		return nil, err
	}
	if s.stage == "pre-commit" && k.flag("stage_fixed", false) {
		if !strings.Contains(j.run, "{files}") {
			return nil, errors.New("stage_fixed needs a command that is told which files, want {staged_files} in run")
		}
		j.fix = true
	}
	to := f.into.stage(s.stage)
	j.needs = slices.DeleteFunc(slices.Clone(j.needs), func(need string) bool {
		checks := j.fix && slices.ContainsFunc(to.jobs, func(o *job) bool { return o.name == need && !o.fix })
		if checks {
			note("stage_fixed", "it repairs, and so runs before %s, which only checks", need)
		}
		return checks
	})
	for name, value := range j.env {
		if strings.Contains(value, "$") {
			note("env", "env.%s is taken as it is written: variables in it are not put in", name)
		}
	}
	return []string{to.addJob(j)}, k.err
}

// says tells whether a value is this word.
func says(n *node, word string) bool { return n != nil && n.kind == scalar && n.text == word }

// conditions reads skip and only. What is said is a difference that does not keep the job from being moved.
func conditions(k *keys) (said string, err error) {
	if n := k.of.get("only"); n != nil && n.kind != null && n.text != "true" {
		return "", errors.New("only has no equal, and without it the job would run where it must not; write the condition into the command")
	}
	n := k.of.get("skip")
	if n == nil || n.kind == null || n.text == "false" {
		return "", nil
	}
	simple := []string{"merge", "rebase", "merge-commit"}
	switch {
	case n.kind == scalar && slices.Contains(simple, n.text):
		return "skip: " + n.text + " has no equal, so it runs then too", nil
	case n.kind == sequence && !slices.ContainsFunc(n.list, func(v *node) bool { return v.kind != scalar || !slices.Contains(simple, v.text) }):
		return "skip has no equal, so it runs during merges and rebases too", nil
	case n.kind == scalar && n.text == "true":
		return "", errors.New("it is switched off by skip")
	}
	return "", errors.New("skip has a condition that has no equal; write it into the command")
}

// group moves the jobs of a group.
func (f *lefthookFile) group(k *keys, it item, group *node, s lefthookScope) []string {
	if group.kind != mapping {
		k.fail(group, "group is %s, want a mapping with jobs", group.kind)
		return nil
	}
	of := &keys{file: f.file, of: group}
	s.piped = of.flag("piped", false)
	if parallel := of.flag("parallel", false); !parallel && s.serial == "" {
		s.serial = "serial-" + (&stage{}).freeName(it.name)
	}
	for _, key := range of.unknown("parallel", "piped", "jobs") {
		f.into.note(f.place(group.at[key]), "%s of %s: key %q has no equal, and is not moved", it.name, s.stage, key)
	}
	items, err := f.list(group)
	if err == nil {
		err = of.err
	}
	var names []string
	if err == nil {
		names, err = f.jobs(items, s)
	}
	if err != nil && k.err == nil {
		k.err = err
	}
	return names
}
