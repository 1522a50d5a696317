package client

import (
	"context"
	"os"
	"slices"

	"goodstate.dev/goodstate/hooks/rule"
)

// afterwards runs the jobs of a stage that comes when all is done: in the work tree as it is.
func (r *round) afterwards(ctx context.Context) error {
	from, to := "", ""
	switch r.call.Stage {
	case "post-commit":
		from, to = "HEAD^", "HEAD"
	case "post-merge":
		from, to = "ORIG_HEAD", "HEAD"
	case "post-checkout":
		if len(r.call.Args) > 1 && !none(r.call.Args[0]) {
			from, to = r.call.Args[0], r.call.Args[1]
		}
	}
	if from != "" {
		out, err := r.repo.git(ctx, r.index, nil, "diff-tree", "-r", "--raw", "-z", "--no-renames", "--no-abbrev", from, to)
		if err == nil { // else there is nothing to compare with, as after the first commit
			if r.scope, err = parseRaw(out); err != nil {
				return err
			}
		}
	}
	jobs := slices.Clone(r.stage.Jobs)
	for i := range jobs {
		jobs[i].OnDisk = true
		if len(jobs[i].Files) == 0 && len(jobs[i].Types) == 0 && !jobs[i].TakesFiles() {
			jobs[i].Always = true // it is about the event, not about files
		}
	}
	for _, f := range r.scope.files {
		f.disk = same
		if f.mode != rule.Submodule {
			if _, err := os.Lstat(absolute(r.repo.Top, f.path)); err != nil {
				f.disk = gone
			}
		}
	}
	r.scope.files = slices.DeleteFunc(r.scope.files, func(f *file) bool { return f.disk == gone })
	if err := r.checks(ctx, jobs); err != nil {
		return err
	}
	if r.report.bad() {
		return errRefused
	}
	return nil
}
