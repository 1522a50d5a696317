package rollout

import (
	"context"
	"fmt"
	"slices"
	"time"

	"goodstate.dev/goodstate/core/check"
	"goodstate.dev/goodstate/core/good"
	"goodstate.dev/goodstate/rollout/runtime"
	"goodstate.dev/goodstate/rollout/traffic"
)

// checkInstances runs the checks of a moment against the first n instances of a release; without a moment the health check
// of each of them. Tests that run as programs look at the first instance only: they say something about the release.
func (ro *rollout) checkInstances(ctx context.Context, k Kept, n int, moment string) []good.Finding {
	up, lost, err := ro.upAndLost(ctx, k)
	if err != nil {
		return []good.Finding{{Check: exitCheck, Observed: err.Error(), Wanted: "a list of the instances", At: time.Now()}}
	}
	up = slices.DeleteFunc(up, func(in runtime.Instance) bool { return in.Index >= n })
	out := lost
	if len(up)+len(lost) < n {
		out = append(out, good.Finding{
			Check: exitCheck, Verdict: good.Fail, At: time.Now(), Release: k.Release.Version,
			Observed: fmt.Sprintf("%d of %d instances run", len(up), n), Wanted: "all of them",
		})
	}
	if moment == "" {
		if spec, ok := k.Config.health(); ok {
			for _, in := range up {
				out = append(out, label(spec.Run(ctx, "health", ro.target(k, in)), "health of "+in.ID))
			}
		}
		return out
	}
	for _, name := range k.Config.checksOn(moment) {
		spec, _ := k.Config.Checks.Get(name)
		look := spec.Run
		if moment == AtStart && ro.weight == 0 {
			look = spec.Long // later its users are the test
		}
		for _, in := range up[:min(1, len(up))] {
			out = append(out, look(ctx, name, ro.target(k, in)))
		}
	}
	return out
}

func label(f good.Finding, name string) good.Finding {
	f.Check = name
	return f
}

// checkPublic runs checks as a user meets the service: at its public address, when it has one. Without a moment all checks run.
func (ro *rollout) checkPublic(ctx context.Context, k Kept, moment string) []good.Finding {
	names := k.Config.Checks.Keys()
	if moment != "" {
		names = k.Config.checksOn(moment)
	}
	target := check.Target{Service: k.Release.Service, Release: k.Release.Version, ReleaseID: k.Release.ID(), Dir: k.Dir, BaseURL: publicURL(k.Config.Traffic), Secret: ro.Secret}
	if target.BaseURL == "" {
		if up, err := ro.running(ctx, k.Release.Service, k.Release.ID()); err == nil && len(up) > 0 {
			target = ro.target(k, up[0])
		}
	}
	var out []good.Finding
	if spec, ok := k.Config.health(); ok && k.Config.Traffic != nil {
		out = append(out, label(spec.Run(ctx, "health", target), "health as users reach it"))
	}
	for _, name := range names {
		spec, _ := k.Config.Checks.Get(name)
		out = append(out, spec.Run(ctx, name, target))
	}
	return out
}

// recovered watches the metrics of the old release until they are as they were before the rollout.
func (ro *rollout) recovered(ctx context.Context) good.Finding {
	began := time.Now()
	limit := began.Add(time.Duration(ro.old.Config.Recover))
	from := ro.in.At
	if !ro.shifted.IsZero() {
		from = ro.shifted
	}
	f := good.Finding{Check: "metrics", Release: ro.old.Release.Version}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		seconds, err := ro.Router.Seconds(ctx, ro.in.Service, from.Add(-10*time.Minute))
		if err == nil {
			before := sumOf(seconds, ro.old.Release.ID(), 0, from.Unix())
			now := time.Now().Add(-settling).Unix()
			after := sumOf(seconds, ro.old.Release.ID(), max(began.Unix()+1, now-recoverWindow), now)
			if f = asBefore(before, after); f.Verdict == good.Pass {
				return stamp(f, ro.old.Release.Version, began)
			}
		} else {
			f.Observed = err.Error()
		}
		if !time.Now().Before(limit) {
			return stamp(f, ro.old.Release.Version, began)
		}
		select {
		case <-ctx.Done():
			f.Verdict, f.Observed = good.Unknown, "interrupted"
			return f
		case <-tick.C:
		}
	}
}

func stamp(f good.Finding, version string, began time.Time) good.Finding {
	f.Check, f.Release, f.At, f.Took = "metrics", version, time.Now(), time.Since(began)
	return f
}

// load is what one release answered in a span of time.
type load struct {
	Seconds          int
	Requests, Errors int64
	Latency          traffic.Histogram
}

func sumOf(seconds []traffic.Second, release string, from, to int64) load {
	sum := load{Latency: traffic.Histogram{}}
	for _, s := range seconds {
		if s.Release != release || s.Unix < from || s.Unix >= to {
			continue
		}
		sum.Seconds++
		sum.Requests += s.Requests
		sum.Errors += s.Errors
		sum.Latency.Add(s.Latency)
	}
	return sum
}

// The metrics are back when at least recoverSeconds with traffic were seen, no more errors than before plus what chance
// allows, and a p90 of at most recoverLatency times the one before.
const (
	recoverSeconds = 3
	recoverWindow  = 8 // seconds that are looked at; what was bad before does not count once it is over
	recoverLatency = 1.5
	recoverErrors  = 0.01 // share of errors above the one before that is put down to chance
)

// asBefore says whether the metrics after a rollback are what they were before the rollout.
func asBefore(before, after load) good.Finding {
	f := good.Finding{}
	if after.Seconds < recoverSeconds || after.Requests == 0 {
		f.Observed = fmt.Sprintf("%d requests in %d seconds since the way back", after.Requests, after.Seconds)
		f.Wanted = fmt.Sprintf("traffic in at least %d seconds, to say anything", recoverSeconds)
		return f
	}
	share := func(l load) float64 { return float64(l.Errors) / float64(max(l.Requests, 1)) }
	p90 := func(l load) time.Duration {
		b, _ := l.Latency.Quantile(0.9)
		return traffic.BucketLimit(b)
	}
	f.Observed = fmt.Sprintf("%.2f%% errors, p90 %s in %d requests", 100*share(after), p90(after).Round(100*time.Microsecond), after.Requests)
	if before.Requests == 0 {
		f.Wanted = "metrics from before the rollout to compare with"
		if share(after) <= recoverErrors {
			f.Verdict = good.Pass
		}
		return f
	}
	f.Wanted = fmt.Sprintf("as before: %.2f%% errors, p90 %s", 100*share(before), p90(before).Round(100*time.Microsecond))
	f.Verdict = good.Fail
	if share(after) <= share(before)+recoverErrors && float64(p90(after)) <= recoverLatency*float64(p90(before))+float64(5*time.Millisecond) {
		f.Verdict = good.Pass
	}
	return f
}
