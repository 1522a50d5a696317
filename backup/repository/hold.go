package repository

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"goodstate.dev/goodstate/backup/storage"
)

// Held is what a repository's storage holds against removal.
type Held struct {
	Files    int       `json:"files"`
	Extended int       `json:"extended"`
	Until    time.Time `json:"until,omitzero"` // the earliest end among what was not extended, and the new end of what was
}

// Hold extends the retention of everything that a snapshot needs: its packs, the index, the keys, the config and the snapshots themselves. What ends within three
// quarters of the storage's retention is held for the whole of it again, so that a call in each quarter leaves nothing for less than half. The index is loaded.
func (r *Repository) Hold(ctx context.Context, now time.Time) (Held, error) {
	l := storage.LockerOf(r.storage)
	if l == nil {
		return Held{}, nil
	}
	names, err := r.needed(ctx)
	if err != nil {
		return Held{}, err
	}
	until, enough := now.Add(l.Retention()), now.Add(l.Retention()*3/4)
	ends := make([]time.Time, len(names))
	extended := make([]bool, len(names))
	group, live := errgroup.WithContext(ctx)
	group.SetLimit(8)
	for i, name := range names {
		group.Go(func() (err error) {
			if ends[i], err = l.Held(live, name); err != nil || ends[i].After(enough) {
				return err
			}
			ends[i], extended[i] = until, true
			return l.Hold(live, name, until)
		})
	}
	if err := group.Wait(); err != nil {
		return Held{}, fmt.Errorf("extend the retention of what restore points need: %w", err)
	}
	res := Held{Files: len(names), Until: until}
	for i := range names {
		if extended[i] {
			res.Extended++
		}
		if ends[i].Before(res.Until) {
			res.Until = ends[i]
		}
	}
	return res, nil
}

// needed lists the files that snapshots need.
func (r *Repository) needed(ctx context.Context) ([]string, error) {
	files, err := r.list(ctx, "data")
	if err != nil {
		return nil, err
	}
	snaps, err := r.Snapshots(ctx)
	if err != nil {
		return nil, err
	}
	w := r.newWalker()
	if err := w.snapshots(ctx, snaps); err != nil {
		return nil, err
	}
	uses, err := r.uses(w.seen, files)
	if err != nil {
		return nil, err
	}
	names := []string{configName}
	for _, u := range uses {
		if u.need > 0 {
			names = append(names, packName(u.id))
		}
	}
	for _, folder := range []string{"index", "keys", "snapshots"} {
		all, err := r.list(ctx, folder)
		if err != nil {
			return nil, err
		}
		for id := range all {
			names = append(names, folder+"/"+id.String())
		}
	}
	return names, nil
}
