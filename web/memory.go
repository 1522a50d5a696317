package web

import (
	"context"
	"sync"
	"time"

	"goodstate.dev/goodstate/backup"
)

// memory is what was just read for a page, so that many open pages ask as much as one.
type memory struct {
	mu     sync.Mutex
	things map[string]keptThing
}

type keptThing struct {
	until time.Time
	value any
	err   error
}

// Reading the states of backups is a look at the record; reading restore points is a look at their repository, which may be far away.
const (
	standingsKept = 2 * time.Second
	pointsKept    = 10 * time.Second
)

func (k *memory) forget() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.things = nil
}

// keep reads something anew when it was read too long ago.
func keep[T any](k *memory, name string, d time.Duration, read func() (T, error)) (T, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if t, ok := k.things[name]; ok && time.Now().Before(t.until) {
		return t.value.(T), t.err
	}
	v, err := read()
	if k.things == nil {
		k.things = map[string]keptThing{}
	}
	k.things[name] = keptThing{time.Now().Add(d), v, err}
	return v, err
}

func (s *site) standings(ctx context.Context) ([]backup.Standing, error) {
	return keep(&s.memory, "standings", standingsKept, func() ([]backup.Standing, error) { return s.Backups.Standings(context.WithoutCancel(ctx), time.Now()) })
}

func (s *site) restorePoints(ctx context.Context, application string) ([]backup.RestorePoint, error) {
	st, err := s.standings(ctx)
	if err != nil {
		return nil, err
	}
	name := "points " + application
	for _, a := range st { // what was just copied is seen at once
		if a.Application == application {
			name += " " + a.Copied.String() + a.Running + a.Restored.String() + a.Verified.String()
		}
	}
	return keep(&s.memory, name, pointsKept, func() ([]backup.RestorePoint, error) {
		return s.Backups.RestorePoints(context.WithoutCancel(ctx), application, "")
	})
}
