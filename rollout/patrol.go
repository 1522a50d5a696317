package rollout

import (
	"context"
	"fmt"
	"sync"
	"time"

	"goodstate.dev/goodstate/core/check"
	"goodstate.dev/goodstate/core/good"
	"goodstate.dev/goodstate/rollout/runtime"
)

// patrol goes round the new release's instances while a stage is judged: are they up, healthy, do the stage's checks pass.
// It has a goroutine of its own, so that a slow check never delays a decision.
type patrol struct {
	mu     sync.Mutex
	latest map[string]good.Finding
	once   map[string]bool // checks that failed once and have not been looked at again
	cancel context.CancelFunc
	done   chan struct{}
}

// twice is how often in a row a check has to fail while a stage is judged: once may be the check's own bad luck.
const twice = 2

func (ro *rollout) patrol(ctx context.Context) *patrol {
	ctx, cancel := context.WithCancel(ctx)
	p := &patrol{latest: map[string]good.Finding{}, once: map[string]bool{}, cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(p.done)
		p.walk(ctx, ro)
	}()
	return p
}

func (p *patrol) stop() {
	p.cancel()
	<-p.done
}

func (p *patrol) findings() []good.Finding {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := make([]good.Finding, 0, len(p.latest))
	for _, f := range p.latest {
		out = append(out, f)
	}
	return out
}

// undecided is true while a check that failed once waits for its second look.
func (p *patrol) undecided() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.once) > 0
}

func (p *patrol) walk(ctx context.Context, ro *rollout) {
	restarts := map[string]int{}
	fails := map[string]int{}
	due := map[string]time.Time{}
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for {
		for _, f := range ro.round(ctx, restarts, due) {
			if ctx.Err() != nil {
				return
			}
			p.note(f, fails)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// note keeps a finding; the first failure in a row of a check counts as Unknown.
func (p *patrol) note(f good.Finding, fails map[string]int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.once, f.Check)
	if f.Verdict != good.Fail {
		fails[f.Check] = 0
	} else if fails[f.Check]++; fails[f.Check] < twice && f.Check != exitCheck {
		f.Verdict = good.Unknown
		f.Observed += " (once)"
		p.once[f.Check] = true
	}
	p.latest[f.Check] = f
}

// exitCheck is the finding that an instance ended by itself; it needs no second look.
const exitCheck = "instances"

// round looks once at every instance of the new release, and runs what is due.
func (ro *rollout) round(ctx context.Context, restarts map[string]int, due map[string]time.Time) []good.Finding {
	all, err := ro.Runtime.List(ctx, ro.in.Service)
	if err != nil {
		return []good.Finding{{Check: exitCheck, Observed: err.Error(), Wanted: "a list of the instances", At: time.Now()}}
	}
	out := []good.Finding{{Check: exitCheck, Verdict: good.Pass, Observed: "all instances run", At: time.Now(), Release: ro.new.Release.Version}}
	now, limited := time.Now(), ro.in.Config.limitsRestarts()
	for _, in := range all {
		if in.Release != ro.new.Release.ID() {
			continue
		}
		before, seen := restarts[in.ID]
		restarts[in.ID] = in.Restarts
		if in.State == runtime.Lost && !in.Apart {
			out = append(out, ro.lostChecks(in)...)
			continue
		}
		if in.Apart {
			out[0] = ro.apart(in)
		} else if in.State != runtime.Running || seen && in.Restarts > before && !limited {
			out[0] = good.Finding{
				Check: exitCheck, Verdict: good.Fail, At: now, Release: ro.new.Release.Version,
				Observed: fmt.Sprintf("%s ended by itself: %s", in.ID, in.Exit), Wanted: "an instance that stays up", Detail: ro.lastLines(ctx, in.ID),
			}
			continue
		}
		if ro.new.Config.Kubernetes != nil && !in.Apart {
			out = append(out, ro.readiness(in))
		}
		if spec, ok := ro.new.Config.health(); ok {
			out = append(out, ro.lookAt(ctx, in, "health", spec, due)...)
		}
		for _, name := range ro.new.Config.checksOn(AtStage) {
			spec, _ := ro.new.Config.Checks.Get(name)
			out = append(out, ro.lookAt(ctx, in, name, spec, due)...)
		}
	}
	return out
}

// lookAt runs one check of one instance when it is due. A check that the old release fails at the same time says nothing
// about the new one.
func (ro *rollout) lookAt(ctx context.Context, in runtime.Instance, name string, spec check.Spec, due map[string]time.Time) []good.Finding {
	label := name + " of " + in.ID
	if time.Now().Before(due[label]) {
		return nil
	}
	f := spec.Run(ctx, name, ro.target(ro.new, in))
	f.Check, f.Release = label, ro.new.Release.Version
	due[label] = time.Now().Add(time.Duration(spec.Every))
	if f.Verdict == good.Fail && ro.old != nil {
		if old, err := ro.running(ctx, in.Service, ro.old.Release.ID()); err == nil && len(old) > 0 {
			if spec.Run(ctx, name, ro.target(*ro.old, old[0])).Verdict == good.Fail {
				f.Verdict = good.Unknown
				f.Observed += "; " + ro.old.Release.Version + " fails it too, so it is not the release"
			}
		}
	}
	return []good.Finding{f}
}
