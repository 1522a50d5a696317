package storage

import (
	"context"
	"time"
)

// Locker is a storage that can hold files so that nobody, with whatever credentials, removes them before a time.
type Locker interface {
	// Retention is for how long files are held; 0 when that was not asked for.
	Retention() time.Duration
	// Hold holds a file until a time at least. It never shortens.
	Hold(ctx context.Context, name string, until time.Time) error
	// Held is until when a file is held; zero for one that is not.
	Held(ctx context.Context, name string) (time.Time, error)
}

// LockerOf is the locker among a storage and those below it, or nil where files are not held.
func LockerOf(s Storage) Locker {
	for {
		if l, ok := s.(Locker); ok && l.Retention() > 0 {
			return l
		}
		w, ok := s.(interface{ Unwrap() Storage })
		if !ok {
			return nil
		}
		s = w.Unwrap()
	}
}
