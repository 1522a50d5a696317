package drift

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"goodstate.dev/goodstate/core/check"
	"goodstate.dev/goodstate/core/good"
	"goodstate.dev/goodstate/core/run"
	"goodstate.dev/goodstate/drift/record"
	"goodstate.dev/goodstate/drift/state"
)

// askFor is how long a correction waits for an approver; a refusal counts as long.
const askFor = 7 * 24 * time.Hour

// correct is a run that looks, and corrects what the policy allows, group after group.
func (d *Drift) correct(r *run.Run, o Order) (Result, error) {
	p, err := d.plan(r, o, record.Correct)
	if err != nil {
		return d.end(r, o, Result{}, err)
	}
	out, err := d.surveyed(r, o, record.Correct, p)
	if err == nil {
		err = d.act(r, o, p, &out)
	}
	return d.end(r, o, out, err)
}

// act decides and corrects.
func (d *Drift) act(r *run.Run, o Order, p planned, out *Result) error {
	what, err := d.decision(r, o, out.Hosts)
	if err != nil {
		return err
	}
	out.Asked, out.Stopped = len(what.Asks), what.Stopped
	if len(what.Hosts) == 0 {
		return nil
	}
	conf, err := d.playbook(o.Playbook)
	if err != nil {
		return err
	}
	byName := map[string]host{}
	var order []string // of the inventory
	for _, shard := range p.Shards {
		for _, h := range shard {
			byName[h.Name] = h
			if len(what.Wanted[h.Name]) > 0 {
				order = append(order, h.Name)
			}
		}
	}
	groups := conf.Cap.Groups(order)
	for i := -1; i < len(groups); i++ { // the checks come first: what is broken already is not corrected on
		var c corrected
		if i >= 0 {
			group := make([]host, len(groups[i]))
			for j, name := range groups[i] {
				group[j] = byName[name]
			}
			if c, err = d.group(r, o, p.From, what, group, fmt.Sprintf("correct %d", i+1)); err != nil {
				return err
			}
			out.Corrected, out.Failed, out.Unknown = out.Corrected+c.Corrected, out.Failed+c.Failed, out.Unknown+c.Unknown
			r.Note(fmt.Sprintf("corrected %d of %s", out.Corrected, counted(len(what.Hosts), "host")))
		}
		why, err := d.gate(r, o, conf, *out, i+1, i == len(groups)-1)
		if err != nil {
			return err
		}
		if why != "" {
			out.Stopped = why
			return nil
		}
	}
	return nil
}

// decision is the step that decides, asks approvers, and notes the hosts that wait for their correction.
func (d *Drift) decision(r *run.Run, o Order, looked int) (decided, error) {
	return run.Step(r, "decide", func(ctx context.Context) (out decided, err error) {
		conf, err := d.playbook(o.Playbook)
		if err != nil {
			return out, err
		}
		now := time.Now()
		all, err := d.differences(ctx, conf, o.Playbook, r.ID(), now)
		if err != nil {
			return out, err
		}
		var ask *record.Ask
		if o.Ask != "" {
			a, err := d.Book.Ask(ctx, o.Ask)
			if err != nil {
				return out, err
			}
			ask = &a
		}
		rejected, err := d.Book.Refused(ctx, o.Playbook, now)
		if err != nil {
			return out, err
		}
		out = decide(conf, all, looked, ask, rejected, now)
		for i := range out.Asks {
			a := &out.Asks[i]
			if a.Cause == "" && rejected[""] != "" { // that many were refused
				continue
			}
			a.ID, a.Playbook, a.Run, a.At, a.Until = askID(r.ID(), a.Cause), o.Playbook, r.ID(), now, now.Add(askFor)
			fresh, err := d.Book.PutAsk(ctx, *a)
			if err != nil {
				return out, err
			}
			if fresh {
				if err := d.tellAsk(ctx, r, *a); err != nil {
					return out, err
				}
			}
		}
		waiting := make([]record.Correction, len(out.Hosts))
		for i, h := range out.Hosts {
			waiting[i] = record.Correction{Host: h, State: record.Waiting, At: now}
		}
		if err := d.Book.SetCorrections(ctx, r.ID(), waiting); err != nil {
			return out, err
		}
		text := fmt.Sprintf("%s to correct, %s to ask about", counted(len(out.Hosts), "host"), counted(len(out.Asks), "difference"))
		if out.Stopped != "" {
			text = "nothing is corrected: " + out.Stopped
		}
		return out, r.Journal(ctx, "drift-decided", text, nil)
	})
}

// askID is the same for the same question of a run.
func askID(run, cause string) string {
	sum := sha256.Sum256([]byte(run + "\x00" + cause))
	return hex.EncodeToString(sum[:4])
}

// corrected is what came of a group.
type corrected struct {
	Corrected int `json:"corrected"`
	Failed    int `json:"failed,omitempty"`
	Unknown   int `json:"unknown,omitempty"`
}

// group is the step that corrects some hosts and looks at them again. Done again after a crash, it goes on where hosts are: what is corrected is so already.
func (d *Drift) group(r *run.Run, o Order, from source, what decided, group []host, name string) (corrected, error) {
	return run.Step(r, name, func(ctx context.Context) (out corrected, err error) {
		p, err := d.play(ctx, o, from)
		if err != nil {
			return out, err
		}
		defer func() { _ = p.close() }() // an error of it changes nothing about what was done
		free, left, err := d.take(ctx, r, p.conf, group)
		if err != nil {
			return out, err
		}
		if err := d.leave(ctx, r, left); err != nil || len(free) == 0 {
			return out, err
		}
		if err := d.mark(ctx, r, free, record.Begun, ""); err != nil {
			return out, err
		}
		if err := r.Journal(ctx, "drift-correcting", "correcting "+shortly(state.Fold(names(free))), nil); err != nil {
			return out, err
		}
		rec, err := d.record(ctx, p, r.ID(), r.Who(), r.Why(), record.Correct, false)
		if err != nil {
			return out, err
		}
		if err := carry(ctx, p, rec, names(free), false, what.hold(p.conf, p.root, time.Now)); err != nil {
			return out, err
		}
		troubles, err := d.Book.Troubles(ctx, o.Playbook)
		if err != nil {
			return out, err
		}
		if rec, err = d.record(ctx, p, r.ID(), r.Who(), r.Why(), record.Correct, true); err != nil {
			return out, err
		}
		if err := carry(ctx, p, rec, names(free), true, nil); err != nil {
			return out, err
		}
		if out, err = d.proven(ctx, r, o, what, free, troubles); err != nil {
			return out, err
		}
		return out, d.Book.Release(ctx, r.ID())
	})
}

// leave notes hosts that others hold.
func (d *Drift) leave(ctx context.Context, r *run.Run, left map[string]string) error {
	if len(left) == 0 {
		return nil
	}
	var all []record.Correction
	for host, who := range left {
		all = append(all, record.Correction{Host: host, State: record.Left, Why: "held by " + who, At: time.Now()})
	}
	if err := d.Book.SetCorrections(ctx, r.ID(), all); err != nil {
		return err
	}
	return r.Journal(ctx, "drift-left-out", "not corrected: "+whoHolds(left), nil)
}

func (d *Drift) mark(ctx context.Context, r *run.Run, hosts []host, s record.CorrectionState, why string) error {
	all := make([]record.Correction, len(hosts))
	for i, h := range hosts {
		all[i] = record.Correction{Host: h.Name, State: s, Why: why, At: time.Now()}
	}
	return d.Book.SetCorrections(ctx, r.ID(), all)
}

// proven notes what the look after the correction saw of each host. before are the troubles of the correction itself.
func (d *Drift) proven(ctx context.Context, r *run.Run, o Order, what decided, hosts []host, before map[string]string) (out corrected, err error) {
	now := time.Now()
	after, err := d.Book.Troubles(ctx, o.Playbook)
	if err != nil {
		return out, err
	}
	all, err := d.Book.Differences(ctx, o.Playbook, r.ID(), now)
	if err != nil {
		return out, err
	}
	still := map[string][]string{}
	for _, one := range all {
		if slices.Contains(what.Wanted[one.Host], one.ID) {
			still[one.Host] = append(still[one.Host], one.Task)
		}
	}
	var notes []record.Correction
	for _, h := range hosts {
		c := record.Correction{Host: h.Name, State: record.Done, At: now}
		switch lost, failed := after[h.Name], before[h.Name]; {
		case lost != "" && failed != "":
			c.State, c.Why = record.Uncertain, "the correction: "+failed+"; the look after it: "+lost
		case failed != "":
			c.State, c.Why = record.NotDone, failed
		case len(still[h.Name]) > 0:
			c.State, c.Why = record.NotDone, "it differs again right after it: "+shortly(strings.Join(still[h.Name], ", "))
		case lost != "":
			c.State, c.Why = record.Uncertain, "the look after it: "+lost
		}
		switch c.State {
		case record.Done:
			out.Corrected++
		case record.NotDone:
			out.Failed++
		default:
			out.Unknown++
		}
		notes = append(notes, c)
	}
	return out, d.Book.SetCorrections(ctx, r.ID(), notes)
}

// gate is the step between two groups: the checks, and whether it goes on. The one after the last group only tells.
func (d *Drift) gate(r *run.Run, o Order, conf Playbook, so Result, n int, last bool) (why string, err error) {
	return run.Step(r, fmt.Sprintf("check %d", n), func(ctx context.Context) (string, error) {
		var findings []good.Finding
		for name, spec := range conf.Checks.All() {
			findings = append(findings, spec.Run(ctx, name, check.Target{Service: o.Playbook, Dir: d.Base, Secret: d.Secret}))
		}
		on, why := conf.Cap.Gate(findings, so.Failed, so.Unknown)
		if on {
			return "", nil
		}
		if n == 0 {
			why = "before anything was corrected: " + why
		}
		if last {
			why = "after the last group: " + why
		}
		if err := r.Journal(ctx, "drift-stopped", why, findings); err != nil {
			return "", err
		}
		return why, d.tellStopped(ctx, r, o.Playbook, why)
	})
}
