package client

import (
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sync/errgroup"

	"goodstate.dev/goodstate/hooks/plan"
	"goodstate.dev/goodstate/hooks/verdict"
)

// round is one stage being carried out.
type round struct {
	repo     *Repo
	call     Call
	stage    plan.Stage
	report   *Report
	index    string // that the files are staged in
	tip      string // the commit that is pushed; empty when the index is what is looked at
	scope    changes
	folders  *folders
	batch    *batch
	held     *lock
	journal  *journal
	exports  map[bool]*export // by whether they have the whole tree
	verdicts *verdict.Cache
	kept     map[string]bool // rules whose verdicts are worth keeping
	dirty    *bool           // whether the work tree differs from the index; nil while nobody has asked
}

func (r *round) do(ctx context.Context) error {
	r.folders = &folders{top: r.repo.Top, known: map[string]bool{}}
	r.batch = newBatch(ctx, r.repo)
	r.exports = map[bool]*export{}
	switch {
	case r.call.Stage == "pre-push" && !r.call.Every:
		return r.push(ctx)
	case after(r.call.Stage):
		return r.afterwards(ctx)
	}
	if len(r.stage.Messages) > 0 {
		if err := r.messages(ctx); err != nil {
			return err
		}
		if len(r.stage.Jobs) == 0 && len(r.stage.Rules) == 0 {
			return r.verdict()
		}
	}
	if err := r.find(ctx); err != nil {
		return err
	}
	return r.judge(ctx)
}

// find lists the files that the stage is about.
func (r *round) find(ctx context.Context) error {
	if !r.call.Every {
		var err error
		r.scope, err = r.repo.staged(ctx, r.index)
		return err
	}
	all, err := r.repo.entries(ctx, r.index, nil)
	if err != nil {
		return err
	}
	for name, e := range all {
		r.scope.files = append(r.scope.files, &file{path: name, mode: e.mode, old: e.mode, oid: e.oid, size: -1})
	}
	sortFiles(r.scope.files)
	return nil
}

// judge runs rules and jobs on the scope: what repairs first, then what checks.
func (r *round) judge(ctx context.Context) error {
	rules, err := build(r.stage.Rules)
	if err != nil {
		return err
	}
	fixers, checks := split(r.stage.Jobs)
	if err := r.native(ctx, rules, len(fixers) == 0); err != nil {
		return err
	}
	for _, job := range fixers {
		if err := r.fix(ctx, job); err != nil {
			return err
		}
	}
	g, run := errgroup.WithContext(ctx)
	g.Go(func() error {
		if err := r.changeRules(run, rules); err != nil || len(fixers) == 0 {
			return err
		}
		return r.recheck(run, rules)
	})
	g.Go(func() error { return r.checks(run, checks) })
	if err := g.Wait(); err != nil {
		return err
	}
	return r.verdict()
}

func (r *round) verdict() error {
	if r.report.bad() {
		return errRefused
	}
	return nil
}

// open gives the journal of this run, with the lock of the work tree.
func (r *round) open(ctx context.Context) (*journal, error) {
	if r.journal != nil {
		return r.journal, nil
	}
	var err error
	if r.held, err = r.repo.takeLock(ctx, func(text string) { r.report.note("%s", text) }); err != nil {
		return nil, err
	}
	// Who held the lock before may have been killed since this run looked.
	said, err := r.repo.settleRuns(ctx)
	r.report.Notes = append(r.report.Notes, said...)
	if err != nil {
		return nil, err
	}
	r.journal, err = r.repo.newJournal(r.call.Stage, r.index)
	return r.journal, err
}

// close ends the children and takes the folder of the run away, unless its journal is open: then the next run settles it.
func (r *round) close() error {
	err := r.batch.close()
	if r.journal != nil {
		if _, open := os.Stat(r.journal.path(journalName)); open == nil {
			err = errors.Join(err, fmt.Errorf("the run in %s is not settled; goodstate hooks recover says what is wrong", r.journal.dir))
		} else {
			if left := r.journal.remove(); left != nil {
				r.report.note("what a job left could not be removed, the next run tries again: %v", left)
			}
		}
	}
	return errors.Join(err, r.held.release())
}
