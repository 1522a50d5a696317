package engine

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"goodstate.dev/goodstate/core/inventory"
	"goodstate.dev/goodstate/core/py"
	"goodstate.dev/goodstate/drift/action"
	"goodstate.dev/goodstate/drift/playbook"
)

// included is one file or role that hosts bring in with the same variables.
type included struct {
	task  *playbook.Task
	name  string // as it was written, resolved
	path  string // of a file
	args  *py.Dict
	vars  *py.Dict // of the loop
	label any
	hosts []*inventory.Host
	parts []*py.Dict
}

func (i *included) same(o *included) bool {
	return i.task == o.task && i.path == o.path && py.Repr(i.args) == py.Repr(o.args) && py.Repr(i.vars) == py.Repr(o.vars)
}

// bringIn reads what includes have asked for and puts it behind them.
func (p *playRun) bringIn(results []*done, hosts []*inventory.Host) error {
	list, err := p.includes(results)
	if err != nil || len(list) == 0 {
		return err
	}
	blocks := map[*inventory.Host][]*playbook.Block{}
	var tasks []*playbook.Task
	selection := playbook.Selection{Only: p.r.opt.Tags, Skip: p.r.opt.SkipTags}
	for _, inc := range list {
		more, err := p.read(inc)
		if err != nil {
			var parse *playbook.Error
			if errors.As(err, &parse) && parse.Node != nil && !parse.General && parse.Node.File() != inc.task.Path() {
				return err
			}
			p.includeFailed(inc, err)
			continue
		}
		for _, b := range more {
			if inc.task.Handler {
				for _, t := range playbook.Tasks([]*playbook.Block{b}) {
					for _, h := range inc.hosts {
						mark(p.notified, t, h)
					}
				}
			} else if b = selection.Select(b, p.tagsOf); !b.Empty() {
				tasks = append(tasks, playbook.Tasks([]*playbook.Block{b})...)
			} else {
				continue
			}
			for _, h := range hosts {
				if slices.Contains(inc.hosts, h) {
					blocks[h] = append(blocks[h], b)
				}
			}
		}
	}
	if p.roleCount != len(p.play.Roles) {
		p.mergeRoles()
	}
	for _, h := range hosts {
		insert(p.it.state(h), blocks[h])
	}
	p.it.all = slices.Insert(p.it.all, min(p.it.cur, len(p.it.all)), tasks...)
	return nil
}

// includes folds what hosts have asked for.
func (p *playRun) includes(results []*done) ([]*included, error) {
	var out []*included
	for _, d := range results {
		if !d.task.IsInclude() {
			continue
		}
		parts := []any{d.result}
		if d.task.Loop != nil {
			parts = resultsOf(d.result)
		}
		for _, part := range parts {
			res, is := part.(*py.Dict)
			if !is || action.Is(res, "skipped") || action.Is(res, "failed") || action.Is(res, "unreachable") {
				continue
			}
			inc, err := p.included(d, res)
			if err != nil {
				return nil, err
			}
			if inc != nil {
				out = fold(out, inc, d.host)
			}
		}
	}
	return out, nil
}

func fold(list []*included, inc *included, h *inventory.Host) []*included {
	for _, known := range list {
		if known.same(inc) && !slices.Contains(known.hosts, h) {
			known.hosts = append(known.hosts, h)
			known.parts = append(known.parts, inc.parts...)
			return list
		}
	}
	inc.hosts = []*inventory.Host{h}
	return append(list, inc)
}

func (p *playRun) included(d *done, res *py.Dict) (*included, error) {
	inc := &included{task: d.task, vars: py.NewDict(), parts: []*py.Dict{res}}
	args, _ := res.Get("include_args")
	inc.args, _ = args.(*py.Dict)
	loopVar := "item"
	if v, ok := res.Get("ansible_loop_var"); ok {
		loopVar = py.Str(v)
	}
	indexVar, _ := res.Get("ansible_index_var")
	for _, key := range []any{loopVar, indexVar, "ansible_loop"} {
		if key == nil {
			continue
		}
		if v, ok := res.Get(key); ok {
			inc.vars.Set(key, v)
		}
	}
	inc.label, _ = res.Get("_ansible_item_label")
	if d.task.Short() != "include_role" {
		name, _ := res.Get("include")
		inc.name = py.Str(name)
		inc.path = d.task.IncludePath(inc.name)
		return inc, nil
	}
	s, err := p.hostScope(d.host, d.task)
	if err != nil {
		return nil, err
	}
	local := map[string]any{}
	for k, v := range inc.vars.All() {
		local[py.Str(k)] = v
	}
	resolved, err := p.resolveRole(inc.args, s.with(local))
	if err != nil {
		p.includeFailed(&included{task: d.task, hosts: []*inventory.Host{d.host}, parts: []*py.Dict{res}}, err)
		return nil, nil //nolint:nilnil // the host has failed
	}
	inc.args = resolved
	name, ok := resolved.Get("name")
	if !ok {
		name, _ = resolved.Get("role")
	}
	inc.name = py.Str(name)
	return inc, nil
}

func (p *playRun) resolveRole(args *py.Dict, s *scope) (*py.Dict, error) {
	out := py.NewDict()
	for k, v := range args.All() {
		if k == "apply" {
			out.Set(k, v)
			continue
		}
		resolved, err := p.info_(s.task).env.Value(p.r.ctx, v, s)
		if err != nil {
			return nil, err
		}
		if resolved != p.r.omit {
			out.Set(k, resolved)
		}
	}
	return out, nil
}

func (p *playRun) read(inc *included) ([]*playbook.Block, error) {
	if inc.task.Short() == "include_role" {
		return p.r.loader.IncludeRole(inc.task, inc.args, inc.vars)
	}
	if _, err := os.Stat(inc.path); err != nil {
		return nil, fmt.Errorf("Could not find or access '%s' on the Ansible Controller.", inc.path)
	}
	blocks, err := p.r.loader.IncludeTasks(inc.task, inc.name, inc.path, inc.vars)
	if err != nil {
		return nil, err
	}
	for _, h := range inc.hosts {
		p.r.stats.add(h.Name, ok)
	}
	e := Event{Kind: Included, Text: inc.path, Task: p.info_(inc.task).shown, Play: p.info}
	for _, h := range inc.hosts {
		e.Hosts = append(e.Hosts, h.Name)
	}
	if inc.label != nil {
		e.Result = py.DictOf("label", inc.label)
		if inc.task.NoLog != nil && p.info_(inc.task).shown.NoLog {
			e.Result.Set("label", "(censored due to no_log)")
		}
	}
	p.r.say(e)
	return blocks, nil
}

// includeFailed is a failure of the hosts that wanted it.
func (p *playRun) includeFailed(inc *included, err error) {
	for _, h := range inc.hosts {
		p.setFailed(h.Name)
		if inc.task.Short() == "include_role" {
			p.r.say(Event{Kind: Problem, Text: err.Error()})
		} else {
			p.r.stats.add(h.Name, failures)
			p.tell(FailedTask, &done{host: h, task: inc.task, fields: &fields{}, result: py.DictOf("reason", py.Unsafe(err.Error()))}, false)
		}
		p.markFailed(h)
	}
	for _, res := range inc.parts {
		res.Set("failed", true)
	}
}
