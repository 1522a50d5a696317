package drift

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"sync"
	"time"

	"goodstate.dev/goodstate/drift/agent"
	"goodstate.dev/goodstate/drift/engine"
)

// pool keeps connections with their agents from one run to the next, for a bounded time and up to a bounded number.
type pool struct {
	keep time.Duration
	most int

	mu     sync.Mutex
	idle   map[string]*idle
	closed bool
}

type idle struct {
	host  engine.Host
	timer *time.Timer
}

func newPool(c Connections) *pool {
	return &pool{keep: time.Duration(c.Keep), most: c.Most, idle: map[string]*idle{}}
}

// connect is a way to open hosts that takes kept connections first. scope keeps apart who may not share a connection: playbooks may have other logins for one host.
func (p *pool) connect(scope string, dial func(context.Context, engine.Target) (engine.Host, error)) func(context.Context, engine.Target) (engine.Host, error) {
	return func(ctx context.Context, t engine.Target) (engine.Host, error) {
		key := keyOf(scope, t)
		p.mu.Lock()
		kept := p.idle[key]
		delete(p.idle, key)
		p.mu.Unlock()
		if kept != nil && kept.timer.Stop() {
			return &pooled{Host: kept.host, pool: p, key: key}, nil
		}
		host, err := dial(ctx, t)
		if err != nil {
			return nil, err
		}
		return &pooled{Host: host, pool: p, key: key}, nil
	}
}

// keyOf is all that says how a host is reached. It is a hash, since there may be a password in it.
func keyOf(scope string, t engine.Target) string {
	parts := []string{scope, t.Name, t.Connection, t.Address, strconv.Itoa(t.Port), t.User, t.Password, t.KeyFile}
	if t.Var != nil {
		for _, name := range []string{"ansible_ssh_args", "ansible_ssh_common_args", "ansible_ssh_extra_args", "ansible_remote_tmp", "ansible_host_key_checking", "ansible_ssh_host_key_checking"} {
			v, _ := t.Var(name)
			parts = append(parts, v)
		}
	}
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:])
}

// put keeps a host, or closes it where there is no room.
func (p *pool) put(key string, h engine.Host) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || p.keep <= 0 || len(p.idle) >= p.most || p.idle[key] != nil {
		return h.Close()
	}
	one := &idle{host: h}
	one.timer = time.AfterFunc(p.keep, func() {
		p.mu.Lock()
		if p.idle[key] == one {
			delete(p.idle, key)
		}
		p.mu.Unlock()
		_ = h.Close() // nobody waits for it
	})
	p.idle[key] = one
	return nil
}

// size is how many connections are kept.
func (p *pool) size() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.idle)
}

// close closes what is kept, and keeps nothing any more.
func (p *pool) close() error {
	p.mu.Lock()
	p.closed = true
	all := p.idle
	p.idle = map[string]*idle{}
	p.mu.Unlock()
	var mu sync.Mutex
	var errs []error
	var wait sync.WaitGroup
	for _, one := range all {
		if !one.timer.Stop() {
			continue // it is being closed
		}
		wait.Go(func() {
			err := one.host.Close()
			mu.Lock()
			defer mu.Unlock()
			errs = append(errs, err)
		})
	}
	wait.Wait()
	return errors.Join(errs...)
}

// pooled is a host that goes back to its pool when it is closed, unless it did not answer.
type pooled struct {
	engine.Host
	pool *pool
	key  string

	mu     sync.Mutex
	broken bool
}

// Do carries out one call.
func (h *pooled) Do(ctx context.Context, call agent.Call) (json.RawMessage, error) {
	answer, err := h.Host.Do(ctx, call)
	var become *agent.BecomeError
	if err != nil && !errors.As(err, &become) {
		h.mu.Lock()
		h.broken = true
		h.mu.Unlock()
	}
	return answer, err
}

// Close gives the host back.
func (h *pooled) Close() error {
	h.mu.Lock()
	broken := h.broken
	h.mu.Unlock()
	if broken {
		return h.Host.Close()
	}
	return h.pool.put(h.key, h.Host)
}

// Discard closes the host for good.
func (h *pooled) Discard() error { return h.Host.Close() }
