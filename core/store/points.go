package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"goodstate.dev/goodstate/core/good"
)

// PutPoint records a known-good point. The same id again changes nothing.
func (s *Store) PutPoint(ctx context.Context, p good.Point) error {
	release, err := json.Marshal(p.Release)
	if err != nil {
		return fmt.Errorf("known-good point %s: %w", p.ID, err)
	}
	evidence, err := json.Marshal(p.Evidence)
	if err != nil {
		return fmt.Errorf("known-good point %s: %w", p.ID, err)
	}
	_, err = s.db.ExecContext(ctx, `INSERT INTO points (id, service, release, restore_point, run, at, evidence) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`,
		p.ID, p.Service, string(release), p.RestorePoint, p.Run, p.At.UnixMilli(), string(evidence))
	return wrap(err, "record known-good point", p.ID)
}

// RestorePoint notes the copy of the data that was taken when the newest known-good point of a release was left.
func (s *Store) RestorePoint(ctx context.Context, service string, r good.Release, name string) error {
	points, err := s.Points(ctx, service)
	if err != nil {
		return err
	}
	for _, p := range points {
		if p.Release.ID() == r.ID() {
			_, err := s.db.ExecContext(ctx, `UPDATE points SET restore_point = ? WHERE id = ?`, name, p.ID)
			return wrap(err, "note the restore point of", p.ID)
		}
	}
	return nil
}

// Points lists the known-good points of a service, newest first.
func (s *Store) Points(ctx context.Context, service string) ([]good.Point, error) {
	return list(ctx, s.db, "list the known-good points of "+service, func(scan func(...any) error) (good.Point, error) {
		var p good.Point
		var release, evidence string
		var at int64
		if err := scan(&p.ID, &p.Service, &release, &p.RestorePoint, &p.Run, &at, &evidence); err != nil {
			return p, err
		}
		p.At = time.UnixMilli(at)
		if err := json.Unmarshal([]byte(release), &p.Release); err != nil {
			return p, err
		}
		return p, json.Unmarshal([]byte(evidence), &p.Evidence)
	}, `SELECT id, service, release, restore_point, run, at, evidence FROM points WHERE service = ? ORDER BY at DESC, id DESC`, service)
}
