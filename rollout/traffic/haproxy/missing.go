package haproxy

import (
	"context"
	"fmt"
	"strings"
)

// missingError says what a running HAProxy lacks.
type missingError struct{ what, wanted, hint string }

// Error says what was seen and what to do.
func (e *missingError) Error() string { return e.what + ", want " + e.wanted + "; " + e.hint }

// Hint says what to do.
func (e *missingError) Hint() string { return e.hint }

// missing looks whether an HAProxy can carry the service, and says what it has.
func (c *control) missing(ctx context.Context, conf *Config) (string, error) {
	b, err := c.look(ctx, conf.Backend)
	if err != nil {
		return "", err
	}
	if err := b.usable(c.socket, conf); err != nil {
		return "", err
	}
	level, err := c.ask(ctx, "show cli level")
	if err != nil {
		return "", err
	}
	if level != "admin" {
		return "", &missingError{
			what: fmt.Sprintf("haproxy %s: its level is %s", c.socket, level), wanted: "level admin",
			hint: fmt.Sprintf("stats socket %s mode 660 level admin", c.socket),
		}
	}
	version, err := c.ask(ctx, "show version")
	if err != nil {
		return "", err
	}
	if err := c.ring(ctx, conf); err != nil {
		return "", err
	}
	ours := 0
	for _, s := range b.servers {
		if strings.HasPrefix(s.name, conf.Servers) {
			ours++
		}
	}
	said := fmt.Sprintf("HAProxy %s, backend %s with %d servers for goodstate", version, conf.Backend, ours)
	if conf.Ring == "" {
		said += "; without a ring response times are not known"
	}
	return said, nil
}

// ring looks for the ring that the configuration names.
func (c *control) ring(ctx context.Context, conf *Config) error {
	if conf.Ring == "" {
		return nil
	}
	all, err := c.ask(ctx, "show events")
	if err != nil {
		return err
	}
	for line := range strings.Lines(all) {
		if name, _, ok := strings.Cut(strings.TrimSpace(line), " "); ok && name == conf.Ring {
			return nil
		}
	}
	return &missingError{
		what: fmt.Sprintf("haproxy %s: it has no ring %s", c.socket, conf.Ring), wanted: "the ring that traffic.haproxy.ring names",
		hint: fmt.Sprintf("write a section into its configuration: ring %s, with format raw, maxlen 1500, size 1048576; and into the frontend: option httplog, log ring@%s local0", conf.Ring, conf.Ring),
	}
}

// usable says whether releases can be moved in the backend: nobody else's server may take their share.
func (b *backend) usable(socket string, conf *Config) error {
	for _, s := range b.servers {
		if !strings.HasPrefix(s.name, conf.Servers) && !s.backup && !s.maint && s.weight > 0 {
			return &missingError{
				what:   fmt.Sprintf("haproxy %s: backend %s has the server %s (%s), which is not goodstate's and takes a share of the traffic", socket, conf.Backend, s.name, s.addr),
				wanted: fmt.Sprintf("a backend whose active servers are named %s...", conf.Servers),
				hint:   "set the server to maintenance, make it a backup, or give the service a backend of its own",
			}
		}
	}
	if strings.HasPrefix(b.algo, "static-rr") {
		return &missingError{
			what: fmt.Sprintf("haproxy %s: backend %s has balance static-rr, which takes no weights at run time", socket, conf.Backend), wanted: "a dynamic algorithm",
			hint: "balance roundrobin, leastconn or random",
		}
	}
	return nil
}
