package haproxy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"goodstate.dev/goodstate/rollout/traffic"
)

const (
	upWithin = 10 * time.Second // for a new server to be up for HAProxy's own checks
	lookEach = 50 * time.Millisecond
	idleFor  = 3 // looks in a row without a request that make a server idle
)

// router carries the route of one service.
type router struct {
	conf    *Config
	service string
	log     *slog.Logger

	mu      sync.Mutex // one change at a time
	memory  *memory
	samples map[string]sample // the newest, by socket
	names   sync.Map          // socket and server's name to the release behind it
	seconds *seconds
	stop    context.CancelFunc
	done    sync.WaitGroup
}

// Open makes the router; it begins to count and to mend at once, unless it is to be idle.
func (c *Config) Open(o traffic.Opening) (traffic.OpenRouter, error) {
	m, err := recall(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("haproxy for %s: %w", o.Service, err)
	}
	r := &router{conf: c, service: o.Service, memory: m, log: o.Log, samples: map[string]sample{}}
	if r.log == nil {
		r.log = slog.New(slog.DiscardHandler)
	}
	if r.seconds, err = openSeconds(o.Dir); err != nil {
		return nil, fmt.Errorf("haproxy for %s: %w", o.Service, err)
	}
	ctx, stop := context.WithCancel(context.Background())
	r.stop = stop
	if o.Idle {
		return r, nil
	}
	for _, socket := range c.Sockets {
		r.done.Go(func() { r.tend(ctx, &control{socket}) })
		if c.Ring != "" {
			r.seconds.sees(socket, fmt.Errorf("haproxy %s: its ring has not been heard yet", socket))
			r.done.Go(func() { r.listen(ctx, &control{socket}) })
		}
	}
	r.done.Go(func() { r.keepSeconds(ctx) })
	return r, nil
}

// Close ends counting and mending; the traffic stays as it is.
func (r *router) Close() error {
	r.stop()
	r.done.Wait()
	return r.seconds.save()
}

// Apply makes the route the one in force in every HAProxy. One that cannot be told does not keep the others from it; it is told
// as soon as it is back, and the error names it.
func (r *router) Apply(ctx context.Context, route traffic.Route) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, err := wishes(route); err != nil {
		return err
	}
	if err := r.memory.take(route); err != nil {
		return err
	}
	return r.each(func(c *control) error { return r.converge(ctx, c, true) })
}

// each does something with all HAProxies side by side.
func (r *router) each(do func(c *control) error) error {
	errs := make([]error, len(r.conf.Sockets))
	var all sync.WaitGroup
	for i, socket := range r.conf.Sockets {
		all.Go(func() { errs[i] = do(&control{socket}) })
	}
	all.Wait()
	return errors.Join(errs...)
}

// wishes are the servers that the route wants, with their weights.
func wishes(route traffic.Route) ([]wish, error) {
	servers := map[string]int{}
	for _, b := range route.Backends {
		servers[b.Release]++
	}
	weights := weigh(route.Weights, servers)
	var out []wish
	for _, b := range route.Backends {
		addr, err := addressOf(b)
		if err != nil {
			return nil, err
		}
		if w := weights[b.Release]; w > 0 {
			out = append(out, wish{addr, w})
		}
	}
	return out, nil
}

// converge brings one HAProxy to the remembered route: new servers in, wait until one of each release is up, others out.
func (r *router) converge(ctx context.Context, c *control, wait bool) error {
	if r.memory.Route == nil {
		return nil
	}
	wished, err := wishes(*r.memory.Route)
	if err != nil {
		return err
	}
	b, err := c.look(ctx, r.conf.Backend)
	if err != nil {
		return err
	}
	if err := b.usable(c.socket, r.conf); err != nil {
		return err
	}
	if _, ok := r.samples[c.socket]; !ok { // counting begins here, not at the next second
		r.samples[c.socket] = sampleOf(b)
	}
	todo := b.changes(r.conf, wished)
	for addr, name := range todo.names {
		r.names.Store(c.socket+" "+name, r.memory.Owners[addr].Release)
	}
	said, err := c.tell(ctx, todo.enter)
	if err != nil {
		return err
	}
	if len(todo.enter) > 0 || wait {
		if err := r.ready(ctx, c, wished, said, wait); err != nil {
			return err
		}
	}
	_, err = c.tell(ctx, todo.leave)
	return err
}

// ready waits until the wished servers are in use, and until at least one of each release with a share is up.
func (r *router) ready(ctx context.Context, c *control, wished []wish, said string, wait bool) error {
	limit := time.Now().Add(upWithin)
	tick := time.NewTicker(lookEach)
	defer tick.Stop()
	for {
		b, err := c.look(ctx, r.conf.Backend)
		if err != nil {
			return err
		}
		if lacking := b.lacks(r.conf, wished, false); lacking != "" {
			return fmt.Errorf("haproxy %s: %s after it was told so; it answered %q", c.socket, lacking, said)
		}
		down := b.lacks(r.conf, wished, true)
		if !wait || down == "" || time.Now().After(limit) && r.someUp(b) {
			return nil
		}
		if time.Now().After(limit) {
			return fmt.Errorf("haproxy %s: %s", c.socket, down)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// someUp says whether each release with a share has a server that is up.
func (r *router) someUp(b backend) bool {
	up := map[string]bool{}
	for _, s := range b.servers {
		if s.ours(r.conf) && !s.down && !s.maint && !s.drain {
			up[r.memory.Owners[s.addr].Release] = true
		}
	}
	for release, share := range r.memory.Route.Weights {
		if share > 0 && !up[release] {
			return false
		}
	}
	return true
}

// Route tells the route in force. It is an error when an HAProxy cannot be asked, or has something else.
func (r *router) Route(ctx context.Context, _ string) (traffic.Route, bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.memory.Route == nil {
		return traffic.Route{}, false, nil
	}
	route := *r.memory.Route
	wished, err := wishes(route)
	if err != nil {
		return route, true, err
	}
	return route, true, r.each(func(c *control) error {
		b, err := c.look(ctx, r.conf.Backend)
		if err != nil {
			return err
		}
		if lacking := b.lacks(r.conf, wished, false); lacking != "" {
			return fmt.Errorf("haproxy %s: %s", c.socket, lacking)
		}
		return nil
	})
}

// Remove takes all of goodstate's servers out of use.
func (r *router) Remove(ctx context.Context, _ string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.memory.Route == nil {
		return nil
	}
	empty := *r.memory.Route
	empty.Backends = nil
	r.memory.Route = &empty
	if err := r.each(func(c *control) error { return r.converge(ctx, c, false) }); err != nil {
		return err
	}
	r.memory.Route = nil
	return r.memory.save()
}

// Drain waits until the release, or one instance of it, has no request in any HAProxy.
func (r *router) Drain(ctx context.Context, _, release, instance string) error {
	return r.each(func(c *control) error {
		tick := time.NewTicker(lookEach)
		defer tick.Stop()
		for idle, busy := 0, int64(0); ; {
			b, err := c.look(ctx, r.conf.Backend)
			switch {
			case over(ctx): // below
			case err != nil:
				return err
			default:
				if busy = r.busy(b, release, instance); busy > 0 {
					idle = 0
				} else if idle++; idle >= idleFor {
					return nil
				}
			}
			select {
			case <-ctx.Done():
				return fmt.Errorf("haproxy %s: %d requests still under way: %w", c.socket, busy, ctx.Err())
			case <-tick.C:
			}
		}
	})
}

// over says whether the context has ended, or is about to: connections end at its deadline, a moment before it does.
func over(ctx context.Context) bool {
	deadline, ok := ctx.Deadline()
	return ctx.Err() != nil || ok && !time.Now().Before(deadline)
}

func (r *router) busy(b backend, release, instance string) (n int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range b.servers {
		o, known := r.memory.Owners[s.addr]
		if s.ours(r.conf) && known && o.Release == release && (instance == "" || o.Instance == instance) {
			n += s.busy
		}
	}
	return n
}

// Seconds tells what the releases answered. It is an error while an HAProxy is not counted: a part is not the whole.
func (r *router) Seconds(_ context.Context, _ string, since time.Time) ([]traffic.Second, error) {
	return r.seconds.since(since.Unix())
}

// owner is the release behind a server of an HAProxy, "" when none is known.
func (r *router) owner(c *control, server string) string {
	release, _ := r.names.Load(c.socket + " " + server)
	name, _ := release.(string)
	return name
}
