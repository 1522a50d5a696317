package proxy

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// holder says who listens on an address, as ": pid 812 (nginx) listens on 0.0.0.0:80", or nothing when it cannot be told: not on
// Linux, or not allowed to see.
func holder(listen string) string {
	_, port, err := net.SplitHostPort(listen)
	if err != nil {
		return ""
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return ""
	}
	want, _ := netip.ParseAddrPort(listen) // a host name gives no address: then any holder of the port is told
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		f, err := os.Open(table)
		if err != nil {
			continue
		}
		inode, addr := listenerOf(bufio.NewScanner(f), uint16(n), want.Addr())
		_ = f.Close() // only read
		if inode == "" {
			continue
		}
		if pid, name := processWith("socket:[" + inode + "]"); pid != "" {
			return fmt.Sprintf(": pid %s (%s) listens on %s", pid, name, addr)
		}
		return fmt.Sprintf(": another user's process listens on %s", addr)
	}
	return ""
}

// listenerOf finds the listening socket in a table of the kernel: columns sl, local_address, rem_address, st, ..., inode.
func listenerOf(lines *bufio.Scanner, port uint16, want netip.Addr) (inode string, addr netip.AddrPort) {
	const listening = "0A"
	for lines.Scan() {
		col := strings.Fields(lines.Text())
		if len(col) < 10 || col[3] != listening {
			continue
		}
		addr, ok := kernelAddr(col[1])
		if !ok || addr.Port() != port {
			continue
		}
		if want.IsValid() && !want.IsUnspecified() && !addr.Addr().IsUnspecified() && addr.Addr() != want.Unmap() {
			continue
		}
		return col[9], addr
	}
	return "", netip.AddrPort{}
}

// kernelAddr reads "0100007F:1F90": each group of eight digits is a 32-bit word in the machine's (little-endian) order.
func kernelAddr(s string) (netip.AddrPort, bool) {
	host, port, ok := strings.Cut(s, ":")
	b, err := hex.DecodeString(host)
	if !ok || err != nil || len(b)%4 != 0 {
		return netip.AddrPort{}, false
	}
	for i := 0; i < len(b); i += 4 {
		b[i], b[i+1], b[i+2], b[i+3] = b[i+3], b[i+2], b[i+1], b[i]
	}
	addr, ok := netip.AddrFromSlice(b)
	n, err := strconv.ParseUint(port, 16, 16)
	return netip.AddrPortFrom(addr.Unmap(), uint16(n)), ok && err == nil
}

func processWith(fd string) (pid, name string) {
	links, _ := filepath.Glob("/proc/[0-9]*/fd/*") // the pattern is well formed
	for _, link := range links {
		if to, err := os.Readlink(link); err != nil || to != fd {
			continue
		}
		pid = strings.Split(link, "/")[2]
		comm, err := os.ReadFile("/proc/" + pid + "/comm")
		if err != nil {
			return pid, "gone by now"
		}
		return pid, strings.TrimSpace(string(comm))
	}
	return "", ""
}
