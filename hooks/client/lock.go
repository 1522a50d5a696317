package client

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// nested tells a hook that it was started by a job of a run in this work tree: waiting for that run would never end.
const nested = "GOODSTATE_HOOK_RUN"

// lock is held by the one run that may change the work tree. The system lets go of it when its owner is killed.
type lock struct{ file *os.File }

// tryLock takes the lock, or returns nil when somebody has it.
func (repo *Repo) tryLock() (*lock, error) {
	if err := os.MkdirAll(repo.own(), 0o755); err != nil {
		return nil, fmt.Errorf("folder of hook runs: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(repo.own(), "lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("lock of hook runs: %w", err)
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, f.Close()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", f.Name(), err), f.Close())
	}
	return &lock{f}, nil
}

// waitLock takes the lock, or returns nil when somebody keeps it for longer than a limit.
func (repo *Repo) waitLock(ctx context.Context, limit time.Duration) (*lock, error) {
	tick := time.NewTicker(limit / 20)
	defer tick.Stop()
	for end := time.Now().Add(limit); ; {
		l, err := repo.tryLock()
		if l != nil || err != nil || time.Now().After(end) || os.Getenv(nested) == repo.Dir {
			return l, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-tick.C:
		}
	}
}

// patience is how long a run waits for another one in the same work tree.
const patience = 10 * time.Minute

// takeLock waits until no other run changes this work tree.
func (repo *Repo) takeLock(ctx context.Context, note func(string)) (*lock, error) {
	began := time.Now()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for told := false; ; {
		l, err := repo.tryLock()
		if l != nil || err != nil {
			return l, err
		}
		if os.Getenv(nested) == repo.Dir {
			return nil, fmt.Errorf("a job of a hook started another commit in %s, which would wait for itself; take git commit out of the job", repo.Top)
		}
		if time.Since(began) > patience {
			return nil, fmt.Errorf("another hook run has been at work in %s for %s; end it, then commit again", repo.Top, patience)
		}
		if !told && time.Since(began) > time.Second {
			note("waited for another hook run in this work tree")
			told = true
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-tick.C:
		}
	}
}

func (l *lock) release() error {
	if l == nil {
		return nil
	}
	return l.file.Close() // closing lets go
}
