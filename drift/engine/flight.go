package engine

import (
	"fmt"
	"strconv"

	"goodstate.dev/goodstate/core/inventory"
	"goodstate.dev/goodstate/core/py"
	"goodstate.dev/goodstate/drift/playbook"
)

// flight are the tasks that are under way. What they say comes back in one channel, so that only one goroutine changes what is known.
type flight struct {
	p       *playRun
	out     chan message
	running int
	slots   int
	done    []*done
}

// message is an event on the way, or the end of a task.
type message struct {
	event *Event
	end   *done
}

func (p *playRun) newFlight(t *playbook.Task) *flight {
	return &flight{p: p, out: make(chan message, 64), slots: p.forks}
}

// start lets a host do a task; it waits where all forks are busy.
func (f *flight) start(h *inventory.Host, t *playbook.Task, s *scope) error {
	limit := f.slots
	throttle, err := f.p.throttle(t, s)
	if err != nil {
		return err
	}
	if throttle > 0 && throttle < limit {
		limit = throttle
	}
	for f.running >= limit {
		if err := f.receive(true); err != nil {
			return err
		}
	}
	f.p.r.say(Event{Kind: RunnerStart, Host: h.Name, Task: f.p.info_(t).shown})
	f.running++
	info := f.p.info_(t)
	e := &executor{p: f.p, host: h, task: t, scope: s, out: f.out, info: info, shown: info.shown}
	go func() {
		f.out <- message{end: e.run()}
	}()
	return nil
}

// collect takes what has come back; with all it waits for everything.
func (f *flight) collect(all bool) error {
	for f.running > 0 {
		if !all && len(f.out) == 0 {
			return nil
		}
		if err := f.receive(all); err != nil {
			return err
		}
	}
	return nil
}

func (f *flight) receive(wait bool) error {
	var m message
	if wait {
		m = <-f.out
	} else {
		select {
		case m = <-f.out:
		default:
			return nil
		}
	}
	if m.event != nil {
		f.p.r.say(*m.event)
		return nil
	}
	f.running--
	if m.end == nil {
		return nil
	}
	f.done = append(f.done, m.end)
	return f.p.take(m.end)
}

// drain lets everything that is under way end without looking at it.
func (f *flight) drain() {
	for f.running > 0 {
		if m := <-f.out; m.event == nil {
			f.running--
		}
	}
}

func (p *playRun) throttle(t *playbook.Task, s *scope) (int, error) {
	if t.Throttle == nil {
		return 0, nil
	}
	v, err := p.r.env.Value(p.r.ctx, t.Throttle, s)
	if err != nil {
		return 0, t.Errorf("Failed to convert the throttle value to an integer. %w", err)
	}
	n, err := strconv.Atoi(py.Str(v))
	if err != nil {
		return 0, t.Errorf("Failed to convert the throttle value to an integer. %w", err)
	}
	return n, nil
}

// announce says that a task begins.
func (p *playRun) announce(t *playbook.Task, s *scope) {
	shown := *p.info_(t).shown
	if t.Name != "" && playbook.IsTemplate(t.Name) {
		if v, err := p.r.env.Value(p.r.ctx, t.Name, s); err == nil {
			shown.Name = t.TitleOf(py.Str(v))
		}
	}
	p.infos[t].shown = &shown
	kind := TaskStart
	if t.Handler {
		kind = HandlerStart
	}
	p.r.say(Event{Kind: kind, Task: &shown, Play: p.info})
}

// takeStep asks the person whether to do a task.
func (p *playRun) takeStep(t *playbook.Task, host string) (bool, error) {
	question := "Perform task: TASK: " + t.Title() + " "
	if host != "" {
		question += "on " + host + " "
	}
	answer, _, err := p.r.opt.Console.Ask(p.r.ctx, question+"(N)o/(y)es/(c)ontinue: ", false)
	if err != nil {
		return false, fmt.Errorf("--step: %w", err)
	}
	switch answer {
	case "y", "Y", "yes":
		return true, nil
	case "c", "C", "continue":
		p.r.step = false
		return true, nil
	}
	return false, nil
}
