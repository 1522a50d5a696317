package repository

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// Snapshot is a restore point: when what was copied, and its tree.
type Snapshot struct {
	Time     time.Time `json:"time"`
	Parent   *ID       `json:"parent,omitempty"`
	Tree     ID        `json:"tree"`
	Paths    []string  `json:"paths"`
	Hostname string    `json:"hostname,omitempty"`
	Username string    `json:"username,omitempty"`
	UID      uint32    `json:"uid,omitempty"`
	GID      uint32    `json:"gid,omitempty"`
	Excludes []string  `json:"excludes,omitempty"`
	Tags     []string  `json:"tags,omitempty"`
	Original *ID       `json:"original,omitempty"`

	ID ID `json:"-"` // of its file
}

// SaveSnapshot writes a snapshot. All that it needs must be saved and indexed before.
func (r *Repository) SaveSnapshot(ctx context.Context, s Snapshot) (ID, error) {
	if s.Username == "" && s.Hostname == "" {
		s.Username, s.Hostname = who()
	}
	id, err := r.saveJSON(ctx, "snapshots", s)
	if err != nil {
		return id, fmt.Errorf("save the snapshot: %w", err)
	}
	return id, nil
}

// Snapshots lists all, the oldest first. One that cannot be read is in the error, the others are returned all the same.
func (r *Repository) Snapshots(ctx context.Context) ([]Snapshot, error) {
	files, err := r.list(ctx, "snapshots")
	if err != nil {
		return nil, err
	}
	results := make(chan Snapshot, len(files))
	failures := make(chan error, len(files))
	var group errgroup.Group
	group.SetLimit(4)
	for id := range files {
		group.Go(func() error {
			s := Snapshot{}
			if err := r.loadJSON(ctx, "snapshots/"+id.String(), &s); err != nil {
				failures <- err
				return nil
			}
			s.ID = id
			results <- s
			return nil
		})
	}
	_ = group.Wait() // failures are collected
	close(results)
	close(failures)
	var all []Snapshot
	for s := range results {
		all = append(all, s)
	}
	var errs []error
	for err := range failures {
		errs = append(errs, err)
	}
	slices.SortFunc(all, func(a, b Snapshot) int {
		if c := a.Time.Compare(b.Time); c != 0 {
			return c
		}
		return slices.Compare(a.ID[:], b.ID[:])
	})
	return all, errors.Join(errs...)
}

// FindSnapshot finds one by its ID, the beginning of it, or "latest".
func (r *Repository) FindSnapshot(ctx context.Context, name string) (Snapshot, error) {
	all, err := r.Snapshots(ctx)
	if err != nil && len(all) == 0 {
		return Snapshot{}, err
	}
	if name == "latest" {
		if len(all) == 0 {
			return Snapshot{}, errors.New("the repository has no snapshots")
		}
		return all[len(all)-1], nil
	}
	var found []Snapshot
	for _, s := range all {
		if strings.HasPrefix(s.ID.String(), name) {
			found = append(found, s)
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return Snapshot{}, fmt.Errorf("%d snapshots begin with %s, say more of its ID", len(found), name)
	}
	return Snapshot{}, errors.Join(fmt.Errorf("no snapshot begins with %q among %d", name, len(all)), err)
}

// RemoveSnapshot forgets a snapshot. Its data stays until Prune.
func (r *Repository) RemoveSnapshot(ctx context.Context, id ID) error {
	return r.storage.Remove(ctx, "snapshots/"+id.String())
}
