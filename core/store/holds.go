package store

import (
	"context"
	"time"
)

// Hold keeps one release from being released until a person lets it go.
type Hold struct {
	Service string
	Release string // release id
	Version string
	Commit  string
	Why     string
	Who     string
	Run     string // the rollout that found it bad; empty when a person held it
	At      time.Time
}

// PutHold records a hold; an earlier one of the same release stays as it is.
func (s *Store) PutHold(ctx context.Context, h Hold) error {
	_, err := s.db.ExecContext(ctx, `INSERT INTO holds (service, id, version, commit_id, why, who, run, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (service, id) DO NOTHING`,
		h.Service, h.Release, h.Version, h.Commit, h.Why, h.Who, h.Run, h.At.UnixMilli())
	return wrap(err, "hold", h.Release)
}

// DeleteHold lets a release go. Letting go what is not held is not an error.
func (s *Store) DeleteHold(ctx context.Context, service, release string) error {
	_, err := s.db.ExecContext(ctx, `DELETE FROM holds WHERE service = ? AND id = ?`, service, release)
	return wrap(err, "let go", release)
}

// Holds lists the held releases of a service, newest first.
func (s *Store) Holds(ctx context.Context, service string) ([]Hold, error) {
	return list(ctx, s.db, "list the held releases of "+service, func(scan func(...any) error) (Hold, error) {
		var h Hold
		var at int64
		err := scan(&h.Service, &h.Release, &h.Version, &h.Commit, &h.Why, &h.Who, &h.Run, &at)
		h.At = time.UnixMilli(at)
		return h, err
	}, `SELECT service, id, version, commit_id, why, who, run, at FROM holds WHERE service = ? ORDER BY at DESC, id`, service)
}
