package proxy

import (
	"fmt"
	"log/slog"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"sync/atomic"

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
	nobody    release // counts what no release could answer
	releases  map[string]*release
	instances map[string]*instance
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
		key := b.Release + " " + b.Instance + " " + b.URL
		in := s.instances[key]
		if in == nil {
			u, err := url.Parse(b.URL)
			if err != nil {
				return nil, fmt.Errorf("backend %q: %w", b.Instance, err)
			}
			in = &instance{name: b.Instance, url: u}
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

// forget drops instances that the route in force does not name. Requests that still run on them hold them themselves.
func (s *service) forget(r *route) {
	named := make(map[string]bool)
	for _, b := range r.Backends {
		named[b.Release+" "+b.Instance+" "+b.URL] = true
	}
	for key := range s.instances {
		if !named[key] {
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
	return out
}
