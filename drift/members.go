package drift

import (
	"context"
	"fmt"
)

// Members are the hosts of a configured playbook that a pattern of Ansible chooses, such as the name of a group. Nothing is connected to.
func (d *Drift) Members(ctx context.Context, playbook, pattern string) ([]string, error) {
	conf, err := d.playbook(playbook)
	if err != nil {
		return nil, err
	}
	from, err := d.revision(ctx, conf)
	if err != nil {
		return nil, err
	}
	p, err := d.play(ctx, Order{Playbook: playbook}, from)
	if err != nil {
		return nil, err
	}
	defer func() { _ = p.close() }() // nothing was begun with it
	found, err := hostsOf(ctx, p.opt, pattern)
	if err != nil {
		return nil, fmt.Errorf("hosts of %s in playbook %s: %w", pattern, playbook, err)
	}
	return names(found), nil
}
