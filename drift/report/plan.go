package report

import (
	"fmt"
	"slices"
	"time"

	"goodstate.dev/goodstate/core/schedule"
)

// Plan is one report that is made by itself. It is an item of `drift.reports`.
type Plan struct {
	Cron     string              `yaml:"cron" json:"cron" required:"true" help:"five fields, @weekly and its kin, or @every 24h" example:"\"0 7 * * mon\""`
	TZ       string              `yaml:"tz" json:"tz,omitempty" help:"time zone of the expression; none means the zone of this machine" example:"Europe/Berlin"`
	Playbook string              `yaml:"playbook" json:"playbook,omitempty" help:"only this playbook, as goodstate drift names it; none means all"`
	Hosts    []string            `yaml:"hosts" json:"hosts,omitempty" help:"only these hosts; * and ? stand for any letters" example:"[web*]"`
	Group    string              `yaml:"group" json:"group,omitempty" help:"only hosts that are in this group of the inventory of the playbook, which is then one of drift.playbooks" example:"web"`
	Formats  []string            `yaml:"formats" json:"formats" enum:"markdown,html,json,csv,evidence" default:"[html]" help:"files that are sent along: markdown, html, json, csv, or evidence, which is signed"`
	Controls map[string][]string `yaml:"controls" json:"controls,omitempty" help:"controls that an auditor asks for, with the names of the tasks that prove them (* and ? stand for any letters); tags such as cis_1.2.3 are controls by themselves" example:"{AC-17: [\"*sshd*\"]}"`
}

// Validate reports a schedule that cannot be read, formats that are not known, and a group of nothing.
func (p *Plan) Validate(report func(path, message string)) {
	if _, err := schedule.Parse(p.Cron, p.TZ); err != nil {
		report("cron", err.Error())
	}
	for i, f := range p.Formats {
		if !slices.Contains(append(Formats(), "evidence"), f) {
			report(fmt.Sprintf("formats[%d]", i), fmt.Sprintf("%q, want one of %v or evidence", f, Formats()))
		}
	}
	if p.Group != "" && p.Playbook == "" {
		report("group", "a group is one of a playbook's inventory: name the playbook too")
	}
}

// next is when the plan is due after it was due last; the zero time: never.
func (p *Plan) next(last time.Time) time.Time {
	at, err := schedule.Parse(p.Cron, p.TZ)
	if err != nil {
		return time.Time{}
	}
	return at.Next(last)
}
