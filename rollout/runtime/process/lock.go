package process

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// lock is a lock on an open file (not on a process): it can be handed to a keeper with the file, it is free the moment
// the last holder is gone, however that happened, and others can ask for it without taking it.
type lock struct{ file *os.File }

var wholeFile = unix.Flock_t{Type: unix.F_WRLCK}

// tryLock takes the lock of a file; nil when somebody else has it.
func tryLock(path string) (*lock, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	want := wholeFile
	err = unix.FcntlFlock(file.Fd(), unix.F_OFD_SETLK, &want)
	if err == nil && samePlace(file, path) {
		return &lock{file}, nil
	}
	_ = file.Close() // nothing was written
	if err == nil || errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES) {
		return nil, nil
	}
	return nil, fmt.Errorf("lock %s: %w", path, err)
}

// samePlace is false when the file was removed (with its folder) between opening and locking it.
func samePlace(file *os.File, path string) bool {
	have, err := file.Stat()
	if err != nil {
		return false
	}
	now, err := os.Stat(path)
	return err == nil && os.SameFile(have, now)
}

// waitLock takes the lock as soon as it is free.
func waitLock(ctx context.Context, path string) (*lock, error) {
	var got *lock
	err := poll(ctx, func() (bool, error) {
		l, err := tryLock(path)
		got = l
		return l != nil, err
	})
	return got, err
}

// held tells whether anybody has the lock.
func held(path string) (bool, error) {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer func() { _ = file.Close() }() // nothing was written
	ask := wholeFile
	if err := unix.FcntlFlock(file.Fd(), unix.F_OFD_GETLK, &ask); err != nil {
		return false, fmt.Errorf("ask for the lock of %s: %w", path, err)
	}
	return ask.Type != unix.F_UNLCK, nil
}

func (l *lock) free() { _ = l.file.Close() } // nothing was written; closing frees the lock, unless a keeper shares it

// poll asks every 10 ms until the answer is yes, an error, or ctx ended.
func poll(ctx context.Context, done func() (bool, error)) error {
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for {
		ok, err := done()
		if ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}
