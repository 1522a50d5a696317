package jinja

import (
	"strings"

	"goodstate.dev/goodstate/core/py"
)

// Tests over addresses.
func init() {
	is := func(names string, ok func(n network, text string) bool) {
		tests.add(names, "value", func(c *call) (any, error) {
			text, isText := py.Text(c.args[0])
			n, parsed := parseNetwork(text)
			return isText && parsed && ok(n, text), nil
		})
	}
	alone := func(text string) bool { return !strings.Contains(text, "/") }
	is("ip", func(network, string) bool { return true })
	is("ipv4", func(n network, _ string) bool { return n.addr.Is4() })
	is("ipv6", func(n network, _ string) bool { return n.addr.Is6() })
	is("ip_address", func(_ network, t string) bool { return alone(t) })
	is("ipv4_address", func(n network, t string) bool { return alone(t) && n.addr.Is4() })
	is("ipv6_address", func(n network, t string) bool { return alone(t) && n.addr.Is6() })
	is("loopback", func(n network, _ string) bool { return n.loopback() })
	is("multicast", func(n network, _ string) bool { return n.multicast() })
	is("private", func(n network, _ string) bool { return n.addr.IsPrivate() || n.loopback() || n.private() })
	is("public", func(n network, _ string) bool { return n.addr.IsGlobalUnicast() && !n.private() && !n.loopback() })
	tests.add("in_network", "ip network", func(c *call) (any, error) {
		n, ok := c.whole(c.args[0])
		in, ok2 := c.whole(c.args[1])
		return ok && ok2 && in.contains(n), nil
	})
	tests.add("in_any_network", "ip networks", func(c *call) (any, error) {
		n, ok := c.whole(c.args[0])
		items, err := c.items(1)
		for _, item := range items {
			if in, ok2 := c.whole(item); ok && ok2 && in.contains(n) {
				return true, nil
			}
		}
		return false, err
	})
	tests.add("mac", "value", func(c *call) (any, error) {
		v, err := filterMAC(&call{f: c.f, r: c.r, args: []any{c.args[0], "bool"}})
		return py.Truth(v), err
	})
}
