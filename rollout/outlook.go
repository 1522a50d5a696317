package rollout

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"time"

	"goodstate.dev/goodstate/core/good"
	"goodstate.dev/goodstate/rollout/condition"
	"goodstate.dev/goodstate/rollout/runtime"
	"goodstate.dev/goodstate/rollout/signal"
)

// outlook reads the service's signals while a stage is judged. Each signal has a goroutine of its own, so that a slow source
// delays neither a decision nor another signal. It lives through all stages, and what has been read stays.
type outlook struct {
	signals []*followed
	wait    sync.WaitGroup
}

// followed is one signal with what is known of it.
type followed struct {
	name   string
	spec   signal.Spec
	source signal.Source
	old    bool            // the old release is read too
	before *signal.Reading // of the old release, from before the new one got traffic

	mu    sync.Mutex
	track *signal.Track
}

// open makes the outlook of this rollout, once.
func (ro *rollout) open() (*outlook, error) {
	if ro.out != nil {
		return ro.out, nil
	}
	o := &outlook{}
	for name, spec := range ro.in.Config.Signals.All() {
		source, err := spec.New()
		if err != nil {
			return nil, fmt.Errorf("signal %s: %w", name, err)
		}
		o.signals = append(o.signals, &followed{name: name, spec: spec, source: source, old: spec.Relative() || ro.rules.wants("old_signals."+condition.Ident(name)), track: signal.NewTrack(name, spec, ro.old != nil)})
	}
	ro.out = o
	return o, nil
}

// lookOut begins to read for a stage; the returned function ends it. Beside says whether the old release has traffic too.
func (ro *rollout) lookOut(ctx context.Context, beside bool) (*outlook, func(), error) {
	o, err := ro.open()
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	for _, f := range o.signals {
		f.mu.Lock()
		f.track.Stage(time.Now())
		f.mu.Unlock()
		o.wait.Go(func() { f.follow(ctx, ro, beside) })
	}
	return o, func() {
		cancel()
		o.wait.Wait()
	}, nil
}

// follow reads again and again until ctx ends.
func (f *followed) follow(ctx context.Context, ro *rollout, beside bool) {
	tick := time.NewTicker(time.Duration(f.spec.Every))
	defer tick.Stop()
	for {
		p := f.read(ctx, ro, beside)
		if ctx.Err() != nil {
			return
		}
		f.mu.Lock()
		f.track.Observe(p)
		f.mu.Unlock()
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// read reads the new release, and the old one where a limit compares with it.
func (f *followed) read(ctx context.Context, ro *rollout, beside bool) signal.Pair {
	p := signal.Pair{At: time.Now()}
	p.New, p.NewErr = f.one(ctx, ro, ro.new, false, time.Time{})
	if ro.old == nil || !f.old {
		return p
	}
	if beside || ro.shifted.IsZero() {
		was, err := f.one(ctx, ro, *ro.old, true, time.Time{})
		if p.OldErr = err; err == nil {
			p.Old = &was
		}
		return p
	}
	p.Before = true
	if f.before == nil {
		if !signal.HasPast(f.source) {
			p.OldErr = errors.New("it has no traffic any more, and the signal cannot be asked about the past")
			return p
		}
		was, err := f.one(ctx, ro, *ro.old, true, ro.shifted.Add(-time.Second))
		if p.OldErr = err; err != nil {
			return p
		}
		f.before = &was
	}
	p.Old = f.before
	return p
}

func (f *followed) one(ctx context.Context, ro *rollout, k Kept, old bool, at time.Time) (signal.Reading, error) {
	limit := time.Duration(f.spec.Timeout)
	ctx, stop := context.WithTimeoutCause(ctx, limit, fmt.Errorf("no answer within %s", limit))
	defer stop()
	of := signal.Release{
		Service: k.Release.Service, ID: k.Release.ID(), Version: k.Release.Version, Old: old, At: at, Secret: ro.Secret,
		Logs: func(ctx context.Context, old bool) (map[string][]string, error) { return ro.releaseLogs(ctx, old) },
	}
	up, err := ro.running(ctx, k.Release.Service, k.Release.ID())
	if err != nil {
		return signal.Reading{}, fmt.Errorf("instances: %w", err)
	}
	of.Addresses = addresses(up)
	return f.source.Read(ctx, of)
}

func addresses(up []runtime.Instance) []string {
	var all []string
	for _, in := range up {
		if u, err := url.Parse(in.URL); err == nil && u.Host != "" {
			all = append(all, u.Host)
		}
	}
	return all
}

// signalLines bounds what is read of each instance's log at a time.
const signalLines = 2000

// releaseLogs are the last lines of a release's instances.
func (ro *rollout) releaseLogs(ctx context.Context, old bool) (map[string][]string, error) {
	k := &ro.new
	if old {
		k = ro.old
	}
	if k == nil {
		return nil, nil
	}
	all, err := ro.Runtime.List(ctx, ro.in.Service)
	if err != nil {
		return nil, err
	}
	found := map[string][]string{}
	for _, in := range all {
		if in.Release != k.Release.ID() {
			continue
		}
		lines, err := ro.Runtime.Logs(ctx, in.ID, signalLines)
		if err != nil {
			return nil, fmt.Errorf("log of %s: %w", in.ID, err)
		}
		found[in.ID] = lines
	}
	return found, nil
}

// findings are what the signals say now.
func (o *outlook) findings(now time.Time, version string) []good.Finding {
	out := make([]good.Finding, 0, len(o.signals))
	for _, f := range o.signals {
		f.mu.Lock()
		found := f.track.Finding(now)
		f.mu.Unlock()
		found.Release = version
		out = append(out, found)
	}
	return out
}

// undecided is true while a signal only needs more readings.
func (o *outlook) undecided(now time.Time) bool {
	for _, f := range o.signals {
		f.mu.Lock()
		waits := f.track.Waiting(now)
		f.mu.Unlock()
		if waits {
			return true
		}
	}
	return false
}

// states are the signals for pages.
func (o *outlook) states(now time.Time) []signal.State {
	var out []signal.State
	for _, f := range o.signals {
		f.mu.Lock()
		out = append(out, f.track.State(now))
		f.mu.Unlock()
	}
	return out
}
