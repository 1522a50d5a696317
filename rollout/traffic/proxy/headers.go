package proxy

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// releaseHeader tells the page, and the instance, which release answers.
const releaseHeader = "X-Goodstate-Release"

// clientIP is the address a request comes from. When that is one of our own proxies, trusted is true and the address is the one
// that it names.
func clientIP(r *http.Request, trust []netip.Prefix) (ip string, trusted bool) {
	ip, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		ip = r.RemoteAddr
	}
	prior := r.Header["X-Forwarded-For"]
	if len(prior) == 0 && r.Header["X-Forwarded-Proto"] == nil && r.Header["X-Forwarded-Host"] == nil {
		return ip, false
	}
	addr, err := netip.ParseAddr(ip)
	if err != nil {
		return ip, false
	}
	addr = addr.Unmap().WithZone("")
	for _, p := range trust {
		if !p.Contains(addr) {
			continue
		}
		if len(prior) > 0 {
			last := prior[len(prior)-1]
			if named, err := netip.ParseAddr(strings.TrimSpace(last[strings.LastIndexByte(last, ',')+1:])); err == nil {
				ip = named.String()
			}
		}
		return ip, true
	}
	return ip, false
}

// forward sets the headers that tell the instance who asked, on out, for the request in. What in says itself counts only when it
// comes from a trusted proxy.
func forward(out http.Header, in *http.Request, trusted bool) {
	peer, _, err := net.SplitHostPort(in.RemoteAddr)
	if err != nil {
		peer = in.RemoteAddr
	}
	proto := "http"
	if in.TLS != nil {
		proto = "https"
	}
	host := in.Host
	if trusted {
		if prior := in.Header["X-Forwarded-For"]; len(prior) > 0 {
			peer = strings.Join(prior, ", ") + ", " + peer
		}
		if v := in.Header["X-Forwarded-Proto"]; len(v) > 0 {
			proto = v[0]
		}
		if v := in.Header["X-Forwarded-Host"]; len(v) > 0 {
			host = v[0]
		}
	}
	v := []string{peer, host, proto}
	out["X-Forwarded-For"] = v[0:1:1]
	out["X-Forwarded-Host"] = v[1:2:2]
	out["X-Forwarded-Proto"] = v[2:3:3]
}
