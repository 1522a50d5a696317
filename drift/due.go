package drift

import (
	"context"
	"errors"
	"fmt"
	"time"

	"goodstate.dev/goodstate/core/run"
	"goodstate.dev/goodstate/core/schedule"
	"goodstate.dev/goodstate/drift/policy"
)

// Next is when a schedule is due after it was due last; the zero time: never. name makes its jitter.
func (s Schedule) Next(name string, last time.Time) time.Time {
	at, err := schedule.Parse(s.Cron, s.TZ)
	if err != nil {
		return time.Time{}
	}
	delay := schedule.Jitter(name, time.Duration(s.Jitter))
	next := at.Next(last.Add(-delay))
	if next.IsZero() {
		return next
	}
	return next.Add(delay)
}

// due says whether a schedule is due now, and whether it is left out because its window is closed. last is when it was due last; a clock that was set back makes that lie in the future, and
// then it counts from now. Times that were missed are made up for once.
func (s Schedule) due(name string, last, now time.Time) (due bool, leave string) {
	if last.After(now) {
		last = now
	}
	next := s.Next(name, last)
	if next.IsZero() || next.After(now) {
		return false, ""
	}
	if !policy.Open(s.Windows, now) {
		return true, "none of its windows is open"
	}
	return true, ""
}

// clockTick is how often it is looked what is due.
const clockTick = 5 * time.Second

// Clock starts runs when their schedules are due, until ctx ends.
func (d *Drift) Clock(ctx context.Context) {
	tick := time.NewTicker(clockTick)
	defer tick.Stop()
	for {
		if err := d.Due(ctx, time.Now()); err != nil && ctx.Err() == nil {
			d.Log.WarnContext(ctx, "drift", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Due starts what is due by now.
func (d *Drift) Due(ctx context.Context, now time.Time) error {
	errs := []error{d.sweep(ctx)}
	for name, p := range d.Config.Playbooks.All() {
		for i, s := range p.Schedules {
			errs = append(errs, d.dueOne(ctx, name, i, s, now))
		}
	}
	return errors.Join(errs...)
}

func (d *Drift) dueOne(ctx context.Context, playbook string, i int, s Schedule, now time.Time) error {
	name := fmt.Sprintf("%s/%d %s %s", playbook, i+1, s.Do, s.Cron) // a schedule that was changed begins anew
	last, _, err := d.Book.LastDue(ctx, name)
	if err != nil {
		return err
	}
	if last.IsZero() {
		return d.Book.SetDue(ctx, name, now, "") // it is due for the first time after it was first seen
	}
	due, leave := s.due(name, last, now)
	if !due {
		if last.After(now) { // the clock was set back
			return d.Book.SetDue(ctx, name, now, "")
		}
		return nil
	}
	said := "left out: " + leave
	if leave == "" {
		// The id is made of the time at which it was due, so that a crash between here and the record starts nothing twice.
		id := fmt.Sprintf("%s-%s-%d-%s", s.Do, playbook, i+1, s.Next(name, last).UTC().Format("20060102-150405"))
		info, err := d.start(ctx, id, s.Do, "goodstate", "schedule "+s.Cron, Order{Playbook: playbook})
		var taken *run.LeaseError
		switch {
		case errors.As(err, &taken):
			said = "left out: " + err.Error()
		case err != nil:
			return err
		default:
			said = info.ID
		}
	}
	return d.Book.SetDue(ctx, name, now, said)
}
