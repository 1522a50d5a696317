// Package kubernetes runs instances as pods. Each release has a Deployment of its own, made from the manifest in the release, whose replicas are
// its instances; ConfigMaps and Secrets of the manifest get names by their content and belong to the Deployment, which is kept without pods for as long
// as the release is. What has to be known after a crash is in the Deployment's annotations, changed in one write together with its replicas.
//
// An API server that cannot be asked says nothing about the pods: they are lost, and may well serve.
package kubernetes

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"goodstate.dev/goodstate/core/kube"
	"goodstate.dev/goodstate/rollout/runtime"
	"goodstate.dev/goodstate/rollout/runtime/memory"
)

// Options are what the runtime stands on.
type Options struct {
	Dir    string          // for what has to be remembered, and the last lines of pods that are gone
	Local  runtime.Runtime // runs instances that are in no cluster
	Secret func(ctx context.Context, name string) (string, error)
	Log    *slog.Logger
}

// Runtime starts, finds and stops instances in clusters. Several goroutines may use it; one process at a time.
type Runtime struct {
	Options
	memory *memory.Memory

	mu     sync.Mutex
	spaces map[string]*space // by their place as JSON
}

var _ runtime.Runtime = (*Runtime)(nil)

// New opens the runtime; no cluster is asked yet.
func New(o Options) (*Runtime, error) {
	m, err := memory.Open(filepath.Join(o.Dir, "instances"))
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Join(o.Dir, "logs"), 0o700); err != nil {
		return nil, fmt.Errorf("folder of the pods' last lines: %w", err)
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Runtime{Options: o, memory: m, spaces: map[string]*space{}}, nil
}

// space is the namespace of a place. A new text of the credentials is a new connection.
func (r *Runtime) space(ctx context.Context, p runtime.Place) (*space, error) {
	access, text, err := r.access(ctx, p)
	if err != nil {
		return nil, fmt.Errorf("cluster %s: %w", p.Name, err)
	}
	place, err := json.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("cluster %s: %w", p.Name, err)
	}
	key := string(place) + "\n" + text
	r.mu.Lock()
	defer r.mu.Unlock()
	if s := r.spaces[key]; s != nil {
		return s, nil
	}
	cluster, err := kube.Connect(access)
	if err != nil {
		return nil, fmt.Errorf("cluster %s: %w", p.Name, err)
	}
	cluster.Config.Timeout = requestWithin
	if cluster, err = kube.With(cluster.Config); err != nil {
		return nil, fmt.Errorf("cluster %s: %w", p.Name, err)
	}
	s := &space{cluster: cluster, name: p.Name, namespace: p.Cluster.Namespace, container: p.Cluster.Container, logs: filepath.Join(r.Dir, "logs"), log: r.Log}
	r.spaces[key] = s
	return s, nil
}

// access is how the cluster of a place is reached, and the text of that: a kubeconfig is read again when it changes, since tokens in it expire.
func (r *Runtime) access(ctx context.Context, p runtime.Place) (a kube.Access, text string, err error) {
	c := p.Cluster
	a = kube.Access{File: c.Kubeconfig, Context: c.Context}
	switch {
	case c.Credentials != "":
		text, err = r.Secret(ctx, c.Credentials)
		a.Text = []byte(text)
		if err == nil && text == "" {
			err = fmt.Errorf("secret %s is empty; want the text of a kubeconfig", c.Credentials)
		}
	case c.Kubeconfig != "":
		var all []byte
		all, err = os.ReadFile(c.Kubeconfig)
		text = string(all)
	}
	return a, text, err
}

// Start makes sure that the release has a pod more, or the one that it has, and returns it when its containers were started once.
func (r *Runtime) Start(ctx context.Context, s runtime.Spec) (runtime.Instance, error) {
	if s.Place == nil || s.Place.Cluster == nil {
		return r.Local.Start(ctx, s)
	}
	sp, err := r.space(ctx, *s.Place)
	if err != nil {
		return runtime.Instance{}, err
	}
	known := runtime.Instance{ID: s.ID(), Service: s.Service, Release: s.Release, Index: s.Index, Host: s.Place.Name}
	before, _, was, err := r.memory.Known(known.ID)
	if err != nil {
		return runtime.Instance{}, err
	}
	if err := r.memory.Put(known, *s.Place); err != nil { // before it is there: a killed controller must find it
		return runtime.Instance{}, err
	}
	var away *runtime.UnreachableError
	var i runtime.Instance
	if was && before.URL != "" { // it is served from at this moment: whoever goes back to it cannot wait
		_, err = sp.get(hasty(ctx), deployments, objectName(s.Service, s.Release))
	}
	if err == nil {
		i, err = sp.start(ctx, s)
	}
	if errors.As(err, &away) && was && before.URL != "" && ctx.Err() == nil {
		before.State, before.Apart, before.Exit = runtime.Lost, true, away.Error()
		return before, nil
	}
	if err != nil {
		return runtime.Instance{}, err
	}
	return i, r.memory.Put(i, *s.Place)
}

// Stop takes the instance's pod away, politely, and keeps its last lines. The release's last one leaves its Deployment without pods.
func (r *Runtime) Stop(ctx context.Context, id string) error {
	known, p, ok, err := r.memory.Known(id)
	if err != nil {
		return err
	}
	if !ok {
		return r.Local.Stop(ctx, id)
	}
	sp, err := r.space(ctx, p)
	if err != nil {
		return err
	}
	if err := sp.stop(ctx, known); err != nil {
		return err
	}
	return r.memory.Forget(id)
}

// Logs returns the last lines of the pod: of the run before, too, where its container was started again, and what was kept of one that is gone.
func (r *Runtime) Logs(ctx context.Context, id string, lines int) ([]string, error) {
	known, p, ok, err := r.memory.Known(id)
	if err != nil {
		return nil, err
	}
	if !ok {
		if kept, err := keptLines(filepath.Join(r.Dir, "logs"), id, lines); err != nil || kept != nil {
			return kept, err
		}
		return r.Local.Logs(ctx, id, lines)
	}
	sp, err := r.space(ctx, p)
	if err != nil {
		return nil, err
	}
	return sp.lines(hasty(ctx), known, lines)
}

// listWithin is how long a cluster may take to tell its pods before they are lost.
const listWithin = 10 * time.Second

// List tells the instances of the service everywhere. Those of a cluster that cannot be asked are told as they were last known, and lost.
func (r *Runtime) List(ctx context.Context, service string) ([]runtime.Instance, error) {
	all, err := r.Local.List(ctx, service)
	if err != nil {
		return nil, err
	}
	groups, err := r.memory.Groups(service)
	if err != nil {
		return nil, err
	}
	for _, g := range groups {
		if g.Place.Cluster == nil {
			continue
		}
		found, err := r.ask(ctx, service, g)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	if ctx.Err() != nil {
		return nil, fmt.Errorf("list the instances of %s: %w", service, ctx.Err())
	}
	slices.SortFunc(all, func(a, b runtime.Instance) int {
		return cmp.Or(cmp.Compare(a.Release, b.Release), cmp.Compare(a.Index, b.Index))
	})
	return all, nil
}

// ask tells the instances of one place, and remembers addresses that changed.
func (r *Runtime) ask(ctx context.Context, service string, g memory.Group) ([]runtime.Instance, error) {
	limited, stop := context.WithTimeout(ctx, listWithin)
	defer stop()
	sp, err := r.space(limited, g.Place)
	var seen []runtime.Instance
	if err == nil {
		seen, err = sp.list(limited, service)
	}
	var out []runtime.Instance
	for _, known := range g.Instances {
		at := slices.IndexFunc(seen, func(i runtime.Instance) bool { return i.ID == known.ID })
		switch {
		case err != nil:
			known.State, known.Exit, known.Apart = runtime.Lost, err.Error(), known.URL != ""
			out = append(out, known)
		case at >= 0:
			if seen[at].URL != "" && seen[at].URL != known.URL {
				if err := r.memory.Put(seen[at], g.Place); err != nil {
					return nil, err
				}
			}
			out = append(out, seen[at])
		default: // was to be started and never was, or was taken away by hand
			known.State, known.Exit, known.URL = runtime.Exited, "has no pod in "+g.Place.Name+" any more", ""
			out = append(out, known)
		}
	}
	return out, nil
}

// Close ends nothing but what goes to the API servers.
func (r *Runtime) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.spaces)
	return nil
}
