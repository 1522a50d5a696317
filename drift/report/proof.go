package report

import (
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"goodstate.dev/goodstate/drift/record"
	"goodstate.dev/goodstate/drift/state"
)

// Proof says how far a control of a standard holds on the hosts of a report. Unknown is never Passed.
type Proof struct {
	Control  string       `json:"control"`
	Result   string       `json:"result"` // passed, failed, excepted (what differs may stay), unknown
	Tasks    []string     `json:"tasks"`
	Hosts    int          `json:"hosts"`
	Counts   state.Counts `json:"counts"`              // of tasks and their items on hosts
	Excepted int          `json:"excepted,omitempty"`  // of those that differ
	Failed   string       `json:"failed_on,omitempty"` // hosts, folded
	Unknown  string       `json:"unknown_on,omitempty"`
	Oldest   time.Time    `json:"oldest_look,omitzero"`
	Newest   time.Time    `json:"newest_look,omitzero"`
}

// standard are the tags by which playbooks of hardening name controls.
var standard = []string{
	"cis_*", "cis-*", "rule_[0-9]*", "stig_*", "stig-*", "disa-stig-*", "cce-*", "nist_*", "nist-*", "pci_*", "pci-*", "iso_*", "iso-*", "iso27001*", "bsi_*", "bsi-*", "hipaa_*", "hipaa-*", "soc2_*", "soc2-*",
	"rhel-[0-9]*", "ubtu-[0-9]*", "v-[0-9]*", "sv-[0-9]*", "control_*", "control-*",
}

func isControl(tag string) bool {
	tag = strings.ToLower(tag)
	return slices.ContainsFunc(standard, func(pattern string) bool {
		ok, err := path.Match(pattern, tag)
		return err == nil && ok
	})
}

// prover counts for controls.
type prover struct {
	named map[string][]string
	of    map[string]*proving
}

type proving struct {
	Proof
	tasks, hosts, failed, unknown map[string]bool
}

func newProver(named map[string][]string) *prover {
	return &prover{named: named, of: map[string]*proving{}}
}

// controls are those that a resource proves.
func (p *prover) controls(x record.Resource) (out []string) {
	for _, t := range x.Tags {
		if isControl(t) {
			out = append(out, t)
		}
	}
	for control, tasks := range p.named {
		if slices.ContainsFunc(tasks, func(pattern string) bool {
			ok, err := path.Match(pattern, x.Task)
			return err == nil && ok
		}) {
			out = append(out, control)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (p *prover) add(x record.Resource, excepted bool) {
	for _, control := range p.controls(x) {
		c := p.of[control]
		if c == nil {
			c = &proving{Proof: Proof{Control: control, Oldest: x.SeenAt}, tasks: map[string]bool{}, hosts: map[string]bool{}, failed: map[string]bool{}, unknown: map[string]bool{}}
			p.of[control] = c
		}
		c.tasks[x.Task], c.hosts[x.Host] = true, true
		c.Counts.Add(x.State)
		switch differs := x.State == state.Drifted || x.State == state.Pending || x.State == state.Flapping; {
		case differs && excepted:
			c.Excepted++
		case differs:
			c.failed[x.Host] = true
		case x.State != state.Good:
			c.unknown[x.Host] = true
		}
		if x.SeenAt.Before(c.Oldest) {
			c.Oldest = x.SeenAt
		}
		if x.SeenAt.After(c.Newest) {
			c.Newest = x.SeenAt
		}
	}
}

// all are the proofs by control. A control that the scope names and nothing proves is unknown.
func (p *prover) all() []Proof {
	for control := range p.named {
		if p.of[control] == nil {
			p.of[control] = &proving{Proof: Proof{Control: control}}
		}
	}
	var out []Proof
	for _, control := range slices.Sorted(maps.Keys(p.of)) {
		c := p.of[control]
		c.Tasks, c.Hosts = slices.Sorted(maps.Keys(c.tasks)), len(c.hosts)
		c.Failed, c.Unknown = state.Fold(slices.Sorted(maps.Keys(c.failed))), state.Fold(slices.Sorted(maps.Keys(c.unknown)))
		c.Result = c.result()
		out = append(out, c.Proof)
	}
	return out
}

func (c *proving) result() string {
	switch {
	case len(c.failed) > 0:
		return "failed"
	case len(c.unknown) > 0 || c.Counts.All() == 0:
		return "unknown"
	case c.Excepted > 0:
		return "excepted"
	}
	return "passed"
}
