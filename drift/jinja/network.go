package jinja

import (
	"math/big"
	"net/netip"
	"strconv"
	"strings"
)

// network is an address with a prefix, as Python's netaddr has it.
type network struct {
	addr netip.Addr
	bits int
}

// parseNetwork reads an address, an address with a prefix or a netmask, or a short IPv4 like 10.0/16.
func parseNetwork(text string) (network, bool) {
	host, prefix, has := strings.Cut(text, "/")
	if !has {
		addr, ok := parseAddr(host)
		return network{addr, addr.BitLen()}, ok
	}
	addr, err := netip.ParseAddr(host)
	if err != nil || addr.Zone() != "" {
		if addr, err = shortAddr(host); err != nil {
			return network{}, false
		}
	}
	if n, err := strconv.Atoi(prefix); err == nil {
		return network{addr, n}, n >= 0 && n <= addr.BitLen() && prefix[0] != '+'
	}
	mask, err := netip.ParseAddr(prefix)
	if err != nil || mask.BitLen() != addr.BitLen() {
		return network{}, false
	}
	bits, ok := maskBits(mask)
	return network{addr, bits}, ok
}

func parseAddr(text string) (netip.Addr, bool) {
	addr, err := netip.ParseAddr(text)
	if err != nil {
		addr, err = shortAddr(text)
	}
	return addr, err == nil && addr.Zone() == ""
}

// shortAddr fills up an IPv4 address that has less than four numbers.
func shortAddr(text string) (netip.Addr, error) {
	parts := strings.Split(text, ".")
	if len(parts) < 2 && !strings.Contains(text, ".") {
		return netip.Addr{}, strconv.ErrSyntax
	}
	for len(parts) < 4 {
		parts = append(parts, "0")
	}
	return netip.ParseAddr(strings.Join(parts, "."))
}

// maskBits counts the bits of a netmask or a hostmask.
func maskBits(mask netip.Addr) (int, bool) {
	v := toNumber(mask)
	width := mask.BitLen()
	all := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), uint(width)), big.NewInt(1)) //nolint:gosec // 32 or 128
	inverse := new(big.Int).Xor(v, all)
	if isHostMask(inverse) {
		return width - inverse.BitLen(), true
	}
	if isHostMask(v) {
		return width - v.BitLen(), true
	}
	return 0, false
}

// isHostMask: ones only at the end.
func isHostMask(v *big.Int) bool {
	next := new(big.Int).Add(v, big.NewInt(1))
	return new(big.Int).And(v, next).Sign() == 0
}

func toNumber(addr netip.Addr) *big.Int { return new(big.Int).SetBytes(addr.AsSlice()) }

// fromNumber makes an address of a width; ok is false where the number does not fit.
func fromNumber(v *big.Int, width int) (netip.Addr, bool) {
	if v.Sign() < 0 || v.BitLen() > width {
		return netip.Addr{}, false
	}
	addr, ok := netip.AddrFromSlice(v.FillBytes(make([]byte, width/8)))
	return addr, ok
}

func (n network) width() int { return n.addr.BitLen() }

func (n network) version() int64 {
	if n.addr.Is4() {
		return 4
	}
	return 6
}

func (n network) size() *big.Int {
	return new(big.Int).Lsh(big.NewInt(1), uint(n.width()-n.bits)) //nolint:gosec // not negative
}

func (n network) host() *big.Int { return new(big.Int).Sub(n.size(), big.NewInt(1)) }

func (n network) first() *big.Int { return new(big.Int).AndNot(toNumber(n.addr), n.host()) }

func (n network) last() *big.Int { return new(big.Int).Or(toNumber(n.addr), n.host()) }

func (n network) text(v *big.Int) string {
	addr, ok := fromNumber(v, n.width())
	if !ok {
		return ""
	}
	return addrText(addr)
}

func addrText(addr netip.Addr) string { return addr.String() }

func (n network) String() string { return addrText(n.addr) + "/" + strconv.Itoa(n.bits) }

func (n network) network() string { return n.text(n.first()) }

func (n network) isNetwork() bool { return toNumber(n.addr).Cmp(n.first()) == 0 }

func (n network) cidr() network {
	addr, _ := fromNumber(n.first(), n.width())
	return network{addr, n.bits}
}

func (n network) netmask() string {
	all := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), uint(n.width())), big.NewInt(1)) //nolint:gosec // 32 or 128
	return n.text(all.Xor(all, n.host()))
}

// hasBroadcast: not networks of one or two addresses, and not IPv6.
func (n network) hasBroadcast() bool {
	return n.addr.Is4() && n.width()-n.bits > 1
}

// usable are the first and the last address that hosts may have.
func (n network) usable() (first, last *big.Int) {
	first, last = n.first(), n.last()
	if n.width()-n.bits > 1 {
		first.Add(first, big.NewInt(1))
		last.Sub(last, big.NewInt(1))
	}
	return first, last
}

func (n network) contains(other network) bool {
	return n.width() == other.width() && other.first().Cmp(n.first()) >= 0 && other.last().Cmp(n.last()) <= 0
}

// within says whether the address is in one of some networks.
func (n network) within(list ...string) bool {
	for _, text := range list {
		if in, ok := parseNetwork(text); ok && in.contains(network{n.addr, n.width()}) {
			return true
		}
	}
	return false
}

func (n network) private() bool {
	return n.within("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "192.0.0.0/29", "198.18.0.0/15", "169.254.0.0/16", "100.64.0.0/10", "fc00::/7", "fec0::/10", "fe80::/10") ||
		n.within("239.0.0.0/8")
}

func (n network) loopback() bool { return n.within("127.0.0.0/8", "::1/128") }

func (n network) multicast() bool { return n.within("224.0.0.0/4", "ff00::/8") }

func (n network) reverseDNS() string {
	b := n.addr.AsSlice()
	var out strings.Builder
	for i := len(b) - 1; i >= 0; i-- {
		if n.addr.Is4() {
			out.WriteString(strconv.Itoa(int(b[i])) + ".")
			continue
		}
		const digits = "0123456789abcdef"
		out.WriteString(string(digits[b[i]&15]) + "." + string(digits[b[i]>>4]) + ".")
	}
	if n.addr.Is4() {
		return out.String() + "in-addr.arpa."
	}
	return out.String() + "ip6.arpa."
}
