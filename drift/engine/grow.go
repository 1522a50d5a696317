package engine

import (
	"fmt"
	"slices"

	"goodstate.dev/goodstate/core/inventory"
	"goodstate.dev/goodstate/core/py"
)

// grow adds the hosts and groups that add_host and group_by name.
func (p *playRun) grow(d *done, res *py.Dict) error {
	host, isHost := res.Get("add_host")
	_, isGroup := res.Get("add_group")
	if !isHost && !isGroup {
		return nil
	}
	p.r.mu.Lock()
	var did bool
	var err error
	if info, ok := host.(*py.Dict); isHost && ok {
		did, err = p.r.addHost(info)
		if err == nil {
			p.r.dynamic = append(p.r.dynamic, func() { _, _ = p.r.addHost(info) })
			name, _ := info.Get("host_name")
			if did && !slices.Contains(p.all, py.Str(name)) {
				p.all = append(p.all, py.Str(name))
			}
		}
	} else if isGroup {
		did, err = p.r.addGroup(d.host, res)
		p.r.dynamic = append(p.r.dynamic, func() { _, _ = p.r.addGroup(d.host, res) })
	}
	p.r.mu.Unlock()
	if err != nil {
		return err
	}
	res.Set("changed", did)
	if err := p.rejudge(d, res); err != nil {
		return err
	}
	if d.task.Loop != nil {
		if any_(res, "changed") {
			d.result.Set("changed", true)
		}
		shown := p.info_(d.task).shown
		p.r.say(Event{Kind: ItemOK, Host: d.host.Name, Task: shown, Play: p.info, Result: res.Copy()})
	}
	return nil
}

// rejudge lets changed_when and failed_when decide again, now that it is known whether the inventory has changed.
func (p *playRun) rejudge(d *done, res *py.Dict) error {
	if len(d.task.ChangedWhen)+len(d.task.FailedWhen) == 0 {
		return nil
	}
	s, err := p.hostScope(d.host, d.task)
	if err != nil {
		return err
	}
	info := p.info_(d.task)
	e := &executor{p: p, host: d.host, task: d.task, scope: s, info: info, shown: info.shown, fields: d.fields}
	local := map[string]any{}
	if name, ok := res.Get("ansible_loop_var"); ok {
		if item, ok := res.Get(name); ok {
			local[py.Str(name)] = item
		}
	}
	e.judge(s, res, local, 1)
	return nil
}

func (r *run) addHost(info *py.Dict) (bool, error) {
	name, _ := info.Get("host_name")
	before, known := func() (*inventory.Host, bool) {
		for _, h := range r.inv.Hosts() {
			if h.Name == py.Str(name) {
				return h, true
			}
		}
		return nil, false
	}()
	did := !known
	all, _ := r.inv.Group("all")
	h, err := r.inv.AddHost(py.Str(name), all)
	if err != nil {
		return false, err
	}
	if known {
		h = before
	}
	if vars, ok := info.Get("host_vars"); ok {
		if d, ok := vars.(*py.Dict); ok {
			for k, v := range d.All() {
				if old, has := h.Vars.Get(k); !has || py.Repr(old) != py.Repr(v) {
					did = true
				}
				h.Vars.Set(k, v)
			}
		}
	}
	groups, _ := info.Get("groups")
	for _, item := range itemsOf(groups) {
		g, known := r.inv.Group(py.Str(item))
		if !known {
			if g, err = r.inv.AddGroup(py.Str(item)); err != nil {
				return false, err
			}
			did = true
		}
		did = g.AddHost(h) || did
	}
	if did {
		r.inventoryChanged()
	}
	return did, nil
}

func (r *run) addGroup(host *inventory.Host, res *py.Dict) (bool, error) {
	h, ok := r.inv.Host(host.Name)
	if !ok {
		return false, fmt.Errorf("%s cannot be matched in inventory", host.Name)
	}
	name, _ := res.Get("add_group")
	group, err := r.inv.AddGroup(py.Str(name))
	if err != nil {
		return false, err
	}
	did := false
	parents, _ := res.Get("parent_groups")
	for _, item := range itemsOf(parents) {
		parent, known := r.inv.Group(py.Str(item))
		if !known {
			if parent, err = r.inv.AddGroup(py.Str(item)); err != nil {
				return false, err
			}
			did = true
		}
		added, err := parent.AddChild(group)
		if err != nil {
			return false, err
		}
		did = did || added
	}
	if !slices.Contains(group.Hosts(), h) {
		did = group.AddHost(h) || did
	}
	if did {
		r.inventoryChanged()
	}
	return did, nil
}
