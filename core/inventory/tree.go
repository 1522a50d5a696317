package inventory

import (
	"errors"

	"goodstate.dev/goodstate/core/py"
)

// mostGroups bounds a listing in which a group stands below each of its parents.
const mostGroups = 100_000

// Tree is the whole inventory in the form of an inventory of YAML, as ansible-inventory --list --yaml writes it: the variables of a host stand
// where it comes first.
func (inv *Inventory) Tree(playbooks ...string) (*py.Dict, error) {
	t := &tree{inv: inv, playbooks: playbooks, hosts: map[string]bool{}}
	all, err := t.group(inv.groups["all"])
	return py.DictOf("all", all), err
}

type tree struct {
	inv       *Inventory
	playbooks []string
	groups    int
	hosts     map[string]bool // which were described
}

func (t *tree) group(g *Group) (*py.Dict, error) {
	if t.groups++; t.groups > mostGroups {
		return nil, errors.New("the groups of the inventory are below each other in too many ways to be listed as a tree")
	}
	children, hosts, body := py.NewDict(), py.NewDict(), py.NewDict()
	for _, c := range g.children {
		inner, err := t.group(c)
		if err != nil {
			return nil, err
		}
		children.Set(c.Name, inner)
	}
	for _, h := range g.hosts {
		if g.Name == "all" {
			break
		}
		vars := py.NewDict()
		if !t.hosts[h.Name] {
			t.hosts[h.Name] = true
			var err error
			if vars, err = t.inv.Variables(h, t.playbooks...); err != nil {
				return nil, err
			}
		}
		hosts.Set(h.Name, vars)
	}
	if children.Len() > 0 {
		body.Set("children", children)
	}
	if hosts.Len() > 0 {
		body.Set("hosts", hosts)
	}
	return body, nil
}

// Only leaves hosts out of all groups that are not among those given.
func (inv *Inventory) Only(hosts []*Host) {
	keep := map[*Host]bool{}
	for _, h := range hosts {
		keep[h] = true
	}
	for _, g := range inv.groups {
		kept := g.hosts[:0:0]
		for _, h := range g.hosts {
			if keep[h] {
				kept = append(kept, h)
			}
		}
		g.hosts, g.known = kept, nil
	}
	clear(inv.known)
}
