package haproxy

import (
	"fmt"
	"hash/fnv"
	"net"
	"strings"
)

// wish is one server that the route wants: an instance's address with a weight above zero.
type wish struct {
	addr   string
	weight int
}

// change is what has to be said to one HAProxy: first what brings servers in, then, when those are up, what takes the others out.
type change struct {
	enter, leave []string
	names        map[string]string // of the wished servers, by address
}

// changes decides how a backend comes to have exactly the wished servers in use. A server that has the address already is kept;
// else a free one gets it: one that is out of use and has no request; else one is added. It is the same for the same backend,
// and nothing where the backend is as wished.
func (b *backend) changes(conf *Config, wished []wish) change {
	c := change{names: map[string]string{}}
	taken := map[string]bool{}
	for _, w := range wished {
		for _, s := range b.servers {
			if s.ours(conf) && s.addr == w.addr && !taken[s.name] && c.names[w.addr] == "" {
				taken[s.name] = true
				c.names[w.addr] = s.name
				c.keep(conf.Backend, s, w)
			}
		}
	}
	for _, w := range wished {
		if c.names[w.addr] == "" {
			c.names[w.addr] = b.place(conf, w, taken, &c)
		}
	}
	out := "drain"
	if b.cookie {
		out = "maint" // users that are bound to it must go elsewhere
	}
	for _, s := range b.servers {
		if s.ours(conf) && !taken[s.name] && !s.maint && (!s.drain || b.cookie) {
			c.leave = append(c.leave, fmt.Sprintf("set server %s/%s state %s", conf.Backend, s.name, out))
		}
	}
	return c
}

func (s *server) ours(conf *Config) bool { return strings.HasPrefix(s.name, conf.Servers) }

// keep brings a server that has its address already to its weight and state.
func (c *change) keep(backend string, s server, w wish) {
	if s.weight != w.weight {
		c.enter = append(c.enter, fmt.Sprintf("set server %s/%s weight %d", backend, s.name, w.weight))
	}
	if s.maint || s.drain {
		c.enter = append(c.enter, fmt.Sprintf("set server %s/%s state ready", backend, s.name))
	}
}

// place gives the wish a free server, or adds one.
func (b *backend) place(conf *Config, w wish, taken map[string]bool, c *change) string {
	host, port, err := net.SplitHostPort(w.addr)
	if err != nil {
		host = w.addr
	}
	for _, s := range b.servers {
		if taken[s.name] || !s.ours(conf) || !s.maint && !s.drain || s.busy > 0 {
			continue
		}
		taken[s.name] = true
		at := "set server " + conf.Backend + "/" + s.name
		c.enter = append(c.enter, at+" state maint", fmt.Sprintf("%s addr %s port %s", at, host, port), fmt.Sprintf("%s weight %d", at, w.weight), at+" state ready")
		return s.name
	}
	name := b.fresh(conf, w.addr, taken)
	taken[name] = true
	at := conf.Backend + "/" + name
	c.enter = append(c.enter, fmt.Sprintf("add server %s %s weight %d", at, w.addr, w.weight), "set server "+at+" state ready")
	return name
}

// fresh is a name that no server has, the same for the same address.
func (b *backend) fresh(conf *Config, addr string, taken map[string]bool) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(addr)) // a hash takes everything
	name := fmt.Sprintf("%s-%08x", conf.Servers, h.Sum32())
	for again := 2; b.has(name) || taken[name]; again++ {
		name = fmt.Sprintf("%s-%08x-%d", conf.Servers, h.Sum32(), again)
	}
	return name
}

func (b *backend) has(name string) bool {
	for _, s := range b.servers {
		if s.name == name {
			return true
		}
	}
	return false
}

// lacks says what of the wishes a backend does not have, "" when it has all; up tells whether the servers must also be up for HAProxy.
func (b *backend) lacks(conf *Config, wished []wish, up bool) string {
	for _, w := range wished {
		found := false
		for _, s := range b.servers {
			if !s.ours(conf) || s.addr != w.addr || s.maint || s.drain || s.weight != w.weight {
				continue
			}
			found = true
			if up && s.down {
				return fmt.Sprintf("server %s/%s (%s) is %s for HAProxy's own check: %s", conf.Backend, s.name, s.addr, s.status, s.check)
			}
		}
		if !found {
			return fmt.Sprintf("backend %s has no server in use for %s with weight %d", conf.Backend, w.addr, w.weight)
		}
	}
	return ""
}
