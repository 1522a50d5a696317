package backup

import (
	"context"
	"errors"
	"fmt"
	"time"

	"goodstate.dev/goodstate/backup/plan"
	"goodstate.dev/goodstate/core/notify"
	"goodstate.dev/goodstate/core/run"
)

// clockTick is how often it is looked what is due.
const clockTick = 15 * time.Second

// Clock starts copies and drills when they are due, and tells people of a copy that is late, until ctx ends.
func (b *Backups) Clock(ctx context.Context) {
	tick := time.NewTicker(clockTick)
	defer tick.Stop()
	for {
		for name, a := range b.Config.Applications.All() {
			if err := b.due(ctx, name, a, time.Now()); err != nil && ctx.Err() == nil {
				b.Log.WarnContext(ctx, "backup", "application", name, "error", err)
			}
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
	if err != nil || running != "" {
		return err
	}
	if state, why := plan.Judge(facts, now); state == plan.Late {
		if err := b.late(ctx, name, facts, why); err != nil {
			return err
		}
	}
	tried := facts.Tried
	if facts.Copied.After(tried) {
		tried = facts.Copied
	}
	if a.RPO > 0 && !now.Before(plan.Due(facts.Copied, facts.RPO)) && now.Sub(tried) >= retryAfter {
		return b.start(ctx, KindCopy, name, "its RPO is "+a.RPO.String())
	}
	if a.Drill > 0 && !facts.Copied.IsZero() && now.Sub(facts.Drilled) >= time.Duration(a.Drill) {
		return b.start(ctx, KindDrill, name, "a drill every "+a.Drill.String())
	}
	return nil
}

// start begins scheduled work; that somebody else works on it is no error.
func (b *Backups) start(ctx context.Context, kind, name, why string) error {
	_, err := b.Start(ctx, kind, name, "goodstate", why, Request{})
	var taken *run.LeaseError
	if errors.As(err, &taken) {
		return nil
	}
	return err
}

// late tells once of each copy that has become too old.
func (b *Backups) late(ctx context.Context, name string, f plan.Facts, why string) error {
	if b.Notify == nil {
		return nil
	}
	return b.Notify.Send(ctx, notify.Event{
		ID: fmt.Sprintf("backup-late/%s/%d", name, f.Copied.Unix()), Type: "backup.late", Phase: notify.Trigger, Severity: notify.Critical, Service: name,
		Title: name + ": its backup is late", Text: why, At: time.Now(),
	})
}
