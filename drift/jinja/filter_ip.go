package jinja

import (
	"fmt"
	"math/big"
	"slices"
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

type ipQuery struct {
	n     network
	kind  string
	value any
}

func (q ipQuery) one() bool { return q.n.bits == q.n.width() }

func (q ipQuery) two() bool { return q.n.bits == q.n.width()-1 }

func (q ipQuery) ip() string { return addrText(q.n.addr) }

func (q ipQuery) when(ok bool) (any, error) {
	if ok {
		return q.value, nil
	}
	return nil, nil
}

func (q ipQuery) textWhen(ok bool, text string) (any, error) {
	if ok {
		return text, nil
	}
	return nil, nil
}

// onlyNetworks refuses a lone address.
func onlyNetworks(do func(q ipQuery) (any, error)) func(q ipQuery) (any, error) {
	return func(q ipQuery) (any, error) {
		if q.kind == "address" {
			return nil, filterErrorf("Not a network address")
		}
		return do(q)
	}
}

var ipQueries map[string]func(q ipQuery) (any, error)

func init() {
	prefixed := func(q ipQuery) string { return q.ip() + "/" + strconv.Itoa(q.n.bits) }
	addressPrefix := func(q ipQuery) (any, error) {
		if !q.one() && !q.two() && (q.n.isNetwork() || toNumber(q.n.addr).Cmp(q.n.last()) == 0 && q.n.addr.Is4()) {
			return false, nil
		}
		return prefixed(q), nil
	}
	address := func(q ipQuery) (any, error) {
		return q.textWhen(q.one() || !q.n.isNetwork() || !q.n.hasBroadcast(), q.ip())
	}
	neighbour := func(by int64) func(q ipQuery) (any, error) {
		return onlyNetworks(func(q ipQuery) (any, error) {
			first, last := q.n.usable()
			at := new(big.Int).Add(toNumber(q.n.addr), big.NewInt(by))
			return q.textWhen(!q.one() && at.Cmp(first) >= 0 && at.Cmp(last) <= 0, q.n.text(at))
		})
	}
	ipQueries = map[string]func(q ipQuery) (any, error){
		"": func(q ipQuery) (any, error) {
			if q.kind == "address" {
				return q.ip(), nil
			}
			return q.n.String(), nil
		},
		"bool": func(ipQuery) (any, error) { return true, nil },
		"broadcast": func(q ipQuery) (any, error) {
			if q.one() || q.two() {
				return nil, nil
			}
			if q.n.addr.Is6() {
				return "None", nil
			}
			return q.n.text(q.n.last()), nil
		},
		"cidr":            func(q ipQuery) (any, error) { return q.n.String(), nil },
		"address":         address,
		"ip":              address,
		"address/prefix":  addressPrefix,
		"first_usable":    onlyNetworks(func(q ipQuery) (any, error) { f, _ := q.n.usable(); return q.textWhen(!q.one(), q.n.text(f)) }),
		"last_usable":     onlyNetworks(func(q ipQuery) (any, error) { _, l := q.n.usable(); return q.textWhen(!q.one(), q.n.text(l)) }),
		"next_usable":     neighbour(1),
		"previous_usable": neighbour(-1),
		"range_usable": onlyNetworks(func(q ipQuery) (any, error) {
			f, l := q.n.usable()
			return q.textWhen(!q.one(), q.n.text(f)+"-"+q.n.text(l))
		}),
		"host": func(q ipQuery) (any, error) {
			if q.one() {
				return q.n.String(), nil
			}
			return q.textWhen(!q.n.isNetwork() || !q.n.hasBroadcast(), prefixed(q))
		},
		"hostmask": func(q ipQuery) (any, error) { return q.n.text(q.n.host()), nil },
		"int": func(q ipQuery) (any, error) {
			v := py.Int(toNumber(q.n.addr))
			if q.kind == "address" {
				return v, nil
			}
			return py.Str(v) + "/" + strconv.Itoa(q.n.bits), nil
		},
		"ip/prefix": func(q ipQuery) (any, error) { return q.textWhen(q.two() || !q.one() && !q.n.isNetwork(), prefixed(q)) },
		"ip_netmask": func(q ipQuery) (any, error) {
			return q.textWhen(q.two() || !q.one() && !q.n.isNetwork(), q.ip()+" "+q.n.netmask())
		},
		"ipv4": func(q ipQuery) (any, error) {
			if q.n.addr.Is4() {
				return q.value, nil
			}
			if q.n.addr.Is4In6() {
				return network{q.n.addr.Unmap(), max(q.n.bits-96, 0)}.String(), nil
			}
			return false, nil
		},
		"ipv6": func(q ipQuery) (any, error) {
			if q.n.addr.Is6() {
				return q.value, nil
			}
			return "::ffff:" + q.ip() + "/" + strconv.Itoa(q.n.bits+96), nil
		},
		"link-local": func(q ipQuery) (any, error) { return q.when(q.n.within("169.254.0.0/16", "fe80::/10")) },
		"loopback":   func(q ipQuery) (any, error) { return q.when(q.n.loopback()) },
		"multicast":  func(q ipQuery) (any, error) { return q.when(q.n.multicast()) },
		"unicast":    func(q ipQuery) (any, error) { return q.when(!q.n.multicast()) },
		"private":    func(q ipQuery) (any, error) { return q.when(q.n.private()) },
		"public": func(q ipQuery) (any, error) {
			_, mask := maskBits(q.n.addr)
			return q.when(!q.n.multicast() && !q.n.private() && !q.n.loopback() && !mask)
		},
		"net":              func(q ipQuery) (any, error) { return q.textWhen(!q.one() && q.n.isNetwork(), q.n.cidr().String()) },
		"netmask":          func(q ipQuery) (any, error) { return q.n.netmask(), nil },
		"network":          func(q ipQuery) (any, error) { return q.n.network(), nil },
		"network_netmask":  func(q ipQuery) (any, error) { return q.n.network() + " " + q.n.netmask(), nil },
		"network_wildcard": func(q ipQuery) (any, error) { return q.n.network() + " " + q.n.text(q.n.host()), nil },
		"peer": onlyNetworks(func(q ipQuery) (any, error) {
			v := toNumber(q.n.addr)
			switch q.n.width() - q.n.bits {
			case 1:
				return q.n.text(v.Xor(v, big.NewInt(1))), nil
			case 2:
				switch v.Bit(1)<<1 | v.Bit(0) {
				case 0:
					return nil, filterErrorf("Network address of /30 has no peer")
				case 3:
					return nil, filterErrorf("Broadcast address of /30 has no peer")
				}
				return q.n.text(v.Xor(v, big.NewInt(3))), nil
			}
			return nil, filterErrorf("Not a point-to-point network")
		}),
		"prefix": func(q ipQuery) (any, error) { return int64(q.n.bits), nil },
		"revdns": func(q ipQuery) (any, error) { return q.n.reverseDNS(), nil },
		"size":   func(q ipQuery) (any, error) { return py.Int(q.n.size()), nil },
		"size_usable": func(q ipQuery) (any, error) {
			switch {
			case q.one():
				return int64(0), nil
			case q.two():
				return int64(2), nil
			}
			return py.Int(new(big.Int).Sub(q.n.size(), big.NewInt(2))), nil
		},
		"subnet": func(q ipQuery) (any, error) { return q.n.cidr().String(), nil },
		"type": func(q ipQuery) (any, error) {
			if q.one() || !q.n.isNetwork() {
				return "address", nil
			}
			return "network", nil
		},
		"version": func(q ipQuery) (any, error) { return q.n.version(), nil },
		"wrap": func(q ipQuery) (any, error) {
			switch {
			case q.n.addr.Is4():
				return q.value, nil
			case q.kind == "address":
				return "[" + q.ip() + "]", nil
			}
			return "[" + q.ip() + "]/" + strconv.Itoa(q.n.bits), nil
		},
		"6to4": func(q ipQuery) (any, error) {
			if q.n.addr.Is6() {
				return q.when(q.n.within("2002::/16") && (q.kind == "address" || !q.n.isNetwork()))
			}
			if !q.one() && q.n.isNetwork() {
				return false, nil
			}
			b := q.n.addr.As4()
			return "2002:" + strconv.FormatInt(0x100+int64(b[0]), 16)[1:] + strconv.FormatInt(0x100+int64(b[1]), 16)[1:] + ":" +
				strconv.FormatInt(0x100+int64(b[2]), 16)[1:] + strconv.FormatInt(0x100+int64(b[3]), 16)[1:] + "::1/48", nil
		},
	}
	for alias, name := range map[string]string{
		"gateway": "address/prefix", "gw": "address/prefix", "router": "address/prefix", "host/prefix": "address/prefix", "hostnet": "address/prefix",
		"lo": "loopback", "network_id": "network", "network/prefix": "subnet", "v4": "ipv4", "v6": "ipv6", "wildcard": "hostmask",
	} {
		ipQueries[alias] = ipQueries[name]
	}
}

func filterSubnet(c *call) (any, error) {
	n, ok := c.whole(c.args[0])
	if !ok {
		return false, nil
	}
	given, _ := parseNetwork(py.Str(c.args[0]))
	if given.bits < given.width() && !given.isNetwork() {
		given, n = network{given.addr, given.bits}, given.cidr()
	}
	address := n.bits == n.width()
	query := py.Str(c.args[1])
	if query == "" {
		return n.String(), nil
	}
	size, err := strconv.Atoi(query)
	if err != nil {
		in, ok := c.whole(query)
		if !ok {
			return nil, filterErrorf("You must pass a valid subnet or IP address; %s is invalid", query)
		}
		if !in.contains(n) {
			return nil, filterErrorf("%s is not in the subnet %s", n, in)
		}
		index := new(big.Int).Sub(n.first(), in.first())
		return py.Str(py.Int(index.Rsh(index, uint(n.width()-n.bits)).Add(index, big.NewInt(1)))), nil //nolint:gosec // not negative
	}
	if size < 0 || size > n.width() {
		return false, nil
	}
	if c.args[2] == nil {
		if address {
			return network{n.addr, size}.cidr().String(), nil
		}
		if size < n.bits {
			return nil, filterErrorf("Requested subnet size of %d is invalid", size)
		}
		return py.Str(py.Int(new(big.Int).Lsh(big.NewInt(1), uint(size-n.bits)))), nil //nolint:gosec // not negative
	}
	i, ok := parseInt(py.Str(c.args[2]), 10)
	if !ok {
		return nil, typeErrorf("index must be an int, not %s", py.Repr(c.args[2]))
	}
	index := toBig(i)
	if address {
		if index.Sign() < 0 {
			index = new(big.Int).Add(index, big.NewInt(int64(n.width()-size)))
		}
		if !index.IsInt64() || index.Sign() < 0 || size+int(index.Int64()) > n.width() {
			return false, nil
		}
		return network{n.addr, size + int(index.Int64())}.cidr().String(), nil
	}
	if size < n.bits {
		return false, nil
	}
	count := new(big.Int).Lsh(big.NewInt(1), uint(size-n.bits)) //nolint:gosec // not negative
	if index.Sign() < 0 {
		index = new(big.Int).Add(index, count)
	}
	if index.Sign() < 0 || index.Cmp(count) >= 0 {
		return false, nil
	}
	at := new(big.Int).Lsh(index, uint(n.width()-size)) //nolint:gosec // not negative
	return n.text(at.Add(at, n.first())) + "/" + strconv.Itoa(size), nil
}

func filterCIDRMerge(c *call) (any, error) {
	items, err := c.items(0)
	if err != nil {
		return nil, err
	}
	var nets []network
	for _, item := range items {
		n, ok := c.whole(item)
		if !ok {
			return nil, filterErrorf("cidr_merge: error in netaddr:\ninvalid IPNetwork %s", py.Str(item))
		}
		nets = append(nets, n)
	}
	switch py.Str(c.args[1]) {
	case "merge":
		out := py.NewList()
		for _, n := range mergeNetworks(nets) {
			out.Items = append(out.Items, n.String())
		}
		return out, nil
	case "span":
		if len(nets) == 0 {
			return nil, nil
		}
		span := nets[0]
		for _, n := range nets[1:] {
			if n.width() != span.width() {
				return nil, filterErrorf("cidr_merge: error in netaddr:\nIP sequence cannot contain both IPv4 and IPv6!")
			}
			for !span.contains(n) {
				span = network{span.addr, span.bits - 1}.cidr()
			}
		}
		return span.String(), nil
	}
	return nil, filterErrorf("cidr_merge: invalid action '%s'", py.Str(c.args[1]))
}

// mergeNetworks drops what is in another network and joins halves.
func mergeNetworks(nets []network) []network {
	order := func(a, b network) int {
		if v := int(a.version() - b.version()); v != 0 {
			return v
		}
		if v := a.first().Cmp(b.first()); v != 0 {
			return v
		}
		return a.bits - b.bits
	}
	slices.SortFunc(nets, order)
	var out []network
	for _, n := range nets {
		if len(out) > 0 && out[len(out)-1].contains(n) {
			continue
		}
		out = append(out, n)
		for len(out) > 1 {
			a, b := out[len(out)-2], out[len(out)-1]
			up := network{a.addr, a.bits - 1}
			if a.width() != b.width() || a.bits != b.bits || a.bits == 0 || !up.isNetwork() || !up.contains(b) {
				break
			}
			out = append(out[:len(out)-2], up)
		}
	}
	return out
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

func filterMAC(c *call) (any, error) {
	text := strings.ToLower(py.Str(c.args[0]))
	digits := strings.Map(func(r rune) rune {
		if strings.ContainsRune(":-.", r) {
			return -1
		}
		return r
	}, text)
	query := py.Str(c.args[1])
	if sep := strings.FieldsFunc(text, func(r rune) bool { return r == ':' || r == '-' }); len(sep) == 6 {
		digits = ""
		for _, p := range sep {
			digits += strings.Repeat("0", max(0, 2-len(p))) + p
		}
	}
	v, ok := parseInt("0x"+digits, 16)
	if !ok || len(digits) != 12 {
		if query == "" {
			return nil, nil
		}
		if query == "bool" {
			return nil, nil
		}
		return nil, filterErrorf("hwaddr: not a hardware address: %s", py.Str(c.args[0]))
	}
	pairs := make([]string, 6)
	short := make([]string, 6)
	for i := range pairs {
		pairs[i] = digits[2*i : 2*i+2]
		short[i] = strings.TrimLeft(pairs[i][:1], "0") + pairs[i][1:]
	}
	switch query {
	case "":
		return c.args[0], nil
	case "bool":
		return true, nil
	case "bare":
		return strings.ToUpper(digits), nil
	case "int":
		return v, nil
	case "cisco":
		return digits[:4] + "." + digits[4:8] + "." + digits[8:], nil
	case "win", "eui48":
		return strings.ToUpper(strings.Join(pairs, "-")), nil
	case "linux":
		return strings.Join(pairs, ":"), nil
	case "unix":
		return strings.Join(short, ":"), nil
	case "pgsql", "postgresql", "psql":
		return digits[:6] + ":" + digits[6:], nil
	}
	return nil, filterErrorf("hwaddr: unknown filter type: %s", query)
}

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
