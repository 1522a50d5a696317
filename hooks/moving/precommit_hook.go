package moving

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"goodstate.dev/goodstate/hooks/rule"
)

const ownHooks = "pre-commit/pre-commit-hooks"

// preCommitHook is one hook of pre-commit: what its manifest says, with what the configuration says over it.
type preCommitHook struct {
	file          *preCommitFile
	node          *node
	repo, rev, id string
	label         string
	remark        string

	known                       bool // the command is: its tool or its entry
	rule                        *rule.Kind
	entry                       []string
	language, version           string
	more                        []string // packages beside it
	args                        []string
	types, typesOr, notTypes    []string
	files, exclude              string
	passes, always, one, chosen bool
	stages                      []string
	err                         error
	absent                      error // why its repository is not there
}

// native hooks are done by a rule or the message policy.
func (h *preCommitHook) native() bool {
	return h.rule != nil || policies[ownerAndName(h.repo)+" "+h.id] != nil
}

// know takes what is known of the hook without its repository.
func (h *preCommitHook) know() {
	h.passes, h.label = true, h.id
	name := ownerAndName(h.repo)
	if h.repo == "local" {
		h.known = true
		return
	}
	kind, isKind := rule.Find(h.id)
	switch {
	case name == ownHooks && h.id == "check-ast":
		h.known, h.types = true, []string{"python"}
		h.entry = []string{"python3", "-c", "import ast, sys\nfor name in sys.argv[1:]: ast.parse(open(name, 'rb').read(), name)"}
		h.remark = "check-ast: wants python3 on PATH"
	case name == ownHooks && isKind:
		h.rule = &kind
	case (name == "gitleaks/gitleaks" || name == "zricethezav/gitleaks") && strings.HasPrefix(h.id, "gitleaks"), name == "yelp/detect-secrets" && h.id == "detect-secrets":
		if kind, ok := rule.Find("secrets"); ok {
			h.rule = &kind
		}
	case h.file.into.env != nil && policies[name+" "+h.id] == nil:
		h.ask()
	default:
		t, ok := findTool(h.repo, h.id)
		if !ok {
			return
		}
		h.known, h.entry, h.args, h.types, h.typesOr, h.files, h.passes = true, t.run, t.args, t.types, t.or, t.files, !t.bare
		h.remark = fmt.Sprintf("%s: wants %s on PATH, as in %s %s", h.id, t.run[0], name, h.rev)
		if t.stage != "" {
			h.stages = []string{t.stage}
		}
	}
}

// configure puts what the configuration says over it.
func (h *preCommitHook) configure(k *keys) {
	has := func(key string) bool { return k.of.get(key) != nil }
	if has("args") {
		h.args = k.list("args")
	}
	h.chosen = has("types") || has("types_or")
	if has("types") {
		h.types = k.list("types")
	}
	if has("types_or") {
		h.typesOr = k.list("types_or")
	}
	if has("exclude_types") {
		h.notTypes = k.list("exclude_types")
	}
	if has("files") {
		h.files = k.text("files")
	}
	if has("exclude") {
		h.exclude = k.text("exclude")
	}
	if has("stages") {
		h.stages = stagesOf(k.list("stages"))
	}
	h.passes, h.always, h.one = k.flag("pass_filenames", h.passes), k.flag("always_run", h.always), k.flag("require_serial", h.one)
	if has("language") {
		h.language = k.text("language")
	}
	if has("language_version") {
		h.version = k.text("language_version")
	}
	if has("additional_dependencies") {
		h.more = k.list("additional_dependencies")
	}
	if label := k.text("alias"); label != "" {
		h.label = label
	}
	if h.repo == "local" {
		h.remark = k.text("name")
	}
	if entry := k.text("entry"); entry != "" {
		switch h.language {
		case "pygrep", "fail":
			h.entry = []string{entry}
		default:
			h.entry, h.err = words(entry)
			h.known = true
		}
	}
}

// move adds the hook to a stage.
func (h *preCommitHook) move(stage string) error {
	if h.absent != nil {
		return h.absent
	}
	if h.err != nil {
		return fmt.Errorf("entry: %w", h.err)
	}
	if h.rule == nil && !h.known {
		return fmt.Errorf("%s of %s is not known here; write a job with its command, for example %s: {run: \"%s {files}\"}", h.id, h.repo, h.id, h.id)
	}
	if slices.Contains(after, stage) || stage == "commit-msg" || stage == "prepare-commit-msg" {
		return h.event(stage)
	}
	choices, err := h.choices()
	if err != nil {
		return err
	}
	if h.rule != nil {
		return h.useRule(stage, choices)
	}
	if h.language == "pygrep" {
		return h.grep(stage, choices)
	}
	command, err := h.command()
	if err != nil {
		return err
	}
	fixes, _ := repairs(slices.Concat(h.entry, h.args))
	switch {
	case !fixes:
	case !h.passes:
		h.note("it repairs files and is not told which, so what it repairs is not staged; write {files} behind its command, and fix: true")
	case stage != "pre-commit":
		h.note("it repairs files, and only pre-commit has something staged to repair; have it check only in %s", stage)
	}
	for _, c := range choices {
		j := &job{name: h.label, place: h.file.place(h.node), remark: join(h.remark, c.remark), selection: c.selection, always: h.always, run: command}
		if c.name != "" {
			j.name += "-" + c.name
		}
		if h.passes && h.language != "fail" {
			j.run += " {files}"
		}
		if h.one {
			j.group = "serial"
		}
		j.fix = fixes && h.passes && stage == "pre-commit"
		h.file.into.stage(stage).addJob(j)
	}
	return nil
}

// note names what is not as it was, of a hook that is moved.
func (h *preCommitHook) note(format string, values ...any) {
	h.file.into.note(h.file.place(h.node), "hook "+h.id+": "+format, values...)
}

// choices are the files of the hook, by globs and types.
func (h *preCommitHook) choices() ([]choice, error) {
	files, err := fromRegexp(h.files)
	if err != nil {
		return nil, fmt.Errorf("files: %q cannot be said by globs: %w; write globs under files", h.files, err)
	}
	if files.none() || h.file.files.none() {
		return nil, errors.New("its files match no path at all")
	}
	exclude := paths{}
	if h.exclude != "" {
		if exclude, err = fromRegexp(h.exclude); err != nil {
			return nil, fmt.Errorf("exclude: %q cannot be said by globs: %w; write globs under exclude", h.exclude, err)
		}
	}
	if exclude.all || h.file.exclude.all {
		return nil, errors.New("exclude leaves no file to it")
	}
	choices, err := typed(h.types, h.typesOr, h.notTypes)
	if err != nil {
		return nil, err
	}
	for i := range choices {
		c := &choices[i]
		for _, globs := range [][]string{files.globs, h.file.files.globs} {
			if c.files, err = intersect(c.files, globs); err != nil {
				return nil, err
			}
		}
		for _, g := range slices.Concat(exclude.globs, h.file.exclude.globs) {
			if !slices.Contains(c.exclude, g) {
				c.exclude = append(c.exclude, g)
			}
		}
	}
	return choices, nil
}
