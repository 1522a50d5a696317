package inventory

import (
	"fmt"
	"slices"
	"strings"

	"goodstate.dev/goodstate/core/py"
)

// internal are the variables that a listing leaves out.
var internal = []string{
	"ansible_facts", "inventory_dir", "inventory_file", "inventory_hostname", "inventory_hostname_short", "groups", "group_names", "omit",
	"playbook_dir", "ansible_version", "ansible_check_mode", "ansible_diff_mode", "ansible_config_file", "ansible_forks", "ansible_inventory_sources",
	"ansible_limit", "ansible_playbook_python", "ansible_run_tags", "ansible_skip_tags", "ansible_verbosity",
}

// Variables are what a listing says of a host: all its variables, without those that goodstate sets by itself.
func (inv *Inventory) Variables(h *Host, playbooks ...string) (*py.Dict, error) {
	layers, err := inv.Layers(h, playbooks...)
	if err != nil {
		return nil, err
	}
	out := layers.Merged()
	for _, name := range internal {
		out.Delete(name)
	}
	return out, nil
}

// Document is the whole inventory in the form of ansible-inventory --list.
func (inv *Inventory) Document(playbooks ...string) (*py.Dict, error) {
	out := py.NewDict()
	inv.describe(out, inv.groups["all"], map[string]bool{})
	vars := py.NewDict()
	for _, h := range inv.groups["all"].Hosts() {
		own, err := inv.Variables(h, playbooks...)
		if err != nil {
			return nil, err
		}
		if own.Len() > 0 {
			vars.Set(h.Name, own)
		}
	}
	out.Set("_meta", py.DictOf("hostvars", vars))
	return out, nil
}

func (inv *Inventory) describe(out *py.Dict, g *Group, seen map[string]bool) {
	body := py.NewDict()
	if len(g.children) > 0 {
		names := py.NewList()
		for _, c := range g.children {
			names.Items = append(names.Items, c.Name)
			if !seen[c.Name] {
				seen[c.Name] = true
				inv.describe(out, c, seen)
			}
		}
		body.Set("children", names)
	}
	if len(g.hosts) > 0 && g.Name != "all" {
		names := py.NewList()
		for _, h := range g.hosts {
			names.Items = append(names.Items, h.Name)
		}
		body.Set("hosts", names)
	}
	if body.Len() > 0 {
		out.Set(g.Name, body)
	}
}

// Graph draws a group with what is below it. With show, every line that ansible-inventory --graph --vars has is there too.
func (inv *Inventory) Graph(group string, show func(value any) string, playbooks ...string) (string, error) {
	g, ok := inv.groups[group]
	if !ok {
		return "", fmt.Errorf("Pattern must be valid group name when using --graph")
	}
	d := &drawing{inv: inv, show: show, playbooks: playbooks}
	if err := d.group(g, 0); err != nil {
		return "", err
	}
	return strings.Join(d.lines, "\n"), nil
}

type drawing struct {
	inv       *Inventory
	show      func(any) string
	playbooks []string
	lines     []string
}

func (d *drawing) line(depth int, text string) {
	if depth > 0 {
		text = strings.Repeat("  |", depth) + "--" + text
	}
	d.lines = append(d.lines, text)
}

func (d *drawing) group(g *Group, depth int) error {
	d.line(depth, "@"+g.Name+":")
	for _, c := range g.children {
		if err := d.group(c, depth+1); err != nil {
			return err
		}
	}
	if g.Name != "all" {
		for _, h := range g.hosts {
			d.line(depth+1, h.Name)
			if d.show == nil {
				continue
			}
			vars, err := d.inv.Variables(h, d.playbooks...)
			if err != nil {
				return err
			}
			d.vars(depth+2, vars)
		}
	}
	if d.show == nil {
		return nil
	}
	vars := g.Vars.Copy()
	for _, dir := range slices.Concat(d.inv.bases(), d.playbooks) {
		files, err := d.inv.varsFiles(dir+"/group_vars", g.Name)
		if err != nil {
			return err
		}
		update(vars, files)
	}
	if g.Priority != 1 {
		vars.Set("ansible_group_priority", int64(g.Priority))
	}
	d.vars(depth+1, vars)
	return nil
}

func (d *drawing) vars(depth int, vars *py.Dict) {
	keys := make([]string, 0, vars.Len())
	for k := range vars.All() {
		keys = append(keys, fmt.Sprint(k))
	}
	slices.Sort(keys)
	for _, k := range keys {
		v, _ := vars.Get(k)
		d.line(depth, "{"+k+" = "+d.show(v)+"}")
	}
}
