package drift

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"goodstate.dev/goodstate/core/run"
	"goodstate.dev/goodstate/drift/state"
)

// askAgain is how often it is looked whether hosts have become free.
const askAgain = time.Second

// take leases hosts for a run. It waits as long as the playbook says for those that another run or a rollout has, and returns those that it got, and why not the others.
// The run says meanwhile for whom it waits.
func (d *Drift) take(ctx context.Context, r *run.Run, conf Playbook, hosts []host) (free []host, left map[string]string, err error) {
	until := time.Now().Add(time.Duration(conf.Wait))
	said := false
	for {
		left, err = d.tryTake(ctx, r.ID(), conf, hosts)
		if err != nil {
			return nil, nil, err
		}
		if len(left) == 0 || !time.Now().Before(until) {
			break
		}
		// Nothing is kept while waiting, so that two runs never wait for each other.
		if err := d.Book.Release(ctx, r.ID()); err != nil {
			return nil, nil, err
		}
		text := "waits for " + whoHolds(left)
		r.Note(text)
		if !said {
			said = true
			if err := r.Journal(ctx, "drift-waits", text, nil); err != nil {
				return nil, nil, err
			}
		}
		timer := time.NewTimer(askAgain)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil, nil, context.Cause(ctx)
		case <-timer.C:
		}
	}
	for _, h := range hosts {
		if left[h.Name] == "" {
			free = append(free, h)
		}
	}
	return free, left, nil
}

// tryTake leases what is free, and says who holds the rest, by name.
func (d *Drift) tryTake(ctx context.Context, id string, conf Playbook, hosts []host) (map[string]string, error) {
	left := map[string]string{}
	byAddress := map[string]string{}
	for _, h := range hosts {
		byAddress[h.address()] = h.Name
	}
	if d.Occupants != nil {
		busy, err := d.Occupants.Occupied(ctx, conf.Services, slices.Sorted(maps.Keys(byAddress)))
		if err != nil {
			return nil, fmt.Errorf("who works on the hosts: %w", err)
		}
		for address, name := range byAddress {
			if who := orText(busy[address], busy[""]); who != "" {
				left[name] = who
				delete(byAddress, address)
			}
		}
	}
	held, err := d.Book.Lease(ctx, id, byAddress, time.Now())
	for _, l := range held {
		left[byAddress[l.Address]] = "run " + l.Run + " since " + l.At.Local().Format("15:04:05")
	}
	return left, err
}

// whoHolds says who holds which hosts.
func whoHolds(left map[string]string) string {
	by := map[string][]string{}
	for host, who := range left {
		by[who] = append(by[who], host)
	}
	var parts []string
	for _, who := range slices.Sorted(maps.Keys(by)) {
		parts = append(parts, shortly(state.Fold(by[who]))+", which "+who+" holds")
	}
	return strings.Join(parts, "; ")
}

// shortly bounds a list of names for a sentence.
func shortly(names string) string {
	const most = 300
	if len(names) <= most {
		return names
	}
	return strings.ToValidUTF8(names[:most], "") + " ..."
}
