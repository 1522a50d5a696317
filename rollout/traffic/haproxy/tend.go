package haproxy

import (
	"context"
	"log/slog"
	"time"

	"goodstate.dev/goodstate/rollout/traffic"
)

// sample is what the servers of one HAProxy had answered at a moment.
type sample struct {
	at     time.Time
	counts map[string]counts // by server
}

func sampleOf(b backend) sample {
	now := sample{at: time.Now(), counts: map[string]counts{}}
	for _, s := range b.servers {
		now.counts[s.name] = s.counter
	}
	return now
}

const longestGap = 2500 * time.Millisecond // between two samples that say something about one second

// tend looks at one HAProxy once a second: it counts, and puts back what a reload made it forget.
func (r *router) tend(ctx context.Context, c *control) {
	for {
		b, err := c.look(ctx, r.conf.Backend)
		if ctx.Err() != nil {
			return
		}
		if r.conf.Ring == "" || err != nil {
			r.seconds.sees(c.socket, err) // with a ring, listening says when it is seen again
		}
		if err == nil {
			r.learn(c, b)
			r.sampled(c, b)
			err = r.mend(ctx, c, b)
		}
		if err != nil && ctx.Err() == nil {
			r.log.WarnContext(ctx, "haproxy has not the route it should have", slog.String("service", r.service), slog.Any("error", err))
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Until(time.Now().Truncate(time.Second).Add(time.Second))):
		}
	}
}

// sampled takes what was seen of an HAProxy as the newest sample, and counts what came since the one before.
func (r *router) sampled(c *control, b backend) {
	now := sampleOf(b)
	r.mu.Lock()
	before := r.samples[c.socket]
	r.samples[c.socket] = now
	r.mu.Unlock()
	if r.conf.Ring == "" {
		r.count(before, now, b)
	}
}

// learn notes whose the servers are.
func (r *router) learn(c *control, b backend) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range b.servers {
		if o, known := r.memory.Owners[s.addr]; known && s.ours(r.conf) {
			r.names.Store(c.socket+" "+s.name, o.Release)
		}
	}
}

// count adds what was answered between two samples to the second before the later one. Counters that fell back are of an HAProxy
// that began anew; a gap that is too long belongs to no second, and stays unknown.
func (r *router) count(before, now sample, b backend) {
	if before.counts == nil || now.at.Sub(before.at) > longestGap {
		return
	}
	unix := now.at.Add(-500 * time.Millisecond).Unix()
	r.mu.Lock()
	owners := map[string]string{}
	for _, s := range b.servers {
		if s.ours(r.conf) {
			owners[s.name] = r.memory.Owners[s.addr].Release
		}
	}
	r.mu.Unlock()
	for name, release := range owners {
		was, is := before.counts[name], now.counts[name]
		if release == "" || is.requests < was.requests || is.errors < was.errors || is.aborted < was.aborted || is == was {
			continue
		}
		r.seconds.add(unix, release, func(s *traffic.Second) {
			s.Requests += is.requests - was.requests
			s.Errors += is.errors - was.errors
			s.Aborted += is.aborted - was.aborted
			s.Bursts = min(s.Errors, 1) // whose errors they are is not known: one client at least
		})
	}
}

// mend puts the remembered route back where an HAProxy has another one.
func (r *router) mend(ctx context.Context, c *control, b backend) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.memory.Route == nil {
		return nil
	}
	wished, err := wishes(*r.memory.Route)
	if err != nil {
		return err
	}
	if todo := b.changes(r.conf, wished); len(todo.enter)+len(todo.leave) == 0 {
		return nil
	}
	return r.converge(ctx, c, false)
}
