// Package hooks is the hooks part of goodstate.yaml: which rules and jobs run at which Git hook. It says what is wrong with it by line, and turns what
// is right into the plan that goodstate-hook carries out; it runs nothing itself.
package hooks

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"goodstate.dev/goodstate/core/config"
	"goodstate.dev/goodstate/hooks/message"
	"goodstate.dev/goodstate/hooks/plan"
	"goodstate.dev/goodstate/hooks/rule"
	_ "goodstate.dev/goodstate/hooks/rule/secrets" // rule secrets
)

// Stage is what happens at one Git hook.
type Stage struct {
	Rules   config.Map[Rule] `yaml:"rules" json:"rules,omitempty" help:"built-in rules by name, each with its options; files, exclude, types and fix are options of all" example:"{trailing-whitespace: {}, large-files: {exclude: [\"testdata/\"]}}"`
	Message *message.Policy  `yaml:"message" json:"message,omitempty" help:"what a commit message must be like; in commit-msg only" example:"{types: [feat, fix, docs]}"`
	Jobs    config.Map[Job]  `yaml:"jobs" json:"jobs,omitempty" help:"commands by name; those with fix run first, in this order, the others at the same time"`
}

var jobName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)

// Validate reports what rules and jobs cannot know of each other.
func (s *Stage) Validate(report func(path, message string)) {
	names := s.Jobs.Keys()
	if s.Message != nil {
		if _, err := s.Message.Compile(); err != nil {
			report("message", err.Error())
		}
	}
	for name, r := range s.Rules.All() {
		r.check(name, func(message string) { report("rules."+name, message) })
	}
	for name, j := range s.Jobs.All() {
		if !jobName.MatchString(name) {
			report("jobs."+name, fmt.Sprintf("job name %q, want letters, digits, dot, dash and underscore, at most 63", name))
		}
		if _, taken := s.Rules.Get(name); taken {
			report("jobs."+name, "a rule has this name already, want another, so that a skip says which is meant")
		}
		for _, need := range j.Needs {
			if !slices.Contains(names, need) {
				report("jobs."+name+".needs", fmt.Sprintf("there is no job %q in this stage; there are %s", need, strings.Join(names, ", ")))
			} else if other, _ := s.Jobs.Get(need); j.Fix && !other.Fix {
				report("jobs."+name+".needs", fmt.Sprintf("%s fixes, so it runs before %s, which only checks", name, need))
			}
		}
	}
	if round := s.round(); round != "" {
		report("jobs", "needs go round in a circle: "+round)
	}
}

// round finds jobs that wait for each other.
func (s *Stage) round() string {
	const under, done = 1, 2
	state := map[string]int{}
	var visit func(name string, trail []string) string
	visit = func(name string, trail []string) string {
		trail = append(trail, name)
		switch state[name] {
		case done:
			return ""
		case under:
			return strings.Join(trail[slices.Index(trail, name):], " -> ")
		}
		state[name] = under
		j, _ := s.Jobs.Get(name)
		for _, need := range j.Needs {
			if found := visit(need, trail); found != "" {
				return found
			}
		}
		state[name] = done
		return ""
	}
	for _, name := range s.Jobs.Keys() {
		if found := visit(name, nil); found != "" {
			return found
		}
	}
	return ""
}

// empty is true for a stage that does nothing.
func (s *Stage) empty() bool { return s.Rules.Len() == 0 && s.Jobs.Len() == 0 && s.Message == nil }

func (s *Stage) compile() (plan.Stage, error) {
	var out plan.Stage
	if s.Message != nil {
		text, err := json.Marshal(s.Message)
		if err != nil {
			return out, fmt.Errorf("message: %w", err)
		}
		out.Messages = append(out.Messages, text)
	}
	for name, r := range s.Rules.All() {
		c, err := r.compile(name)
		if err != nil {
			return out, err
		}
		out.Rules = append(out.Rules, c)
	}
	for name, j := range s.Jobs.All() {
		out.Jobs = append(out.Jobs, j.compile(name))
	}
	return out, nil
}

func checkSelect(files, exclude, types []string, report func(path, message string)) {
	for _, globs := range []struct {
		name string
		list []string
	}{{"files", files}, {"exclude", exclude}} {
		for _, g := range globs.list {
			if err := plan.CheckGlob(g); err != nil {
				report(globs.name, err.Error())
			}
		}
	}
	known := plan.KnownTypes()
	for _, t := range types {
		if !slices.Contains(known, t) {
			report("types", fmt.Sprintf("unknown type %q; there are %s", t, strings.Join(known, ", ")))
		}
	}
}

func ruleNames() string {
	var names []string
	for _, k := range rule.Kinds() {
		names = append(names, k.Name)
	}
	return strings.Join(names, ", ")
}
