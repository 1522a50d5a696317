package drift

import (
	"context"
	"fmt"
	"slices"

	"goodstate.dev/goodstate/core/run"
	"goodstate.dev/goodstate/drift/engine"
	"goodstate.dev/goodstate/drift/record"
	"goodstate.dev/goodstate/drift/state"
)

// host is one that a run is about.
type host struct {
	Name    string `json:"n"`
	Address string `json:"a,omitempty"` // empty: the name
}

func (h host) address() string { return orText(h.Address, h.Name) }

// planned is what a run goes over.
type planned struct {
	From   source   `json:"from"`
	Shards [][]host `json:"shards"`
}

func (p planned) hosts() (n int) {
	for _, s := range p.Shards {
		n += len(s)
	}
	return n
}

// plan is the first step of a run: which playbook counts, and which hosts it is about.
func (d *Drift) plan(r *run.Run, o Order, mode record.Mode) (planned, error) {
	return run.Step(r, "plan", func(ctx context.Context) (out planned, err error) {
		conf, err := d.playbook(o.Playbook)
		if err != nil {
			return out, err
		}
		if out.From, err = d.revision(ctx, conf); err != nil {
			return out, err
		}
		p, err := d.play(ctx, o, out.From)
		if err != nil {
			return out, err
		}
		defer func() { _ = p.close() }() // nothing was begun with it
		found, err := hostsOf(ctx, p.opt, o.Limit)
		if err != nil {
			return out, fmt.Errorf("hosts of playbook %s: %w", o.Playbook, err)
		}
		if len(found) == 0 {
			return out, fmt.Errorf("playbook %s is about no host of its inventory; goodstate inventory --list shows what is in it", o.Playbook)
		}
		away, err := d.Book.Troubles(ctx, o.Playbook)
		if err != nil {
			return out, err
		}
		out.Shards = shards(found, away, conf.Shard)
		if err := d.Book.ForgetConfigured(ctx, o.Playbook); err != nil {
			return out, err
		}
		if err := d.forgetHosts(ctx, r, o, found); err != nil {
			return out, err
		}
		rec, err := d.record(ctx, p, r.ID(), r.Who(), r.Why(), mode, false) // the run is in the record although it may come to no host
		if err != nil {
			return out, err
		}
		if err := rec.Close(nil); err != nil {
			return out, err
		}
		what := "is compared with"
		if mode == record.Correct {
			what = "is compared with, and may correct,"
		}
		text := fmt.Sprintf("playbook %s %s %s", o.Playbook, what, counted(out.hosts(), "host"))
		if out.From.Commit != "" {
			text += fmt.Sprintf(", as it was at %.12s: %s", out.From.Commit, out.From.Why)
		}
		return out, r.Journal(ctx, "drift-planned", text, nil)
	})
}

// forgetHosts lets hosts go that are no longer in the inventory. A run that is about a part of the hosts says nothing about the others.
func (d *Drift) forgetHosts(ctx context.Context, r *run.Run, o Order, found []host) error {
	if o.Limit != "" {
		return nil
	}
	here := map[string]bool{}
	for _, h := range found {
		here[h.Name] = true
	}
	gone, err := d.Book.OnlyHosts(ctx, o.Playbook, here)
	if err != nil || len(gone) == 0 {
		return err
	}
	return r.Journal(ctx, "drift-hosts-gone", "no longer in the inventory: "+shortly(state.Fold(gone)), nil)
}

// hostsOf are the hosts of the plays, within a limit on top of the configured one.
func hostsOf(ctx context.Context, opt engine.Options, limit string) ([]host, error) {
	all, err := engine.Hosts(ctx, opt)
	if err != nil {
		return nil, err
	}
	var within map[string]bool
	if limit != "" {
		opt.Limit = limit
		some, err := engine.Hosts(ctx, opt)
		if err != nil {
			return nil, err
		}
		within = map[string]bool{}
		for _, h := range some {
			within[h.Name] = true
		}
	}
	out := make([]host, 0, len(all))
	for _, f := range all {
		if within != nil && !within[f.Name] {
			continue
		}
		h := host{Name: f.Name}
		if f.Address != f.Name {
			h.Address = f.Address
		}
		out = append(out, h)
	}
	return out, nil
}

// shards cuts hosts into parts of n. Hosts that were away the last time are together at the end: they are waited for all at once, and not once in each shard.
func shards(hosts []host, away map[string]string, n int) (out [][]host) {
	there := slices.DeleteFunc(slices.Clone(hosts), func(h host) bool { return away[h.Name] != "" })
	gone := slices.DeleteFunc(slices.Clone(hosts), func(h host) bool { return away[h.Name] == "" })
	for _, part := range [][]host{there, gone} {
		for s := range slices.Chunk(part, max(1, n)) {
			out = append(out, s)
		}
	}
	return out
}

func names(hosts []host) []string {
	out := make([]string, len(hosts))
	for i, h := range hosts {
		out[i] = h.Name
	}
	return out
}

// counted is a number with its word.
func counted(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}
