// Package haproxy moves the traffic of a service in HAProxies that are there already, through their runtime sockets. It gives
// addresses, weights and states to servers of one backend; it never writes HAProxy's configuration and never reloads it, and
// it leaves servers alone whose names do not say that they are goodstate's.
//
// What HAProxy forgets when it is reloaded is put back within a second while goodstate serve runs.
package haproxy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strings"

	"goodstate.dev/goodstate/core/config"
	"goodstate.dev/goodstate/core/good"
	"goodstate.dev/goodstate/rollout/traffic"
)

func init() {
	config.Register(config.Kind[traffic.Balancer]{
		Name:    "haproxy",
		Help:    "HAProxies that are there already, through their runtime sockets",
		Example: "haproxy: {sockets: [/run/haproxy/admin.sock], backend: shop, url: 'https://shop.example.org', ring: goodstate}",
		New: func(decode func(any) error) (traffic.Balancer, error) {
			c := &Config{Servers: "goodstate"}
			return c, decode(c)
		},
	})
}

// Config says which HAProxies carry the traffic.
type Config struct {
	Sockets []string `yaml:"sockets" json:"sockets" required:"true" help:"runtime sockets with level admin, one for each HAProxy: paths, or host:port" example:"[/run/haproxy/admin.sock]"`
	Backend string   `yaml:"backend" json:"backend" required:"true" help:"backend of HAProxy's configuration that is the service's" example:"shop"`
	Address string   `yaml:"url" json:"url" required:"true" help:"address at which users reach the service" example:"https://shop.example.org"`
	Servers string   `yaml:"servers" json:"servers,omitempty" help:"servers of the backend whose names begin so are goodstate's: server-template goodstate 1-8 127.0.0.1:1 disabled; where there are too few they are added"`
	Ring    string   `yaml:"ring" json:"ring,omitempty" help:"ring of HAProxy's configuration that the frontend logs to with option httplog; response times and clients that fail again and again are known from it" example:"goodstate"`
}

var word = regexp.MustCompile(`^[A-Za-z0-9_.:-]{1,100}$`)

// Validate refuses what could not be said to HAProxy.
func (c *Config) Validate() error {
	for _, name := range []string{c.Backend, c.Servers} {
		if !word.MatchString(name) {
			return fmt.Errorf("%q is no name in HAProxy: want letters, digits, dot, colon, dash and underscore", name)
		}
	}
	if c.Ring != "" && !word.MatchString(c.Ring) {
		return fmt.Errorf("ring: %q is no name in HAProxy", c.Ring)
	}
	if u, err := url.Parse(c.Address); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return fmt.Errorf("url: %q is no address, want for example https://shop.example.org", c.Address)
	}
	seen := map[string]bool{}
	for _, s := range c.Sockets {
		if seen[s] {
			return fmt.Errorf("sockets: %s is named twice", s)
		}
		seen[s] = true
		if _, _, err := net.SplitHostPort(s); err != nil && !strings.HasPrefix(s, "/") {
			return fmt.Errorf("sockets: %q is neither the absolute path of a socket nor host:port", s)
		}
	}
	return nil
}

// URL is where users reach the service.
func (c *Config) URL() string { return c.Address }

// Blind says what HAProxy does not tell without a ring.
func (c *Config) Blind() string {
	if c.Ring != "" {
		return ""
	}
	return "HAProxy's counters tell no response times; give it a ring to log to, and name it as traffic.haproxy.ring"
}

// Look says of each HAProxy what it has and what is missing.
func (c *Config) Look(ctx context.Context) []good.Finding {
	var out []good.Finding
	for _, socket := range c.Sockets {
		f := good.Finding{Check: "haproxy " + socket}
		said, err := (&control{socket: socket}).missing(ctx, c)
		switch {
		case err != nil:
			f.Verdict, f.Observed, f.Wanted = good.Fail, err.Error(), "an HAProxy that can be asked"
			var m *missingError
			if errors.As(err, &m) {
				f.Wanted, f.Hint = m.wanted, m.hint
			}
		default:
			f.Verdict, f.Observed = good.Pass, said
		}
		out = append(out, f)
	}
	return out
}
