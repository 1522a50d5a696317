package repository

import (
	"context"
	"errors"
	"fmt"
)

// Copied is what a copy to another repository did.
type Copied struct {
	Snapshots int   `json:"snapshots"` // copied now
	Known     int   `json:"known"`     // that were there already
	Saved     Saved `json:"saved"`
}

// Copy brings snapshots with all that they need into another repository, whose index is loaded as this one's. A snapshot that is there already, also under
// another ID, is not copied again. It may be killed and started again.
func (r *Repository) Copy(ctx context.Context, to *Repository, snaps []Snapshot, opt SaveOptions) (Copied, error) {
	var res Copied
	there, err := to.Snapshots(ctx)
	if err != nil {
		return res, fmt.Errorf("the repository that is copied to: %w", err)
	}
	known := map[ID]bool{}
	for _, s := range there {
		known[s.ID] = true
		if s.Original != nil {
			known[*s.Original] = true
		}
	}
	for _, s := range snaps {
		first := s.ID
		if s.Original != nil {
			first = *s.Original
		}
		if known[first] || known[s.ID] {
			res.Known++
			continue
		}
		saved, err := r.copyOne(ctx, to, s, opt)
		if err != nil {
			return res, fmt.Errorf("copy snapshot %s: %w", s.ID.Short(), err)
		}
		s.Original, s.Parent = &first, nil
		if _, err := to.SaveSnapshot(ctx, s); err != nil {
			return res, err
		}
		known[first] = true
		res.Snapshots++
		res.Saved.Blobs += saved.Blobs
		res.Saved.Known += saved.Known
		res.Saved.Plain += saved.Plain
		res.Saved.Written += saved.Written
	}
	return res, nil
}

// copyAtOnce is how many blobs are listed in memory at a time.
const copyAtOnce = 100_000

// copyOne copies what one snapshot needs.
func (r *Repository) copyOne(ctx context.Context, to *Repository, s Snapshot, opt SaveOptions) (Saved, error) {
	saver := to.NewSaver(ctx, opt)
	var missing []ID
	fetch := func() error {
		err := r.Fetch(ctx, missing, func(id ID, plain []byte, err error) error {
			if err != nil {
				return err
			}
			_, p, err := r.find(id)
			if err != nil {
				return err
			}
			_, _, err = saver.Save(p.kind, plain)
			return err
		})
		missing = missing[:0]
		return err
	}
	w := r.newWalker()
	w.each = func(id ID) error {
		have, err := to.Has(id)
		if err != nil || have {
			return err
		}
		if missing = append(missing, id); len(missing) < copyAtOnce {
			return nil
		}
		return fetch()
	}
	err := w.snapshots(ctx, []Snapshot{s})
	if err == nil {
		err = fetch()
	}
	if err != nil {
		return Saved{}, errors.Join(err, saver.Abort())
	}
	return saver.Finish()
}
