package app

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"goodstate.dev/goodstate/core/run"
	"goodstate.dev/goodstate/core/secret"
	"goodstate.dev/goodstate/drift"
	"goodstate.dev/goodstate/drift/record"
	"goodstate.dev/goodstate/rollout"
)

// openDrift builds drift control, with what it must know of rollouts.
func (a *App) openDrift(o Options, secrets *secret.Store) error {
	book, err := record.Open(a.Store)
	if err != nil {
		return err
	}
	a.Drift = drift.New(drift.Options{
		Config: o.Config.Drift, Base: o.Base, Data: o.Config.Data, Engine: a.Engine, Journal: a.Journal, Book: book, Secret: secrets.Get,
		Occupants: rolling{a}, KnownGood: rolling{a}, Notify: a.Notices, Log: o.Log, Page: o.Config.Server.link,
	})
	a.stops = append(a.stops, a.Drift.Close)
	return nil
}

// rolling tells drift control what rollouts do.
type rolling struct{ *App }

// Occupied names the rollouts under way: by the addresses of their hosts, and under "" where one of the services is rolled out.
func (a rolling) Occupied(ctx context.Context, services, addresses []string) (map[string]string, error) {
	open, err := a.Engine.List(ctx, run.Filter{Kind: rollout.Kind, State: run.Running})
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, info := range open {
		var in rollout.Input
		if err := json.Unmarshal(info.Input, &in); err != nil {
			return nil, fmt.Errorf("input of rollout %s: %w", info.ID, err)
		}
		who := "the rollout " + info.ID + " of " + in.Service
		if slices.Contains(services, in.Service) {
			out[""] = who
		}
		configs := []rollout.Service{in.Config}
		if in.Old != nil {
			configs = append(configs, in.Old.Config)
		}
		for _, c := range configs {
			if c.Hosts == nil {
				continue
			}
			for _, p := range c.Hosts.Places {
				at := p.Host
				if p.Port != 0 && p.Port != 22 {
					at += ":" + strconv.Itoa(p.Port)
				}
				if slices.Contains(addresses, at) {
					out[at] = who
				}
			}
		}
	}
	return out, nil
}

// WentBack looks at the last rollout of each service that has ended: when it went back, its known-good point is in force.
func (a rolling) WentBack(ctx context.Context, services []string) (p drift.Point, ok bool, err error) {
	for _, service := range services {
		result, err := a.lastRollout(ctx, service)
		if err != nil {
			return p, false, err
		}
		if result.Outcome != rollout.RolledBack || result.Point == "" {
			continue
		}
		points, err := a.Store.Points(ctx, service)
		if err != nil {
			return p, false, err
		}
		for _, point := range points {
			if point.ID == result.Point && (!ok || point.At.Before(p.At)) { // of several the oldest: all of them were well then
				p, ok = drift.Point{Service: service, ID: point.ID, Commit: point.Release.Commit, At: point.At}, true
			}
		}
	}
	return p, ok, nil
}

// rolloutsSeen is how many rollouts without any effect are passed over.
const rolloutsSeen = 50

// lastRollout is the result of the last rollout of a service that has changed something.
func (a rolling) lastRollout(ctx context.Context, service string) (rollout.Result, error) {
	runs, err := a.Engine.List(ctx, run.Filter{Kind: rollout.Kind, Target: rollout.Target(service), State: run.Succeeded, Limit: rolloutsSeen})
	if err != nil {
		return rollout.Result{}, err
	}
	for _, info := range runs {
		var result rollout.Result
		if err := json.Unmarshal(info.Result, &result); err != nil {
			return result, fmt.Errorf("result of rollout %s: %w", info.ID, err)
		}
		if result.Outcome != rollout.CouldNot {
			return result, nil
		}
	}
	return rollout.Result{}, nil
}
