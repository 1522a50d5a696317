package notify

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"goodstate.dev/goodstate/core/config"
)

// Rule is one way on which people are told, and what about.
type Rule struct {
	Name     string                 `yaml:"name" json:"name,omitempty" help:"what it is called in status and in notify test; else the kind of channel" example:"ops"`
	To       config.Choice[Channel] `yaml:"to" json:"to" help:"where it goes" required:"true"`
	Events   []string               `yaml:"events" json:"events,omitempty" help:"phases (start, trigger, decision, end) or types of event (rollout.rolled_back, drift.*, *.could_not); none means trigger and end" example:"[start, end]"`
	Services []string               `yaml:"services" json:"services,omitempty" help:"only events of these services; none means all" example:"[web, api]"`
	Template *Template              `yaml:"template" json:"template,omitempty" help:"title and text in your own words, as Go templates over the event"`
	Severity Severity               `yaml:"severity" json:"severity,omitempty" help:"only events that matter at least so much" enum:"info,warning,critical" default:"info"`
}

// name is the name of the channel.
func (r Rule) name() string {
	if r.Name != "" {
		return r.Name
	}
	return r.To.Name()
}

var channelName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// Validate finds wrong names of events and of the channel.
func (r Rule) Validate(report func(path, message string)) {
	if r.Name != "" && !channelName.MatchString(r.Name) {
		report("name", fmt.Sprintf("%q is no name for a channel: want letters, digits, dots, dashes and underscores, at most 64", r.Name))
	}
	for i, pattern := range r.Events {
		if problem := checkPattern(pattern); problem != "" {
			report(fmt.Sprintf("events[%d]", i), problem)
		}
	}
}

func checkPattern(pattern string) string {
	if slices.Contains(phases, Phase(pattern)) {
		return ""
	}
	_, err := path.Match(pattern, "")
	if err == nil && (strings.Contains(pattern, ".") || pattern == "*") {
		return ""
	}
	known := make([]string, len(phases))
	for i, p := range phases {
		known[i] = string(p)
	}
	problem := fmt.Sprintf("unknown event %q: want one of %s, or a type of event such as rollout.rolled_back or drift.*", pattern, strings.Join(known, ", "))
	if near := config.Nearest(pattern, known); near != "" {
		problem += fmt.Sprintf(" (did you mean %s?)", near)
	}
	return problem
}

// wants decides whether an event goes to the channel.
func (r Rule) wants(e Event) bool {
	if e.Severity.rank() < r.Severity.rank() {
		return false
	}
	if len(r.Services) > 0 && !slices.Contains(r.Services, e.Service) {
		return false
	}
	phase := e.phase()
	if len(r.Events) == 0 {
		return phase == Trigger || phase == End
	}
	return slices.ContainsFunc(r.Events, func(pattern string) bool {
		matches, err := path.Match(pattern, e.Type)
		return pattern == string(phase) || err == nil && matches
	})
}
