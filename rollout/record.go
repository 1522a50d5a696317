package rollout

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"goodstate.dev/goodstate/rollout/judge"
	"goodstate.dev/goodstate/rollout/samples"
	"goodstate.dev/goodstate/rollout/traffic"
)

// samplesPast is how much of the time before the rollout is kept with it.
const samplesPast = 10 * time.Minute

// keepSamples writes what was seen second by second to the run's file. Nothing is decided by it, so that a full disk here holds up nothing.
func (ro *rollout) keepSamples(ctx context.Context, change func(*samples.Kept)) {
	if ro.in.Config.Traffic == nil {
		return
	}
	dir := samples.Folder(ro.Store.Dir())
	k, err := samples.Read(dir, ro.r.ID())
	if err != nil && !errors.Is(err, samples.ErrNone) {
		ro.warn(ctx, "the samples so far cannot be read", err)
	}
	k.Run, k.Service, k.New, k.Version, k.Shifted = ro.r.ID(), ro.in.Service, ro.new.Release.ID(), ro.new.Release.Version, ro.shifted
	if ro.old != nil {
		k.Old = ro.old.Release.ID()
	}
	seconds, err := ro.Router.Seconds(ctx, ro.in.Service, ro.in.At.Add(-samplesPast))
	if err != nil {
		ro.warn(ctx, "the router's counts cannot be kept", err)
	}
	var seen []judge.Second
	if ro.eyes != nil {
		seen = ro.eyes.seen
	}
	k.Seconds = samples.Add(samples.Add(k.Seconds, seen), samples.Pair(seconds, k.New, k.Old))
	for _, f := range ro.failing(ctx) {
		k.Failing = merge(k.Failing, f)
	}
	change(&k)
	if err := errors.Join(samples.Write(dir, k), samples.Tidy(dir, time.Now())); err != nil {
		ro.warn(ctx, "the samples are not kept", err)
	}
}

// merge puts the newer count of a kind of request in place of the older one.
func merge(all []traffic.Failing, f traffic.Failing) []traffic.Failing {
	for i, was := range all {
		if was.Release == f.Release && was.Method == f.Method && was.Path == f.Path && was.Status == f.Status {
			all[i] = f
			return all
		}
	}
	return append(all, f)
}

// failing are the kinds of requests that the releases of this rollout failed, where the router knows them.
func (ro *rollout) failing(ctx context.Context) []traffic.Failing {
	w, ok := ro.Router.(traffic.Witness)
	if !ok || ro.in.Config.Traffic == nil {
		return nil
	}
	all, err := w.Failing(ctx, ro.in.Service)
	if err != nil {
		ro.warn(ctx, "which requests failed is not known", err)
		return nil
	}
	var out []traffic.Failing
	for _, f := range all {
		if f.Last >= ro.in.At.Unix() && (f.Release == ro.new.Release.ID() || ro.old != nil && f.Release == ro.old.Release.ID()) {
			out = append(out, f)
		}
	}
	return out
}

func (ro *rollout) warn(ctx context.Context, what string, err error) {
	if ro.Log != nil && ctx.Err() == nil {
		ro.Log.WarnContext(ctx, what, slog.String("run", ro.r.ID()), slog.Any("error", err))
	}
}
