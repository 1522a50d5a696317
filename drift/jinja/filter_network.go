package jinja

import (
	"math/big"
	"slices"
	"strconv"

	"goodstate.dev/goodstate/core/py"
)

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
