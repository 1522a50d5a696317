package report

import (
	"context"
	"maps"
	"path"
	"slices"
	"strings"

	"goodstate.dev/goodstate/drift/record"
	"goodstate.dev/goodstate/drift/state"
)

// Scope says what a report is about.
type Scope struct {
	Playbook string              // empty: all
	Hosts    []string            // names, also with * and ?; empty: all
	Members  map[string]bool     // only these hosts, the members of a group; nil: all
	Group    string              // its name, for the title
	Controls map[string][]string // controls by their names, with the names of the tasks that prove them, also with * and ?
}

func (s Scope) narrow() bool { return len(s.Hosts) > 0 || s.Members != nil }

func (s Scope) has(host string) bool {
	if s.Members != nil && !s.Members[host] {
		return false
	}
	return len(s.Hosts) == 0 || slices.ContainsFunc(s.Hosts, func(pattern string) bool {
		ok, err := path.Match(pattern, host)
		return err == nil && ok
	})
}

func (s Scope) words() string {
	var parts []string
	if s.Members != nil {
		parts = append(parts, "group "+s.Group)
	}
	if len(s.Hosts) > 0 {
		parts = append(parts, "hosts "+strings.Join(s.Hosts, ", "))
	}
	return strings.Join(parts, ", ")
}

// gather goes through the resources of all hosts once: for the proofs of controls, and for what the record counts for whole playbooks only.
func (r *Report) gather(ctx context.Context, b *record.Book, s Scope) error {
	may := map[string]record.Cause{} // differences by playbook and cause
	for _, c := range r.Differences {
		may[c.Playbook+"\x00"+c.Cause] = c
	}
	proofs := newProver(s.Controls)
	part := newPart(may)
	for _, h := range r.Hosts {
		for after := ""; ; {
			page, err := b.Resources(ctx, h.Host, h.Playbook, after, 0)
			if err != nil {
				return err
			}
			if len(page) == 0 {
				break
			}
			for _, x := range page {
				proofs.add(x, may[x.Playbook+"\x00"+x.Cause].Ignored != "")
				if s.narrow() {
					part.add(x)
				}
			}
			after = page[len(page)-1].ID
		}
	}
	r.Proofs = proofs.all()
	if s.narrow() {
		r.narrow(part)
	}
	return nil
}

// part is what some hosts have of the whole.
type part struct {
	may      map[string]record.Cause
	causes   map[string]*record.Cause
	hosts    map[string][]string
	controls map[string]*record.Control
}

func newPart(may map[string]record.Cause) *part {
	return &part{may: may, causes: map[string]*record.Cause{}, hosts: map[string][]string{}, controls: map[string]*record.Control{}}
}

func (p *part) add(x record.Resource) {
	key := strings.Join([]string{x.Playbook, x.Path, x.Task, x.Action}, "\x00")
	c := p.controls[key]
	if c == nil {
		c = &record.Control{Playbook: x.Playbook, Task: x.Task, Action: x.Action, Path: x.Path, Line: x.Line, Oldest: x.SeenAt, Newest: x.SeenAt}
		p.controls[key] = c
	}
	c.Counts.Add(x.State)
	c.Relapses += x.Relapses
	if x.SeenAt.Before(c.Oldest) {
		c.Oldest = x.SeenAt
	}
	if x.SeenAt.After(c.Newest) {
		c.Newest = x.SeenAt
	}
	if x.Cause == "" {
		return
	}
	key = x.Playbook + "\x00" + x.Cause
	d := p.causes[key]
	if d == nil {
		of := p.may[key]
		of.Count, of.States, of.GoodAt, of.DiffersAt = 0, state.Counts{}, x.GoodAt, x.DiffersAt
		d = &of
		p.causes[key] = d
	}
	d.Count++
	d.States.Add(x.State)
	if x.DiffersAt.Before(d.DiffersAt) {
		d.GoodAt, d.DiffersAt = x.GoodAt, x.DiffersAt
	}
	p.hosts[key] = append(p.hosts[key], x.Host)
}

// narrow makes a report of the whole one of a part.
func (r *Report) narrow(p *part) {
	r.Fleet = record.Fleet{Hosts: map[state.State]int{}}
	for _, h := range r.Hosts {
		r.Fleet.Hosts[h.State]++
		r.Fleet.Resources.Plus(h.Counts)
	}
	r.Fleet.Coverage = r.Fleet.Resources.Coverage()
	r.Differences = []record.Cause{}
	for _, key := range slices.Sorted(maps.Keys(p.causes)) {
		d := *p.causes[key]
		d.Hosts = state.Fold(p.hosts[key])
		r.Differences = append(r.Differences, d)
	}
	slices.SortStableFunc(r.Differences, func(a, b record.Cause) int { return b.Count - a.Count })
	r.Controls = nil
	for _, key := range slices.Sorted(maps.Keys(p.controls)) {
		r.Controls = append(r.Controls, *p.controls[key])
	}
}
