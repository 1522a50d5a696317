package jinja

import (
	"math/big"
	"strconv"

	"goodstate.dev/goodstate/core/py"
)

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
