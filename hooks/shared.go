package hooks

import (
	"fmt"
	"path"
	"strings"
)

// Shared is a policy that lies in another repository and holds here as well. What it says is pinned in goodstate.lock; nothing is fetched while a commit waits.
type Shared struct {
	From string `yaml:"from" json:"from" required:"true" help:"repository that has it, as git fetch takes it" example:"https://git.example.org/policies"`
	Ref  string `yaml:"ref" json:"ref,omitempty" default:"HEAD" help:"branch, tag or commit that goodstate hooks lock takes it from"`
	File string `yaml:"file" json:"file,omitempty" default:"goodstate.yaml" help:"its file there; what stands under hooks holds"`
}

// Validate refuses what git would take for something else than an address.
func (s *Shared) Validate(report func(path, message string)) {
	if strings.HasPrefix(s.From, "-") || strings.Contains(s.From, "::") {
		report("from", fmt.Sprintf("%q is no address of a repository, want for example https://git.example.org/policies", s.From))
	}
	if strings.HasPrefix(s.Ref, "-") || strings.ContainsAny(s.Ref, ": \t\n") {
		report("ref", fmt.Sprintf("%q is no name of a branch, a tag or a commit", s.Ref))
	}
	if !inside(s.File) || strings.ContainsAny(s.File, ":\n") {
		report("file", fmt.Sprintf("%q leads out of the repository, want a path from its root", s.File))
	}
}

// Tools are the other tools whose configurations can be used as they are.
var Tools = []string{"pre-commit", "lefthook"}

// folder says what is wrong with the name of a folder that has a configuration of its own.
func folder(name string) string {
	if !inside(name) || path.Clean(name) != name || name == "." {
		return fmt.Sprintf("%q is no folder below the root, want for example services/shop", name)
	}
	return ""
}
