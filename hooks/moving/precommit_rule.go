package moving

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"regexp/syntax"
	"slices"

	"goodstate.dev/goodstate/hooks/plan"
)

// ofOneKind are rules that look at files of one kind, so that other types in the configuration would mean nothing.
var ofOneKind = []string{"json", "yaml", "toml", "xml", "json-format", "builtin-literals", "docstring-first", "debug-statements", "encoding-pragma", "single-quotes", "test-names", "sorted-requirements"}

// useRule has a rule of ours do what the hook did.
func (h *preCommitHook) useRule(stage string, choices []choice) error {
	if len(choices) > 1 {
		return fmt.Errorf("types_or names several types, and rule %s is used once in a stage; say them as globs under files", h.rule.Name)
	}
	if h.chosen && slices.Contains(ofOneKind, h.rule.Name) {
		return fmt.Errorf("its types are changed, and rule %s looks at its own kind of files only; check others with a job", h.rule.Name)
	}
	options := map[string]any{}
	if h.rule.Name == "secrets" {
		if len(h.args) > 0 {
			h.note("its arguments %q are not moved; rule secrets reads a .gitleaks.toml that lies in the repository", h.args)
		}
	} else {
		var err error
		if options, err = h.rule.Options(h.id, h.args); err != nil {
			return err
		}
	}
	data, err := json.Marshal(options)
	if err != nil {
		return err
	}
	if _, err := plan.Build(*h.rule, data); err != nil {
		return err
	}
	use := ruleUse{name: h.rule.Name, remark: choices[0].remark, options: options, selection: choices[0].selection}
	if h.rule.Name == "protected-branch" {
		use.selection = selection{} // it is about the branch, whatever files there are
	}
	return h.file.into.stage(stage).use(use)
}

// use adds a rule, which a stage has once.
func (s *stage) use(r ruleUse) error {
	for _, other := range s.rules {
		if other.name != r.name {
			continue
		}
		if reflect.DeepEqual(other.options, r.options) && reflect.DeepEqual(other.selection, r.selection) {
			return nil
		}
		return fmt.Errorf("rule %s is used in %s already, with other options or files; put both into one", r.name, s.name)
	}
	s.rules = append(s.rules, r)
	return nil
}

// overLines are parts of expressions that match the end of a line; pygrep looks at one line at a time, and reads bytes as rule forbidden-content does.
var overLines = regexp.MustCompile(`\\[sWD]|\[\^|\(\?[a-z]*s`)

// grep moves a pattern that must not be in files.
func (h *preCommitHook) grep(stage string, choices []choice) error {
	pattern := h.entry[0]
	for _, arg := range h.args {
		switch arg {
		case "-i", "--ignore-case":
			pattern = "(?i)" + pattern
		default:
			return fmt.Errorf("argument %q of pygrep has no equal; write a job with grep", arg)
		}
	}
	if _, err := syntax.Parse(pattern, syntax.Perl); err != nil {
		return fmt.Errorf("its expression is not one of RE2: %w; write a job with grep -P", err)
	}
	if len(choices) > 1 {
		return errors.New("types_or names several types, and rule forbidden-content is used once in a stage; say them as globs under files")
	}
	options := map[string]any{"pattern": pattern}
	if h.remark != "" {
		options["why"] = oneLine(h.remark)
	}
	remark := ""
	if overLines.MatchString(pattern) {
		remark = h.id + ": what the pattern finds may go over several lines here"
	}
	err := h.file.into.stage(stage).use(ruleUse{name: "forbidden-content", remark: remark, options: options, selection: choices[0].selection})
	if err != nil {
		return fmt.Errorf("%w, or write a job with grep", err)
	}
	return nil
}
