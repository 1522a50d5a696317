package backup

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"goodstate.dev/goodstate/backup/ledger"
	"goodstate.dev/goodstate/backup/plan"
	"goodstate.dev/goodstate/backup/repository"
	"goodstate.dev/goodstate/core/run"
)

// made takes note of a new restore point. It is in the step that made it.
func (b *Backups) made(ctx context.Context, run string, in input, res Result) error {
	return b.Ledger.Add(ctx, ledger.Point{
		Repository: in.Repository, ID: res.Snapshot.String(), Application: in.Application, At: res.At, Bytes: res.Bytes, Fresh: res.Fresh, Written: res.Written, Files: res.Files,
		Complete: res.Complete, Level: plan.Written, LevelAt: time.Now(), Run: run,
	})
}

// madeCopies takes note of what a second repository has of an application now.
func (b *Backups) madeCopies(ctx context.Context, in input, to string, second *repository.Repository) error {
	first, err := b.Ledger.Points(ctx, in.Repository, in.Application)
	if err != nil {
		return err
	}
	all, err := pointsOf(ctx, second, in.Application)
	for _, s := range all {
		p := ledger.Point{At: s.Time, Complete: true}
		if i := slices.IndexFunc(first, func(p ledger.Point) bool { return s.Original != nil && p.ID == s.Original.String() }); i >= 0 {
			p = first[i]
		}
		p.Repository, p.ID, p.Application, p.Level, p.LevelAt, p.Run = to, s.ID.String(), in.Application, plan.Written, time.Now(), ""
		err = errors.Join(err, b.Ledger.Add(ctx, p))
	}
	return err
}

// verified takes note of what a check has shown of each restore point.
func (b *Backups) verified(ctx context.Context, run, name string, v Verified) error {
	known, err := b.Ledger.Points(ctx, name, "")
	if err != nil {
		return err
	}
	level := plan.Listed
	if v.Whole {
		level = plan.ReadBack
	}
	now := time.Now()
	for _, p := range known {
		damaged := slices.ContainsFunc(v.Damaged, func(id repository.ID) bool { return id.String() == p.ID })
		switch {
		case !p.Gone.IsZero():
		case damaged:
			err = errors.Join(err, b.Ledger.Damage(ctx, name, p.ID, "a check found that parts of it are missing or changed", run, now))
		case p.Damage != "" && !v.Whole: // only who reads all of it can take it back
		default:
			err = errors.Join(err, b.Ledger.Raise(ctx, name, p.ID, level, run, now))
		}
	}
	return err
}

// drilled takes note of what a drill has proven, and writes the runbook anew with the times that it measured.
func (b *Backups) drilled(r *run.Run, in input, d Drilled) error {
	_, err := do(r, "prove", fmt.Sprintf("note that restore point %s is %s, and write the runbook", d.Snapshot.Short(), d.Level), func(ctx context.Context) (bool, error) {
		now := time.Now()
		if !d.Good && d.Level < plan.Equal {
			if err := b.Ledger.Damage(ctx, in.Repository, d.Snapshot.String(), "a drill could not bring it back whole: "+d.Why, r.ID(), now); err != nil {
				return false, err
			}
		} else if err := b.Ledger.Raise(ctx, in.Repository, d.Snapshot.String(), d.Level, r.ID(), now); err != nil {
			return false, err
		}
		if err := b.writeRunbook(ctx, now, &latest{application: in.Application, drill: d, at: now, run: r.ID()}); err != nil {
			return false, r.Journal(ctx, "runbook-failed", "the runbook could not be written everywhere: "+err.Error(), nil)
		}
		return true, nil
	})
	return err
}

// expected is how many bytes the restore point that is asked for has, or the last copy of the application.
func (b *Backups) expected(ctx context.Context, in input) (int64, error) {
	known, err := b.Ledger.Points(ctx, in.Repository, in.Application)
	if err != nil || len(known) == 0 {
		return 0, err
	}
	for _, p := range known {
		if p.ID == in.Request.Snapshot {
			return p.Bytes, nil
		}
	}
	return known[len(known)-1].Bytes, nil
}

// present takes copies that are gone or damaged out of the facts: a run that made one proves nothing any more.
func (b *Backups) present(ctx context.Context, name string, a Application, f *plan.Facts) error {
	known, err := b.Ledger.Points(ctx, a.Repository, name)
	if err != nil || len(known) == 0 || f.Copied.IsZero() {
		return err
	}
	var youngest time.Time
	gone, damaged := 0, 0
	for _, p := range known {
		switch {
		case !p.Gone.IsZero():
			gone++
		case p.Damage != "":
			damaged++
		case p.Complete && p.At.After(youngest):
			youngest = p.At
		}
	}
	switch {
	case youngest.IsZero() && damaged > 0:
		f.Copied, f.Lost = youngest, fmt.Sprintf("its %d restore points are damaged", damaged)
	case youngest.IsZero():
		f.Copied, f.Lost = youngest, "its restore points are gone"
	case youngest.Before(f.Copied.Add(-time.Second)): // the ledger counts milliseconds
		f.Copied = youngest
	}
	return nil
}
