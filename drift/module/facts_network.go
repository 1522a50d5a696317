package module

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

func init() {
	addFact(fact{"network", []string{"all_ipv4_addresses", "all_ipv6_addresses", "default_ipv4", "default_ipv6", "interfaces"}, false, []string{"distribution", "platform"}, networkFacts})
	addFact(fact{"fibre_channel_wwn", nil, false, nil, func(_ context.Context, _ *Task, into map[string]any) error {
		list := []any{}
		files, err := filepath.Glob("/sys/class/fc_host/*/port_name")
		for _, f := range files {
			list = append(list, strings.TrimPrefix(readTrim(f), "0x"))
		}
		into["fibre_channel_wwn"] = list
		return err
	}})
	addFact(fact{"iscsi", []string{"iscsi_iqn"}, false, nil, func(_ context.Context, _ *Task, into map[string]any) error {
		into["iscsi_iqn"] = ""
		for line := range strings.SplitSeq(readTrim("/etc/iscsi/initiatorname.iscsi"), "\n") {
			if name, ok := strings.CutPrefix(line, "InitiatorName="); ok {
				into["iscsi_iqn"] = strings.TrimSpace(name)
			}
		}
		return nil
	}})
	addFact(fact{"nvme", []string{"hostnqn"}, false, nil, func(_ context.Context, _ *Task, into map[string]any) error {
		into["hostnqn"] = ""
		for line := range strings.SplitSeq(readTrim("/etc/nvme/hostnqn"), "\n") {
			if strings.HasPrefix(line, "nqn.") {
				into["hostnqn"] = strings.TrimSpace(line)
			}
		}
		return nil
	}})
}

// interfaceTypes are Ansible's words for the kernel's ARPHRD numbers.
var interfaceTypes = map[string]string{"1": "ether", "32": "infiniband", "512": "ppp", "772": "loopback", "65534": "tunnel"}

func networkFacts(_ context.Context, _ *Task, into map[string]any) error {
	devices, err := devices()
	if err != nil {
		return err
	}
	names, byName := []any{}, map[string]map[string]any{}
	for _, name := range devices {
		if dir := filepath.Join("/sys/class/net", name); isDir(dir) {
			names = append(names, name)
			byName[name] = device(name, dir)
		}
	}
	into["interfaces"] = names
	v4, v6 := defaultRoute("udp4", "8.8.8.8:53", syscall.AF_INET), defaultRoute("udp6", "[2404:6800:400a:800::1012]:53", syscall.AF_INET6)
	into["default_ipv4"], into["default_ipv6"] = v4, v6
	all4, all6, err := addresses(devices, byName, v4, v6)
	into["all_ipv4_addresses"], into["all_ipv6_addresses"] = all4, all6
	for name, facts := range byName {
		into[name] = facts
	}
	return err
}

// devices names the interfaces in the order in which the kernel lists them, which is Ansible's.
func devices() ([]string, error) {
	dir, err := os.Open("/sys/class/net")
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	return dir.Readdirnames(-1)
}

// device is what sysfs says of an interface.
func device(name, dir string) map[string]any {
	d := map[string]any{"device": name}
	if mac := readTrim(filepath.Join(dir, "address")); mac != "" && mac != "00:00:00:00:00:00" {
		d["macaddress"] = mac
	}
	if n, err := strconv.ParseInt(readTrim(filepath.Join(dir, "mtu")), 10, 64); err == nil {
		d["mtu"] = n
	}
	d["active"] = readTrim(filepath.Join(dir, "operstate")) != "down"
	if target, err := filepath.EvalSymlinks(filepath.Join(dir, "device/driver/module")); err == nil {
		d["module"] = filepath.Base(target)
	}
	d["type"] = "unknown"
	if kind := interfaceTypes[readTrim(filepath.Join(dir, "type"))]; kind != "" {
		d["type"] = kind
	}
	if isDir(filepath.Join(dir, "bridge")) {
		d["type"], d["id"] = "bridge", readTrim(filepath.Join(dir, "bridge/bridge_id"))
		d["stp"] = readTrim(filepath.Join(dir, "bridge/stp_state")) == "1"
		ports := []any{}
		entries, err := os.ReadDir(filepath.Join(dir, "brif"))
		for _, e := range entries {
			ports = append(ports, e.Name())
		}
		if err == nil {
			d["interfaces"] = ports
		}
	}
	if isDir(filepath.Join(dir, "bonding")) {
		bonding(d, filepath.Join(dir, "bonding"))
	}
	if exists(filepath.Join(dir, "bonding_slave")) {
		d["perm_macaddress"] = readTrim(filepath.Join(dir, "bonding_slave/perm_hwaddr"))
	}
	if target, err := os.Readlink(filepath.Join(dir, "device")); err == nil {
		d["pciid"] = filepath.Base(target)
	}
	if n, err := strconv.ParseInt(readTrim(filepath.Join(dir, "speed")), 10, 64); err == nil {
		d["speed"] = n
	}
	if n, err := strconv.ParseInt(readTrim(filepath.Join(dir, "flags")), 0, 64); err == nil {
		d["promisc"] = n&0x100 != 0
	}
	return d
}

func bonding(d map[string]any, dir string) {
	word := func(name string) string {
		f := strings.Fields(readTrim(filepath.Join(dir, name)))
		if len(f) == 0 {
			return ""
		}
		return f[0]
	}
	d["type"], d["mode"], d["miimon"], d["lacp_rate"] = "bonding", word("mode"), word("miimon"), word("lacp_rate")
	d["slaves"] = toAny(strings.Fields(readTrim(filepath.Join(dir, "slaves"))))
	if primary := readTrim(filepath.Join(dir, "primary")); primary != "" {
		d["primary"] = primary
		d["all_slaves_active"] = readTrim(filepath.Join(dir, "all_slaves_active")) == "1"
	}
}

// defaultRoute tells how the host would reach the Internet. Connecting a UDP socket sends nothing: the kernel only picks the address.
func defaultRoute(network, to string, family int) map[string]any {
	out := map[string]any{}
	addr, err := net.ResolveUDPAddr(network, to)
	if err != nil {
		return out
	}
	conn, err := net.DialUDP(network, nil, addr)
	if err != nil {
		return out
	}
	out["address"] = conn.LocalAddr().(*net.UDPAddr).IP.String()
	_ = conn.Close() // nothing was sent
	rib, err := syscall.NetlinkRIB(syscall.RTM_GETROUTE, family)
	if err != nil {
		return out
	}
	messages, err := syscall.ParseNetlinkMessage(rib)
	if err != nil {
		return out
	}
	best := uint32(1 << 31)
	for i := range messages {
		m := &messages[i]
		if m.Header.Type != syscall.RTM_NEWROUTE || m.Data[1] != 0 || m.Data[4] != syscall.RT_TABLE_MAIN || int(m.Data[0]) != family {
			continue
		}
		route, metric := readRoute(m)
		if route != nil && metric < best {
			best = metric
			for k, v := range route {
				out[k] = v
			}
		}
	}
	return out
}

func readRoute(m *syscall.NetlinkMessage) (map[string]any, uint32) {
	attrs, err := syscall.ParseNetlinkRouteAttr(m)
	if err != nil {
		return nil, 0
	}
	route, metric := map[string]any{}, uint32(0)
	for _, a := range attrs {
		switch a.Attr.Type {
		case syscall.RTA_GATEWAY:
			route["gateway"] = net.IP(a.Value).String()
		case syscall.RTA_OIF:
			if i, err := net.InterfaceByIndex(int(binary.NativeEndian.Uint32(a.Value))); err == nil {
				route["interface"] = i.Name
			}
		case syscall.RTA_PRIORITY:
			metric = binary.NativeEndian.Uint32(a.Value)
		}
	}
	if route["interface"] == nil {
		return nil, 0
	}
	return route, metric
}

// addresses puts every address into the facts of its interface.
func addresses(devices []string, byName map[string]map[string]any, v4, v6 map[string]any) (all4, all6 []any, err error) {
	all4, all6 = []any{}, []any{}
	found, err := addressesByDevice()
	if err != nil {
		return all4, all6, err
	}
	for _, name := range devices {
		d := byName[name]
		if d == nil {
			continue
		}
		for _, a := range found[name] {
			if a.ip.To4() == nil {
				all6 = a.six(d, v6, all6)
				continue
			}
			if a.label != "" && a.label != a.device && byName[a.label] == nil {
				byName[a.label] = map[string]any{}
			}
			all4 = a.four(d, byName, v4, all4)
		}
	}
	return all4, all6, nil
}

// addressesByDevice asks the kernel.
func addressesByDevice() (map[string][]address, error) {
	rib, err := syscall.NetlinkRIB(syscall.RTM_GETADDR, syscall.AF_UNSPEC)
	if err != nil {
		return nil, err
	}
	messages, err := syscall.ParseNetlinkMessage(rib)
	if err != nil {
		return nil, err
	}
	found := map[string][]address{}
	for i := range messages {
		if messages[i].Header.Type != syscall.RTM_NEWADDR {
			continue
		}
		a, err := readAddress(&messages[i])
		if err != nil {
			return nil, err
		}
		found[a.device] = append(found[a.device], a)
	}
	return found, nil
}

// address is one line of `ip addr`.
type address struct {
	device, label string
	ip, broadcast net.IP
	bits          int
	scope         byte
	secondary     bool
}

func readAddress(m *syscall.NetlinkMessage) (address, error) {
	attrs, err := syscall.ParseNetlinkRouteAttr(m)
	if err != nil {
		return address{}, err
	}
	a := address{bits: int(m.Data[1]), secondary: m.Data[2]&syscall.IFA_F_SECONDARY != 0, scope: m.Data[3]}
	if i, err := net.InterfaceByIndex(int(binary.NativeEndian.Uint32(m.Data[4:8]))); err == nil {
		a.device = i.Name
	}
	for _, attr := range attrs {
		switch attr.Attr.Type {
		case syscall.IFA_LOCAL:
			a.ip = attr.Value
		case syscall.IFA_ADDRESS:
			if a.ip == nil {
				a.ip = attr.Value
			}
		case syscall.IFA_BROADCAST:
			a.broadcast = attr.Value
		case syscall.IFA_LABEL:
			a.label = string(bytes.TrimRight(attr.Value, "\x00"))
		}
	}
	return a, nil
}

func (a address) six(d, def map[string]any, all []any) []any {
	scope := map[byte]string{0: "global", 253: "link", 254: "host", 200: "site"}[a.scope]
	ip := a.ip.String()
	entry := map[string]any{"address": ip, "prefix": strconv.Itoa(a.bits), "scope": scope}
	list, _ := d["ipv6"].([]any)
	d["ipv6"] = append(list, entry)
	if def["address"] == ip {
		def["prefix"], def["scope"], def["mtu"], def["type"] = entry["prefix"], scope, d["mtu"], d["type"]
		def["macaddress"] = d["macaddress"]
	}
	if ip == "::1" {
		return all
	}
	return append(all, ip)
}

func (a address) four(d map[string]any, byName map[string]map[string]any, def map[string]any, all []any) []any {
	mask := net.CIDRMask(a.bits, 32)
	ip, broadcast := a.ip.String(), ""
	if a.broadcast != nil {
		broadcast = a.broadcast.String()
	}
	entry := map[string]any{
		"address": ip, "broadcast": broadcast, "netmask": fmt.Sprintf("%d.%d.%d.%d", mask[0], mask[1], mask[2], mask[3]),
		"network": a.ip.Mask(mask).String(), "prefix": strconv.Itoa(a.bits),
	}
	owner := d
	if a.label != "" && a.label != a.device {
		owner = byName[a.label]
	}
	if !a.secondary && owner["ipv4"] == nil {
		owner["ipv4"] = entry
	} else {
		list, _ := owner["ipv4_secondaries"].([]any)
		owner["ipv4_secondaries"] = append(list, entry)
	}
	if def["address"] == ip {
		for k, v := range entry {
			def[k] = v
		}
		def["macaddress"], def["mtu"], def["type"], def["alias"] = d["macaddress"], d["mtu"], d["type"], a.label
	}
	if strings.HasPrefix(ip, "127.") {
		return all
	}
	return append(all, ip)
}
