package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"goodstate.dev/goodstate/hooks/plan"
)

// fixInPlace lets a job repair the work tree, whose files are what is staged. Their bytes are copied before: if the run is killed while the job writes, they
// come back.
func (r *round) fixInPlace(ctx context.Context, job plan.Job, files []*file) error {
	j, err := r.open(ctx)
	if err != nil {
		return err
	}
	if err := r.copyAll(j, job, files); errors.Is(err, errEdited) {
		if err := j.done(); err != nil {
			return err
		}
		return r.fixExported(ctx, job, files)
	} else if err != nil {
		return errors.Join(err, j.done())
	}
	stop := j.heart()
	result := r.exec(ctx, job, r.repo.Top, pathsOf(files))
	fault("a job has worked in place")
	changed, err := r.changedInPlace(j, files)
	if err == nil && !result.Good && !result.killed(ctx) && len(changed) > 0 {
		result = r.exec(ctx, job, r.repo.Top, pathsOf(files))
		changed, err = r.changedInPlace(j, files)
	}
	stop()
	if err != nil {
		result.Good, result.Why = false, err.Error()
	}
	r.report.add(result)
	if err != nil || result.killed(ctx) {
		return errors.Join(ctx.Err(), r.putBack(context.WithoutCancel(ctx), j))
	}
	if !result.Good {
		if len(changed) > 0 {
			r.report.note("%s failed; what it did to %s is on disk and not staged", job.Name, abridged(names(changed)))
		}
		return j.done()
	}
	if err := r.stageInPlace(ctx, j, changed); err != nil {
		return errors.Join(err, r.putBack(context.WithoutCancel(ctx), j))
	}
	return j.done()
}

func names(changed []change) []string {
	var all []string
	for _, c := range changed {
		all = append(all, c.f.path)
	}
	return all
}

// killed is true for a job that was stopped in the middle of what it did.
func (res Result) killed(ctx context.Context) bool {
	return ctx.Err() != nil || strings.HasPrefix(res.Why, "was killed")
}

func (r *round) copyAll(j *journal, job plan.Job, files []*file) error {
	j.record.Job = job.Name
	for _, f := range files {
		info, err := os.Lstat(filepath.Join(r.repo.Top, f.path))
		if err != nil {
			return fmt.Errorf("before %s: %w", job.Name, err)
		}
		content, err := r.folders.read(f.path, false)
		if err != nil {
			return fmt.Errorf("before %s: %w", job.Name, err)
		}
		if f.disk == same && blobID(content, f.oid) != f.oid {
			f.disk = other
			return fmt.Errorf("%s %w", f.path, errEdited)
		}
		e := entry{Path: []byte(f.path), Old: f.oid, Perm: info.Mode().Perm()}
		if err := j.keep(&e, content); err != nil {
			return err
		}
		j.record.Entries = append(j.record.Entries, e)
	}
	return j.write()
}

// changedInPlace are the entries of the files that a job has changed.
func (r *round) changedInPlace(j *journal, files []*file) ([]change, error) {
	var changed []change
	for i, f := range files {
		content, err := r.folders.read(f.path, false)
		if err != nil {
			return nil, fmt.Errorf("left no file behind: %w", err)
		}
		if e := j.record.Entries[i]; digest(content) != e.Was {
			changed = append(changed, change{f: f, entry: e, next: content})
		}
	}
	return changed, nil
}

// putBack restores the files of a job that was killed in the middle.
func (r *round) putBack(ctx context.Context, j *journal) error {
	if err := j.beatNow(); err != nil {
		return err
	}
	said, err := r.repo.settle(ctx, j.dir)
	r.report.mu.Lock()
	r.report.Notes = append(r.report.Notes, said...)
	r.report.mu.Unlock()
	if err != nil {
		return err
	}
	return j.done()
}

// stageInPlace stages what a job made of files.
func (r *round) stageInPlace(ctx context.Context, j *journal, changed []change) error {
	if len(changed) == 0 {
		return nil
	}
	var plainOnes [][]byte
	var list bytes.Buffer
	for _, c := range changed {
		if c.f.disk == same {
			plainOnes = append(plainOnes, c.next)
		} else {
			fmt.Fprintf(&list, "%s\n", quoted(c.f.path))
		}
	}
	ids, err := r.store(ctx, plainOnes)
	if err != nil {
		return err
	}
	var filtered []string
	if list.Len() > 0 {
		out, err := r.repo.git(ctx, r.index, list.Bytes(), "hash-object", "-w", "--stdin-paths")
		if err != nil {
			return err
		}
		filtered = strings.Fields(string(out))
	}
	j.record.Entries = nil
	for i := range changed {
		c := &changed[i]
		from := &filtered
		if c.f.disk == same {
			from = &ids
		}
		if len(*from) == 0 {
			return fmt.Errorf("git hash-object named too few objects, %s has none", c.f.path)
		}
		c.fix = repair{f: c.f, oid: (*from)[0]}
		*from = (*from)[1:]
		c.entry.New = c.fix.oid
		j.record.Entries = append(j.record.Entries, c.entry)
	}
	if err := j.write(); err != nil {
		return err
	}
	if err := r.restage(ctx, changed); err != nil {
		return err
	}
	for _, c := range changed {
		r.repairedNow(c)
	}
	return nil
}

// repairedNow takes note of a repair that is in the index.
func (r *round) repairedNow(c change) {
	c.f.oid, c.f.size = c.fix.oid, -1
	for _, x := range r.exports {
		x.stale = append(x.stale, c.f.path)
	}
	r.report.fixed(c.f.path)
}
