package engine

import (
	"context"
	"fmt"
	"strings"

	"goodstate.dev/goodstate/core/inventory"
	"goodstate.dev/goodstate/core/py"
)

// Found is a host that playbooks are about.
type Found struct {
	Name    string
	Address string // where it is reached, host or host:port, as far as the inventory says it without templates
}

// Hosts are those that the plays of the playbooks are about, within the limit, in the order of the plays. Nothing is connected to.
func Hosts(ctx context.Context, opt Options) ([]Found, error) {
	r, err := prepare(ctx, opt)
	if err != nil {
		return nil, err
	}
	defer r.close()
	var out []Found
	seen := map[string]bool{}
	for _, path := range opt.Playbooks {
		pb, err := r.loader.Load(path)
		if err != nil {
			return nil, err
		}
		for _, play := range pb.Plays {
			r.base = play.Dir
			p := &playRun{r: r, play: play, vars: play.Vars.Copy(), removed: map[string]bool{}}
			p.mergeRoles()
			batches, err := p.batches()
			if err != nil {
				return nil, fmt.Errorf("hosts of play %s: %w", play.Title(), err)
			}
			for _, batch := range batches {
				for _, h := range batch {
					if !seen[h.Name] {
						seen[h.Name] = true
						out = append(out, Found{h.Name, r.address(h)})
					}
				}
			}
		}
	}
	return out, nil
}

// address is where a host is reached. What is reached on this machine itself is known by its name: connections to it say nothing.
func (r *run) address(h *inventory.Host) string {
	vars, err := r.inv.Variables(h)
	if err != nil {
		return h.Name
	}
	text := func(names ...string) string {
		for _, name := range names {
			if v, ok := vars.Get(name); ok && v != nil {
				if s := py.Str(v); !strings.Contains(s, "{{") {
					return s
				}
			}
		}
		return ""
	}
	if text("ansible_connection") == "local" {
		return h.Name
	}
	address := text("ansible_host", "ansible_ssh_host")
	if address == "" {
		address = h.Name
	}
	if port := text("ansible_port", "ansible_ssh_port"); port != "" && port != "22" {
		address += ":" + port
	}
	return address
}
