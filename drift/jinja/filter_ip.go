package jinja

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"goodstate.dev/goodstate/core/py"
)

// The filters of ansible.utils over addresses and networks.
func init() {
	for name, version := range map[string]int64{"ipaddr": 0, "ipv4": 4, "ipv6": 6} {
		filters.add(name, "value query='' version=False alias='ipaddr'", func(c *call) (any, error) {
			v := version
			if n, _, _, kind := py.Number(c.args[2]); v == 0 && kind == py.IsInt {
				v = n
			}
			return c.ipaddr(c.args[0], c.args[1], v, name)
		})
	}
	filters.add("ipwrap", "value query=''", func(c *call) (any, error) {
		wrap := func(v any) any {
			ok, err := c.ipaddr(v, c.args[1], 0, "ipwrap")
			if err != nil || !py.Truth(ok) {
				return v
			}
			if l, is := v.(*py.List); is {
				return l
			}
			w, err := c.ipaddr(ok, "wrap", 0, "ipwrap")
			if err != nil {
				return v
			}
			return w
		}
		if l, ok := c.args[0].(*py.List); ok {
			out := py.NewList()
			for _, item := range l.Items {
				out.Items = append(out.Items, wrap(item))
			}
			return out, nil
		}
		return wrap(c.args[0]), nil
	})
	filters.add("ipsubnet", "value query='' index=None", filterSubnet)
	filters.add("nthhost", "value query=''", func(c *call) (any, error) {
		n, ok := c.whole(c.args[0])
		i, isNumber := parseInt(py.Str(c.args[1]), 10)
		if !ok || !isNumber || !py.Truth(c.args[1]) {
			return false, nil
		}
		at := toBig(i)
		if at.Sign() < 0 {
			at = new(big.Int).Add(n.size(), at)
		}
		if n.size().Cmp(at) <= 0 || at.Sign() < 0 {
			return false, nil
		}
		return n.text(new(big.Int).Add(n.first(), at)), nil
	})
	for name, sign := range map[string]int64{"next_nth_usable": 1, "previous_nth_usable": -1} {
		filters.add(name, "value offset", func(c *call) (any, error) {
			n, ok := parseNetwork(py.Str(c.args[0]))
			if !ok {
				return false, nil
			}
			by, err := c.int(1)
			if err != nil {
				return nil, filterErrorf("Must pass in an integer")
			}
			if n.size().Cmp(big.NewInt(1)) <= 0 {
				return nil, nil
			}
			first, last := n.usable()
			at := new(big.Int).Add(toNumber(n.addr), big.NewInt(sign*int64(by)))
			if at.Cmp(first) < 0 || at.Cmp(last) > 0 {
				return nil, nil
			}
			return n.text(at), nil
		})
	}
	filters.add("ipmath", "value amount", func(c *call) (any, error) {
		n, ok := parseNetwork(py.Str(c.args[0]))
		if !ok {
			return nil, filterErrorf("You must pass a valid IP address; %s is invalid", py.Str(c.args[0]))
		}
		by, err := c.int(1)
		if err != nil {
			return nil, filterErrorf("You must pass an integer for arithmetic; %s is not a valid integer", py.Str(c.args[1]))
		}
		addr, ok := fromNumber(new(big.Int).Add(toNumber(n.addr), big.NewInt(int64(by))), n.width())
		if !ok {
			return nil, &indexError{"result outside valid IP address boundary!"}
		}
		return addrText(addr), nil
	})
	filters.add("network_in_network", "value test", func(c *call) (any, error) {
		outer, ok := c.whole(c.args[0])
		inner, ok2 := c.whole(c.args[1])
		return ok && ok2 && outer.contains(inner), nil
	})
	filters.add("network_in_usable", "value test", func(c *call) (any, error) {
		outer, ok := c.whole(c.args[0])
		inner, ok2 := c.whole(c.args[1])
		if !ok || !ok2 || outer.width() != inner.width() {
			return false, nil
		}
		first, last := outer.usable()
		return inner.first().Cmp(first) >= 0 && inner.last().Cmp(last) <= 0, nil
	})
	filters.add("cidr_merge", "value action='merge'", filterCIDRMerge)
	filters.add("hwaddr|macaddr", "value query=''", filterMAC)
	moreAddressFilters()
}

// whole reads a value as the network that it is in.
func (c *call) whole(v any) (network, bool) {
	text, ok := py.Text(v)
	if !ok {
		return network{}, false
	}
	n, ok := parseNetwork(text)
	if !ok {
		return n, false
	}
	return n.cidr(), true
}

// ipaddr checks that a value is an address or a network, and gives what the query asks for; false where it has none.
func (c *call) ipaddr(value, query any, version int64, alias string) (any, error) {
	if err := defined(value); err != nil {
		return nil, err
	}
	switch x := value.(type) {
	case *py.List:
		return c.ipaddrs(x.Items, query, version, alias)
	case py.Tuple:
		return c.ipaddrs(x, query, version, alias)
	}
	if !py.Truth(value) || value == true {
		return false, nil
	}
	text := py.Str(value)
	kind := "address"
	n, ok := parseNetwork(text)
	if v, isNumber := parseInt(text, 10); isNumber && strings.Trim(text, "0123456789") == "" {
		width := 32
		if version == 6 || toBig(v).BitLen() > 32 {
			width = 128
		}
		addr, fits := fromNumber(toBig(v), width)
		if !fits {
			return false, nil
		}
		n, ok = network{addr, width}, true
		value = n.String()
	} else if strings.Contains(text, "/") {
		kind = "network"
	}
	if !ok || version != 0 && n.version() != version {
		return false, nil
	}
	name := py.Str(query)
	if ask, known := ipQueries[name]; known {
		v, err := ask(ipQuery{n, kind, value})
		return v, err
	}
	if in, ok := parseNetwork(name); ok && strings.Trim(name, "0123456789") != "" {
		if in.cidr().contains(n) {
			return value, nil
		}
		return false, nil
	}
	f, ok := pyFloat(query)
	if !ok {
		return nil, filterErrorf("%s: unknown filter type: %s", alias, name)
	}
	if n.size().Cmp(big.NewInt(1)) == 0 {
		if kind == "address" {
			return addrText(n.addr), nil
		}
		return n.String(), nil
	}
	if _, isText := py.Text(query); isText {
		return false, nil
	}
	at := big.NewInt(int64(f))
	if at.Sign() < 0 {
		at.Add(at, n.size())
	}
	if at.Sign() < 0 || at.Cmp(n.size()) >= 0 {
		return false, nil
	}
	return n.text(at.Add(at, n.first())) + "/" + strconv.Itoa(n.bits), nil
}

func (c *call) ipaddrs(items []any, query any, version int64, alias string) (any, error) {
	out := py.NewList()
	for _, item := range items {
		v, err := c.ipaddr(item, py.Str(query), version, alias)
		if err != nil {
			return nil, err
		}
		if py.Truth(v) {
			out.Items = append(out.Items, v)
		}
	}
	return out, c.r.pay(len(items))
}

func moreAddressFilters() {
	filters.add("usable_range", "ip", func(c *call) (any, error) {
		n, ok := parseNetwork(py.Str(c.args[0]))
		if !ok || !n.isNetwork() {
			return nil, filterErrorf("Error while using plugin 'usable_range': %s does not appear to be an IPv4 or IPv6 network", py.Repr(c.args[0]))
		}
		if n.width()-n.bits > 22 {
			return nil, &LimitError{"a range of more than four million addresses"}
		}
		out := py.NewList()
		for at, last := n.first(), n.last(); at.Cmp(last) <= 0; at.Add(at, big.NewInt(1)) {
			if err := c.r.step(); err != nil {
				return nil, err
			}
			out.Items = append(out.Items, n.text(at))
		}
		return py.DictOf("usable_ips", out, "number_of_ips", int64(len(out.Items))), nil
	})
	filters.add("ip4_hex", "arg delimiter=''", func(c *call) (any, error) {
		n, ok := parseNetwork(py.Str(c.args[0]))
		if !ok || !n.addr.Is4() {
			return nil, filterErrorf("%s is no IPv4 address", py.Str(c.args[0]))
		}
		parts := make([]string, 4)
		for i, b := range n.addr.As4() {
			parts[i] = fmt.Sprintf("%02x", b)
		}
		return strings.Join(parts, py.Str(c.args[1])), nil
	})
	filters.add("slaac", "value query=''", func(c *call) (any, error) {
		n, ok := c.whole(c.args[0])
		mac, err := filterMAC(&call{f: c.f, r: c.r, args: []any{c.args[1], "bare"}})
		if !ok || err != nil || n.addr.Is4() {
			return false, nil //nolint:nilerr // as the filter does
		}
		v, _ := parseInt("0x"+py.Str(mac), 16)
		raw := toBig(v).FillBytes(make([]byte, 6))
		raw = append(append(append([]byte{}, raw[:3]...), 0xff, 0xfe), raw[3:]...)
		raw[0] ^= 2
		return n.text(new(big.Int).Or(n.first(), new(big.Int).SetBytes(raw))), nil
	})
	filters.add("reduce_on_network", "value network", func(c *call) (any, error) {
		items, err := c.items(0)
		if err != nil {
			return nil, err
		}
		in, ok := c.whole(c.args[1])
		out := py.NewList()
		for _, item := range items {
			if n, ok2 := c.whole(item); ok && ok2 && in.contains(n) {
				out.Items = append(out.Items, item)
			}
		}
		return out, nil
	})
}
