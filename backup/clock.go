package backup

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"goodstate.dev/goodstate/backup/plan"
	"goodstate.dev/goodstate/core/notify"
	"goodstate.dev/goodstate/core/run"
)

// clockTick is how often it is looked what is due.
const clockTick = 15 * time.Second

// Clock removes what killed drills left, follows logs, starts copies, drills and verifications when they are due, watches the repositories, and tells people of a copy that is or will be late, until ctx ends.
func (b *Backups) Clock(ctx context.Context) {
	tick := time.NewTicker(clockTick)
	defer tick.Stop()
	b.sweep(ctx)
	var following sync.WaitGroup
	following.Go(func() { b.follow(ctx) })
	defer following.Wait()
	var watched time.Time
	for {
		now := time.Now()
		for name, a := range b.Configured().Applications.All() {
			if err := b.due(ctx, name, a, now); err != nil && ctx.Err() == nil {
				b.Log.WarnContext(ctx, "backup", "application", name, "error", err)
			}
		}
		for name, r := range b.Configured().Repositories.All() {
			if err := b.dueRepository(ctx, name, r, now); err != nil && ctx.Err() == nil {
				b.Log.WarnContext(ctx, "backup", "repository", name, "error", err)
			}
		}
		if err := b.requests(ctx, now); err != nil && ctx.Err() == nil {
			b.Log.WarnContext(ctx, "backup requests", "error", err)
		}
		if since := now.Sub(watched); since >= watchEvery || since < 0 { // less than nothing: the clock was set back, which the watch wants to see
			watched = now
			b.watchAll(ctx, now)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// retryAfter is how long a failed copy waits for the next try at least.
const retryAfter = time.Minute

// due starts what is due for one application.
func (b *Backups) due(ctx context.Context, name string, a Application, now time.Time) error {
	facts, running, err := b.facts(ctx, name, a)
	if err != nil {
		return err
	}
	if err := b.warn(ctx, name, facts, now); err != nil || running != "" || a.Suspend {
		return err
	}
	tried := facts.Tried
	if facts.Copied.After(tried) {
		tried = facts.Copied
	}
	copying := plan.Copying(a.Schedule, facts.RPO)
	if at := copying.Due(facts.Copied, b.started); !copying.IsZero() && !now.Before(at) && now.Sub(tried) >= retryAfter {
		return b.start(ctx, KindCopy, name, "it is copied "+copying.String(), Request{})
	}
	if at := a.Drill.Due(facts.Drilled, b.started); !a.Drill.IsZero() && !facts.Copied.IsZero() && !now.Before(at) {
		return b.start(ctx, KindDrill, name, "it is drilled "+a.Drill.String(), Request{})
	}
	return nil
}

// dueRepository starts the verification of a repository, and its prune.
func (b *Backups) dueRepository(ctx context.Context, name string, r Repository, now time.Time) error {
	for _, work := range []struct {
		kind, text string
		when       plan.When
	}{{KindVerify, "it is verified ", r.Verify}, {KindPrune, "it is pruned ", r.Prune}} {
		if work.when.IsZero() {
			continue
		}
		runs, err := b.Engine.List(ctx, run.Filter{Target: RepositoryTarget(name), Kind: work.kind, Limit: 1})
		if err != nil {
			return err
		}
		last := b.started // a repository that was just made has nothing to read
		if len(runs) > 0 {
			if last = runs[0].Started; runs[0].State == run.Running {
				continue
			}
		}
		if now.Before(work.when.Due(last, b.started)) {
			continue
		}
		if err := b.start(ctx, work.kind, name, work.text+work.when.String(), Request{Part: 1}); err != nil {
			return err
		}
	}
	return nil
}

// warn tells people that the RPO is broken or about to be.
func (b *Backups) warn(ctx context.Context, name string, f plan.Facts, now time.Time) error {
	if state, why := plan.Judge(f, now); state == plan.Late {
		return b.late(ctx, name, f, "late", notify.Critical, name+": its backup is late", why)
	}
	if why, soon := plan.Soon(f, now); soon {
		return b.late(ctx, name, f, "soon_late", notify.Warning, name+": its backup is about to be late", why)
	}
	return nil
}

// start begins scheduled work; that somebody else works on it is no error. It is what the configuration says, so no second
// person has to agree.
func (b *Backups) start(ctx context.Context, kind, name, why string, q Request) error {
	_, err := b.begin(ctx, kind, name, "goodstate", why, q)
	var taken *run.LeaseError
	var frozen *FrozenError
	if errors.As(err, &taken) || errors.As(err, &frozen) {
		return nil
	}
	return err
}

// late tells once of each copy that has become too old, and once that it will.
func (b *Backups) late(ctx context.Context, name string, f plan.Facts, event string, severity notify.Severity, title, why string) error {
	if b.Notify == nil {
		return nil
	}
	return b.Notify.Send(ctx, notify.Event{
		ID: fmt.Sprintf("backup-%s/%s/%d", event, name, f.Youngest().Unix()), Type: "backup." + event, Phase: notify.Trigger, Severity: severity, Service: name, Title: title, Text: why, At: time.Now(),
	})
}
