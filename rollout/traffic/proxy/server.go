package proxy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"reflect"
	"slices"
	"sync"
	"time"

	"goodstate.dev/goodstate/rollout/traffic"
)

// server holds all services of one proxy. It does what a client asks, one change at a time; requests never wait for it.
type server struct {
	opt     Options
	log     *slog.Logger
	up      *upstreams
	seconds *seconds

	mu       sync.Mutex
	services map[string]*service
	leaving  []*service     // removed, with requests under way
	ending   sync.WaitGroup // fronts that serve, or that let their last requests finish
	closed   bool
	cutoff   chan struct{} // closed when requests may not go on any longer
}

// restore takes the routes of an earlier proxy. An address that cannot be opened is tried again by tick; the others serve.
func (s *server) restore(ctx context.Context, st state) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, sv := range st.Services {
		svc := newService(sv.Route.Service, s.log, s.opt.Trusted, s.up)
		svc.openDesk(DeskDir(s.opt.Dir))
		rt, err := svc.ready(sv.Route, sv.Shares)
		if err != nil {
			return fmt.Errorf("restore the route of %s: %w", sv.Route.Service, err)
		}
		svc.route.Store(rt)
		s.services[svc.name] = svc
		s.open(ctx, svc)
	}
	return nil
}

// open takes the address of a service that has a route and serves it.
func (s *server) open(ctx context.Context, svc *service) {
	rt := svc.route.Load()
	var t *certs
	var err error
	if rt.TLS != nil {
		t, err = openCerts(*rt.TLS, s.log)
	}
	var f *front
	if err == nil {
		f, err = openFront(ctx, rt.Listen, s.opt, svc, s.log)
	}
	if err != nil {
		if svc.problem == nil || svc.problem.Error() != err.Error() {
			s.log.Error("the route is not served, trying again", "service", svc.name, "error", err)
		}
		svc.problem = err
		return
	}
	f.certs.Store(t)
	svc.front, svc.problem = f, nil
	s.ending.Go(func() { f.serve(s.log) })
	s.log.Info("serving", "service", svc.name, "listen", rt.Listen)
}

// apply is traffic.Router's Apply.
func (s *server) apply(ctx context.Context, r traffic.Route) error {
	if err := check(r); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errors.New("the proxy is shutting down")
	}
	svc := s.services[r.Service]
	fresh := svc == nil
	if fresh {
		svc = newService(r.Service, s.log, s.opt.Trusted, s.up)
		svc.openDesk(DeskDir(s.opt.Dir))
	}
	before := svc.route.Load()
	if before != nil && svc.front != nil && reflect.DeepEqual(before.Route, r) {
		return nil
	}
	for _, other := range s.services {
		if other != svc && other.route.Load().Listen == r.Listen {
			return fmt.Errorf("route of service %q: listen %s: service %q has this address", r.Service, r.Listen, other.name)
		}
	}
	var shares []share
	if before != nil {
		shares = before.shares
	}
	rt, err := svc.ready(r, shares)
	if err != nil {
		return fmt.Errorf("route of service %q: %w", r.Service, err)
	}
	var t *certs
	if r.TLS != nil {
		if t, err = openCerts(*r.TLS, s.log); err != nil {
			return fmt.Errorf("route of service %q: %w", r.Service, err)
		}
	}
	old, f := svc.front, svc.front
	if f == nil || f.listen != r.Listen {
		if f, err = openFront(ctx, r.Listen, s.opt, svc, s.log); err != nil {
			return fmt.Errorf("route of service %q: %w", r.Service, err)
		}
	}
	err = s.saveWith(r.Service, &saved{Route: r, Shares: rt.shares})
	if err != nil {
		if f != old {
			f.cut()
			err = errors.Join(err, f.Close())
		}
		return err
	}
	svc.route.Store(rt)
	svc.forget(rt)
	f.certs.Store(t)
	s.services[r.Service] = svc
	if f != old {
		svc.front, svc.problem = f, nil
		s.ending.Go(func() { f.serve(s.log) })
		s.retire(old)
	}
	s.log.Info("route in force", "service", r.Service, "listen", r.Listen, "weights", r.Weights, "backends", len(r.Backends))
	return nil
}

// retire frees an address and lets its last requests finish, however long they take while the proxy lives.
func (s *server) retire(f *front) {
	if f == nil {
		return
	}
	s.ending.Go(func() {
		if err := f.end(s.cutoff); err != nil {
			s.log.Warn("address given up", "listen", f.listen, "error", err)
		}
	})
}

// saveWith writes all routes, with that of one service changed, or left out when it is nil.
func (s *server) saveWith(name string, changed *saved) error {
	st := state{Version: routesVersion, Services: []saved{}}
	names := slices.Collect(maps.Keys(s.services))
	if s.services[name] == nil {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, n := range names {
		if n != name {
			rt := s.services[n].route.Load()
			st.Services = append(st.Services, saved{Route: rt.Route, Shares: rt.shares})
		} else if changed != nil {
			st.Services = append(st.Services, *changed)
		}
	}
	return st.save(s.opt.Dir)
}

// remove is traffic.Router's Remove.
func (s *server) remove(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	svc := s.services[name]
	if svc == nil {
		return nil
	}
	if err := s.saveWith(name, nil); err != nil {
		return err
	}
	delete(s.services, name)
	s.leaving = append(s.leaving, svc)
	svc.route.Store(nil)
	s.retire(svc.front)
	s.log.Info("route removed", "service", name)
	return nil
}

// find is the route in force; the error says that it is not served, and why.
func (s *server) find(name string) (traffic.Route, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	svc := s.services[name]
	if svc == nil {
		return traffic.Route{}, false, nil
	}
	if svc.problem != nil {
		return traffic.Route{}, false, fmt.Errorf("route of service %q is on disk but not served: %w", name, svc.problem)
	}
	return svc.route.Load().Route, true, nil
}

// underWay is how many requests a release, or one instance of it, has under way.
func (s *server) underWay(service, id, instance string) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	var n int64
	for _, svc := range s.all() {
		if svc.name == service {
			n += svc.underWay(id, instance)
		}
	}
	return n
}

func (s *server) all() []*service {
	return slices.AppendSeq(slices.Clone(s.leaving), maps.Values(s.services))
}

// since is traffic.Router's Seconds.
func (s *server) since(service string, from time.Time) []traffic.Second {
	s.mu.Lock()
	for _, svc := range s.all() {
		if svc.name == service {
			s.gather(svc, time.Now().Unix())
		}
	}
	s.mu.Unlock()
	return s.seconds.since(service, from)
}

// failed is traffic.Witness's Failing.
func (s *server) failed(service string) []traffic.Failing {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []traffic.Failing
	for _, svc := range s.all() {
		if svc.name == service {
			out = append(out, svc.witness.list(time.Now().Unix())...)
		}
	}
	return out
}

// gather moves the seconds of a service that ended before now to where they are kept.
func (s *server) gather(svc *service, now int64) {
	if err := s.seconds.add(svc.name, svc.collect(now), now); err != nil {
		s.log.Warn("traffic by second is kept in memory only", "error", err)
	}
}

// tick does what is due each second, until ctx ends.
func (s *server) tick(ctx context.Context) {
	t := time.NewTicker(time.Second)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-t.C:
			s.mu.Lock()
			for _, svc := range s.all() {
				s.gather(svc, now.Unix())
				svc.prune(now)
			}
			s.leaving = slices.DeleteFunc(s.leaving, func(svc *service) bool { return len(svc.releases) == 0 })
			for _, svc := range s.services {
				if svc.front == nil {
					s.open(ctx, svc)
				}
			}
			s.mu.Unlock()
		}
	}
}

// close gives all addresses up, lets requests finish for the time of grace, and keeps what was counted.
func (s *server) close() error {
	s.mu.Lock()
	s.closed = true
	for _, svc := range s.services {
		s.retire(svc.front)
	}
	s.mu.Unlock()
	last := time.AfterFunc(s.opt.Grace, func() { close(s.cutoff) })
	s.ending.Wait()
	last.Stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, svc := range s.all() {
		s.gather(svc, time.Now().Unix()+1)
		svc.forget(nil)
	}
	s.up.close()
	return s.seconds.close()
}
