package proxy

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"goodstate.dev/goodstate/rollout/traffic"
)

// route is a traffic.Route made ready for choosing. It is replaced as a whole and never changed.
type route struct {
	traffic.Route
	shares []share
	pools  []*pool // by share: pools[i] serves shares[i]
	slow   time.Duration
}

// pool is the instances of one release in one route.
type pool struct {
	release   *release
	instances []*instance
}

// release outlives the routes that name it, so that requests begun under an older route are still counted.
type release struct {
	id       string
	inflight atomic.Int64 // requests under way, WebSockets included
	counts   counts
}

// instance outlives the routes that name it.
type instance struct {
	release  string
	name     string
	url      *url.URL
	addr     string // host:port
	lane     lane
	inflight atomic.Int64
	refused  atomic.Int64 // connections refused in a row
	aside    atomic.Int64 // Unix nanoseconds until which others are preferred
}

const (
	defaultSlow  = 60 * time.Second
	asideFirst   = 500 * time.Millisecond
	asideLongest = 8 * time.Second
)

// check says what is wrong with a route before anything is touched.
func check(r traffic.Route) error {
	bad := func(format string, a ...any) error {
		return fmt.Errorf("route of service %q: %s", r.Service, fmt.Sprintf(format, a...))
	}
	if !plainWord(r.Service) {
		return bad("a service name has letters, digits, '.', '-' and '_' only, and at least one")
	}
	_, port, err := net.SplitHostPort(r.Listen)
	if n, perr := strconv.ParseUint(port, 10, 16); err != nil || perr != nil || n == 0 {
		return bad("listen %q: want host:port with a port from 1 to 65535 (one that stays the same when the proxy is started again)", r.Listen)
	}
	if r.Sticky != "" && r.Sticky != "cookie" {
		return bad("sticky %q: want \"\" or \"cookie\"", r.Sticky)
	}
	if r.Slow < 0 {
		return bad("slow %s: want a time above 0, or 0 for %s", r.Slow, defaultSlow)
	}
	has := make(map[string]bool)
	for _, b := range r.Backends {
		if !plainWord(b.Release) {
			return bad("backend %q: release %q: want letters, digits, '.', '-' and '_' only", b.Instance, b.Release)
		}
		u, err := url.Parse(b.URL)
		if err != nil {
			return bad("backend %q: %v", b.Instance, err)
		}
		if (u.Scheme != "http" && u.Scheme != "https" && u.Scheme != "h2c") || u.Host == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.User != nil {
			return bad("backend %q: url %q: want http://HOST:PORT (or https:// or h2c://) without path, query and user", b.Instance, b.URL)
		}
		has[b.Release] = true
	}
	total := 0
	for _, id := range slices.Sorted(maps.Keys(r.Weights)) {
		w := r.Weights[id]
		if w < 0 || w > traffic.Full {
			return bad("weight %d of release %q: want 0 to %d", w, id, traffic.Full)
		}
		if w > 0 && !has[id] && len(r.Backends) > 0 {
			return bad("release %q has a weight of %d but no backend: its users would get no answer", id, w)
		}
		total += w
	}
	if total != 0 && total != traffic.Full {
		return bad("weights add up to %d, want %d (all traffic) or 0 (none)", total, traffic.Full)
	}
	return nil
}

func plainWord(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '.' && c != '-' && c != '_' {
			return false
		}
	}
	return s != "" && len(s) <= 200
}

// pick is the share for a position; nil when the service has no backend.
func (r *route) pick(position int) *pool {
	if len(r.shares) == 0 {
		return nil
	}
	p := r.pools[owner(r.shares, position)]
	if len(p.instances) == 0 {
		return nil
	}
	return p
}

// pick is the instance that has the fewest requests under way, at random among equals. Those in tried are left out; those put
// aside are only taken when there is no other. It is nil when all were tried.
func (p *pool) pick(tried []*instance, now int64) *instance {
	if len(p.instances) == 1 && len(tried) == 0 {
		return p.instances[0]
	}
	var best *instance
	var bestLoad int64
	var bestAside bool
	first := rand.IntN(len(p.instances))
	for i := range p.instances {
		in := p.instances[(first+i)%len(p.instances)]
		if slices.Contains(tried, in) {
			continue
		}
		load, aside := in.inflight.Load(), in.aside.Load() > now
		if best == nil || (bestAside && !aside) || (bestAside == aside && load < bestLoad) {
			best, bestLoad, bestAside = in, load, aside
		}
	}
	return best
}

// refuse puts the instance aside for a while, longer each time.
func (in *instance) refuse(now time.Time) {
	n := in.refused.Add(1)
	in.aside.Store(now.Add(min(asideFirst<<min(n-1, 10), asideLongest)).UnixNano())
}

// answered takes the instance back.
func (in *instance) answered() {
	if in.refused.Load() != 0 {
		in.refused.Store(0)
		in.aside.Store(0)
	}
}
