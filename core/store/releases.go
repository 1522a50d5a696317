package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"goodstate.dev/goodstate/core/good"
)

// ReleaseState says what a kept release is to its service.
type ReleaseState string

// The states of a kept release.
const (
	Built   ReleaseState = "built"   // on this machine, not serving
	Serving ReleaseState = "serving" // what users get
)

// Release is a release that is kept on this machine, with the configuration that belongs to it.
type Release struct {
	Release good.Release
	Config  json.RawMessage
	Dir     string
	State   ReleaseState
	At      time.Time
}

// PutRelease records a release; one of the same service and id is replaced.
func (s *Store) PutRelease(ctx context.Context, r Release) error {
	text, err := json.Marshal(r.Release)
	if err != nil {
		return fmt.Errorf("release %s: %w", r.Release.ID(), err)
	}
	_, err = s.db.ExecContext(ctx, `INSERT INTO releases (service, id, release, config, dir, state, at) VALUES (?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (service, id) DO UPDATE SET release = excluded.release, config = excluded.config, dir = excluded.dir, state = excluded.state, at = excluded.at`,
		r.Release.Service, r.Release.ID(), string(text), string(r.Config), r.Dir, string(r.State), r.At.UnixMilli())
	return wrap(err, "record release", r.Release.ID())
}

// Releases lists the kept releases of a service, newest first.
func (s *Store) Releases(ctx context.Context, service string) ([]Release, error) {
	return list(ctx, s.db, "list the releases of "+service, func(scan func(...any) error) (Release, error) {
		var r Release
		var text, config, state string
		var at int64
		if err := scan(&text, &config, &r.Dir, &state, &at); err != nil {
			return r, err
		}
		r.Config, r.State, r.At = json.RawMessage(config), ReleaseState(state), time.UnixMilli(at)
		return r, json.Unmarshal([]byte(text), &r.Release)
	}, `SELECT release, config, dir, state, at FROM releases WHERE service = ? ORDER BY at DESC, id`, service)
}
