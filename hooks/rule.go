package hooks

import (
	"bytes"
	"encoding/json"
	"fmt"

	"goodstate.dev/goodstate/core/config"
	"goodstate.dev/goodstate/hooks/plan"
	"goodstate.dev/goodstate/hooks/rule"
)

// Rule is one rule's use: what files it sees, whether it may repair them, and its own options.
type Rule struct {
	Files   []string
	Exclude []string
	Types   []string
	Fix     *bool
	Options map[string]any
}

// UnmarshalConfig takes the options of all rules from those of this one.
func (r *Rule) UnmarshalConfig(n config.Node) error {
	if n.IsNull() {
		return nil
	}
	if err := n.Decode(&r.Options); err != nil {
		return err
	}
	var all struct {
		Files   []string `json:"files"`
		Exclude []string `json:"exclude"`
		Types   []string `json:"types"`
		Fix     *bool    `json:"fix"`
	}
	data, err := json.Marshal(r.Options)
	if err != nil {
		return fmt.Errorf("options: %w", err)
	}
	if err := json.Unmarshal(data, &all); err != nil {
		return fmt.Errorf("files, exclude and types are lists of texts, fix is true or false: %w", err)
	}
	r.Files, r.Exclude, r.Types, r.Fix = all.Files, all.Exclude, all.Types, all.Fix
	for _, name := range []string{"files", "exclude", "types", "fix"} {
		delete(r.Options, name)
	}
	return nil
}

// MarshalJSON writes the options as the file has them.
func (r Rule) MarshalJSON() ([]byte, error) {
	all := map[string]any{}
	for name, v := range r.Options {
		all[name] = v
	}
	for name, list := range map[string][]string{"files": r.Files, "exclude": r.Exclude, "types": r.Types} {
		if len(list) > 0 {
			all[name] = list
		}
	}
	if r.Fix != nil {
		all["fix"] = *r.Fix
	}
	return json.Marshal(all)
}

func (r Rule) check(name string, report func(message string)) {
	if _, err := r.build(name); err != nil {
		report(err.Error())
		return
	}
	checkSelect(r.Files, r.Exclude, r.Types, func(path, message string) { report(path + ": " + message) })
}

func (r Rule) build(name string) (any, error) {
	kind, ok := rule.Find(name)
	if !ok {
		return nil, fmt.Errorf("unknown rule %q; there are %s", name, ruleNames())
	}
	data, err := json.Marshal(r.Options)
	if err != nil {
		return nil, fmt.Errorf("options of %s: %w", name, err)
	}
	built, err := plan.Build(kind, data)
	if err != nil {
		return nil, err
	}
	if _, fixes := built.(rule.Fixer); r.Fix != nil && *r.Fix && !fixes {
		return nil, fmt.Errorf("%s has nothing that it could repair by itself, so fix: true is not possible", name)
	}
	return built, nil
}

func (r Rule) compile(name string) (plan.Rule, error) {
	built, err := r.build(name)
	if err != nil {
		return plan.Rule{}, err
	}
	data, err := json.Marshal(r.Options)
	if err != nil {
		return plan.Rule{}, fmt.Errorf("options of %s: %w", name, err)
	}
	if bytes.Equal(data, []byte("null")) {
		data = nil
	}
	kind, _ := rule.Find(name) // build has found it
	_, fixes := built.(rule.Fixer)
	return plan.Rule{
		Name: kind.Name, Select: plan.Select{Files: r.Files, Exclude: r.Exclude, Types: r.Types},
		Fix: fixes && (r.Fix == nil || *r.Fix), Options: data,
	}, nil
}
