package app

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"time"

	"goodstate.dev/goodstate/rollout/traffic"
	"goodstate.dev/goodstate/rollout/traffic/proxy"
)

// router is the proxy of the data directory, which is only started when traffic has to be moved: to look at a record nobody
// needs a proxy.
type router struct {
	opt proxy.Options

	mu     sync.Mutex
	client *proxy.Client
	idle   bool // this process carries nothing out: it asks the proxy, but starts none
	seen   int  // the proxy's process when it was looked after last; 0: not yet
}

var _ traffic.Router = (*router)(nil)

// ensure finds the proxy; start says whether one may be started.
func (r *router) ensure(ctx context.Context, start bool) (*proxy.Client, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.client != nil {
		return r.client, nil
	}
	opt := r.opt
	if !start {
		opt.Command = nil
	}
	c, err := proxy.Ensure(ctx, opt)
	if err != nil {
		return nil, err
	}
	if !start {
		return c, nil // a client that could not start it again is not kept
	}
	r.client = c
	return c, nil
}

// known says whether there ever was a route.
func (r *router) known() bool {
	_, err := os.Stat(filepath.Join(r.opt.Dir, "routes.json"))
	return err == nil
}

// Apply makes the route the one in force.
func (r *router) Apply(ctx context.Context, route traffic.Route) error {
	c, err := r.ensure(ctx, true)
	if err != nil {
		return err
	}
	return c.Apply(ctx, route)
}

// Route tells the route in force.
func (r *router) Route(ctx context.Context, service string) (traffic.Route, bool, error) {
	if !r.known() {
		return traffic.Route{}, false, nil
	}
	c, err := r.ensure(ctx, !r.idle)
	if err != nil {
		return traffic.Route{}, false, err
	}
	return c.Route(ctx, service)
}

// Remove ends the service's route.
func (r *router) Remove(ctx context.Context, service string) error {
	if !r.known() {
		return nil
	}
	c, err := r.ensure(ctx, true)
	if err != nil {
		return err
	}
	return c.Remove(ctx, service)
}

// Drain waits until a release or an instance is idle.
func (r *router) Drain(ctx context.Context, service, release, instance string) error {
	c, err := r.ensure(ctx, true)
	if err != nil {
		return err
	}
	return c.Drain(ctx, service, release, instance)
}

// Seconds tells what the releases answered.
func (r *router) Seconds(ctx context.Context, service string, since time.Time) ([]traffic.Second, error) {
	if !r.known() {
		return nil, nil
	}
	c, err := r.ensure(ctx, !r.idle)
	if err != nil {
		return nil, err
	}
	return c.Seconds(ctx, service, since)
}

// Failing tells which kinds of requests failed.
func (r *router) Failing(ctx context.Context, service string) ([]traffic.Failing, error) {
	if !r.known() {
		return nil, nil
	}
	c, err := r.ensure(ctx, !r.idle)
	if err != nil {
		return nil, err
	}
	return c.Failing(ctx, service)
}

// revive starts the proxy again with its routes when it is gone, and says whether it was: also when somebody who asked it has started it again meanwhile. It is
// called by one goroutine.
func (r *router) revive(ctx context.Context) (was bool, err error) {
	if !r.known() {
		return false, nil
	}
	if c, err := r.ensure(ctx, false); err == nil {
		if pid, err := c.PID(ctx); err == nil {
			was = r.seen != 0 && r.seen != pid
			r.seen = pid
			return was, nil
		}
	}
	c, err := r.ensure(ctx, true)
	if err != nil {
		return false, err
	}
	_, _, asked := c.Route(ctx, "") // asking starts it
	if r.seen, err = c.PID(ctx); err != nil {
		return false, errors.Join(asked, err)
	}
	return true, nil
}

// shutdown ends the proxy process, if one runs.
func (r *router) shutdown(ctx context.Context) error {
	if !r.known() {
		return nil
	}
	c, err := r.ensure(ctx, false)
	if err != nil {
		return nil //nolint:nilerr // none runs, which is what was asked for
	}
	return c.Shutdown(ctx)
}

// close forgets the proxy, which goes on.
func (r *router) close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.client == nil {
		return nil
	}
	return r.client.Close()
}
