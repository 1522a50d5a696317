package app

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
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
	if o := r.others[service]; o != nil && bytes.Equal(o.via, text) {
		return o.router, nil
	}
	var via traffic.Via
	if err := json.Unmarshal(text, &via); err != nil {
		return nil, fmt.Errorf("traffic of %s: what carries it: %w", service, err)
	}
	b, err := via.New()
	if err != nil {
		return nil, fmt.Errorf("traffic of %s: %w", service, err)
	}
	sum := sha256.Sum256(text)
	dir := filepath.Join(r.folder(service), hex.EncodeToString(sum[:8]))
	opened, err := b.Open(traffic.Opening{Service: service, Dir: dir, Log: r.log, Idle: r.idle})
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
	var text []byte
	if !route.Via.IsZero() {
		if text, err = json.Marshal(route.Via); err != nil {
			return fmt.Errorf("traffic of %s: %w", route.Service, err)
		}
		if next, err = r.open(route.Service, text); err != nil {
			return err
		}
	}
	if err := next.Apply(ctx, route); err != nil {
		return err
	}
	if before == next {
		return nil
	}
	if err := before.Remove(ctx, route.Service); err != nil { // it may be gone for good; the traffic is elsewhere now
		r.log.WarnContext(ctx, "what carried the traffic before could not be told to let it go", slog.String("service", route.Service), slog.Any("error", err))
	}
	if o, ok := before.(traffic.OpenRouter); ok {
		err = o.Close()
	}
	if text == nil {
		r.forget(route.Service)
		return errors.Join(err, os.Remove(path))
	}
	return errors.Join(err, os.WriteFile(path, text, 0o600))
}

// forget drops the opened load balancer of a service.
func (r *routers) forget(service string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.others, service)
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
