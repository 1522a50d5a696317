package engine

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"goodstate.dev/goodstate/core/inventory"
	"goodstate.dev/goodstate/core/py"
	"goodstate.dev/goodstate/drift/playbook"
)

// playRun is one batch of hosts of one play.
type playRun struct {
	r     *run
	play  *playbook.Play
	vars  *py.Dict // of the play and of prompts
	batch []*inventory.Host
	all   []string // the hosts of the play without the limits of batches
	info  *PlayInfo
	it    *iterator

	static     *py.Dict // of vars_files that are the same for all hosts
	hostFiles  bool     // some vars_files differ
	roleCount  int
	roles      atomic.Pointer[mergedRoles]
	infos      map[*playbook.Task]*taskInfo
	removed    map[string]bool
	notified   map[*playbook.Task]map[*inventory.Host]bool
	ran        map[*playbook.Role]map[*inventory.Host]bool // had a task that ran
	finished   map[*playbook.Role]map[*inventory.Host]bool
	names      map[*playbook.Task]string // of handlers, resolved
	forks      int
	flushing   bool
	hostScopes map[*inventory.Host]*scope
}

// playbook carries one playbook out.
func (r *run) playbook(path string) (int, error) {
	r.base = filepath.Dir(mustAbs(path))
	pb, err := r.loader.Load(path)
	if err != nil {
		return 0, err
	}
	r.say(Event{Kind: PlaybookStart, Playbook: path, Text: fmt.Sprintf("%d plays in %s", len(pb.Plays), path)})
	result := Good
	for _, play := range pb.Plays {
		if r.opt.Syntax {
			continue
		}
		code, stop, err := r.runPlay(play)
		if err != nil {
			return 0, err
		}
		if result = code; stop {
			break
		}
		if r.ctx.Err() != nil {
			break
		}
	}
	if !r.opt.Syntax {
		r.retryFile(path)
		r.say(Event{Kind: Recap, Stats: r.stats})
	}
	return result, nil
}

func mustAbs(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}

// runPlay runs all batches of a play; stop ends the playbook.
func (r *run) runPlay(play *playbook.Play) (code int, stop bool, err error) {
	r.base = play.Dir
	r.mu.Lock()
	r.scopes = map[string]*scope{}
	r.mu.Unlock()
	p := &playRun{r: r, play: play, vars: play.Vars.Copy(), removed: map[string]bool{}, notified: map[*playbook.Task]map[*inventory.Host]bool{}}
	p.mergeRoles()
	if err := p.checkFiles(); err != nil {
		return 0, false, err
	}
	if err := p.prompts(); err != nil {
		return 0, false, err
	}
	batches, err := p.batches()
	if err != nil {
		return 0, false, err
	}
	if len(batches) == 0 {
		p.begin(nil)
		r.say(Event{Kind: PlayStart, Play: p.info})
		r.say(Event{Kind: NoHostsMatched, Play: p.info})
	}
	failedBefore, unreachableBefore := len(r.failed), len(r.unreachable)
	for _, batch := range batches {
		p.begin(batch)
		code, err = p.run()
		if err != nil {
			return 0, false, err
		}
		if p.it.endPlay {
			return code &^ breakPlay, false, nil
		}
		if code&breakPlay != 0 {
			code, stop = Failed, true
		}
		lost := len(r.failed) + len(r.unreachable) - failedBefore - unreachableBefore
		if lost == len(batch) {
			return code, true, nil
		}
		failedBefore, unreachableBefore = len(r.failed), len(r.unreachable)
		if r.ctx.Err() != nil {
			break
		}
	}
	return code, stop, nil
}

// begin prepares the next batch.
func (p *playRun) begin(batch []*inventory.Host) {
	p.batch = batch
	p.infos = map[*playbook.Task]*taskInfo{}
	p.ran, p.finished = map[*playbook.Role]map[*inventory.Host]bool{}, map[*playbook.Role]map[*inventory.Host]bool{}
	p.names = map[*playbook.Task]string{}
	p.hostScopes = map[*inventory.Host]*scope{}
	p.forks = max(1, min(p.r.opt.Forks, max(1, len(batch))))
	p.flushing = false
	p.info = &PlayInfo{Name: p.title(), Check: p.r.opt.Check, Strategy: p.strategy(), Hosts: names(batch)}
}

func (p *playRun) title() string {
	name := p.play.Title()
	if v, err := p.r.env.Value(p.r.ctx, name, p.scope(nil, nil)); err == nil {
		return py.Str(v)
	}
	return name
}

func (p *playRun) strategy() string {
	if p.play.Strategy == nil {
		return p.r.opt.Settings.Strategy
	}
	v, err := p.r.env.Value(p.r.ctx, p.play.Strategy, p.scope(nil, nil))
	if err != nil {
		return p.r.opt.Settings.Strategy
	}
	return playbook.Short(py.Str(v))
}

// patterns are the hosts of the play as patterns.
func (p *playRun) patterns() ([]string, error) {
	var parts []string
	for _, h := range p.play.Hosts {
		v, err := p.r.env.Value(p.r.ctx, h, p.scope(nil, nil))
		if err != nil {
			return nil, fmt.Errorf("hosts of play %s: %w", p.play.Title(), err)
		}
		for _, one := range itemsOf(v) {
			parts = append(parts, inventory.SplitPattern(py.Str(one))...)
		}
	}
	return parts, nil
}

// batches are the hosts of the play, limited, in their order, in portions.
func (p *playRun) batches() ([][]*inventory.Host, error) {
	parts, err := p.patterns()
	if err != nil {
		return nil, err
	}
	everybody, err := p.r.inv.Select(parts)
	if err != nil {
		return nil, err
	}
	hosts, err := p.r.limited(everybody)
	if err != nil {
		return nil, err
	}
	p.all = names(hosts)
	if hosts, err = p.ordered(hosts); err != nil {
		return nil, err
	}
	sizes, err := p.serial(len(hosts))
	if err != nil {
		return nil, err
	}
	var out [][]*inventory.Host
	for i := 0; len(hosts) > 0; i++ {
		n := sizes[min(i, len(sizes)-1)]
		if n <= 0 || n > len(hosts) {
			n = len(hosts)
		}
		out = append(out, hosts[:n])
		hosts = hosts[n:]
	}
	return out, nil
}

// limited leaves the hosts of the limit.
func (r *run) limited(hosts []*inventory.Host) ([]*inventory.Host, error) {
	if r.only != nil {
		hosts = slices.DeleteFunc(slices.Clone(hosts), func(h *inventory.Host) bool { return !r.only[h.Name] })
	}
	if len(r.limit) == 0 {
		return hosts, nil
	}
	within, err := r.inv.Select(r.limit)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(hosts, func(h *inventory.Host) bool { return !slices.Contains(within, h) }), nil
}

func (p *playRun) ordered(hosts []*inventory.Host) ([]*inventory.Host, error) {
	if p.play.Order == nil {
		return hosts, nil
	}
	v, err := p.r.env.Value(p.r.ctx, p.play.Order, p.scope(nil, nil))
	if err != nil {
		return nil, err
	}
	byName := func(a, b *inventory.Host) int { return strings.Compare(a.Name, b.Name) }
	switch order := py.Str(v); order {
	case "inventory", "None", "":
	case "sorted":
		slices.SortFunc(hosts, byName)
	case "reverse_sorted":
		slices.SortFunc(hosts, func(a, b *inventory.Host) int { return byName(b, a) })
	case "reverse_inventory":
		slices.Reverse(hosts)
	case "shuffle":
		rand.Shuffle(len(hosts), func(i, j int) { hosts[i], hosts[j] = hosts[j], hosts[i] })
	default:
		return nil, fmt.Errorf("Invalid 'order' specified for inventory hosts: %s", order)
	}
	return hosts, nil
}

// serial gives the sizes of the batches.
func (p *playRun) serial(count int) ([]int, error) {
	var out []int
	for _, item := range p.play.Serial {
		v, err := p.r.env.Value(p.r.ctx, item, p.scope(nil, nil))
		if err != nil {
			return nil, err
		}
		for _, one := range itemsOf(v) {
			text := py.Str(one)
			if percent, ok := strings.CutSuffix(text, "%"); ok {
				f, err := strconv.ParseFloat(percent, 64)
				if err != nil {
					return nil, fmt.Errorf("serial of play %s is %q, want a number or a percentage", p.play.Title(), text)
				}
				out = append(out, max(1, int(f/100*float64(count))))
				continue
			}
			n, err := strconv.Atoi(text)
			if err != nil {
				return nil, fmt.Errorf("serial of play %s is %q, want a number or a percentage", p.play.Title(), text)
			}
			out = append(out, n)
		}
	}
	if len(out) == 0 {
		out = []int{-1}
	}
	return out, nil
}

func itemsOf(v any) []any {
	switch x := v.(type) {
	case nil:
		return nil
	case *py.List:
		return x.Items
	case py.Tuple:
		return x
	}
	return []any{v}
}

func (p *playRun) everybody() []string { return p.all }

func (p *playRun) left(hosts []string) []string {
	p.r.mu.Lock()
	defer p.r.mu.Unlock()
	out := make([]string, 0, len(hosts))
	for _, h := range hosts {
		if !p.removed[h] {
			out = append(out, h)
		}
	}
	return out
}

func (p *playRun) remove(host string, gone bool) {
	p.r.mu.Lock()
	defer p.r.mu.Unlock()
	p.removed[host] = gone
}

func (p *playRun) remaining() []string {
	p.r.mu.Lock()
	defer p.r.mu.Unlock()
	var out []string
	for _, h := range p.batch {
		if !p.r.failed[h.Name] && !p.r.unreachable[h.Name] {
			out = append(out, h.Name)
		}
	}
	return out
}

func (p *playRun) failedHosts() []string {
	p.r.mu.Lock()
	defer p.r.mu.Unlock()
	var out []string
	for _, h := range p.batch {
		if p.r.failed[h.Name] {
			out = append(out, h.Name)
		}
	}
	return out
}

func (p *playRun) roleNames(own, dependent bool) []string {
	var out []string
	add := func(r *playbook.Role) {
		if !dependent || !slices.Contains(out, r.FullName()) { // those of the play are listed as often as they are used
			out = append(out, r.FullName())
		}
	}
	for _, r := range p.roles.Load().list {
		if dependent {
			for _, d := range r.AllDependencies() {
				add(d)
			}
		}
		if own {
			add(r)
		}
	}
	return out
}

// mergedRoles are the variables that all roles of a play bring to all its tasks.
type mergedRoles struct {
	vars, defaults *py.Dict
	list           []*playbook.Role
}

func (p *playRun) roleVars() *py.Dict { return p.roles.Load().vars }

func (p *playRun) roleDefaults() *py.Dict { return p.roles.Load().defaults }

// mergeRoles is called where roles have come in, by the goroutine of the play.
func (p *playRun) mergeRoles() {
	m := &mergedRoles{vars: py.NewDict(), defaults: py.NewDict(), list: slices.Clone(p.play.Roles)}
	for _, role := range p.play.Roles {
		for _, d := range role.AllDependencies() {
			update(m.defaults, d.Defaults)
		}
		update(m.defaults, role.Defaults)
		if !p.r.opt.Settings.PrivateRoleVars {
			update(m.vars, ownVars(role))
		}
	}
	p.roles.Store(m)
	p.roleCount = len(p.play.Roles)
}

// retryFile writes the hosts that are left to do, for --limit @file.
func (r *run) retryFile(path string) {
	var left []string
	for _, set := range []map[string]bool{r.failed, r.unreachable} {
		for h := range set {
			if !slices.Contains(left, h) {
				left = append(left, h)
			}
		}
	}
	if r.opt.Settings.Retry == "" || len(left) == 0 {
		return
	}
	slices.Sort(left)
	name := strings.TrimSuffix(filepath.Base(path), filepath.Ext(path)) + ".retry"
	file := filepath.Join(r.opt.Settings.Retry, name)
	if err := os.WriteFile(file, []byte(strings.Join(left, "\n")+"\n"), 0o644); err != nil { //nolint:gosec // names of hosts, as Ansible leaves them
		r.warn(fmt.Sprintf("Could not create retry file '%s'.\n\t%v", file, err))
		return
	}
	r.say(Event{Kind: Meta, Text: "\tto retry, use: --limit @" + file + "\n"})
}
