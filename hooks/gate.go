package hooks

import (
	"fmt"
	"strings"

	"goodstate.dev/goodstate/core/config"
	"goodstate.dev/goodstate/hooks/message"
	"goodstate.dev/goodstate/hooks/plan"
	"goodstate.dev/goodstate/hooks/rule"
	"goodstate.dev/goodstate/hooks/server"
)

// Gate is what a server wants of every push, and CI of every range of commits.
type Gate struct {
	Rules   config.Map[Rule] `yaml:"rules" json:"rules,omitempty" help:"built-in rules on the files of every new commit, by name, each with its options" example:"{secrets: {}, private-key: {}, large-files: {max: 5120, all: true}}"`
	Message *message.Policy  `yaml:"message" json:"message,omitempty" help:"what the message of every new commit must be like" example:"{types: [feat, fix, docs]}"`
	Emails  []string         `yaml:"emails" json:"emails,omitempty" help:"globs, one of which the addresses of author and committer must match" example:"[\"*@example.org\"]"`
	Signed  bool             `yaml:"signed" json:"signed,omitempty" help:"every new commit has a signature that git can check and trusts (gpg.ssh.allowedSignersFile, or GnuPG's keys)"`
	Refs    config.Map[Ref]  `yaml:"refs" json:"refs,omitempty" help:"what may be done with branches, by glob, and with other refs by globs that begin with refs/; the first that fits counts" example:"{main: {}, refs/tags/**: {force: false}}"`
	Break   []string         `yaml:"break_glass" json:"break_glass,omitempty" help:"people who may let one push in against the policy, with git push -o goodstate-break-glass=REASON; it is written down"`
}

// Ref is what may be done with some refs.
type Ref struct {
	Create bool     `yaml:"create" json:"create" default:"true" help:"it may be made by a push"`
	Delete bool     `yaml:"delete" json:"delete,omitempty" help:"it may be deleted"`
	Force  bool     `yaml:"force" json:"force,omitempty" help:"commits may be lost, and tags moved"`
	Who    []string `yaml:"who" json:"who,omitempty" help:"people who may push to it, as the server names them; without it everybody"`
}

// Validate reports what rules, globs and the message policy do not allow.
func (g *Gate) Validate(report func(path, message string)) {
	for name, r := range g.Rules.All() {
		r.check(name, func(message string) { report("rules."+name, message) })
		if r.Fix != nil && *r.Fix {
			report("rules."+name+".fix", "a server changes nothing that is pushed, so there is nothing to fix; want fix in pre-commit")
		}
	}
	if g.Message != nil {
		if _, err := g.Message.Compile(); err != nil {
			report("message", err.Error())
		}
	}
	for name := range g.Refs.All() {
		if err := plan.CheckGlob(name); err != nil {
			report("refs."+name, err.Error())
		}
	}
	for _, glob := range g.Emails {
		if err := plan.CheckGlob(glob); err != nil || strings.Contains(glob, "/") {
			report("emails", fmt.Sprintf("%q is no glob of addresses, want for example *@example.org", glob))
		}
	}
}

// Empty is true when the gate lets everything in.
func (g *Gate) Empty() bool {
	return g.Rules.Len() == 0 && g.Message == nil && len(g.Emails) == 0 && !g.Signed && g.Refs.Len() == 0
}

// Policy is the gate ready to judge.
func (g *Gate) Policy() (*server.Policy, error) {
	p := &server.Policy{Signed: g.Signed, Break: g.Break}
	if len(g.Emails) > 0 {
		p.Emails = append(p.Emails, g.Emails)
	}
	for name, r := range g.Rules.All() {
		compiled, err := r.compile(name)
		if err != nil {
			return nil, fmt.Errorf("hooks.server: %w", err)
		}
		use, err := server.NewUse(compiled)
		if err != nil {
			return nil, fmt.Errorf("hooks.server: %w", err)
		}
		p.Rules = append(p.Rules, use)
	}
	for glob, r := range g.Refs.All() {
		p.Refs = append(p.Refs, server.RefRule{Refs: []string{glob}, Create: r.Create, Delete: r.Delete, Force: r.Force, Who: r.Who})
	}
	if g.Message == nil {
		return p, nil
	}
	judge, err := g.Message.Compile()
	if err != nil {
		return nil, fmt.Errorf("hooks.server.message: %w", err)
	}
	p.Messages = append(p.Messages, func(text string) []rule.Finding { return ofMessage(judge, text) })
	return p, nil
}

// ofMessage judges a message that was recorded: Git has cleaned it already.
func ofMessage(judge *message.Judge, text string) []rule.Finding {
	var out []rule.Finding
	for _, f := range judge.Check(text, "") {
		if f.Warning {
			continue
		}
		said := f.Message
		if f.Example != "" {
			said += ", for example: " + f.Example
		}
		out = append(out, rule.Finding{Rule: "message/" + f.Rule, Line: f.Line, Message: said})
	}
	return out
}
