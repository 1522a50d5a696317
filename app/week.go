package app

import (
	"context"
	"log/slog"
	"time"

	"goodstate.dev/goodstate/rollout/samples"
)

const weekEvery = time.Minute

// recordWeek keeps the worst moments of the services that serve in ordinary times, for measures to be tried on. Nothing depends on it.
func (a *App) recordWeek(ctx context.Context, w *samples.Week) {
	now := time.Now()
	for name, s := range a.Config.Services.All() {
		if s.Traffic == nil {
			continue
		}
		if _, active, err := a.Rollouts.Active(ctx, name); err != nil || active {
			continue // a rollout keeps its own
		}
		serving, err := a.Rollouts.Serving(ctx, name)
		if err != nil || serving == nil {
			continue
		}
		seconds, err := a.Rollouts.Router.Seconds(ctx, name, w.Since(name, now))
		if err == nil {
			err = w.Add(name, serving.Release.ID(), seconds, now)
		}
		if err != nil && ctx.Err() == nil {
			a.log.WarnContext(ctx, "this hour's samples are not kept", slog.String("service", name), slog.Any("error", err))
		}
	}
}
