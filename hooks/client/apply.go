package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// repair is a file with better content than what is staged.
type repair struct {
	f    *file
	oid  string // of the repaired content
	work []byte // the content as it belongs on disk; nil where Git must be asked
}

// apply puts repairs into the work tree and the index: the journal first, then file by file, then the index at once. When it fails in between it takes
// back what it did.
func (r *round) apply(ctx context.Context, repairs []repair) error {
	repairs = slices.DeleteFunc(repairs, func(fix repair) bool { return fix.oid == fix.f.oid })
	if len(repairs) == 0 {
		return nil
	}
	j, err := r.open(ctx)
	if err != nil {
		return err
	}
	plans := make([]change, 0, len(repairs))
	for _, fix := range repairs {
		c, err := r.prepare(ctx, j, fix)
		if err != nil {
			return err
		}
		plans = append(plans, c)
		j.record.Entries = append(j.record.Entries, c.entry)
	}
	if err := j.write(); err != nil {
		return errors.Join(err, j.done())
	}
	if err := r.carryOut(ctx, j, plans); err != nil {
		// What was done is taken back even when the run was interrupted.
		said, undo := r.repo.settle(context.WithoutCancel(ctx), j.dir)
		r.report.Notes = append(r.report.Notes, said...)
		if undo != nil {
			return errors.Join(err, undo) // the journal stays open, and the next start tries again
		}
		return errors.Join(err, j.done())
	}
	for _, c := range plans {
		r.repairedNow(c)
		if c.next != nil && c.f.disk == other && bytes.Equal(c.next, c.fix.work) {
			c.f.disk = same
		}
	}
	return j.done()
}

// change is a repair with what it does to the file on disk.
type change struct {
	f     *file
	fix   repair
	entry entry
	was   []byte
	next  []byte // nil when the file on disk stays as it is
}

// prepare decides what the file on disk becomes, and copies what it is.
func (r *round) prepare(ctx context.Context, j *journal, fix repair) (change, error) {
	c := change{f: fix.f, fix: fix, entry: entry{Path: []byte(fix.f.path), Old: fix.f.oid, New: fix.oid}}
	if fix.f.disk == gone {
		return c, nil
	}
	info, err := os.Lstat(filepath.Join(r.repo.Top, fix.f.path))
	if err != nil || !info.Mode().IsRegular() {
		return c, nil // there is no file to repair; what is staged is
	}
	c.was, err = r.folders.read(fix.f.path, false)
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return c, fmt.Errorf("repair %s: %w", fix.f.path, err)
	}
	if err := r.decide(ctx, j, &c); err != nil || c.next == nil {
		return c, err
	}
	c.entry.Perm, c.entry.Next = info.Mode().Perm(), digest(c.next)
	return c, j.keep(&c.entry, c.was)
}

// decide finds the next content of the file on disk: the repaired one where the file was what is staged, else a merge.
func (r *round) decide(ctx context.Context, j *journal, c *change) error {
	c.next = nil
	name := c.f.path
	repaired := c.fix.work
	var err error
	if repaired == nil || c.f.disk == converted {
		if repaired, err = r.repo.checkedOut(ctx, r.index, c.fix.oid, name); err != nil {
			return fmt.Errorf("repair %s: %w", name, err)
		}
	}
	if c.f.disk == same && blobID(c.was, c.f.oid) == c.f.oid {
		c.next = repaired
		return nil
	}
	base, err := r.repo.checkedOut(ctx, r.index, c.f.oid, name)
	if err != nil {
		return fmt.Errorf("repair %s: %w", name, err)
	}
	if bytes.Equal(base, c.was) {
		c.next = repaired
		return nil
	}
	if repaired, err = r.repo.checkedOut(ctx, r.index, c.fix.oid, name); err != nil {
		return fmt.Errorf("repair %s: %w", name, err)
	}
	merged, clean, err := j.merge(ctx, r.repo, c.was, base, repaired)
	if err != nil {
		return fmt.Errorf("repair %s: %w", name, err)
	}
	if clean {
		c.next = merged
		return nil
	}
	r.report.note("%s: what is staged was repaired; the file on disk has other changes on the same lines and stays as it is", name)
	return nil
}

// tries is how often a file that somebody saves meanwhile is merged anew.
const tries = 3

func (r *round) carryOut(ctx context.Context, j *journal, plans []change) error {
	for i := range plans {
		c := &plans[i]
		if c.next == nil || bytes.Equal(c.next, c.was) {
			continue
		}
		for try := 1; ; try++ {
			if err := ctx.Err(); err != nil {
				return err
			}
			err := r.repo.replace(j.dir, c.f.path, c.entry.Was, c.next, c.entry.Perm)
			if err == nil {
				break
			}
			if !errors.Is(err, errEdited) {
				return err
			}
			if again, err := r.again(ctx, j, c, try); err != nil || !again {
				if err != nil {
					return err
				}
				break
			}
			j.record.Entries[i] = c.entry
			if err := j.write(); err != nil {
				return err
			}
		}
	}
	return r.restage(ctx, plans)
}

// again prepares a file anew that somebody saved meanwhile. False leaves it as it is.
func (r *round) again(ctx context.Context, j *journal, c *change, try int) (bool, error) {
	c.f.disk = other
	if try < tries {
		fresh, err := r.prepare(ctx, j, c.fix)
		if err != nil {
			return false, err
		}
		*c = fresh
		return c.next != nil, nil
	}
	c.next = nil
	r.report.note("%s: it was saved again and again while the hook ran; what is staged was repaired, the file on disk stays as it is", c.f.path)
	return false, nil
}
