package drift

import (
	"fmt"
	"slices"
	"time"

	"goodstate.dev/goodstate/drift/engine"
	"goodstate.dev/goodstate/drift/policy"
	"goodstate.dev/goodstate/drift/record"
	"goodstate.dev/goodstate/drift/state"
)

// decided is what a run does about the differences that it saw. Tasks are known by their place, "file:line".
type decided struct {
	Hosts   []string            `json:"hosts,omitempty"`   // that are corrected, in order
	Wanted  map[string][]string `json:"wanted,omitempty"`  // by host: the resources that must not differ afterwards
	Held    map[string][]string `json:"held,omitempty"`    // by host: tasks that may only look
	Allowed []string            `json:"allowed,omitempty"` // tasks that an approver agreed to
	Asks    []record.Ask        `json:"asks,omitempty"`
	Stopped string              `json:"stopped,omitempty"`
}

// fate is what is done about one difference.
func fate(conf Playbook, d record.Difference, ask *record.Ask, rejected map[string]string, now time.Time) policy.Decision {
	switch {
	case d.Ignored != "":
		return policy.Decision{Do: policy.Report, Why: "it may stay: " + d.Ignored}
	case ask != nil && !slices.Contains(ask.Hosts, d.Host):
		return policy.Decision{Do: policy.Report, Why: "the approver was not asked about this host"}
	case ask != nil && ask.Cause != "":
		if d.Cause == ask.Cause {
			return policy.Decision{Do: policy.Correct, Why: "approved"}
		}
		return policy.Decision{Do: policy.Report, Why: "the approver was not asked about this difference"}
	case d.State == state.Flapping:
		return policy.Decision{Do: policy.Report, Why: "corrections do not hold"}
	}
	out := policy.Decide(conf.Policy, subject(d), now)
	if why := rejected[d.Cause]; out.Do == policy.Ask && why != "" {
		return policy.Decision{Do: policy.Report, Why: why}
	}
	return out
}

// decide goes over the differences of hosts that were looked at. It is pure. ask is what an approver agreed to; nil: nothing. rejected says by cause who refused it.
func decide(conf Playbook, all []record.Difference, looked int, ask *record.Ask, rejected map[string]string, now time.Time) decided {
	out := decided{Wanted: map[string][]string{}, Held: map[string][]string{}}
	asks := map[string]*record.Ask{}
	var order []string
	held := map[[2]string]bool{}
	fates := make([]policy.Decision, len(all))
	for i, d := range all {
		fates[i] = fate(conf, d, ask, rejected, now)
		if fates[i].Do != policy.Correct { // of a task that goes over several items, all are left when one must be
			held[[2]string{d.Host, place(d.Path, d.Line)}] = true
		}
		if fates[i].Do == policy.Ask {
			if asks[d.Cause] == nil {
				asks[d.Cause] = &record.Ask{Cause: d.Cause, Task: d.Task, Why: fates[i].Why}
				order = append(order, d.Cause)
			}
			asks[d.Cause].Hosts = append(asks[d.Cause].Hosts, d.Host)
		}
	}
	for i, d := range all {
		at := place(d.Path, d.Line)
		if held[[2]string{d.Host, at}] {
			if !slices.Contains(out.Held[d.Host], at) {
				out.Held[d.Host] = append(out.Held[d.Host], at)
			}
			continue
		}
		if fates[i].Do == policy.Correct {
			if len(out.Wanted[d.Host]) == 0 {
				out.Hosts = append(out.Hosts, d.Host)
			}
			out.Wanted[d.Host] = append(out.Wanted[d.Host], d.ID)
			if ask != nil && ask.Cause != "" && !slices.Contains(out.Allowed, at) {
				out.Allowed = append(out.Allowed, at)
			}
		}
	}
	for _, cause := range order {
		out.Asks = append(out.Asks, *asks[cause])
	}
	if ok, why := conf.Cap.Within(len(out.Hosts), looked); !ok && ask == nil {
		out.Asks = append(out.Asks, record.Ask{Why: why, Hosts: out.Hosts})
		out.Stopped, out.Hosts, out.Wanted = why, nil, nil
	}
	return out
}

// place is where a task is.
func place(file string, line int) string { return fmt.Sprintf("%s:%d", file, line) }

// hold is the question of the engine before each task: may it act on the host?
func (d decided) hold(conf Playbook, root string, now func() time.Time) func(engine.Want) bool {
	held := map[[2]string]bool{}
	for host, places := range d.Held {
		for _, at := range places {
			held[[2]string{host, at}] = true
		}
	}
	return func(w engine.Want) bool {
		at := place(record.FileIn(root, w.File), w.Line)
		switch {
		case held[[2]string{w.Host, at}]:
			return true
		case slices.Contains(d.Allowed, at):
			return false
		}
		s := policy.Subject{Play: w.Play, Task: w.Task, File: record.FileIn(root, w.File), Path: onHost(w.About), Tags: w.Tags}
		return policy.Decide(conf.Policy, s, now()).Do != policy.Correct
	}
}
