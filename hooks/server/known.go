package server

import (
	"goodstate.dev/goodstate/hooks/rule"
	"goodstate.dev/goodstate/hooks/verdict"
)

// panel is the one judge that several rules are together: what it accepts each of them accepts.
func (j *judging) panel(uses []Use) verdict.Judge {
	if j.policy.Verdicts == nil {
		return verdict.Judge{}
	}
	names := ""
	for _, u := range uses {
		if !u.judge.Keeps() {
			return verdict.Judge{}
		}
		names += u.judge.String()
	}
	all, known := j.panels[names]
	if !known {
		all = verdict.JudgeOf("all of", []byte(names), "")
		j.panels[names] = all
	}
	return all
}

// known tells whether the rules are known to accept a file. What was a link is judged by what it pointed to as well.
func (j *judging) known(w waiting) bool {
	return w.panel.Keeps() && w.entry.Old != rule.Symlink && j.policy.Verdicts.Has(w.panel.On(w.thing))
}

// accept remembers that the rules accept a file.
func (j *judging) accept(w waiting) {
	if w.panel.Keeps() && w.entry.Old != rule.Symlink && w.entry.Mode != rule.Submodule && !j.policy.Verdicts.Full() {
		j.policy.Verdicts.Add(w.panel.On(w.thing))
	}
}
