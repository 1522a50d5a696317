package hooks

import (
	"fmt"
	"path"
	"slices"

	"goodstate.dev/goodstate/hooks/plan"
	"goodstate.dev/goodstate/hooks/server"
)

// Part is one configuration among those that hold together: the repository's own, one of a folder, a shared one, one of another tool.
type Part struct {
	From   string // the file, for people
	Under  string // the folder that it is about; empty for all
	Config Config
	Cannot map[string][]plan.Cannot // by stage: what it wants and cannot be done here
}

// Parts hold together: what any of them does not accept does not pass.
type Parts []Part

// Validate says what a part cannot be, because of where it lies.
func (p *Part) Validate() error {
	c := &p.Config
	if p.Under == "" {
		return nil
	}
	wrong := func(what string) error {
		return fmt.Errorf("%s: %s is about the whole repository and not about a folder; say it in goodstate.yaml at its root", p.From, what)
	}
	switch g := c.Server; {
	case c.CommitMsg.Message != nil:
		return wrong("hooks.commit-msg.message")
	case g.Message != nil || len(g.Emails) > 0 || g.Signed || g.Refs.Len() > 0 || len(g.Break) > 0:
		return wrong("all of hooks.server but rules")
	}
	return p.takesIn()
}

// takesIn is an error for a part that wants other files: only the repository's own configuration names them, so that one look at it tells what holds.
func (p *Part) takesIn() error {
	if c := p.Config; len(c.Shared)+len(c.Folders)+len(c.Use) > 0 {
		return fmt.Errorf("%s: shared, folders and use stand in goodstate.yaml at the root of a repository only", p.From)
	}
	return nil
}

// Stages are the names of the stages in which something happens, in the order of the documentation.
func (all Parts) Stages() []string {
	var names []string
	for _, s := range (&Config{}).stages() {
		if slices.ContainsFunc(all, func(p Part) bool { return slices.Contains(p.Config.Stages(), s.name) || len(p.Cannot[s.name]) > 0 }) {
			names = append(names, s.name)
		}
	}
	return names
}

// Compile makes the one plan of all parts.
func (all Parts) Compile() (*plan.Plan, error) {
	p := &plan.Plan{Version: plan.Version, Stages: map[string]plan.Stage{}}
	owner := map[string]string{} // of a job's name in a stage
	for _, part := range all {
		for _, s := range part.Config.stages() {
			compiled, err := part.stage(s)
			if err != nil {
				return nil, err
			}
			if compiled.Empty() {
				continue
			}
			for _, j := range compiled.Jobs {
				key := s.name + ".jobs." + j.Name
				if other, taken := owner[key]; taken {
					return nil, fmt.Errorf("%s: hooks.%s is in %s as well; give one of them another name", part.From, key, other)
				}
				owner[key] = part.From
			}
			sum := p.Stages[s.name]
			sum.Rules, sum.Jobs = append(sum.Rules, compiled.Rules...), append(sum.Jobs, compiled.Jobs...)
			sum.Messages, sum.Cannot = append(sum.Messages, compiled.Messages...), append(sum.Cannot, compiled.Cannot...)
			p.Stages[s.name] = sum
		}
	}
	return p, nil
}

// stage compiles a stage and narrows it to the part's folder.
func (p Part) stage(s stage) (plan.Stage, error) {
	compiled, err := s.of.compile()
	if err != nil {
		return compiled, fmt.Errorf("%s: hooks.%s: %w", p.From, s.name, err)
	}
	compiled.Cannot = p.Cannot[s.name]
	if p.Under == "" {
		return compiled, nil
	}
	for i := range compiled.Rules {
		compiled.Rules[i].Under = p.Under
	}
	for i := range compiled.Jobs {
		j := &compiled.Jobs[i]
		j.Name, j.Under, j.Dir = p.Under+":"+j.Name, p.Under, path.Join(p.Under, j.Dir)
		j.Needs = slices.Clone(j.Needs)
		for n := range j.Needs {
			j.Needs[n] = p.Under + ":" + j.Needs[n]
		}
		j.Link = slices.Clone(j.Link)
		for n := range j.Link {
			j.Link[n] = path.Join(p.Under, j.Link[n])
		}
	}
	return compiled, nil
}

// Policy is the gate of all parts, ready to judge.
func (all Parts) Policy() (*server.Policy, error) {
	sum := &server.Policy{}
	for _, part := range all {
		p, err := part.Config.Server.Policy()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", part.From, err)
		}
		for i := range p.Rules {
			p.Rules[i].Under = part.Under
		}
		sum.Rules, sum.Refs, sum.Messages = append(sum.Rules, p.Rules...), append(sum.Refs, p.Refs...), append(sum.Messages, p.Messages...)
		sum.Signed = sum.Signed || p.Signed
		sum.Break = append(sum.Break, p.Break...)
		sum.Emails = append(sum.Emails, p.Emails...)
	}
	return sum, nil
}

// Empty is true when no part has a gate.
func (all Parts) Empty() bool {
	return !slices.ContainsFunc(all, func(p Part) bool { return !p.Config.Server.Empty() })
}

// Range is the policy for a range of commits: the server's gate, and where there are no rules in it those that look at what is staged.
func (all Parts) Range() (*server.Policy, error) {
	gates := slices.Clone(all)
	if !slices.ContainsFunc(gates, func(p Part) bool { return p.Config.Server.Rules.Len() > 0 }) {
		for i := range gates {
			gates[i].Config.Server.Rules = gates[i].Config.PreCommit.Rules
		}
	}
	if gates.Empty() {
		return nil, fmt.Errorf("goodstate.yaml has neither hooks.server nor rules in hooks.pre-commit, so there is nothing to judge by")
	}
	return gates.Policy()
}
