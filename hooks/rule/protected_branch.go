package rule

import (
	"fmt"
	"regexp"
	"slices"
)

func init() {
	Register(Kind{
		Name:    "protected-branch",
		Aliases: []string{"no-commit-to-branch"},
		Help:    "nothing is committed to a protected branch directly",
		Example: "{branches: [main, master], patterns: [\"release/.*\"]}",
		Args: []Arg{
			{Flags: []string{"-b", "--branch"}, Option: "branches", Takes: Each},
			{Flags: []string{"-p", "--pattern"}, Option: "patterns", Takes: Each},
		},
		New: func(decode func(any) error) (any, error) {
			r := &protectedBranch{}
			if err := decode(r); err != nil {
				return nil, err
			}
			if r.Branches == nil {
				r.Branches = []string{"main", "master"}
			}
			for _, p := range r.Patterns {
				compiled, err := regexp.Compile(`\A(?:` + p + `)`)
				if err != nil {
					return nil, fmt.Errorf("rule protected-branch: option patterns: %w", err)
				}
				r.patterns = append(r.patterns, compiled)
			}
			return r, nil
		},
	})
}

type protectedBranch struct {
	Branches []string `json:"branches"` // whole names
	Patterns []string `json:"patterns"` // expressions that the name begins with; end them in $ for the whole name
	patterns []*regexp.Regexp
}

func (r *protectedBranch) CheckChange(c *Change) ([]Finding, error) {
	if c.Branch == "" {
		return nil, nil
	}
	hit := slices.Contains(r.Branches, c.Branch) || slices.ContainsFunc(r.patterns, func(p *regexp.Regexp) bool { return p.MatchString(c.Branch) })
	if !hit {
		return nil, nil
	}
	return []Finding{{
		Rule:    "protected-branch",
		Message: fmt.Sprintf("branch %s is protected, nothing is committed to it directly; git switch -c NAME, commit there, and ask for a merge", c.Branch),
	}}, nil
}
