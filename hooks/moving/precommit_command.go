package moving

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// built are languages for which pre-commit builds an environment.
var built = []string{"python", "node", "ruby", "golang", "rust", "dotnet", "lua", "perl", "r", "swift", "coursier", "conda", "dart", "haskell", "julia"}

// command is what a shell is to run, without the files.
func (h *preCommitHook) command() (string, error) {
	if len(h.entry) == 0 {
		return "", errors.New("it has no entry")
	}
	entry := h.entry
	switch {
	case h.file.into.env != nil:
		return h.prepared(entry)
	case h.repo != "local":
	case h.language == "" || h.language == "system" || h.language == "unsupported":
	case h.language == "script" || h.language == "unsupported_script":
		if !strings.Contains(entry[0], "/") {
			entry = slices.Concat([]string{"./" + entry[0]}, entry[1:])
		}
	case h.language == "fail":
		return "printf '%s\\n' " + shell([]string{h.entry[0]}) + " {files} >&2; exit 1", nil
	case slices.Contains(built, h.language):
		h.note("pre-commit built an environment for it (language: %s), which is not done here; install %s so that it is on PATH", h.language, h.entry[0])
	default:
		return "", fmt.Errorf("language %q is not run here; write a job with the command itself", h.language)
	}
	return shell(slices.Concat(entry, h.args)), nil
}

// event moves a hook of a stage that is not about files.
func (h *preCommitHook) event(stage string) error {
	if h.rule != nil {
		return fmt.Errorf("rule %s judges files, and this stage is not about them; want it in pre-commit", h.rule.Name)
	}
	if h.language == "pygrep" || h.language == "fail" {
		return fmt.Errorf("language %s looks at files, and this stage is not about them; write a pattern of the message policy (message.patterns)", h.language)
	}
	command, err := h.command()
	if err != nil {
		return err
	}
	j := &job{name: h.label, place: h.file.place(h.node), remark: h.remark, run: command, always: true}
	if h.one {
		j.group = "serial"
	}
	if slices.Contains(after, stage) {
		if !h.always {
			return errors.New("without always_run pre-commit never runs a hook at this stage; say always_run: true, or take it out")
		}
	} else {
		if h.files != "" || h.exclude != "" || h.chosen {
			return errors.New("it chooses among files, and all there is at this stage is the message; take the choice out")
		}
		if h.passes {
			j.run += " {message}"
		}
	}
	h.file.into.stage(stage).addJob(j)
	return nil
}
