package moving

import (
	"fmt"
	"path"
	"slices"
)

// ask takes what the hook's repository says of it.
func (h *preCommitHook) ask() {
	data, err := h.file.into.env.Manifest(h.repo, h.rev)
	if err != nil {
		h.absent = fmt.Errorf("its repository is not there: %w", err)
		return
	}
	f, err := parse(".pre-commit-hooks.yaml", data)
	if err == nil {
		err = f.want(f.root, "the document", sequence)
	}
	if err != nil {
		h.absent = fmt.Errorf("%s: %w", h.repo, err)
		return
	}
	for _, n := range f.root.list {
		if n.kind != mapping {
			continue
		}
		k := &keys{file: f, of: n}
		if k.text("id") != h.id {
			continue
		}
		h.configure(k)
		h.known, h.chosen = true, false
		if k.err != nil {
			h.absent = fmt.Errorf("%s: %w", h.repo, k.err)
		}
		return
	}
	h.absent = fmt.Errorf("%s at %s has no hook %s", h.repo, h.rev, h.id)
}

// prepared is the command with the environment that it runs in.
func (h *preCommitHook) prepared(entry []string) (string, error) {
	env := h.file.into.env
	from := h.repo
	if from == "local" {
		from = ""
	}
	switch language := h.language; {
	case language == "fail":
		return "printf '%s\\n' " + shell([]string{h.entry[0]}) + " {files} >&2; exit 1", nil
	case language == "system", language == "unsupported", language == "" && from == "":
		return shell(slices.Concat(entry, h.args)), nil
	case language == "script", language == "unsupported_script":
		if from != "" {
			root, err := env.Source(from, h.rev)
			if err != nil {
				return "", err
			}
			return shell(slices.Concat([]string{path.Join(root, entry[0])}, entry[1:], h.args)), nil
		}
		if path.Dir(entry[0]) == "." {
			entry = slices.Concat([]string{"./" + entry[0]}, entry[1:])
		}
		return shell(slices.Concat(entry, h.args)), nil
	case !slices.Contains(built, language):
		return "", fmt.Errorf("language %q is not run here; write a job with the command itself", language)
	}
	version := h.version
	if version == "default" || version == "system" {
		version = ""
	}
	bin, err := env.Build(from, h.rev, h.language, version, h.more)
	if err != nil {
		return "", err
	}
	return "export PATH=" + shell([]string{bin}) + `:"$PATH"; ` + shell(slices.Concat(entry, h.args)), nil
}
