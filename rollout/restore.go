package rollout

import (
	"context"
	"fmt"

	"goodstate.dev/goodstate/core/good"
	"goodstate.dev/goodstate/core/journal"
)

// Restore brings back what serves after the machine was started anew: instances of the serving releases that do not run are
// started from what is kept, and the proxy gets their addresses. A service with a rollout under way is left to that.
func (s *Rollouts) Restore(ctx context.Context) error {
	for name := range s.Services.All() {
		if _, active, err := s.Active(ctx, name); err != nil || active {
			if err != nil {
				return err
			}
			continue
		}
		if err := s.restore(ctx, name); err != nil {
			return fmt.Errorf("bring back %s: %w", name, err)
		}
	}
	return nil
}

func (s *Rollouts) restore(ctx context.Context, name string) error {
	serving, err := s.Serving(ctx, name)
	if err != nil || serving == nil {
		return err
	}
	k := *serving
	up, err := s.running(ctx, name, k.Release.ID())
	if err != nil {
		return err
	}
	if len(up) >= k.Config.Instances {
		return nil
	}
	ro := &rollout{Rollouts: s, in: Input{Service: name, Config: k.Config}, new: k}
	env, err := ro.env(ctx, k.Config)
	if err != nil {
		return err
	}
	var findings []good.Finding
	for i := range k.Config.Instances {
		in, err := s.Runtime.Start(ctx, specOf(k, i, env))
		if f, lost := lostFinding(err, k); lost {
			findings = append(findings, f)
			continue
		}
		if err != nil {
			return err
		}
		findings = append(findings, ro.healthy(ctx, k, in))
	}
	if k.Config.Traffic != nil {
		backends, err := ro.backends(ctx, k.Config.Instances, 0)
		if err != nil {
			return err
		}
		if err := s.Router.Apply(ctx, ro.route(backends, ro.full())); err != nil {
			return err
		}
	}
	_, err = s.Journal.Append(ctx, journal.Entry{
		Event: "brought-back", Target: Target(name), Actor: "goodstate",
		Text: fmt.Sprintf("%d of %d instances of %s ran; the others were started: %s", len(up), k.Config.Instances, k.Release.Version, good.Overall(findings)),
	})
	return err
}
