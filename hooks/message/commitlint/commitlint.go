// Package commitlint reads configurations of commitlint (https://commitlint.js.org/reference/rules.html) that are JSON or YAML, and makes policies of
// them. What is code there, or is not known here, is named and not dropped in silence. It stands apart from package message because it needs a YAML
// parser, which a hook that starts in milliseconds does not want.
package commitlint

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"path"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"goodstate.dev/goodstate/hooks/message"
)

// Read makes a policy of a configuration. The name is for errors; a package.json has its configuration under "commitlint". Notes name what was
// not understood: the policy is without it.
func Read(name string, data []byte) (policy message.Policy, notes []string, err error) {
	file := map[string]any{}
	if slices.Contains([]string{".js", ".cjs", ".mjs", ".ts", ".cts", ".mts"}, path.Ext(name)) {
		return policy, nil, fmt.Errorf("%s: is a program, and none is run here; write what it exports as .commitlintrc.json or .commitlintrc.yaml", name)
	}
	if strings.HasSuffix(name, ".json") || json.Valid(data) {
		err = json.Unmarshal(data, &file)
	} else {
		err = yaml.Unmarshal(data, &file)
	}
	if err != nil {
		return policy, nil, fmt.Errorf("%s: read as a commitlint configuration: %w", name, err)
	}
	if inner, ok := file["commitlint"].(map[string]any); ok && strings.HasSuffix(name, "package.json") {
		file = inner
	}
	r := reader{policy: message.Policy{Format: "free", Checks: map[string]message.Check{}}}
	r.read(file)
	if _, err := r.policy.Compile(); err != nil {
		return policy, nil, fmt.Errorf("%s: %w", name, err)
	}
	return r.policy, r.notes, nil
}

type reader struct {
	policy message.Policy
	notes  []string
}

func (r *reader) note(format string, values ...any) {
	r.notes = append(r.notes, fmt.Sprintf(format, values...))
}

// conventional are the shared configurations that are known without being installed.
var conventional = []string{"@commitlint/config-conventional", "conventional", "@commitlint/conventional", "@commitlint/config-conventional/"}

func (r *reader) read(file map[string]any) {
	for _, name := range stringsOf(file["extends"]) {
		if !slices.Contains(conventional, name) {
			r.note("extends: %q is not known here, its rules are not checked; write them under rules", name)
			continue
		}
		maps.Copy(r.policy.Checks, message.Conventional())
	}
	for _, key := range slices.Sorted(maps.Keys(file)) {
		switch key {
		case "extends", "prompt", "helpUrl", "formatter", "$schema":
		case "rules":
			rules, ok := file[key].(map[string]any)
			if !ok {
				r.note("rules: want a mapping of names to [level, applicability, value]")
			}
			for _, name := range slices.Sorted(maps.Keys(rules)) {
				r.rule(name, rules[name])
			}
		case "defaultIgnores":
			if file[key] == false {
				r.policy.Merges, r.policy.Reverts, r.policy.Fixups = "check", "check", "check"
			}
		case "parserPreset":
			if preset, ok := file[key].(string); !ok || !strings.Contains(preset, "conventional") {
				r.note("parserPreset: only conventional commits are parsed here")
			}
		default:
			r.note("%s: is not understood", key)
		}
	}
}

// rule reads [level, applicability, value]. A level of 0 switches the rule off, 1 warns, 2 refuses.
func (r *reader) rule(name string, value any) {
	parts, ok := value.([]any)
	if !ok || len(parts) == 0 {
		r.note("rules.%s: %v is no [level, applicability, value]", name, value)
		return
	}
	level, ok := whole(parts[0])
	if !ok || level < 0 || level > 2 {
		r.note("rules.%s: level %v, want 0, 1 or 2", name, parts[0])
		return
	}
	if level == 0 {
		delete(r.policy.Checks, name)
		return
	}
	c := message.Check{Warning: level == 1}
	if len(parts) > 1 {
		if parts[1] != "always" && parts[1] != "never" {
			r.note("rules.%s: applicability %v, want always or never", name, parts[1])
			return
		}
		c.Never = parts[1] == "never"
	}
	if len(parts) > 2 {
		if !r.value(name, &c, parts[2]) {
			return
		}
	} else if strings.HasSuffix(name, "-full-stop") {
		c.Text = "."
	}
	if _, err := (message.Policy{Format: "free", Checks: map[string]message.Check{name: c}}).Compile(); err != nil {
		r.note("rules.%s: %s", name, strings.TrimPrefix(err.Error(), "message policy: "))
		return
	}
	r.policy.Checks[name] = c
}

func (r *reader) value(name string, c *message.Check, value any) bool {
	switch v := value.(type) {
	case string:
		c.Text, c.List = v, []string{v}
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			switch key {
			case "scopes", "cases":
				c.List = stringsOf(v[key])
			case "delimiters":
				c.Delimiters = stringsOf(v[key])
			default:
				r.note("rules.%s: %s is not understood", name, key)
				return false
			}
		}
	case []any:
		c.List = stringsOf(v)
		if len(c.List) != len(v) {
			r.note("rules.%s: a list with other things than texts is not understood", name)
			return false
		}
	default:
		n, ok := whole(value)
		if !ok {
			if f, is := value.(float64); is && math.IsInf(f, 1) {
				n, ok = math.MaxInt32, true
			}
		}
		if !ok {
			r.note("rules.%s: the value %v is not understood", name, value)
			return false
		}
		c.Number = n
	}
	return true
}

func whole(v any) (int, bool) {
	switch n := v.(type) {
	case float64:
		return int(n), n == math.Trunc(n) && math.Abs(n) < 1<<31
	case uint64:
		return int(min(n, math.MaxInt32)), true
	case int64:
		return int(n), true
	case int:
		return n, true
	}
	return 0, false
}

func stringsOf(v any) []string {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		var all []string
		for _, item := range v {
			if s, ok := item.(string); ok {
				all = append(all, s)
			}
		}
		return all
	}
	return nil
}
