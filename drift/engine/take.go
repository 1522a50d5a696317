package engine

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"goodstate.dev/goodstate/core/inventory"
	"goodstate.dev/goodstate/core/py"
	"goodstate.dev/goodstate/drift/action"
	"goodstate.dev/goodstate/drift/playbook"
)

// take takes the end of a task on a host: what it says is counted, remembered, notified and told.
func (p *playRun) take(d *done) error {
	ran := true
	switch {
	case isFailed(d.result):
		p.takeFailed(d)
	case isUnreachable(d.result):
		p.takeUnreachable(d)
		ran = false
	case isSkipped(d.result):
		p.r.stats.add(d.host.Name, skipped)
		p.tell(Skipped, d, false)
		ran = false
	default:
		if err := p.takeGood(d); err != nil {
			return err
		}
	}
	if name := d.task.Register; name != "" && !playbook.Identifier(name) {
		return fmt.Errorf("Invalid variable name in 'register' specified: '%s'", name)
	}
	p.register(d)
	if d.task.Role != nil && ran {
		mark(p.ran, d.task.Role, d.host)
	}
	if d.task.Handler {
		p.unnotify(d.task, d.host)
	}
	return nil
}

func mark[K comparable](set map[K]map[*inventory.Host]bool, key K, h *inventory.Host) {
	if set[key] == nil {
		set[key] = map[*inventory.Host]bool{}
	}
	set[key][h] = true
}

func (p *playRun) unnotify(t *playbook.Task, h *inventory.Host) { delete(p.notified[t], h) }

func (p *playRun) takeFailed(d *done) {
	name := d.host.Name
	if d.fields.ignoreErrors {
		p.r.stats.add(name, ok, ignored)
		if action.Is(d.result, "changed") {
			p.r.stats.add(name, changed)
		}
		p.tell(FailedTask, d, true)
		return
	}
	rescuable := rescuing(p.it.state(d.host))
	if d.fields.runOnce {
		for _, h := range p.batch {
			if !p.r.unreachable[h.Name] {
				p.markFailed(h)
			}
		}
	} else {
		p.markFailed(d.host)
	}
	if s, _ := p.it.peek(d.host); hasFailed(p.it.state(d.host)) && s.phase == complete {
		p.setFailed(name)
	}
	if rescuable {
		p.r.stats.add(name, rescued)
		p.remove(name, false)
		rec := p.r.records.host(name)
		rec.setFact("ansible_failed_task", p.describe(d.task))
		rec.setFact("ansible_failed_result", clean(d.result))
	} else {
		p.r.stats.add(name, failures)
	}
	d.rescued = rescuable
	p.tell(FailedTask, d, false)
}

// describe is ansible_failed_task.
func (p *playRun) describe(t *playbook.Task) *py.Dict {
	out := py.DictOf("name", py.Unsafe(t.Name), "action", py.Unsafe(t.Action), "args", py.MarkUnsafe(t.Args), "delegate_to", py.MarkUnsafe(t.DelegateTo),
		"register", py.MarkUnsafe(orNil(t.Register)), "tags", py.MarkUnsafe(py.NewList(t.Tags...)), "when", py.MarkUnsafe(py.NewList(t.When...)),
		"loop", py.MarkUnsafe(t.Loop), "ignore_errors", py.MarkUnsafe(t.IgnoreErrors))
	return out
}

func orNil(text string) any {
	if text == "" {
		return nil
	}
	return text
}

func (p *playRun) takeUnreachable(d *done) {
	name := d.host.Name
	if d.fields.ignoreUnreachable {
		p.r.stats.add(name, ok, ignored)
		p.tell(UnreachableHost, d, true)
		return
	}
	p.r.mu.Lock()
	p.r.unreachable[name] = true
	p.removed[name] = true
	p.r.mu.Unlock()
	p.r.stats.add(name, unreachable)
	p.tell(UnreachableHost, d, false)
}

func (p *playRun) takeGood(d *done) error {
	parts := []any{d.result}
	if d.task.Loop != nil {
		parts = resultsOf(d.result)
	}
	for _, part := range parts {
		res, is := part.(*py.Dict)
		if !is {
			continue
		}
		if err := p.notify(d, res); err != nil {
			return err
		}
		if err := p.grow(d, res); err != nil {
			return err
		}
		p.facts(d, res)
		p.customStats(d, res)
	}
	if d.result.Has("diff") && (p.r.opt.Diff || d.fields.diff) && !noLog(d) {
		p.tell(Diffed, d, false)
	}
	if !d.task.IsInclude() {
		p.r.stats.add(d.host.Name, ok)
		if action.Is(d.result, "changed") {
			p.r.stats.add(d.host.Name, changed)
		}
	}
	p.tell(OK, d, false)
	return nil
}

func noLog(d *done) bool { return d.fields.noLog || action.Is(d.result, "_ansible_no_log") }

// notify remembers the handlers that a changed result wants.
func (p *playRun) notify(d *done, res *py.Dict) error {
	v, has := res.Get("_ansible_notify")
	if !has || !any_(d.result, "changed") {
		return nil
	}
	for _, item := range itemsOf(v) {
		name := py.Str(item)
		found := false
		if t := p.handlerNamed(name); t != nil {
			found = true
			p.notifyHost(t, d.host)
		}
		for _, t := range p.play.Handlers {
			if slices.Contains(p.listens(t), name) {
				found = true
				p.notifyHost(t, d.host)
			}
		}
		if found {
			continue
		}
		text := fmt.Sprintf("The requested handler '%s' was not found in either the main handlers list nor in the listening handlers list", name)
		if p.r.opt.Settings.MissingHandler {
			return errors.New(text)
		}
		p.r.warn(text)
	}
	return nil
}

func (p *playRun) notifyHost(t *playbook.Task, h *inventory.Host) {
	if p.notified[t][h] {
		return
	}
	mark(p.notified, t, h)
	p.r.say(Event{Kind: Notified, Host: h.Name, Task: p.info_(t).shown})
}

// handlerNamed finds a handler; of several with one name the first of the last group counts.
func (p *playRun) handlerNamed(name string) *playbook.Task {
	for _, t := range lastGroupFirst(p.play.Handlers) {
		if t.Name == "" {
			continue
		}
		own, ok := p.names[t]
		if !ok {
			own = t.Name
			if playbook.IsTemplate(own) {
				v, err := p.r.env.Value(p.r.ctx, own, p.scope(nil, t))
				if err != nil {
					if len(t.Listen) == 0 {
						p.r.warn(fmt.Sprintf("Handler '%s' is unusable because it has no listen topics and the name could not be templated (host-specific variables are "+
							"not supported in handler names). The error: %v", t.Name, err))
					}
					own = ""
				} else {
					own = py.Str(v)
				}
			}
			p.names[t] = own
		}
		if own == "" {
			continue
		}
		if name == own || t.Role != nil && (name == t.Role.Name+" : "+own || name == t.Role.FullName()+" : "+own) {
			return t
		}
	}
	return nil
}

// lastGroupFirst turns the order of groups of handlers, not that inside a group.
func lastGroupFirst(list []*playbook.Task) []*playbook.Task {
	out := make([]*playbook.Task, 0, len(list))
	for end := len(list); end > 0; {
		begin := end - 1
		for begin > 0 && list[begin-1].Group == list[end-1].Group {
			begin--
		}
		out = append(out, list[begin:end]...)
		end = begin
	}
	return out
}

func (p *playRun) listens(t *playbook.Task) []string {
	var out []string
	for _, item := range t.Listen {
		v := item
		if text, ok := item.(string); ok && playbook.IsTemplate(text) {
			if resolved, err := p.r.env.Value(p.r.ctx, text, p.scope(nil, t)); err == nil {
				v = resolved
			}
		}
		for _, one := range itemsOf(v) {
			out = append(out, py.Str(one))
		}
	}
	return out
}

// targets are the hosts to which a result belongs.
func (p *playRun) targets(d *done) []string {
	if !d.fields.runOnce {
		return []string{d.host.Name}
	}
	var out []string
	for _, h := range p.batch {
		if !p.r.unreachable[h.Name] {
			out = append(out, h.Name)
		}
	}
	return out
}

// facts remembers ansible_facts of a result.
func (p *playRun) facts(d *done, res *py.Dict) {
	v, _ := res.Get("ansible_facts")
	facts, is := v.(*py.Dict)
	if !is || d.task.Short() == "debug" {
		return
	}
	hosts := p.targets(d)
	if delegates, err := p.flagIn(d.task.DelegateFacts, false, "delegate_facts", p.scope(d.host, d.task)); err == nil && delegates && d.fields.delegate != "" {
		hosts = []string{d.fields.delegate}
	}
	cacheable := action.Is(res, "_ansible_facts_cacheable")
	res.Delete("_ansible_facts_cacheable")
	for _, name := range hosts {
		rec := p.r.records.host(name)
		switch d.task.Short() {
		case "include_vars":
			for k, v := range facts.All() {
				rec.include(py.Str(k), v)
			}
		case "set_fact":
			if cacheable {
				rec.learn(facts)
			}
			for k, v := range facts.All() {
				rec.setFact(py.Str(k), v)
			}
		default:
			rec.learn(facts)
		}
	}
}

func (p *playRun) customStats(d *done, res *py.Dict) {
	v, _ := res.Get("ansible_stats")
	stats, is := v.(*py.Dict)
	if !is {
		return
	}
	data, _ := stats.Get("data")
	values, is := data.(*py.Dict)
	if !is {
		return
	}
	hosts := []string{"_run"}
	if action.Is(stats, "per_host") {
		hosts = p.targets(d)
	}
	for _, h := range hosts {
		for k, v := range values.All() {
			p.r.stats.custom(h, py.Str(k), v, action.Is(stats, "aggregate"))
		}
	}
}

// register remembers a result by the name that the task gives it.
func (p *playRun) register(d *done) {
	if d.task.Register == "" || !playbook.Identifier(d.task.Register) {
		return
	}
	res := clean(d.result)
	for _, name := range p.targets(d) {
		p.r.records.host(name).setFact(d.task.Register, res)
	}
}

// clean is a result without what is goodstate's own.
func clean(res *py.Dict) *py.Dict {
	out := Public(res).(*py.Dict)
	out.Delete("invocation")
	return out
}

// Public is a value without what is goodstate's own in its dicts: the keys that begin with _ansible_.
func Public(value any) any {
	switch v := value.(type) {
	case *py.Dict:
		out := py.NewDict()
		for k, item := range v.All() {
			if name, ok := k.(string); ok && strings.HasPrefix(name, "_ansible_") {
				continue
			}
			out.Set(k, Public(item))
		}
		return out
	case *py.List:
		out := &py.List{Items: make([]any, len(v.Items))}
		for i, item := range v.Items {
			out.Items[i] = Public(item)
		}
		return out
	}
	return value
}

func (p *playRun) tell(kind Kind, d *done, ignoredToo bool) {
	shown := *p.info_(d.task).shown
	shown.NoLog = shown.NoLog || d.fields.noLog
	p.r.say(Event{
		Kind: kind, Host: d.host.Name, Task: &shown, Play: p.info, Result: d.result.Copy(), Ignored: ignoredToo, Rescued: d.rescued, Delegated: d.fields.delegate, Address: d.fields.address, Text: d.fields.title,
	})
}
