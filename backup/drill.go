package backup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"goodstate.dev/goodstate/backup/plan"
	"goodstate.dev/goodstate/backup/repository"
	"goodstate.dev/goodstate/backup/source"
	"goodstate.dev/goodstate/backup/source/files"
	"goodstate.dev/goodstate/core/check"
	"goodstate.dev/goodstate/core/good"
	"goodstate.dev/goodstate/core/notify"
	"goodstate.dev/goodstate/core/run"
)

// Phase is a part of a drill and how long it took.
type Phase struct {
	Name string        `json:"name"`
	Took time.Duration `json:"took_ns"`
}

// Drilled is what a drill came to.
type Drilled struct {
	Snapshot repository.ID  `json:"snapshot"`
	Of       time.Time      `json:"of"` // the restore point's time
	Level    plan.Level     `json:"level"`
	Good     bool           `json:"good"`
	Why      string         `json:"why"`
	Phases   []Phase        `json:"phases"`
	Recovery time.Duration  `json:"recovery_ns"` // from the beginning to the last check
	RTO      time.Duration  `json:"rto_ns,omitempty"`
	Bytes    int64          `json:"bytes"`
	Findings []good.Finding `json:"findings,omitempty"`

	Repository string        `json:"repository,omitempty"`  // that it was restored from
	Simulated  string        `json:"simulated,omitempty"`   // failure; empty: none, it was only restored
	Lost       string        `json:"lost,omitempty"`        // what that took away
	Prepared   time.Duration `json:"prepared_ns,omitempty"` // what it took to have something to lose; it counts for nothing
}

// drill is the run of kind "drill": it restores the youngest restore point into a scratch place, compares it with what was copied, runs the application's checks on
// it, measures all of that, and removes it again. The whole is one step: a drill that was interrupted begins again.
func (b *Backups) drill(r *run.Run, in input) (Drilled, error) {
	text, play := fmt.Sprintf("restore %s from %s into a scratch place", in.Application, in.Repository), b.rehearse
	if in.Request.Simulate != "" {
		text, play = fmt.Sprintf("simulate %s of %s on scratch copies", in.Request.Simulate, in.Application), b.simulate
	}
	d, err := do(r, "drill", text, func(ctx context.Context) (Drilled, error) { return play(ctx, r, in) })
	if err != nil {
		d.Why = err.Error()
		return d, b.say(r, "drill-failed", notify.Critical, fmt.Sprintf("the drill of %s%s failed: %s", in.Application, simulating(in.Request.Simulate), err), nil)
	}
	severity := notify.Info
	if !d.Good {
		severity = notify.Critical
	}
	if d.Repository != "" {
		in.Repository = d.Repository
	}
	if err := b.drilled(r, in, d); err != nil {
		return d, err
	}
	return d, b.say(r, "drilled", severity, fmt.Sprintf("restore point %s is %s%s: %s", d.Snapshot.Short(), d.Level, simulating(d.Simulated), d.Why), d)
}

func simulating(kind string) string {
	if kind == "" {
		return ""
	}
	return " after " + kind
}

func (b *Backups) rehearse(ctx context.Context, r *run.Run, in input) (d Drilled, err error) {
	src, err := in.Config.Source.New()
	if err != nil {
		return d, err
	}
	dir, err := b.scratch(ctx, r.ID())
	if err != nil {
		return d, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	began := time.Now()
	d.RTO, d.Repository = time.Duration(in.Config.RTO), in.Repository
	err = b.with(ctx, in.Repository, false, func(repo *repository.Repository) (err error) {
		j, err := b.job(repo, in.Application, r)
		if err != nil {
			return err
		}
		j.Scratch = dir
		snap, err := b.point(ctx, repo, in)
		if err != nil {
			return err
		}
		d.Snapshot, d.Of = snap.ID, snap.Time
		d.phase("open", began)
		to, done, err := src.Scratch(ctx, j)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, done(context.WithoutCancel(ctx))) }()
		return b.prove(ctx, &d, src, j, snap, to, in, began)
	})
	return d, err
}

func (d *Drilled) phase(name string, since time.Time) {
	d.Phases = append(d.Phases, Phase{name, time.Since(since)})
}

// prove restores, compares and checks.
func (b *Backups) prove(ctx context.Context, d *Drilled, src source.Source, j source.Job, snap repository.Snapshot, to source.Place, in input, began time.Time) error {
	at := time.Now()
	back, err := src.Restore(ctx, j, snap, to)
	if err != nil {
		return err
	}
	d.phase("restore", at)
	d.Bytes = back.Bytes
	if len(back.Problems) > 0 {
		d.Why = fmt.Sprintf("%d things could not be restored: %s", len(back.Problems), strings.Join(back.Problems[:min(3, len(back.Problems))], "; "))
		d.Level = plan.ReadBack
		return nil
	}
	at = time.Now()
	if in.Config.Source.Name() == "files" {
		seen, err := files.Verify(ctx, j.Repo, snap, to.Folder)
		if err != nil {
			return err
		}
		if len(seen.Problems) > 0 {
			d.Why, d.Level = fmt.Sprintf("%d restored files differ: %s", len(seen.Problems), seen.Problems[0]), plan.ReadBack
			return nil
		}
		d.phase("compare", at)
	}
	d.Level = plan.Equal
	at = time.Now()
	d.Findings = b.look(ctx, in, to)
	if len(d.Findings) > 0 {
		d.phase("checks", at)
	}
	d.Recovery = time.Since(began)
	d.judge()
	return nil
}

// look runs the application's checks on what was restored.
func (b *Backups) look(ctx context.Context, in input, to source.Place) []good.Finding {
	var all []good.Finding
	target := check.Target{Service: in.Application, Dir: to.Folder, Secret: b.Secret, Env: map[string]string{"GOODSTATE_DRILL": "1", "GOODSTATE_SCRATCH": to.Folder}}
	if to.URL != "" {
		target.Env["GOODSTATE_DATABASE_URL"] = to.URL
		target.Dir = b.Base
	}
	if to.Bucket != nil {
		target.Dir = b.Base
		target.Env["GOODSTATE_BUCKET"], target.Env["GOODSTATE_PREFIX"] = to.Bucket.Name, to.Bucket.Prefix
	}
	if to.Cluster != nil {
		target.Dir = b.Base
		for old, now := range to.Cluster.Namespaces {
			target.Env["GOODSTATE_NAMESPACE"], target.Env["GOODSTATE_NAMESPACE_"+strings.ToUpper(strings.ReplaceAll(old, "-", "_"))] = now, now
		}
	}
	for name, spec := range in.Config.Checks.All() {
		all = append(all, spec.Run(ctx, name, target))
	}
	return all
}

// judge says what the drill proves. Without checks it proves equal digests and no more.
func (d *Drilled) judge() {
	took := d.Recovery.Round(time.Millisecond)
	switch verdict := good.Overall(d.Findings); {
	case len(d.Findings) > 0 && verdict != good.Pass:
		for _, f := range d.Findings {
			if f.Verdict != good.Pass {
				d.Why = f.String()
				return
			}
		}
	case d.RTO > 0 && d.Recovery > d.RTO:
		d.Why = fmt.Sprintf("it took %s to have it back, want at most %s", took, d.RTO)
	case len(d.Findings) == 0:
		d.Good, d.Why = true, fmt.Sprintf("back in %s with equal digests; no check says that the application works with it", took)
	default:
		d.Good, d.Level, d.Why = true, plan.Proven, fmt.Sprintf("back in %s, and %d checks pass", took, len(d.Findings))
	}
}
