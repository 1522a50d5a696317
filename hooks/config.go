package hooks

import (
	"fmt"
	"slices"
	"strings"

	"goodstate.dev/goodstate/hooks/plan"
)

// Config is the value of `hooks:` in goodstate.yaml: what happens at each Git hook, see githooks(5).
type Config struct {
	Shared           []Shared `yaml:"shared" json:"shared,omitempty" help:"policies of other repositories that hold here as well, as goodstate.lock pins them"`
	Folders          []string `yaml:"folders" json:"folders,omitempty" help:"folders with a goodstate.yaml of their own; its hooks hold for the files below, and its jobs run there" example:"[services/shop, web]"`
	Use              []string `yaml:"use" json:"use,omitempty" help:"other tools whose configuration runs as it is, besides what stands here: pre-commit, lefthook" example:"[pre-commit]"`
	PreCommit        Stage    `yaml:"pre-commit" json:"pre-commit,omitempty" help:"before a commit is made; what fails here keeps it from being made"`
	PrepareCommitMsg Stage    `yaml:"prepare-commit-msg" json:"prepare-commit-msg,omitempty" help:"before the commit message is edited; {message} is its file"`
	CommitMsg        Stage    `yaml:"commit-msg" json:"commit-msg,omitempty" help:"when the commit message is written; {message} is its file"`
	PrePush          Stage    `yaml:"pre-push" json:"pre-push,omitempty" help:"before a push; the files are those that the pushed commits change, as the last one has them"`
	PostCommit       Stage    `yaml:"post-commit" json:"post-commit,omitempty" help:"after a commit; nothing here can stop it"`
	PostCheckout     Stage    `yaml:"post-checkout" json:"post-checkout,omitempty" help:"after a checkout; {1} and {2} are the commits before and after"`
	PostMerge        Stage    `yaml:"post-merge" json:"post-merge,omitempty" help:"after a merge or a pull"`
	PostRewrite      Stage    `yaml:"post-rewrite" json:"post-rewrite,omitempty" help:"after an amend or a rebase; {1} says which"`
	Server           Gate     `yaml:"server" json:"server,omitzero" help:"what a server wants of every push (pre-receive), and CI of every range of commits"`
}

// stage is a stage with the name of its Git hook.
type stage struct {
	name string
	of   *Stage
}

func (c *Config) stages() []stage {
	return []stage{
		{"pre-commit", &c.PreCommit},
		{"prepare-commit-msg", &c.PrepareCommitMsg},
		{"commit-msg", &c.CommitMsg},
		{"pre-push", &c.PrePush},
		{"post-commit", &c.PostCommit},
		{"post-checkout", &c.PostCheckout},
		{"post-merge", &c.PostMerge},
		{"post-rewrite", &c.PostRewrite},
	}
}

// judging are the stages whose files rules can look at.
var judging = map[string]bool{"pre-commit": true, "commit-msg": true, "prepare-commit-msg": true, "pre-push": true}

// Validate reports what a stage cannot know of itself.
func (c *Config) Validate(report func(path, message string)) {
	for i, name := range c.Folders {
		if wrong := folder(name); wrong != "" {
			report("folders", wrong)
		} else if slices.Contains(c.Folders[:i], name) {
			report("folders", fmt.Sprintf("%q is there twice", name))
		}
	}
	for _, name := range c.Use {
		if !slices.Contains(Tools, name) {
			report("use", fmt.Sprintf("%q is no tool whose configuration is understood as it is; there are %s; goodstate hooks import reads more", name, strings.Join(Tools, ", ")))
		}
	}
	for _, s := range c.stages() {
		if !judging[s.name] && s.of.Rules.Len() > 0 {
			report(s.name+".rules", fmt.Sprintf("rules judge what is about to happen, and %s comes after; want them in pre-commit or pre-push", s.name))
		}
		if s.of.Message != nil && s.name != "commit-msg" {
			report(s.name+".message", "only commit-msg has a message to judge")
		}
		for name, j := range s.of.Jobs.All() {
			if j.Fix && s.name != "pre-commit" {
				report(s.name+".jobs."+name+".fix", "only pre-commit has something staged that could be repaired")
			}
		}
	}
}

// Stages are the names of the stages that do something, in the order of the documentation.
func (c *Config) Stages() []string {
	var names []string
	for _, s := range c.stages() {
		if !s.of.empty() {
			names = append(names, s.name)
		}
	}
	return names
}

// Compile makes the plan of a valid configuration.
func (c *Config) Compile() (*plan.Plan, error) {
	return Parts{{From: "goodstate.yaml", Config: *c}}.Compile()
}
