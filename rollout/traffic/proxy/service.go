package proxy

import (
	"fmt"
	"log/slog"
	"net"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"sync/atomic"
	"time"

	"goodstate.dev/goodstate/rollout/feedback"
	"goodstate.dev/goodstate/rollout/traffic"
)

// service is one route's life: what stays when the route is replaced. Its fields other than the atomic ones are written by the
// server under its lock.
type service struct {
	name      string
	log       *slog.Logger
	trust     []netip.Prefix
	route     atomic.Pointer[route] // nil: removed
	proxy     *httputil.ReverseProxy
	failing   failing
	sessions  sessions
	witness   witness
	nobody    release // counts what no release could answer
	releases  map[string]*release
	instances map[string]*instance
	desk      *feedback.Desk
	front     *front // nil while its address could not be opened
	problem   error  // why front is nil
}

func newService(name string, log *slog.Logger, trust []netip.Prefix, up *upstreams) *service {
	s := &service{
		name: name, log: log, trust: trust,
		releases:  make(map[string]*release),
		instances: make(map[string]*instance),
	}
	s.proxy = &httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			v := p.In.Context().Value(visitKey{}).(*visit)
			p.Out.URL.RawQuery = p.In.URL.RawQuery // as the user sent it: an instance may read it in its own way
			p.Out.Trailer = p.In.Trailer           // the server fills it in when the body ends
			forward(p.Out.Header, p.In, v.trusted)
			p.Out.Header[releaseHeader] = []string{v.pool.release.id}
		},
		Transport:      up,
		ModifyResponse: s.answer,
		ErrorHandler:   s.unanswered,
		ErrorLog:       slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		BufferPool:     &buffers,
	}
	return s
}

// ready makes a checked route ready for choosing, with the releases and instances that are known already.
func (s *service) ready(r traffic.Route, before []share) (*route, error) {
	rt := &route{Route: r, shares: reshare(before, r.Weights), slow: r.Slow}
	if rt.slow == 0 {
		rt.slow = defaultSlow
	}
	pools := make(map[string]*pool)
	poolOf := func(id string) *pool {
		p := pools[id]
		if p == nil {
			rel := s.releases[id]
			if rel == nil {
				rel = &release{id: id}
				s.releases[id] = rel
			}
			p = &pool{release: rel}
			pools[id] = p
		}
		return p
	}
	for _, b := range r.Backends {
		key := instanceKey(b)
		in := s.instances[key]
		if in == nil {
			u, err := url.Parse(b.URL)
			if err != nil {
				return nil, fmt.Errorf("backend %q: %w", b.Instance, err)
			}
			in = &instance{release: b.Release, name: b.Instance, url: u, addr: u.Host}
			if u.Port() == "" {
				in.addr = net.JoinHostPort(u.Hostname(), "80")
			}
			s.instances[key] = in
		}
		p := poolOf(b.Release)
		p.instances = append(p.instances, in)
	}
	for _, sh := range rt.shares {
		rt.pools = append(rt.pools, poolOf(sh.Release))
	}
	return rt, nil
}

func instanceKey(b traffic.Backend) string { return b.Release + " " + b.Instance + " " + b.URL }

// forget drops instances that the route in force does not name and that have no request under way.
func (s *service) forget(r *route) {
	named := make(map[string]bool)
	if r != nil {
		for _, b := range r.Backends {
			named[instanceKey(b)] = true
		}
	}
	for key, in := range s.instances {
		if !named[key] && in.inflight.Load() == 0 {
			in.lane.close()
			delete(s.instances, key)
		}
	}
}

// collect takes the seconds that ended before now out of the counters.
func (s *service) collect(now int64) []traffic.Second {
	out := s.nobody.counts.collect("", now)
	for id, rel := range s.releases {
		out = append(out, rel.counts.collect(id, now)...)
	}
	if rt := s.route.Load(); len(out) > 0 && rt != nil && rt.Feedback != nil {
		served := s.sessions.count(now)
		for i := range out {
			out[i].Sessions = served[out[i].Release]
		}
	}
	return out
}

// prune closes unused connections and drops releases that the route does not name and that have no request under way and nothing left to collect.
func (s *service) prune(now time.Time) {
	for _, in := range s.instances {
		in.lane.trim(now.Add(-idleUpstream))
	}
	named := make(map[*release]bool)
	rt := s.route.Load()
	s.forget(rt)
	if rt != nil {
		for _, p := range rt.pools {
			named[p.release] = true
		}
	}
	for id, rel := range s.releases {
		if !named[rel] && rel.inflight.Load() == 0 && rel.counts.empty() {
			delete(s.releases, id)
		}
	}
}

// underWay is how many requests the release has under way, or those of one instance when it is named.
func (s *service) underWay(id, instance string) int64 {
	if instance == "" {
		if rel := s.releases[id]; rel != nil {
			return rel.inflight.Load()
		}
		return 0
	}
	var n int64
	for _, in := range s.instances {
		if in.release == id && in.name == instance {
			n += in.inflight.Load()
		}
	}
	return n
}
