// Package fleet runs instances on hosts over SSH: the release's folder is sent there by its content, only what is missing, and
// kept beside the others; what looks after the instances is systemd, goodstate's own keeper, or commands of the user.
// Instances without a host are another runtime's, on this machine.
//
// A host that cannot be asked is never taken for one without instances: what ran there when it was last seen is lost, which is
// not the same as ended.
package fleet

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"goodstate.dev/goodstate/core/config"
	"goodstate.dev/goodstate/core/remote"
	"goodstate.dev/goodstate/rollout/runtime"
	"goodstate.dev/goodstate/rollout/runtime/memory"
)

// Options are what a fleet stands on.
type Options struct {
	Dir   string          // for what has to be remembered
	Local runtime.Runtime // runs instances without a host
	Self  string          // this program, which is sent to hosts as their keeper
	SSH   remote.Options  // the same for all hosts
	Log   *slog.Logger
}

// Runtime starts, finds and stops instances on hosts. Several goroutines may use it; one process at a time.
type Runtime struct {
	Options
	memory *memory.Memory
	sum    func() (string, error) // of this program

	mu    sync.Mutex
	hosts map[string]*host // by their place as JSON
}

var _ runtime.Runtime = (*Runtime)(nil)

// New opens a fleet; no host is asked yet.
func New(o Options) (*Runtime, error) {
	m, err := memory.Open(filepath.Join(o.Dir, "instances"))
	if err != nil {
		return nil, err
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.SSH.Keys == nil {
		o.SSH.Keys = &remote.Keys{}
	}
	return &Runtime{Options: o, memory: m, hosts: map[string]*host{}, sum: sync.OnceValues(func() (string, error) { return digest(o.Self) })}, nil
}

const commandsAtOnce = 6

// host is the host of a place, which is connected to when it is first asked.
func (r *Runtime) host(p runtime.Place) (*host, error) {
	text, err := json.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("host %s: %w", p.Name, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if h := r.hosts[string(text)]; h != nil {
		return h, nil
	}
	choice := config.Choice[Supervisor]{Kind: p.Supervisor}
	if p.Settings != "" {
		choice.Settings = json.RawMessage(p.Settings)
	}
	s, err := choice.New()
	if err != nil {
		return nil, fmt.Errorf("host %s: %w", p.Name, err)
	}
	h := &host{place: p, supervisor: s, self: r.Self, sum: r.sum, ssh: r.SSH, log: r.Log, slots: make(chan struct{}, commandsAtOnce)}
	r.hosts[string(text)] = h
	return h, nil
}

// Start makes sure that the release is on the host, and that the instance runs.
func (r *Runtime) Start(ctx context.Context, s runtime.Spec) (runtime.Instance, error) {
	if s.Place == nil {
		return r.Local.Start(ctx, s)
	}
	h, err := r.host(*s.Place)
	if err != nil {
		return runtime.Instance{}, err
	}
	known := runtime.Instance{ID: s.ID(), Service: s.Service, Release: s.Release, Index: s.Index, Host: s.Place.Name}
	if err := r.memory.Put(known, *s.Place); err != nil { // before it is there: a killed controller must find it
		return runtime.Instance{}, err
	}
	i, err := h.start(ctx, s)
	if err != nil {
		return runtime.Instance{}, err
	}
	return i, r.memory.Put(i, *s.Place)
}

// Stop ends the instance. It is an *runtime.UnreachableError when its host cannot be asked: the instance stays in the list.
func (r *Runtime) Stop(ctx context.Context, id string) error {
	p, ok, err := r.memory.Place(id)
	if err != nil {
		return err
	}
	if !ok {
		return r.Local.Stop(ctx, id)
	}
	h, err := r.host(p)
	if err != nil {
		return err
	}
	if err := h.stop(ctx, id); err != nil {
		return err
	}
	return r.memory.Forget(id)
}

// Logs returns the last lines of the instance, from its host.
func (r *Runtime) Logs(ctx context.Context, id string, lines int) ([]string, error) {
	p, ok, err := r.memory.Before(id)
	if err != nil {
		return nil, err
	}
	if !ok {
		return r.Local.Logs(ctx, id, lines)
	}
	h, err := r.host(p)
	if err != nil {
		return nil, err
	}
	return h.logs(ctx, id, lines)
}

// listWithin is how long a host may take to tell its instances before they are lost.
const listWithin = 10 * time.Second

// List tells the instances of the service on this machine and on all hosts that have some. Those of a host that cannot be asked
// are told as they were last known, and lost.
func (r *Runtime) List(ctx context.Context, service string) ([]runtime.Instance, error) {
	all, err := r.Local.List(ctx, service)
	if err != nil {
		return nil, err
	}
	groups, err := r.memory.Groups(service)
	if err != nil {
		return nil, err
	}
	found := make([][]runtime.Instance, len(groups))
	var wait sync.WaitGroup
	for i, g := range groups {
		wait.Go(func() { found[i] = r.ask(ctx, service, g) })
	}
	wait.Wait()
	if ctx.Err() != nil {
		return nil, fmt.Errorf("list the instances of %s: %w", service, ctx.Err())
	}
	for _, some := range found {
		all = append(all, some...)
	}
	slices.SortFunc(all, func(a, b runtime.Instance) int {
		return cmp.Or(cmp.Compare(a.Release, b.Release), cmp.Compare(a.Index, b.Index))
	})
	return all, nil
}

// ask tells the instances of one place.
func (r *Runtime) ask(ctx context.Context, service string, g memory.Group) []runtime.Instance {
	limited, stop := context.WithTimeout(ctx, listWithin)
	defer stop()
	h, err := r.host(g.Place)
	var seen []runtime.Instance
	if err == nil {
		seen, err = h.list(limited, service)
	}
	var out []runtime.Instance
	for _, known := range g.Instances {
		at := slices.IndexFunc(seen, func(i runtime.Instance) bool { return i.ID == known.ID })
		switch {
		case err != nil:
			known.State, known.Exit = runtime.Lost, err.Error()
			out = append(out, known)
		case at >= 0:
			out = append(out, seen[at])
		default: // was to be started and never was, or was taken away by hand
			known.State, known.Exit = runtime.Exited, "is not on host "+g.Place.Name+" any more"
			out = append(out, known)
		}
	}
	return out
}

// Look says whether a place can be used: that it can be reached and its key is trusted, that sudo is granted where it is wanted, that
// what looks after instances is there, and room. It changes nothing.
func (r *Runtime) Look(ctx context.Context, p runtime.Place) (string, error) {
	h, err := r.host(p)
	if err != nil {
		return "", err
	}
	return h.look(ctx)
}

// Close ends the connections; instances go on.
func (r *Runtime) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var errs []error
	for _, h := range r.hosts {
		errs = append(errs, h.close())
	}
	return errors.Join(errs...)
}
