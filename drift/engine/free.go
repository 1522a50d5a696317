package engine

import (
	"goodstate.dev/goodstate/core/inventory"
	"goodstate.dev/goodstate/drift/playbook"
)

// free lets every host go through the play as fast as it can. Pinned, a host that has begun keeps its place until it is at the end.
func (p *playRun) free(pinned bool) (int, error) {
	f := p.newFlight(nil)
	defer f.drain()
	busy := map[*inventory.Host]bool{}
	begun := map[*inventory.Host]bool{}
	taken := 0
	for p.r.ctx.Err() == nil {
		work := false
		active := 0
		for _, h := range p.hostsLeft() {
			if begun[h] && p.it.state(h).phase != complete {
				active++
			}
		}
		for _, h := range p.hostsLeft() {
			if busy[h] || f.running >= f.slots || pinned && !begun[h] && active >= f.slots {
				continue
			}
			s, t := p.it.peek(h)
			if t == nil {
				p.it.states[h] = s
				continue
			}
			if pinned && !begun[h] {
				active++
			}
			begun[h] = true
			work = true
			started, err := p.freeStep(f, h, s, t)
			if err != nil {
				return 0, err
			}
			busy[h] = started
		}
		if f.running == 0 && !work {
			return Good, nil
		}
		if f.running == 0 {
			continue
		}
		if err := f.receive(true); err != nil {
			return 0, err
		}
		for _, d := range f.done[taken:] {
			busy[d.host] = false
		}
		if err := p.bringIn(f.done[taken:], p.hostsLeft()); err != nil {
			return 0, err
		}
		taken = len(f.done)
	}
	return Good, p.r.ctx.Err()
}

// freeStep lets one host do its next task and says whether it is under way.
func (p *playRun) freeStep(f *flight, h *inventory.Host, s *state, t *playbook.Task) (bool, error) {
	sc, err := p.hostScope(h, t)
	if err != nil {
		return false, err
	}
	p.it.states[h] = s
	if p.roleDone(t, h) {
		return false, nil
	}
	if i := p.info_(t); i.local && i.kind.Once {
		return false, t.Errorf("The '%s' module bypasses the host loop, which is currently not supported in the free strategy and would instead execute for every host in the inventory list.", t.Action)
	}
	if isMeta(t, "") {
		_, err := p.meta(t, h, sc)
		return false, err
	}
	if once, err := p.once(t, sc); err == nil && once {
		p.r.warn("Using run_once with the free strategy is not currently supported. This task will still be executed for every host in the inventory list.")
	}
	if fatal, err := p.anyErrorsFatal(t, sc); err == nil && fatal {
		p.r.warn("Using any_errors_fatal with the free strategy is not supported, as tasks are executed independently on each host")
	}
	if p.r.step {
		yes, err := p.takeStep(t, h.Name)
		if err != nil || !yes {
			return false, err
		}
	}
	p.announce(t, sc)
	return true, f.start(h, t, sc)
}
