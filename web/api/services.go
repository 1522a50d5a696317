package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"goodstate.dev/goodstate/core/auth"
	"goodstate.dev/goodstate/core/good"
	"goodstate.dev/goodstate/core/run"
	"goodstate.dev/goodstate/rollout"
)

// Named is the service that a request is about.
type Named struct {
	Service string `path:"service"`
}

type planned struct {
	Named
	Version string `query:"version" doc:"tag, branch or commit to release"`
	Back    bool   `query:"back" doc:"plan a rollback instead"`
	To      string `query:"to" doc:"known-good point to go back to"`
}

type deployment struct {
	Named
	Body struct {
		Version string `json:"version" minLength:"1"`
		Why     string `json:"why,omitempty"`
		Force   bool   `json:"force,omitempty" doc:"release it although it is held"`
	}
}

type goingBack struct {
	Named
	Body struct {
		To  string `json:"to,omitempty"`
		Why string `json:"why,omitempty"`
	}
}

type told struct {
	Named
	Signal string `path:"signal" enum:"rollback,promote,pause,resume"`
	Body   struct {
		Why string `json:"why,omitempty"`
	}
}

type holding struct {
	Named
	Body struct {
		Version string `json:"version" minLength:"1"`
		Why     string `json:"why,omitempty"`
	}
}

// may what: the permission that a signal needs.
var signalAction = map[string]auth.Action{
	rollout.SignalRollback: auth.Rollback, rollout.SignalPromote: auth.Promote, rollout.SignalPause: auth.Pause, rollout.SignalResume: auth.Pause,
}

func (s *server) services(a huma.API) {
	get(a, "/services", "list-services", "How all services are now", func(ctx context.Context, _ *struct{}) ([]rollout.State, error) {
		states := []rollout.State{}
		for _, name := range s.Rollouts.Services.Keys() {
			st, err := s.Rollouts.State(ctx, name)
			if err != nil {
				return nil, err
			}
			states = append(states, st)
		}
		return states, nil
	})
	get(a, "/services/{service}", "show-service", "How a service is now", func(ctx context.Context, in *Named) (rollout.State, error) {
		return s.Rollouts.State(ctx, in.Service)
	})
	get(a, "/services/{service}/points", "list-points", "The known-good points of a service, with the evidence, and whether one can go back to them", func(ctx context.Context, in *Named) ([]rollout.PointState, error) {
		return s.Rollouts.Points(ctx, in.Service)
	})
	get(a, "/services/{service}/plan", "plan", "What a deployment or a rollback would do", func(ctx context.Context, in *planned) (rollout.Plan, error) {
		if in.Back {
			return s.Rollouts.PlanRollback(ctx, in.Service, in.To)
		}
		return s.Rollouts.PlanDeploy(ctx, in.Service, in.Version)
	})
	handle(a, http.MethodPost, "/services/{service}/check", "check-service", "Run all checks of a service now", auth.View, func(ctx context.Context, in *Named, _ auth.Principal) ([]good.Finding, error) {
		return s.Rollouts.Check(ctx, in.Service)
	})
	handle(a, http.MethodPost, "/services/{service}/deploy", "deploy", "Release a version", auth.Deploy, func(ctx context.Context, in *deployment, p auth.Principal) (run.Info, error) {
		return s.Rollouts.Deploy(ctx, in.Service, in.Body.Version, p.Name, in.Body.Why, in.Body.Force)
	})
	handle(a, http.MethodPost, "/services/{service}/rollback", "rollback", "Go back to the known-good point", auth.Rollback, func(ctx context.Context, in *goingBack, p auth.Principal) (run.Info, error) {
		return s.Rollouts.Rollback(ctx, in.Service, in.Body.To, p.Name, in.Body.Why)
	})
	handle(a, http.MethodPost, "/services/{service}/tell/{signal}", "tell", "Tell the rollout under way to go on, pause or go back", auth.View, func(ctx context.Context, in *told, _ auth.Principal) (run.Info, error) {
		p, err := may(ctx, signalAction[in.Signal])
		if err != nil {
			return run.Info{}, err
		}
		return s.Rollouts.Tell(ctx, in.Service, in.Signal, p.Name, in.Body.Why)
	})
	handle(a, http.MethodPost, "/services/{service}/hold", "hold", "Keep a version from being released", auth.Hold, func(ctx context.Context, in *holding, p auth.Principal) (struct{}, error) {
		return struct{}{}, s.Rollouts.Hold(ctx, in.Service, in.Body.Version, p.Name, in.Body.Why)
	})
	handle(a, http.MethodPost, "/services/{service}/unhold", "unhold", "Let a held version go", auth.Hold, func(ctx context.Context, in *holding, p auth.Principal) (struct{}, error) {
		return struct{}{}, s.Rollouts.Unhold(ctx, in.Service, in.Body.Version, p.Name, in.Body.Why)
	})
}
