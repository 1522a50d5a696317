package client

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"goodstate.dev/goodstate/hooks/plan"
	"goodstate.dev/goodstate/hooks/rule"
)

// split tells jobs that repair from jobs that check.
func split(jobs []plan.Job) (fixers, checks []plan.Job) {
	for _, j := range jobs {
		if j.Fix {
			fixers = append(fixers, j)
		} else {
			checks = append(checks, j)
		}
	}
	return inOrder(fixers), checks
}

// inOrder sorts jobs so that each comes after what it needs; else they keep their order. The configuration has no circles.
func inOrder(jobs []plan.Job) []plan.Job {
	var sorted []plan.Job
	done := map[string]bool{}
	for len(sorted) < len(jobs) {
		before := len(sorted)
		for _, j := range jobs {
			waits := slices.ContainsFunc(j.Needs, func(n string) bool {
				return !done[n] && slices.ContainsFunc(jobs, func(o plan.Job) bool { return o.Name == n })
			})
			if !done[j.Name] && !waits {
				sorted = append(sorted, j)
				done[j.Name] = true
			}
		}
		if len(sorted) == before {
			return jobs
		}
	}
	return sorted
}

// fix runs one job that repairs, alone.
func (r *round) fix(ctx context.Context, job plan.Job) error {
	if lacks := r.lacking(job); lacks != "" {
		r.report.add(Result{Job: job.Name, Why: "was not run, " + lacks + " has not passed"})
		return nil
	}
	files := r.selected(job)
	if len(files) == 0 && !job.Always {
		return nil
	}
	if !slices.ContainsFunc(files, func(f *file) bool { return !f.disk.inPlace() || !f.regular() }) {
		return r.fixInPlace(ctx, job, files)
	}
	return r.fixExported(ctx, job, files)
}

// lacking names a job that this one needs and that has failed.
func (r *round) lacking(job plan.Job) string {
	for _, n := range job.Needs {
		if slices.ContainsFunc(r.report.Jobs, func(res Result) bool { return res.Job == n && !res.Good }) {
			return n
		}
	}
	return ""
}

// selected are the files that a job is about.
func (r *round) selected(job plan.Job) []*file {
	var files []*file
	for _, f := range r.scope.files {
		if job.Dir != "" && !strings.HasPrefix(f.path, job.Dir+"/") {
			continue
		}
		if job.Chooses(f.path, f.mode, func() []byte { return r.head(f) }) {
			files = append(files, f)
		}
	}
	return files
}

func (r *round) head(f *file) []byte {
	if f.mode == rule.Submodule {
		return nil
	}
	if f.disk == same {
		if content, err := r.folders.read(f.path, f.mode == rule.Symlink); err == nil {
			return content[:min(len(content), headSize)]
		}
	}
	content, _, err := r.batch.get(f.oid)
	if err != nil {
		return nil // too large to be read; its name must do
	}
	return content[:min(len(content), headSize)]
}

func pathsOf(files []*file) []string {
	names := make([]string, len(files))
	for i, f := range files {
		names[i] = f.path
	}
	return names
}

// fixExported lets a job repair the export, and merges what it did. Nothing of the work tree is in its reach, so a job that fails has changed nothing.
func (r *round) fixExported(ctx context.Context, job plan.Job, files []*file) error {
	x, err := r.exported(ctx, job)
	if err != nil {
		return err
	}
	tree := &folders{top: x.root, known: map[string]bool{}}
	before := map[string]string{}
	for _, f := range files {
		content, err := tree.read(f.path, f.mode == rule.Symlink)
		if err != nil {
			return fmt.Errorf("what is staged of %s, for %s: %w", f.path, job.Name, err)
		}
		before[f.path] = digest(content)
	}
	changed := func() []*file { return changedIn(tree, files, before) }
	result := r.exec(ctx, job, x.root, pathsOf(files))
	if !result.Good && ctx.Err() == nil && len(changed()) > 0 {
		result = r.exec(ctx, job, x.root, pathsOf(files))
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	better := changed()
	r.report.add(result)
	if !result.Good {
		for _, f := range better {
			x.stale = append(x.stale, f.path)
		}
		return nil
	}
	return r.takeOver(ctx, x, tree, better)
}

func changedIn(tree *folders, files []*file, before map[string]string) []*file {
	var changed []*file
	for _, f := range files {
		if content, err := tree.read(f.path, f.mode == rule.Symlink); f.regular() && (err != nil || digest(content) != before[f.path]) {
			changed = append(changed, f)
		}
	}
	return changed
}

// takeOver brings what a job made of files of the export into the index and the work tree.
func (r *round) takeOver(ctx context.Context, x *export, tree *folders, better []*file) error {
	if len(better) == 0 {
		return nil
	}
	ids, err := x.store(ctx, pathsOf(better))
	if err != nil {
		return err
	}
	var repairs []repair
	for i, f := range better {
		fix := repair{f: f, oid: ids[i]}
		if f.disk == same {
			if fix.work, err = tree.read(f.path, false); err != nil {
				return fmt.Errorf("what was made of %s: %w", f.path, err)
			}
		}
		repairs = append(repairs, fix)
	}
	return r.apply(ctx, repairs)
}
