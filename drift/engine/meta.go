package engine

import (
	"context"
	"fmt"

	"goodstate.dev/goodstate/core/inventory"
	"goodstate.dev/goodstate/core/py"
	"goodstate.dev/goodstate/drift/playbook"
)

// meta carries out what concerns the run itself.
func (p *playRun) meta(t *playbook.Task, h *inventory.Host, s *scope) (*done, error) {
	raw, _ := t.Args.Get("_raw_params")
	what := py.Str(raw)
	info := p.info_(t)
	e := &executor{p: p, host: h, task: t, scope: s, info: info, shown: info.shown, fields: &fields{}}
	act, known := metas[what]
	if !known {
		return nil, t.Errorf("invalid meta action requested: %s", what)
	}
	if !t.Implicit {
		p.announce(t, s)
	}
	d := &done{host: h, task: t, fields: &fields{}}
	yes := true
	if act.conditional {
		var err error
		if yes, err = e.conditions(t.When, s); err != nil {
			return nil, t.Errorf("%w", err)
		}
	} else if len(t.When) > 0 && !t.Implicit {
		p.r.warn(what + " task does not support when conditional")
	}
	if t.Handler {
		p.unnotify(t, h)
	}
	if !yes {
		reason := what + " conditional evaluated to False" + act.skip
		if act.host {
			reason += h.Name
		}
		d.result = py.DictOf("msg", what, "skipped", true, "skip_reason", reason)
		if what == "end_host" {
			d.result.Set("msg", "end_host conditional evaluated to false, continuing execution for "+h.Name)
		}
		if !t.Implicit {
			p.r.say(Event{Kind: Meta, Text: "META: " + reason, Task: info.shown})
		}
		p.tell(Skipped, d, false)
		return d, nil
	}
	said, err := act.do(p, t, h, e)
	if err != nil {
		return nil, err
	}
	d.result = py.DictOf("msg", said, "changed", false)
	if !t.Implicit {
		p.r.say(Event{Kind: Meta, Text: "META: " + said, Task: info.shown})
	}
	return d, nil
}

// metaAct is one word behind meta.
type metaAct struct {
	conditional bool
	skip        string // why nothing was done, behind the word
	host        bool   // the host's name follows
	do          func(p *playRun, t *playbook.Task, h *inventory.Host, e *executor) (string, error)
}

var metas = map[string]metaAct{
	"noop": {do: func(*playRun, *playbook.Task, *inventory.Host, *executor) (string, error) { return "noop", nil }},
	"flush_handlers": {conditional: true, skip: ", not running handlers for ", host: true, do: func(p *playRun, t *playbook.Task, h *inventory.Host, _ *executor) (string, error) {
		s := p.it.state(h)
		if s.phase == inHandlers {
			return "", t.Errorf("flush_handlers cannot be used as a handler")
		}
		if !p.r.unreachable[h.Name] {
			s.before, s.phase = s.phase, inHandlers
		}
		return "triggered running handlers for " + h.Name, nil
	}},
	"refresh_inventory": {do: func(p *playRun, _ *playbook.Task, _ *inventory.Host, _ *executor) (string, error) {
		return "inventory successfully refreshed", p.r.refresh()
	}},
	"clear_facts": {conditional: true, skip: ", not clearing facts and fact cache for ", host: true, do: func(p *playRun, _ *playbook.Task, _ *inventory.Host, _ *executor) (string, error) {
		for _, h := range p.batch {
			p.r.records.host(h.Name).forget()
		}
		return "facts cleared", nil
	}},
	"clear_host_errors": {conditional: true, skip: ", not clearing host error state for ", host: true, do: func(p *playRun, _ *playbook.Task, _ *inventory.Host, _ *executor) (string, error) {
		for _, h := range p.batch {
			p.r.mu.Lock()
			delete(p.r.failed, h.Name)
			delete(p.r.unreachable, h.Name)
			p.r.mu.Unlock()
			clearErrors(p.it.state(h))
		}
		return "cleared host errors", nil
	}},
	"end_batch": {conditional: true, skip: ", continuing current batch", do: func(p *playRun, _ *playbook.Task, _ *inventory.Host, _ *executor) (string, error) {
		p.endAll()
		return "ending batch", nil
	}},
	"end_play": {conditional: true, skip: ", continuing play", do: func(p *playRun, _ *playbook.Task, _ *inventory.Host, _ *executor) (string, error) {
		p.endAll()
		p.it.endPlay = true
		return "ending play", nil
	}},
	"end_host": {conditional: true, skip: ", continuing execution for ", host: true, do: func(p *playRun, _ *playbook.Task, h *inventory.Host, _ *executor) (string, error) {
		p.it.state(h).phase = complete
		p.remove(h.Name, true)
		return "ending play for " + h.Name, nil
	}},
	"role_complete": {do: func(p *playRun, t *playbook.Task, h *inventory.Host, _ *executor) (string, error) {
		if t.Implicit && t.Role != nil && p.ran[t.Role][h] {
			mark(p.finished, t.Role, h)
		}
		return "role_complete for " + h.Name, nil
	}},
	"reset_connection": {do: func(_ *playRun, _ *playbook.Task, _ *inventory.Host, e *executor) (string, error) {
		r, err := e.remote(e.scope)
		if err != nil {
			return "", err
		}
		return "reset connection", r.Reset(context.Background())
	}},
}

func (p *playRun) endAll() {
	for _, h := range p.batch {
		if !p.r.unreachable[h.Name] {
			p.it.state(h).phase = complete
		}
	}
}

// refresh reads the inventory again and adds what plays had added to it.
func (r *run) refresh() error {
	fresh, err := inventory.Load(r.ctx, r.opt.Inventory, inventory.Options{Load: r.loadAgain, Decrypt: r.decrypt, Warn: r.warn})
	if err != nil {
		return fmt.Errorf("refresh_inventory: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.inv = fresh
	r.inventoryChanged()
	for _, again := range r.dynamic {
		again()
	}
	return nil
}

func (r *run) loadAgain(path string) (any, error) {
	r.mu.Lock()
	delete(r.files, path)
	r.mu.Unlock()
	return r.load(path)
}
