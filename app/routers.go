package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"goodstate.dev/goodstate/rollout/traffic"
)

// routers is the router of each service: goodstate's proxy, or the load balancer that its last route named. Which one that was is
// on the disk, so that a change of the configuration moves nothing before a release is moved.
type routers struct {
	own  traffic.Router
	dir  string
	idle bool
	log  *slog.Logger

	mu     sync.Mutex
	others map[string]*other // by service
}

// other is an opened load balancer.
type other struct {
	via    []byte
	router traffic.OpenRouter
}

var _ traffic.Router = (*routers)(nil)

func (r *routers) folder(service string) string { return filepath.Join(r.dir, service) }

// of finds the router that carries the service now.
func (r *routers) of(service string) (traffic.Router, error) {
	text, err := os.ReadFile(filepath.Join(r.folder(service), "via.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return r.own, nil
	}
	if err != nil {
		return nil, fmt.Errorf("traffic of %s: %w", service, err)
	}
	return r.open(service, text)
}

func (r *routers) open(service string, text []byte) (traffic.Router, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if o := r.others[service]; o != nil {
		if bytes.Equal(o.via, text) {
			return o.router, nil
		}
		delete(r.others, service)
		if err := o.router.Close(); err != nil {
			return nil, fmt.Errorf("traffic of %s: %w", service, err)
		}
	}
	var via traffic.Via
	if err := json.Unmarshal(text, &via); err != nil {
		return nil, fmt.Errorf("traffic of %s: what carries it: %w", service, err)
	}
	b, err := via.New()
	if err != nil {
		return nil, fmt.Errorf("traffic of %s: %w", service, err)
	}
	opened, err := b.Open(traffic.Opening{Service: service, Dir: r.folder(service), Log: r.log, Idle: r.idle})
	if err != nil {
		return nil, fmt.Errorf("traffic of %s: %w", service, err)
	}
	r.others[service] = &other{text, opened}
	return opened, nil
}

// Apply makes the route the one in force. Where another router carried the service, that one lets it go afterwards.
func (r *routers) Apply(ctx context.Context, route traffic.Route) error {
	before, err := r.of(route.Service)
	if err != nil {
		return err
	}
	path := filepath.Join(r.folder(route.Service), "via.json")
	next := r.own
	if route.Via.IsZero() {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("traffic of %s: %w", route.Service, err)
		}
	} else {
		text, err := json.Marshal(route.Via)
		if err == nil {
			err = os.MkdirAll(filepath.Dir(path), 0o700)
		}
		if err == nil {
			err = os.WriteFile(path, text, 0o600)
		}
		if err != nil {
			return fmt.Errorf("traffic of %s: %w", route.Service, err)
		}
		if next, err = r.open(route.Service, text); err != nil {
			return err
		}
	}
	if err := next.Apply(ctx, route); err != nil {
		return err
	}
	if before == r.own && next != r.own {
		return r.own.Remove(ctx, route.Service)
	}
	return nil
}

// Route tells the route in force.
func (r *routers) Route(ctx context.Context, service string) (traffic.Route, bool, error) {
	router, err := r.of(service)
	if err != nil {
		return traffic.Route{}, false, err
	}
	return router.Route(ctx, service)
}

// Remove ends the service's route.
func (r *routers) Remove(ctx context.Context, service string) error {
	router, err := r.of(service)
	if err != nil {
		return err
	}
	return router.Remove(ctx, service)
}

// Drain waits until a release or an instance is idle.
func (r *routers) Drain(ctx context.Context, service, release, instance string) error {
	router, err := r.of(service)
	if err != nil {
		return err
	}
	return router.Drain(ctx, service, release, instance)
}

// Seconds tells what the releases answered.
func (r *routers) Seconds(ctx context.Context, service string, since time.Time) ([]traffic.Second, error) {
	router, err := r.of(service)
	if err != nil {
		return nil, err
	}
	return router.Seconds(ctx, service, since)
}

// wake opens the load balancers that carry services, so that they are counted and looked after also while nothing is released.
func (r *routers) wake() error {
	entries, err := os.ReadDir(r.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		_, one := r.of(e.Name())
		err = errors.Join(err, one)
	}
	return err
}

// close ends counting and looking after; the traffic stays as it is.
func (r *routers) close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var errs []error
	for service, o := range r.others {
		errs = append(errs, o.router.Close())
		delete(r.others, service)
	}
	return errors.Join(errs...)
}

// Failing tells which kinds of requests failed, where the router that carries the service knows it.
func (r *routers) Failing(ctx context.Context, service string) ([]traffic.Failing, error) {
	at, err := r.of(service)
	if err != nil {
		return nil, err
	}
	if w, ok := at.(traffic.Witness); ok {
		return w.Failing(ctx, service)
	}
	return nil, nil
}
