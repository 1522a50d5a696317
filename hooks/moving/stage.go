package moving

import (
	"fmt"
	"slices"
	"strings"

	"goodstate.dev/goodstate/hooks/message"
	"goodstate.dev/goodstate/hooks/rule"
)

// stage is what one Git hook is to do.
type stage struct {
	name    string
	rules   []ruleUse
	jobs    []*job
	message *message.Policy
	remark  string         // beside the policy
	last    map[string]int // number that was given to the last job of a name
}

// selection chooses files, as rules and jobs have it.
type selection struct {
	files, exclude, types []string
}

type ruleUse struct {
	name    string
	remark  string
	options map[string]any
	selection
}

// job is one command, with the keys that jobs have in goodstate.yaml.
type job struct {
	name   string
	place  string // where it comes from, for notes
	remark string // a comment above it
	run    string
	selection
	fix, always bool
	dir         string
	env         map[string]string
	group       string
	needs       []string
	link        []string
	sees        string
}

func (s *stage) empty() bool { return len(s.rules) == 0 && len(s.jobs) == 0 && s.message == nil }

// addJob keeps a job under a name that is free, and returns that name.
func (s *stage) addJob(j *job) string {
	j.name = s.freeName(j.name)
	s.jobs = append(s.jobs, j)
	return j.name
}

// longestName is how many letters a job's name has at most.
const longestName = 63

// freeName makes a name of a job out of any text.
func (s *stage) freeName(wanted string) string {
	var b strings.Builder
	for _, r := range wanted {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune("._-", r) && b.Len() > 0:
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
		if b.Len() == longestName-4 {
			break
		}
	}
	base := strings.TrimRight(b.String(), "-")
	if base == "" {
		base = "job"
	}
	taken := func(name string) bool {
		return slices.ContainsFunc(s.jobs, func(j *job) bool { return j.name == name }) ||
			slices.ContainsFunc(s.rules, func(r ruleUse) bool { return r.name == name }) || isRule(name)
	}
	name := base
	for taken(name) {
		if s.last == nil {
			s.last = map[string]int{base: 1}
		}
		s.last[base] = max(s.last[base], 1) + 1
		name = fmt.Sprintf("%s-%d", base, s.last[base])
	}
	return name
}

// isRule keeps jobs from having names of rules, so that a rule can be added later.
func isRule(name string) bool {
	kind, ok := rule.Find(name)
	return ok && kind.Name == name
}
