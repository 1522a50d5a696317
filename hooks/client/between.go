package client

import (
	"context"
	"errors"
	"fmt"

	"goodstate.dev/goodstate/hooks/plan"
	"goodstate.dev/goodstate/hooks/rule"
)

// Between runs the jobs of a stage on what the commits from some to another change, as the last one has it. Nothing in the work tree is touched: a job that
// repairs fails when it would change something. Rules and messages are left to whoever judges each commit.
func Between(ctx context.Context, repo *Repo, stage string, from []string, to string) (*Report, error) {
	report := &Report{Stage: stage}
	p, err := repo.plan(ctx)
	if err != nil || p == nil {
		return report, err
	}
	for _, c := range p.Stages[stage].Cannot {
		report.add(Result{Job: c.Name, Why: "cannot be run here: " + c.Why})
	}
	jobs := p.Stages[stage].Jobs
	if len(jobs) == 0 {
		return report, nil
	}
	r := &round{
		repo: repo, call: Call{Stage: stage, Range: true}, stage: plan.Stage{Jobs: jobs}, report: report, index: repo.Index, tip: to,
		verdicts: repo.Verdicts(), folders: &folders{top: repo.Top, known: map[string]bool{}}, batch: newBatch(ctx, repo), exports: map[bool]*export{},
	}
	err = r.judgeTip(ctx, from)
	if lost := r.verdicts.Flush(); lost != nil {
		report.note("what was judged will be judged again: %v", lost)
	}
	return report, errors.Join(err, r.close())
}

// judgeAlone runs the jobs of a range: those that repair one after the other, since they change what others see.
func (r *round) judgeAlone(ctx context.Context) error {
	if err := r.native(ctx, nil, false); err != nil {
		return err
	}
	fixers, checks := split(r.stage.Jobs)
	for _, j := range fixers {
		j.Whole = true
		if err := r.checks(ctx, []plan.Job{j}); err != nil {
			return err
		}
	}
	return r.checks(ctx, checks)
}

// wouldRepair runs a job that repairs on the export, and takes back what it did there.
func (r *round) wouldRepair(ctx context.Context, d duty, root string) Result {
	tree := &folders{top: root, known: map[string]bool{}}
	before := map[string]string{}
	for _, f := range d.files {
		content, err := tree.read(f.path, f.mode == rule.Symlink)
		if err != nil {
			return Result{Job: d.job.Name, Why: fmt.Sprintf("was not run: %v", err)}
		}
		before[f.path] = digest(content)
	}
	result := r.exec(ctx, d.job, root, pathsOf(d.files))
	changed := changedIn(tree, d.files, before)
	if len(changed) == 0 {
		return result
	}
	for _, x := range r.exports {
		if x.root == root {
			x.stale = append(x.stale, pathsOf(changed)...)
		}
	}
	result.Good, result.Files = false, pathsOf(changed)
	result.Why = "would repair " + abridged(result.Files)
	return result
}
