// Package policy decides what may be done about differences: corrected, only reported, or asked about first, on which hosts at once, and when to stop.
// It is pure: no clock, no database and no network. What no rule allows is not done.
package policy

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bmatcuk/doublestar/v4"

	"goodstate.dev/goodstate/core/schedule"
)

// Do is what is done about a difference.
type Do string

// What can be done.
const (
	Report  Do = "report"  // it is left as it is and said
	Correct Do = "correct" // the playbook is carried out there
	Ask     Do = "ask"     // an approver says
)

// Match names resources of a playbook. All that is given must fit; an empty Match fits none.
type Match struct {
	Tags []string `yaml:"tags" json:"tags,omitempty" help:"tags, of which the task has one" example:"[kernel]"`
	Play string   `yaml:"play" json:"play,omitempty" help:"name of the play" example:"web servers"`
	Task string   `yaml:"task" json:"task,omitempty" help:"name of the task, with * for anything" example:"\"nginx : *\""`
	Path string   `yaml:"path" json:"path,omitempty" help:"path on the host that the task is about, with * for a part of a name and ** for any folders" example:"/etc/ssh/**"`
	File string   `yaml:"file" json:"file,omitempty" help:"file of the playbook that has the task, from the playbook's folder, with * and **" example:"roles/kernel/**"`
}

// Validate reports patterns that cannot be read, and a match that names nothing.
func (m *Match) Validate(report func(path, message string)) {
	if m.empty() {
		report("", "it names nothing: give at least one of tags, play, task, path and file")
	}
	for path, pattern := range map[string]string{"task": m.Task, "path": m.Path, "file": m.File} {
		if !doublestar.ValidatePattern(pattern) {
			report(path, fmt.Sprintf("%q is no pattern", pattern))
		}
	}
}

func (m *Match) empty() bool {
	return len(m.Tags) == 0 && m.Play == "" && m.Task == "" && m.Path == "" && m.File == ""
}

// Subject is a resource, as far as rules look at it.
type Subject struct {
	Play, Task, File string
	Path             string // on the host; empty: the task is about none
	Tags             []string
}

// Fits says whether the match names a resource.
func (m *Match) Fits(s Subject) bool {
	if m.empty() {
		return false
	}
	if len(m.Tags) > 0 && !slices.ContainsFunc(m.Tags, func(tag string) bool { return slices.Contains(s.Tags, tag) }) {
		return false
	}
	if m.Play != "" && m.Play != s.Play {
		return false
	}
	return fits(flat(m.Task), flat(s.Task)) && fits(m.Path, s.Path) && fits(m.File, s.File)
}

// fits compares with a pattern; an empty one fits everything.
func fits(pattern, text string) bool {
	if pattern == "" {
		return true
	}
	ok, err := doublestar.Match(pattern, text)
	return err == nil && ok
}

// flat is a name in which a slash is a letter like others.
func flat(name string) string { return strings.ReplaceAll(name, "/", "\x00") }

// Rule says what is done about the resources that it names.
type Rule struct {
	Match   `yaml:",inline"`
	Do      Do                `yaml:"do" json:"do" required:"true" enum:"report,correct,ask" help:"report leaves the difference and says it, correct puts it right, ask waits for an approver"`
	Windows []schedule.Window `yaml:"windows" json:"windows,omitempty" help:"for correct: only in these parts of the week, else it is reported"`
}

// Validate reports windows that would be ignored.
func (r *Rule) Validate(report func(path, message string)) {
	if len(r.Windows) > 0 && r.Do != Correct {
		report("windows", "windows are for do: correct")
	}
	for i, w := range r.Windows {
		if err := w.Validate(); err != nil {
			report(fmt.Sprintf("windows[%d].tz", i), err.Error())
		}
	}
}

// Decision is what is done, and why in words.
type Decision struct {
	Do  Do     `json:"do"`
	Why string `json:"why"`
}

// Open says whether a moment lies in one of the windows; without windows all do.
func Open(windows []schedule.Window, now time.Time) bool {
	return len(windows) == 0 || slices.ContainsFunc(windows, func(w schedule.Window) bool { return w.Contains(now) })
}

// Decide goes through the rules; the first that fits counts. What no rule names is corrected: the run was told to.
func Decide(rules []Rule, s Subject, now time.Time) Decision {
	for i, r := range rules {
		if !r.Fits(s) {
			continue
		}
		rule := fmt.Sprintf("rule %d of the policy", i+1)
		switch r.Do {
		case Correct:
			if !Open(r.Windows, now) {
				return Decision{Report, rule + " corrects it in its windows only, and none is open"}
			}
			return Decision{Correct, rule}
		case Ask:
			return Decision{Ask, rule}
		default:
			return Decision{Report, rule}
		}
	}
	return Decision{Correct, "no rule of the policy names it"}
}
