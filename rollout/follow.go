package rollout

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"goodstate.dev/goodstate/core/journal"
	"goodstate.dev/goodstate/rollout/runtime"
	"goodstate.dev/goodstate/rollout/traffic"
)

// Follow keeps the traffic on the pods of services that run in clusters while no rollout is under way: a pod that was moved to another node has another
// address. It also ends what a rollout had to leave behind in a cluster that could not be asked. It is called again and again by one goroutine.
func (s *Rollouts) Follow(ctx context.Context) error {
	var errs []error
	for name, conf := range s.Services.All() {
		if conf.Kubernetes == nil {
			continue
		}
		if err := s.follow(ctx, name); err != nil {
			errs = append(errs, fmt.Errorf("follow the pods of %s: %w", name, err))
		}
	}
	return errors.Join(errs...)
}

func (s *Rollouts) follow(ctx context.Context, name string) error {
	serves, err := s.Serving(ctx, name)
	if err != nil || serves == nil || serves.Config.Kubernetes == nil {
		return err
	}
	all, err := s.Runtime.List(ctx, name)
	if err != nil {
		return err
	}
	if _, active, err := s.Active(ctx, name); err != nil || active {
		return err // the rollout moves it
	}
	if err := s.reroute(ctx, *serves, all); err != nil {
		return err
	}
	return s.endLeft(ctx, *serves, all)
}

// reroute gives the router the addresses of now, where they are others.
func (s *Rollouts) reroute(ctx context.Context, k Kept, all []runtime.Instance) error {
	if k.Config.Traffic == nil {
		return nil
	}
	route, ok, err := s.Router.Route(ctx, k.Release.Service)
	if err != nil || !ok || route.Weights[k.Release.ID()] != traffic.Full {
		return err
	}
	var now []traffic.Backend
	for _, in := range serving(all, k.Release.ID(), k.Config.Instances) {
		now = append(now, traffic.Backend{Release: in.Release, Instance: in.ID, URL: in.URL})
	}
	if len(now) == 0 || slices.Equal(now, route.Backends) {
		return nil
	}
	route.Backends = now
	return s.Router.Apply(ctx, route)
}

// endLeft stops pods of releases that do not serve. They are there only where a rollout ended while its cluster could not be asked.
func (s *Rollouts) endLeft(ctx context.Context, k Kept, all []runtime.Instance) error {
	var errs []error
	for _, in := range all {
		if in.Release == k.Release.ID() || in.State == runtime.Lost && in.Apart {
			continue
		}
		if _, active, err := s.Active(ctx, k.Release.Service); err != nil || active {
			return err
		}
		if err := s.Runtime.Stop(ctx, in.ID); err != nil {
			errs = append(errs, err)
			continue
		}
		_, err := s.Journal.Append(ctx, journal.Entry{Event: "left-ended", Target: Target(k.Release.Service), Actor: "goodstate", Text: in.ID + ", which was left behind, is ended"})
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
