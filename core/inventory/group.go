package inventory

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"

	"goodstate.dev/goodstate/core/py"
)

// Group is a set of hosts and of groups below it, with variables for all of them.
type Group struct {
	Name     string
	Vars     *py.Dict // from inventory sources, without group_vars
	Priority int
	depth    int
	hosts    []*Host
	children []*Group
	parents  []*Group
	known    []*Host // all hosts, once worked out
}

// Children are the groups directly below.
func (g *Group) Children() []*Group { return g.children }

// Own are the hosts that are in the group itself.
func (g *Group) Own() []*Host { return g.hosts }

// Hosts are the hosts of the group and of all groups below, each once.
func (g *Group) Hosts() []*Host {
	if g.known != nil {
		return g.known
	}
	seen := map[*Host]bool{}
	for _, below := range g.descendants() {
		for _, h := range below.hosts {
			if !seen[h] && !(g.Name == "all" && h.Implicit) {
				seen[h] = true
				g.known = append(g.known, h)
			}
		}
	}
	return g.known
}

// descendants are the group itself and the groups below, level by level.
func (g *Group) descendants() []*Group {
	out := []*Group{g}
	seen := map[*Group]bool{g: true}
	for i := 0; i < len(out); i++ {
		for _, c := range out[i].children {
			if !seen[c] {
				seen[c] = true
				out = append(out, c)
			}
		}
	}
	return out
}

func (g *Group) ancestors() []*Group {
	var out []*Group
	seen := map[*Group]bool{}
	for todo := slices.Clone(g.parents); len(todo) > 0; todo = todo[1:] {
		if p := todo[0]; !seen[p] {
			seen[p] = true
			out = append(out, p)
			todo = append(todo, p.parents...)
		}
	}
	return out
}

// AddChild puts a group below this one and says whether that is new.
func (g *Group) AddChild(child *Group) (bool, error) {
	if slices.Contains(g.children, child) {
		return false, nil
	}
	return true, g.addChild(child)
}

func (g *Group) addChild(child *Group) error {
	if g == child {
		return fmt.Errorf("can't add group %s to itself", g.Name)
	}
	if slices.Contains(g.children, child) {
		return nil
	}
	if slices.Contains(g.ancestors(), child) {
		return fmt.Errorf("Adding group '%s' as child to '%s' creates a recursive dependency loop.", child.Name, g.Name)
	}
	g.children = append(g.children, child)
	child.parents = append(child.parents, g)
	child.sink(g.depth + 1)
	above := append(g.ancestors(), g)
	for _, below := range child.descendants() {
		for _, h := range below.hosts {
			h.join(above)
		}
	}
	return nil
}

// sink makes the group and all below it at least so deep.
func (g *Group) sink(depth int) {
	if g.depth >= depth {
		return
	}
	g.depth = depth
	for _, c := range g.children {
		c.sink(depth + 1)
	}
}

// AddHost puts a host into the group and says whether that is new.
func (g *Group) AddHost(h *Host) bool { return g.addHost(h) }

func (g *Group) addHost(h *Host) bool {
	if slices.Contains(h.groups, g) && slices.Contains(g.hosts, h) {
		return false
	}
	g.hosts = append(g.hosts, h)
	h.join(append(g.ancestors(), g))
	return true
}

func (g *Group) removeHost(h *Host) {
	g.hosts = slices.DeleteFunc(g.hosts, func(other *Host) bool { return other == h })
	h.groups = slices.DeleteFunc(h.groups, func(other *Group) bool { return other == g })
}

// set gives a variable a value; the priority of the group is not one.
func (g *Group) set(name string, value any) error {
	if name != "ansible_group_priority" {
		setVariable(g.Vars, name, value)
		return nil
	}
	switch v := value.(type) {
	case int64:
		g.Priority = int(v)
	case string:
		n, err := strconv.Atoi(v)
		if err != nil {
			return fmt.Errorf("ansible_group_priority of %s is %q, want a number", g.Name, v)
		}
		g.Priority = n
	default:
		return fmt.Errorf("ansible_group_priority of %s is %v, want a number", g.Name, value)
	}
	return nil
}

// setVariable replaces a value, and a mapping by a new mapping with the new keys, as Ansible with hash_behaviour replace does.
func setVariable(vars *py.Dict, name string, value any) { vars.Set(name, value) }

// sorted orders groups by who wins: what comes later.
func sorted(groups []*Group) []*Group {
	out := slices.Clone(groups)
	slices.SortFunc(out, func(a, b *Group) int {
		return cmp.Or(cmp.Compare(a.depth, b.depth), cmp.Compare(a.Priority, b.Priority), cmp.Compare(a.Name, b.Name))
	})
	return out
}
