package engine

import (
	"errors"
	"fmt"
	"path"
	"slices"

	"goodstate.dev/goodstate/core/inventory"
	"goodstate.dev/goodstate/core/py"
	"goodstate.dev/goodstate/drift/playbook"
)

// run carries the play out on the hosts of the batch.
func (p *playRun) run() (int, error) {
	p.r.say(Event{Kind: PlayStart, Play: p.info})
	if err := p.makeIterator(); err != nil {
		return 0, err
	}
	for _, h := range p.batch {
		if p.r.failed[h.Name] {
			p.markFailed(h)
		}
	}
	for name := range p.r.failed {
		p.remove(name, true)
	}
	for name := range p.r.unreachable {
		p.remove(name, true)
	}
	before := p.r.failed
	p.r.mu.Lock()
	p.r.failed = map[string]bool{}
	p.r.mu.Unlock()
	result, err := p.strategise()
	if err != nil {
		return 0, err
	}
	for _, h := range p.hostsLeft() {
		p.it.states[h], _ = p.it.peek(h) // to its end
	}
	p.r.mu.Lock()
	defer p.r.mu.Unlock()
	for name := range before {
		p.r.failed[name] = true
	}
	anyFailed := len(before) > 0
	for h, s := range p.it.states {
		if hasFailed(s) {
			p.r.failed[h.Name] = true
			anyFailed = true
		}
	}
	switch {
	case result != Good:
		return result, nil
	case len(p.r.unreachable) > 0:
		return Unreachable, nil
	case anyFailed:
		return Failed, nil
	}
	return Good, nil
}

func (p *playRun) strategise() (int, error) {
	switch p.info.Strategy {
	case "linear", "debug":
		return p.linear()
	case "free":
		return p.free(false)
	case "host_pinned":
		return p.free(true)
	}
	return 0, fmt.Errorf("Invalid play strategy specified: %s", p.info.Strategy)
}

// makeIterator lays out the tasks of the play that its tags leave.
func (p *playRun) makeIterator() error {
	it := &iterator{states: map[*inventory.Host]*state{}, size: len(p.batch)}
	p.it = it
	it.handlers = func() []*playbook.Task { return p.play.Handlers }
	it.notified = func(h *inventory.Host, t *playbook.Task) bool { return p.notified[t][h] }
	it.gathers = p.gathers
	selection := playbook.Selection{Only: p.r.opt.Tags, Skip: p.r.opt.SkipTags}
	it.blocks = append(it.blocks, selection.Select(p.setupBlock(), p.tagsOf))
	force, err := p.flag(p.play.ForceHandlers, p.r.opt.Handlers || p.r.opt.Settings.ForceHandlers, "force_handlers")
	if err != nil {
		return err
	}
	for _, b := range p.play.Compile(force, p.r.loader) {
		if left := selection.Select(b, p.tagsOf); !left.Empty() {
			it.blocks = append(it.blocks, left)
		}
	}
	it.all = playbook.Tasks(it.blocks)
	for _, h := range p.batch {
		it.states[h] = newState(it.blocks)
	}
	p.startAt()
	return nil
}

// startAt moves all hosts to the task of --start-at-task.
func (p *playRun) startAt() {
	want := p.r.opt.StartAt
	if want == "" || p.r.startDone {
		return
	}
	matched := false
	for _, h := range p.batch {
		for {
			s, t := p.it.peek(h)
			if s.phase == complete || t == nil {
				break
			}
			if matches(want, t.Name) || matches(want, t.Title()) {
				matched = true
				own := p.it.states[h]
				own.started = true
				own.phase = setup
				break
			}
			p.it.states[h] = s
		}
	}
	p.r.startDone = matched
}

func matches(pattern, name string) bool {
	if name == "" {
		return false
	}
	ok, err := path.Match(pattern, name)
	return pattern == name || err == nil && ok
}

func (p *playRun) setupBlock() *playbook.Block {
	args := py.NewDict()
	for name, value := range map[string]any{
		"gather_subset": p.play.GatherSubset, "gather_timeout": p.play.GatherTimeout, "fact_path": p.play.FactPath,
	} {
		if value != nil {
			args.Set(name, value)
		}
	}
	s := p.r.opt.Settings
	if p.play.GatherSubset == nil && len(s.GatherSubset) > 0 {
		args.Set("gather_subset", py.NewList(s.GatherSubset...))
	}
	if p.play.GatherTimeout == nil && s.GatherTimeout > 0 {
		args.Set("gather_timeout", int64(s.GatherTimeout))
	}
	if p.play.FactPath == nil && s.FactPath != "" {
		args.Set("fact_path", s.FactPath)
	}
	t := p.r.loader.Implicit(p.play, "gather_facts", args)
	t.Name = "Gathering Facts"
	t.Keywords = p.play.Keywords
	t.RunOnce = nil
	t.When = p.play.When()
	if len(p.play.Tags) == 0 {
		t.Tags = []any{"always"}
	}
	return &playbook.Block{Keywords: t.Keywords, Body: []playbook.Item{t}}
}

// gathers decides whether a host tells its facts.
func (p *playRun) gathers(h *inventory.Host) bool {
	said := p.play.GatherFacts != nil
	wanted, err := p.flag(p.play.GatherFacts, true, "gather_facts")
	if err != nil {
		wanted = true
	}
	switch p.r.opt.Settings.Gathering {
	case "explicit":
		return said && wanted
	case "smart":
		return wanted && !p.r.records.host(h.Name).gathered()
	}
	return wanted
}

func (p *playRun) hostsLeft() []*inventory.Host {
	var out []*inventory.Host
	for _, h := range p.batch {
		if !p.r.unreachable[h.Name] {
			out = append(out, h)
		}
	}
	return out
}

// hostTask is what a host does next.
type hostTask struct {
	host *inventory.Host
	task *playbook.Task
}

// lockstep gives each host the common next task; a host that is elsewhere waits.
func (p *playRun) lockstep(hosts []*inventory.Host) ([]hostTask, error) {
	it := p.it
	type next struct {
		s *state
		t *playbook.Task
	}
	upcoming := map[*inventory.Host]next{}
	handlers := false
	for _, h := range hosts {
		if s, t := it.peek(h); t != nil {
			upcoming[h] = next{s, t}
			handlers = handlers || s.phase == inHandlers
		}
	}
	if len(upcoming) == 0 {
		return nil, nil
	}
	p.flushing = p.flushing && handlers
	lowest := -1
	var cur *playbook.Task
	if p.flushing {
		// Hosts may have included handlers that others have not, so one place in the list may mean several tasks.
		for _, h := range hosts {
			if n, ok := upcoming[h]; ok && n.s.phase == inHandlers && (lowest < 0 || n.s.handlerAt < lowest) {
				lowest, cur = n.s.handlerAt, n.t
			}
		}
	} else {
		ids := map[int]bool{}
		for _, n := range upcoming {
			ids[n.t.ID] = true
		}
		if cur = it.advance(ids); cur == nil {
			return nil, errors.New("tasks of hosts and of the play do not fit together")
		}
	}
	var out []hostTask
	for _, h := range hosts {
		n, ok := upcoming[h]
		if ok && (n.t.ID == cur.ID && (!p.flushing || n.s.phase == inHandlers && n.s.handlerAt == lowest)) {
			it.states[h] = n.s
			out = append(out, hostTask{h, n.t})
		}
	}
	if !p.flushing && isMeta(cur, "flush_handlers") {
		p.flushing = true
	}
	return out, nil
}

// advance finds the next task in a row that a host wants.
func (it *iterator) advance(ids map[int]bool) *playbook.Task {
	for round := 0; round < 2; round++ {
		for it.cur < len(it.all) {
			t := it.all[it.cur]
			it.cur++
			if ids[t.ID] {
				return t
			}
		}
		it.cur = 0 // what is left after errors were cleared
	}
	return nil
}

func isMeta(t *playbook.Task, what string) bool {
	if t.Short() != "meta" {
		return false
	}
	raw, _ := t.Args.Get("_raw_params")
	return what == "" || raw == what
}

// linear takes all hosts through the play task by task.
func (p *playRun) linear() (int, error) {
	result := Good
	for p.r.ctx.Err() == nil {
		hosts := p.hostsLeft()
		tasks, err := p.lockstep(hosts)
		if err != nil {
			return 0, err
		}
		if len(tasks) == 0 {
			return result, nil
		}
		round, err := p.round(tasks)
		if err != nil {
			return 0, err
		}
		if round == nil {
			continue // --step left it out
		}
		if err := p.bringIn(round.done, hosts); err != nil {
			return 0, err
		}
		result |= p.fatal(round, hosts)
		broken, err := p.tooMany(round, hosts)
		if err != nil {
			return 0, err
		}
		result |= broken
		if result != Good && len(p.r.failed) >= len(hosts) {
			p.r.say(Event{Kind: NoHostsLeft})
			return result, nil
		}
	}
	return result, p.r.ctx.Err()
}

// done is what came of one task on one host.
type done struct {
	host    *inventory.Host
	task    *playbook.Task
	result  *py.Dict
	fields  *fields
	rescued bool // the host goes on in the rescue of its block
}

type roundResult struct {
	done  []*done
	fatal bool // any error is one of all hosts
}

// round carries one common task out.
func (p *playRun) round(tasks []hostTask) (*roundResult, error) {
	out := &roundResult{}
	flight := p.newFlight()
	announced := false
	for _, ht := range tasks {
		if p.r.ctx.Err() != nil {
			break
		}
		if p.roleDone(ht.task, ht.host) {
			continue
		}
		s, err := p.hostScope(ht.host, ht.task)
		if err != nil {
			return nil, err
		}
		once, err := p.once(ht.task, s)
		if err != nil {
			return nil, err
		}
		if f, err := p.anyErrorsFatal(ht.task, s); err != nil {
			return nil, err
		} else if (f || once) && !p.ignores(ht.task, s) {
			out.fatal = true
		}
		if isMeta(ht.task, "") {
			res, err := p.meta(ht.task, ht.host, s)
			if err != nil {
				return nil, err
			}
			out.done = append(out.done, res)
			if once {
				break
			}
			continue
		}
		if !announced {
			if p.r.step {
				yes, err := p.takeStep(ht.task, "")
				if err != nil {
					return nil, err
				}
				if !yes {
					return nil, nil //nolint:nilnil // left out
				}
			}
			p.announce(ht.task, s)
			announced = true
		}
		if err := flight.start(ht.host, ht.task, s); err != nil {
			return nil, err
		}
		if once {
			break
		}
		if err := flight.collect(false); err != nil {
			return nil, err
		}
	}
	if err := flight.collect(true); err != nil {
		return nil, err
	}
	out.done = append(out.done, flight.done...)
	return out, nil
}

// fatal marks all hosts as failed where any_errors_fatal says so.
func (p *playRun) fatal(round *roundResult, hosts []*inventory.Host) int {
	if !round.fatal {
		return Good
	}
	bad := false
	for _, d := range round.done {
		bad = bad || (isFailed(d.result) || d.task.Short() == "meta") && hasFailed(p.it.state(d.host)) || isUnreachable(d.result)
	}
	if !bad {
		return Good
	}
	result := Good
	for _, h := range hosts {
		s, _ := p.it.peek(h)
		if s = active(s); s.phase != inRescue && s.phase != inAlways || s.phase == inRescue && s.failed&failedRescue != 0 {
			p.setFailed(h.Name)
			result |= breakPlay
		}
	}
	return result
}

func (p *playRun) setFailed(host string) {
	p.r.mu.Lock()
	defer p.r.mu.Unlock()
	p.r.failed[host] = true
}

// tooMany ends the play where more hosts have failed than may.
func (p *playRun) tooMany(round *roundResult, hosts []*inventory.Host) (int, error) {
	if p.play.MaxFail == nil || len(round.done) == 0 {
		return Good, nil
	}
	most, err := p.percent(p.play.MaxFail)
	if err != nil {
		return 0, err
	}
	if float64(len(p.r.failed))/float64(p.it.size) <= most/100 {
		return Good, nil
	}
	for _, h := range hosts {
		failed := slices.ContainsFunc(round.done, func(d *done) bool { return d.host == h && isFailed(d.result) && hasFailed(p.it.state(h)) })
		if !failed {
			p.setFailed(h.Name)
			p.markFailed(h)
		}
	}
	p.r.say(Event{Kind: NoHostsLeft})
	return breakPlay, nil
}

func (p *playRun) markFailed(h *inventory.Host) {
	setFailed(p.it.state(h))
	p.remove(h.Name, true)
}

// roleDone says whether the role of a task has run on the host already.
func (p *playRun) roleDone(t *playbook.Task, h *inventory.Host) bool {
	return !t.Handler && t.Role != nil && !t.Role.Duplicates && p.finished[t.Role][h]
}
