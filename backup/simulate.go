package backup

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"goodstate.dev/goodstate/backup/plan"
	"goodstate.dev/goodstate/backup/repository"
	"goodstate.dev/goodstate/backup/source"
	"goodstate.dev/goodstate/core/run"
)

// simulates says why a failure cannot be simulated for an application, with those that can.
func (a Application) simulates(kind string) error {
	src, err := a.Source.New()
	if err != nil {
		return err
	}
	known := source.Failures(src, len(a.Copies) > 0)
	if slices.Contains(known, kind) {
		return nil
	}
	text := fmt.Sprintf("--simulate %s makes no sense for a source of kind %s; it can simulate %s", kind, a.Source.Name(), strings.Join(known, ", "))
	if len(a.Copies) == 0 {
		text += ", and with a second repository under copies also " + source.LostSite + " and " + source.CorruptedPack
	}
	return errors.New(text)
}

// simulated is a failure that is simulated on scratch places, while the original goes on.
type simulated struct {
	*Backups
	run    *run.Run
	in     input
	src    source.Source
	dir    string // scratch folder
	before map[string]int64
	d      Drilled
}

// simulate loses something on purpose and brings it back. Only what comes after the loss is measured.
func (b *Backups) simulate(ctx context.Context, r *run.Run, in input) (d Drilled, err error) {
	in.Repository = in.Config.Repository
	s := &simulated{Backups: b, run: r, in: in, d: Drilled{Simulated: in.Request.Simulate, RTO: time.Duration(in.Config.RTO), Repository: in.Repository}}
	if s.src, err = in.Config.Source.New(); err != nil {
		return d, err
	}
	if s.dir, err = b.scratch(ctx, r.ID()); err != nil {
		return d, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(s.dir)) }()
	j, err := b.job(nil, in.Application, r)
	if err != nil {
		return d, err
	}
	j.Scratch = s.dir
	to, done, err := s.src.Scratch(ctx, j)
	if err != nil {
		return d, err
	}
	defer func() { err = errors.Join(err, done(context.WithoutCancel(ctx))) }()
	err = s.play(ctx, j, to)
	return s.d, err
}

func (s *simulated) play(ctx context.Context, j source.Job, to source.Place) error {
	switch kind := s.in.Request.Simulate; kind {
	case source.LostHost:
		// Nothing of the data directory is used: no cached key, no state, no note of which restore points there are.
		s.Backups = &Backups{Options: s.Options, started: s.started, process: s.process}
		j.State, j.Live, to.Onward = filepath.Join(s.dir, "state"), nil, true
		s.d.Lost = "all but the configuration, the key and repository " + s.in.Repository
	case source.LostSite:
		s.elsewhere()
		s.d.Lost = "repository " + s.in.Repository + " is not asked; " + s.d.Repository + " is"
	case source.CorruptedPack:
		return s.corrupted(ctx, j, to)
	default:
		again, err := s.lose(ctx, j, to, kind)
		if err != nil {
			return err
		}
		to = again
	}
	return s.recover(ctx, j, to, time.Now())
}

// elsewhere has the restore read another repository: the one that was named, or the first copy.
func (s *simulated) elsewhere() {
	s.d.Repository = s.in.Config.Copies[0]
	if from := s.in.Request.From; slices.Contains(s.in.Config.Copies, from) {
		s.d.Repository = from
	}
}

// lose restores into the scratch place, counts what is there, and loses it.
func (s *simulated) lose(ctx context.Context, j source.Job, to source.Place, kind string) (again source.Place, err error) {
	at, loser := time.Now(), s.src.(source.Loser)
	err = s.with(ctx, s.in.Repository, false, func(repo *repository.Repository) error {
		j.Repo = repo
		snap, err := s.point(ctx, repo, s.in)
		if err != nil {
			return err
		}
		back, err := s.src.Restore(ctx, j, snap, to)
		if err == nil && len(back.Problems) > 0 {
			err = fmt.Errorf("%d things could not be restored: %s", len(back.Problems), back.Problems[0])
		}
		return err
	})
	if err != nil {
		return again, fmt.Errorf("prepare a scratch copy to lose: %w", err)
	}
	if s.before, err = loser.Census(ctx, to); err != nil {
		return again, err
	}
	s.d.Prepared = time.Since(at)
	loss, err := loser.Lose(ctx, j, kind, to)
	if err != nil {
		return again, err
	}
	s.d.Lost = "on a scratch copy: " + loss.Said
	return loss.To, s.run.Journal(ctx, "lost", s.d.Lost, nil)
}

// recover brings it back from the repository, as a drill does, and compares it with what was there before.
func (s *simulated) recover(ctx context.Context, j source.Job, to source.Place, began time.Time) error {
	return s.with(ctx, s.d.Repository, false, func(repo *repository.Repository) error {
		j.Repo = repo
		in := s.in
		in.Repository = s.d.Repository
		snap, err := s.point(ctx, repo, in)
		if err != nil {
			return err
		}
		s.d.Snapshot, s.d.Of = snap.ID, snap.Time
		s.d.phase("open", began)
		if err := s.prove(ctx, &s.d, s.src, j, snap, to, in, began); err != nil {
			return err
		}
		return s.compare(ctx, to)
	})
}

// compare counts again what was counted before the loss.
func (s *simulated) compare(ctx context.Context, to source.Place) error {
	if len(s.before) == 0 || !s.d.Good {
		return nil
	}
	after, err := s.src.(source.Loser).Census(ctx, to)
	if err != nil {
		return err
	}
	var total int64
	for _, name := range slices.Sorted(maps.Keys(s.before)) {
		total += s.before[name]
		if after[name] != s.before[name] {
			s.d.Good, s.d.Level = false, plan.ReadBack
			s.d.Why = fmt.Sprintf("%s has %d after the recovery, and had %d before the loss", name, after[name], s.before[name])
			return nil
		}
	}
	s.d.Why += fmt.Sprintf("; %d counted in %d parts, as before the loss", total, len(s.before))
	return nil
}
