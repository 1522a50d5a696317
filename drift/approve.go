package drift

import (
	"context"
	"fmt"
	"time"

	"goodstate.dev/goodstate/core/journal"
	"goodstate.dev/goodstate/core/run"
	"goodstate.dev/goodstate/drift/record"
)

// Approve agrees to a correction, and begins it. When another run of the playbook is under way, nothing is said yet, and who approves has to try again.
func (d *Drift) Approve(ctx context.Context, id, who, why string) (run.Info, error) {
	a, err := d.Book.Ask(ctx, id)
	if err != nil {
		return run.Info{}, err
	}
	if a.Answer != "" || !time.Now().Before(a.Until) {
		_, err := d.Book.Answer(ctx, id, record.Approved, who, why, time.Now()) // it says why not
		return run.Info{}, err
	}
	// The run comes first: an answer without a run would be lost, and the run's id is that of the question, so that there is one however often it is begun.
	info, err := d.start(ctx, fmt.Sprintf("%s-%s-%s", KindCorrect, a.Playbook, a.ID), record.Correct, who, orText(why, "approved "+a.ID), Order{Playbook: a.Playbook, Ask: a.ID})
	if err != nil {
		return info, err
	}
	if _, err := d.Book.Answer(ctx, id, record.Approved, who, why, time.Now()); err != nil {
		return info, err
	}
	return info, d.say(ctx, who, "drift-approved", a, why)
}

// Reject leaves a difference as it is. It is not asked about again for a week.
func (d *Drift) Reject(ctx context.Context, id, who, why string) error {
	a, err := d.Book.Answer(ctx, id, record.Rejected, who, why, time.Now())
	if err != nil {
		return err
	}
	return d.say(ctx, who, "drift-rejected", a, why)
}

func (d *Drift) say(ctx context.Context, who, event string, a record.Ask, why string) error {
	text := fmt.Sprintf("correction %s of playbook %s: %s", a.ID, a.Playbook, event[len("drift-"):])
	if why != "" {
		text += ": " + why
	}
	_, err := d.Journal.Append(ctx, journal.Entry{Event: event, Target: Target(a.Playbook), Actor: who, Text: text, Key: event + "/" + a.ID})
	return err
}

// Accept lets a difference stay until a time, for a reason, and returns its whole name.
func (d *Drift) Accept(ctx context.Context, playbook, cause, why, who string, until time.Time) (string, error) {
	now := time.Now()
	found, err := d.Book.Ignore(ctx, playbook, cause, why, who, now, until)
	if err != nil {
		return "", err
	}
	_, err = d.Journal.Append(ctx, journal.Entry{Event: "drift.accepted", Actor: who, Target: Target(playbook), Text: fmt.Sprintf("difference %s of %s may stay until %s: %s", found[:8], playbook, until.Format("2006-01-02 15:04"), why)})
	return found, err
}
