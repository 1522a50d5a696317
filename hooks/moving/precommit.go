package moving

import (
	"slices"
	"strings"
)

const preCommitName = ".pre-commit-config.yaml"

// preCommitFile is .pre-commit-config.yaml, see https://pre-commit.com/#pre-commit-configyaml---top-level.
type preCommitFile struct {
	*file
	into      *Found
	installed []string // the Git hooks that pre-commit is installed at
	stages    []string // of hooks that name none
	files     paths
	exclude   paths
}

func preCommit(dir string, into *Found) error {
	data, err := read(dir, preCommitName)
	if err != nil || data == nil {
		return err
	}
	parsed, err := parse(preCommitName, data)
	if err != nil {
		return err
	}
	into.read(preCommitName)
	if err := parsed.want(parsed.root, "the document", mapping); err != nil {
		return err
	}
	f := &preCommitFile{file: parsed, into: into}
	if err := f.top(); err != nil {
		return err
	}
	repos := f.root.get("repos")
	if err := f.want(repos, "repos", sequence); err != nil || repos == nil {
		return err
	}
	for _, repo := range repos.list {
		if err := f.repo(repo); err != nil {
			return err
		}
	}
	return nil
}

// top reads what holds for all hooks.
func (f *preCommitFile) top() error {
	k := &keys{file: f.file, of: f.root}
	f.installed, f.stages = stagesOf(k.list("default_install_hook_types")), stagesOf(k.list("default_stages"))
	if len(f.installed) == 0 {
		f.installed = []string{"pre-commit"}
	}
	if k.flag("fail_fast", false) {
		f.into.note(f.place(f.root.get("fail_fast")), "fail_fast has no equal: after a failure the other rules and jobs run too; nothing is to be done")
	}
	if f.root.get("ci") != nil {
		f.into.remark("ci: is for pre-commit.ci and means nothing here")
	}
	for _, key := range k.unknown("repos", "default_install_hook_types", "default_language_version", "default_stages", "files", "exclude", "fail_fast", "minimum_pre_commit_version", "ci") {
		f.into.note(f.place(f.root.get(key)), "key %q is not known, and not moved", key)
	}
	files, exclude := k.text("files"), k.text("exclude")
	if k.err != nil {
		return k.err
	}
	var err error
	if f.files, err = fromRegexp(files); err != nil {
		return f.errorf(f.root.get("files"), "files: %q cannot be said by globs: %s; write it simpler, since it holds for all hooks", files, err)
	}
	if exclude == "" {
		exclude = "^$"
	}
	if f.exclude, err = fromRegexp(exclude); err != nil {
		return f.errorf(f.root.get("exclude"), "exclude: %q cannot be said by globs: %s; write it simpler, since it holds for all hooks", exclude, err)
	}
	return nil
}

// stagesOf gives stages the names that they have today.
func stagesOf(given []string) []string {
	var all []string
	for _, s := range given {
		switch s {
		case "commit":
			s = "pre-commit"
		case "push":
			s = "pre-push"
		case "merge-commit":
			s = "pre-merge-commit"
		}
		if !slices.Contains(all, s) {
			all = append(all, s)
		}
	}
	return all
}

func (f *preCommitFile) repo(n *node) error {
	if n.kind != mapping {
		return f.errorf(n, "an entry of repos is %s, want repo, rev and hooks", n.kind)
	}
	k := &keys{file: f.file, of: n}
	name, rev := k.text("repo"), k.text("rev")
	hooks := n.get("hooks")
	if k.err != nil {
		return k.err
	}
	if name == "" {
		return f.errorf(n, "an entry of repos has no repo, want an address, local or meta")
	}
	if err := f.want(hooks, "hooks", sequence); err != nil || hooks == nil {
		return err
	}
	if name == "meta" {
		f.into.remark("repo: meta looks at pre-commit's own configuration and means nothing here")
		return nil
	}
	for _, h := range hooks.list {
		if h.kind != mapping {
			return f.errorf(h, "a hook is %s, want a mapping with an id", h.kind)
		}
		if err := f.hook(name, rev, h); err != nil {
			return err
		}
	}
	return nil
}

// hook moves one hook. What cannot be moved is a note; an error is a value that pre-commit would not read either.
func (f *preCommitFile) hook(repo, rev string, n *node) error {
	k := &keys{file: f.file, of: n}
	h := &preCommitHook{file: f, node: n, repo: repo, id: k.text("id")}
	if h.id == "" {
		k.fail(n, "a hook has no id")
	}
	h.rev = rev
	h.know()
	h.configure(k)
	if k.err != nil {
		return k.err
	}
	h.unmoved(k)
	if policy := policies[ownerAndName(repo)+" "+h.id]; policy != nil {
		if err := policy(h); err != nil {
			f.into.lose("commit-msg", h.id, f.place(n), "hook "+h.id, err.Error())
		}
		return nil
	}
	for _, stage := range h.where() {
		if err := h.move(stage); err != nil {
			f.into.lose(stage, h.id, f.place(n), "hook "+h.id+" is not moved to "+stage, err.Error())
		}
	}
	return nil
}

// unmoved names keys that have no equal, while the hook itself is moved.
func (h *preCommitHook) unmoved(k *keys) {
	note := func(key, format string, values ...any) {
		h.file.into.note(h.file.place(h.node.get(key)), "hook "+h.id+": "+format, values...)
	}
	if k.flag("verbose", false) {
		note("verbose", "verbose has no equal: what a job says is shown when it fails; nothing is to be done")
	}
	if k.text("log_file") != "" {
		note("log_file", "log_file has no equal; have the command write the file itself")
	}
	if k.flag("fail_fast", false) {
		note("fail_fast", "fail_fast has no equal; let the other jobs need this one (needs) where they must not run after it")
	}
	for _, key := range k.unknown("id", "alias", "name", "language_version", "files", "exclude", "types", "types_or", "exclude_types", "args", "stages", "additional_dependencies",
		"always_run", "verbose", "log_file", "entry", "language", "pass_filenames", "require_serial", "description", "minimum_pre_commit_version", "fail_fast") {
		note(key, "key %q is not known, and not moved", key)
	}
	if more := k.list("additional_dependencies"); len(more) > 0 && !h.native() && h.file.into.env == nil {
		note("additional_dependencies", "no environment is built here, so %s must be installed beside %s", strings.Join(more, ", "), h.id)
	}
}

// where are the stages that the hook goes to. Those that do not exist here are named.
func (h *preCommitHook) where() []string {
	wanted := h.stages
	if len(wanted) == 0 {
		wanted = slices.DeleteFunc(slices.Clone(h.file.installed), func(s string) bool {
			return len(h.file.stages) > 0 && !slices.Contains(h.file.stages, s)
		})
		if len(wanted) == 0 {
			wanted = slices.Clone(h.file.stages) // installed one by one, as with pre-commit install -t
		}
		wanted = slices.DeleteFunc(wanted, func(s string) bool {
			if s == "pre-commit" || s == "pre-push" {
				return false
			}
			h.file.into.remark("hooks that name no stages are not run at " + s)
			return true
		})
	}
	var known []string
	for _, s := range wanted {
		switch {
		case slices.Contains(stageNames, s):
			known = append(known, s)
		case s == "pre-merge-commit" && slices.Contains(wanted, "pre-commit"), s == "manual" && len(wanted) > 1:
			h.file.into.remark(h.id + " has no stage " + s + " here")
		case s == "manual":
			h.file.into.note(h.file.place(h.node), "hook %s is not moved: it runs at no Git hook (stages: [manual]); start it by hand, or give it a stage", h.id)
		default:
			h.file.into.note(h.file.place(h.node), "hook %s is not moved to %s: there is no such stage here", h.id, s)
		}
	}
	return known
}
