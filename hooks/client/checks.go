package client

import (
	"bytes"
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"

	"goodstate.dev/goodstate/hooks/plan"
)

// checks runs the jobs that only look, as many at the same time as there are processors. One that writes something never runs together with one that
// reads or writes the same.
func (r *round) checks(ctx context.Context, jobs []plan.Job) error {
	waiting := r.due(jobs)
	running := map[string]plan.Job{}
	results := make(chan Result)
	ended := map[string]bool{} // true when it passed
	for _, j := range r.stage.Jobs {
		ended[j.Name] = r.lacking(plan.Job{Needs: []string{j.Name}}) == "" // what has nothing to do holds up nobody
	}
	for _, w := range waiting {
		delete(ended, w.job.Name)
	}
	var failed error
	for (len(waiting) > 0 && failed == nil && ctx.Err() == nil) || len(running) > 0 {
		rest := make([]duty, 0, len(waiting))
		for _, w := range waiting {
			switch ready(w.job, ended) {
			case never:
				ended[w.job.Name] = false
				r.report.add(Result{Job: w.job.Name, Why: "was not run, what it needs has not passed"})
				continue
			case later:
				rest = append(rest, w)
				continue
			}
			if failed != nil || ctx.Err() != nil || len(running) >= runtime.NumCPU() || w.collides(running) {
				rest = append(rest, w)
				continue
			}
			key, good, err := r.passed(ctx, w)
			if good {
				ended[w.job.Name] = true
				r.report.add(Result{Job: w.job.Name, Good: true, Known: true, Files: pathsOf(w.files)})
				continue
			}
			root := ""
			if err == nil {
				root, err = r.rootFor(ctx, w)
			}
			if err != nil {
				failed = err
				rest = append(rest, w)
				continue
			}
			running[w.job.Name] = w.job
			go func() { // the loop below waits for each
				result := r.check(ctx, w, root)
				if result.Good && key != nil {
					r.verdicts.Add(*key)
				}
				results <- result
			}()
		}
		if len(running) == 0 {
			if len(rest) == len(waiting) && failed == nil && ctx.Err() == nil {
				return fmt.Errorf("jobs wait for each other: %s", rest[0].job.Name)
			}
			waiting = rest
			continue
		}
		waiting = rest
		result := <-results
		delete(running, result.Job)
		ended[result.Job] = result.Good
		r.report.add(result)
	}
	if failed == nil {
		failed = ctx.Err()
	}
	return failed
}

// duty is a job with what it is about.
type duty struct {
	job   plan.Job
	files []*file
}

// due are the jobs that have something to do.
func (r *round) due(jobs []plan.Job) []duty {
	var all []duty
	for _, j := range jobs {
		d := duty{j, r.selected(j)}
		gone := !j.TakesFiles() && slices.ContainsFunc(r.scope.deleted, func(p string) bool {
			return j.Matches(p) && (j.Dir == "" || strings.HasPrefix(p, j.Dir+"/"))
		})
		if len(d.files) > 0 || gone || j.Always {
			all = append(all, d)
		}
	}
	return all
}

const (
	now = iota
	later
	never
)

// ready tells whether what a job needs has passed. Jobs that repair have run before, and their failure is in the report.
func ready(job plan.Job, ended map[string]bool) int {
	for _, n := range job.Needs {
		good, known := ended[n]
		if !known {
			return later
		}
		if !good {
			return never
		}
	}
	return now
}

// collides is true when a job must not run at the same time as one of those.
func (d duty) collides(running map[string]plan.Job) bool {
	for _, other := range running {
		if d.job.Group != "" && d.job.Group == other.Group {
			return true
		}
		if touches(d.job.Writes, other.Reads) || touches(d.job.Writes, other.Writes) || touches(d.job.Reads, other.Writes) {
			return true
		}
	}
	return false
}

// touches is true when two lists of globs or words speak of the same.
func touches(a, b []string) bool {
	for _, x := range a {
		for _, y := range b {
			if x == y || plan.Match(x, y) || plan.Match(y, x) {
				return true
			}
		}
	}
	return false
}

// rootFor is the folder in which a job sees what is staged.
func (r *round) rootFor(ctx context.Context, d duty) (string, error) {
	inPlace := d.job.OnDisk
	switch {
	case inPlace || d.job.Fix: // what repairs is only looked at here, and works on an export
	case r.tip == "" && d.job.TakesFiles() && !d.job.Whole:
		inPlace = !slices.ContainsFunc(d.files, func(f *file) bool { return !f.disk.inPlace() })
	default:
		dirty, err := r.differs(ctx)
		if err != nil {
			return "", err
		}
		inPlace = !dirty
	}
	if inPlace {
		return r.repo.Top, nil
	}
	x, err := r.exported(ctx, d.job)
	if err != nil {
		return "", err
	}
	return x.root, nil
}

// differs is true when the work tree has something that is not staged, or not in the pushed commit: a change, or a file that nobody knows.
func (r *round) differs(ctx context.Context) (bool, error) {
	if r.dirty != nil {
		return *r.dirty, nil
	}
	out, err := r.repo.git(ctx, r.index, nil, "status", "--porcelain", "-z", "--no-renames", "--untracked-files=normal", "--ignore-submodules=dirty")
	if err != nil {
		return false, err
	}
	dirty := false
	for line := range bytes.SplitSeq(out, []byte{0}) {
		// Two letters say how a file stands to HEAD and to the index, see git-status(1).
		if len(line) > 2 && (line[1] != ' ' || r.tip != "") {
			dirty = true
		}
	}
	r.dirty = &dirty
	return dirty, nil
}
