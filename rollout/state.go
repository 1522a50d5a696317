package rollout

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"goodstate.dev/goodstate/core/good"
	"goodstate.dev/goodstate/core/run"
	"goodstate.dev/goodstate/rollout/runtime"
)

// State tells how a service is now, from the record and from a look at its instances and traffic.
func (s *Rollouts) State(ctx context.Context, service string) (State, error) {
	conf, err := s.service(service)
	if err != nil {
		return State{}, err
	}
	st := State{Service: service, URL: publicURL(conf.Traffic), Instances: []InstanceLine{}}
	if err := s.recorded(ctx, &st); err != nil {
		return st, err
	}
	if err := s.runs(ctx, &st); err != nil {
		return st, err
	}
	s.seen(ctx, conf, &st)
	return st, nil
}

// recorded fills in what the store knows.
func (s *Rollouts) recorded(ctx context.Context, st *State) error {
	serving, err := s.Serving(ctx, st.Service)
	if err != nil {
		return err
	}
	if serving != nil {
		rel := serving.Release
		st.Serving = &rel
	}
	points, err := s.Store.Points(ctx, st.Service)
	if err != nil {
		return err
	}
	for i := range points {
		if serving != nil && points[i].Release.ID() == serving.Release.ID() || st.Good == nil {
			st.Good = &points[i]
			if serving != nil && points[i].Release.ID() == serving.Release.ID() {
				break
			}
		}
	}
	holds, err := s.Store.Holds(ctx, st.Service)
	if err != nil {
		return err
	}
	for _, h := range holds {
		st.Held = append(st.Held, HeldLine{Version: h.Version, Commit: h.Commit, Why: h.Why, Who: h.Who, Since: h.At, Run: h.Run})
	}
	return nil
}

// runs fills in the rollout under way and the last one that ended.
func (s *Rollouts) runs(ctx context.Context, st *State) error {
	all, err := s.Engine.List(ctx, run.Filter{Target: Target(st.Service), Limit: 10})
	if err != nil {
		return err
	}
	for _, r := range all {
		in, err := inputOf(r)
		if err != nil {
			return err
		}
		if r.State == run.Running {
			st.Active = &Active{Run: r.ID, Version: in.Release.Version, Note: r.Note, Who: r.Who, Since: r.Started}
			continue
		}
		res, err := ResultOf(r)
		if err != nil {
			return err
		}
		st.Last = &LastRollout{Run: r.ID, Version: in.Release.Version, Outcome: res.Outcome, Why: res.Why, Ended: r.Ended}
		if r.Error != "" {
			st.Last.Outcome, st.Last.Why = Incomplete, r.Error
		}
		if res.Outcome == Promoted || res.Outcome == RolledBack {
			st.Since = r.Ended
		}
		break
	}
	return nil
}

// seen looks at instances and traffic; what cannot be seen is said, never taken as well.
func (s *Rollouts) seen(ctx context.Context, conf Service, st *State) {
	all, err := s.Runtime.List(ctx, st.Service)
	if err != nil {
		st.Problem = "the instances cannot be listed: " + err.Error()
		return
	}
	up, wanted := 0, conf.Instances
	if serving, err := s.Serving(ctx, st.Service); err == nil && serving != nil {
		wanted = serving.Config.Instances
	}
	for _, in := range all {
		st.Instances = append(st.Instances, InstanceLine{
			ID: in.ID, Release: in.Release, State: string(in.State), URL: in.URL, PID: in.PID, Host: in.Host, Restarts: in.Restarts, Exit: in.Exit, RSS: in.RSS,
		})
		if st.Serving != nil && in.Release == st.Serving.ID() && in.State == runtime.Running {
			up++
		}
	}
	switch {
	case st.Serving == nil && st.Active == nil:
		st.Problem = ""
	case st.Serving != nil && st.Active == nil && up < wanted:
		st.Problem = fmt.Sprintf("%d of %d instances of %s run", up, wanted, st.Serving.Version) + missingHosts(all)
	case st.Last != nil && st.Last.Outcome == Incomplete && st.Active == nil:
		st.Problem = "the last rollout needs a person: " + st.Last.Why
	}
	if conf.Traffic == nil || st.Serving == nil {
		return
	}
	route, ok, err := s.Router.Route(ctx, st.Service)
	switch {
	case err != nil:
		st.Problem = "the proxy cannot be asked: " + err.Error()
	case !ok:
		st.Problem = "the proxy has no route for it"
	default:
		st.Weights = route.Weights
	}
	if seconds, err := s.Router.Seconds(ctx, st.Service, time.Now().Add(-time.Minute)); err == nil {
		st.Recent = recentOf(seconds)
	}
}

func inputOf(r run.Info) (Input, error) {
	var in Input
	if err := json.Unmarshal(r.Input, &in); err != nil {
		return in, fmt.Errorf("input of run %s: %w", r.ID, err)
	}
	return in, nil
}

// ResultOf reads what a finished rollout came to.
func ResultOf(r run.Info) (Result, error) {
	var res Result
	if len(r.Result) == 0 {
		return res, nil
	}
	if err := json.Unmarshal(r.Result, &res); err != nil {
		return res, fmt.Errorf("result of run %s: %w", r.ID, err)
	}
	return res, nil
}

// Check runs all checks of a service now, against what serves.
func (s *Rollouts) Check(ctx context.Context, service string) ([]good.Finding, error) {
	conf, err := s.service(service)
	if err != nil {
		return nil, err
	}
	serving, err := s.Serving(ctx, service)
	if err != nil {
		return nil, err
	}
	k := Kept{Release: good.Release{Service: service}, Config: conf}
	if serving != nil {
		k = *serving
		k.Config.Health, k.Config.Checks = conf.Health, conf.Checks
	} else if conf.Traffic == nil {
		return nil, fmt.Errorf("%s: no release of it serves, so there is nothing to check; goodstate deploy %s VERSION releases one", service, service)
	}
	ro := &rollout{Rollouts: s, in: Input{Service: service, Config: k.Config}, new: k}
	var out []good.Finding
	if serving != nil {
		out = ro.checkInstances(ctx, k, k.Config.Instances, "")
	}
	return append(out, ro.checkPublic(ctx, k, "")...), ctx.Err()
}
