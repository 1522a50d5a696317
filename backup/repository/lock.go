package repository

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	"goodstate.dev/goodstate/backup/storage"
)

// lockFile is a file under locks/.
type lockFile struct {
	Time      time.Time `json:"time"`
	Exclusive bool      `json:"exclusive"`
	Hostname  string    `json:"hostname"`
	Username  string    `json:"username"`
	PID       int       `json:"pid"`
	UID       uint32    `json:"uid,omitempty"`
	GID       uint32    `json:"gid,omitempty"`
}

const (
	lockStale   = 30 * time.Minute // a lock that was not renewed for so long belongs to nobody
	lockRefresh = 5 * time.Minute
	lockSettle  = 200 * time.Millisecond // for storages that show a new file late
)

// LockedError says who holds the repository.
type LockedError struct {
	Hostname, Username string
	PID                int
	Since              time.Time
	Exclusive          bool
}

func (e *LockedError) Error() string {
	how := "is used"
	if e.Exclusive {
		how = "is locked for itself"
	}
	return fmt.Sprintf("the repository %s by process %d of %s on %s, last heard of %s ago", how, e.PID, e.Username, e.Hostname, time.Since(e.Since).Round(time.Second))
}

// Lock is a lock that is held, and renewed until Unlock.
type Lock struct {
	repo *Repository
	stop context.CancelFunc
	done sync.WaitGroup

	mu   sync.Mutex
	file lockFile
	id   ID
	lost error
}

// Lock takes part in the repository: many may read and add at once; who takes things away must be alone.
func (r *Repository) Lock(ctx context.Context, exclusive bool) (*Lock, error) {
	l := &Lock{repo: r, file: lockFile{Time: time.Now(), Exclusive: exclusive, PID: os.Getpid(), UID: uint32(os.Getuid()), GID: uint32(os.Getgid())}}
	l.file.Username, l.file.Hostname = who()
	if err := r.others(ctx, exclusive, ID{}); err != nil {
		return nil, err
	}
	var err error
	if l.id, err = r.saveJSON(ctx, "locks", l.file); err != nil {
		return nil, fmt.Errorf("lock the repository: %w", err)
	}
	settle := time.NewTimer(lockSettle)
	defer settle.Stop()
	select {
	case <-settle.C:
		err = r.others(ctx, exclusive, l.id)
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		return nil, errors.Join(err, r.removeLock(l.id))
	}
	var live context.Context
	live, l.stop = context.WithCancel(context.WithoutCancel(ctx))
	l.done.Go(func() { l.renew(live) })
	return l, nil
}

// others looks for locks that stand against a new one. Those of dead processes are cleared away.
func (r *Repository) others(ctx context.Context, exclusive bool, mine ID) error {
	files, err := r.list(ctx, "locks")
	if err != nil {
		return err
	}
	_, hostname := who()
	for id := range files {
		if id == mine {
			continue
		}
		var f lockFile
		err := r.loadJSON(ctx, "locks/"+id.String(), &f)
		switch {
		case errors.Is(err, storage.ErrNotFound):
			continue // let go meanwhile
		case err != nil:
			return err
		case f.abandoned(hostname) || wasLetGo(id):
			if err := r.removeLock(id); err != nil && !errors.Is(err, storage.ErrRefused) {
				return err
			}
		case exclusive || f.Exclusive:
			return &LockedError{Hostname: f.Hostname, Username: f.Username, PID: f.PID, Since: f.Time, Exclusive: f.Exclusive}
		}
	}
	return nil
}

// abandoned says that the process of a lock is dead, or was not heard of for too long.
func (f *lockFile) abandoned(hostname string) bool {
	if time.Since(f.Time) > lockStale {
		return true
	}
	return f.Hostname == hostname && f.PID != os.Getpid() && errors.Is(syscall.Kill(f.PID, 0), syscall.ESRCH)
}

func (r *Repository) removeLock(id ID) error {
	ctx, stop := context.WithTimeout(context.Background(), time.Minute)
	defer stop()
	return r.storage.Remove(ctx, "locks/"+id.String())
}

// renew writes the lock anew once in a while. A lock that could not be renewed before it is stale is lost.
func (l *Lock) renew(ctx context.Context) {
	tick := time.NewTicker(lockRefresh)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		l.mu.Lock()
		next := l.file
		next.Time = time.Now()
		id, err := l.repo.saveJSON(ctx, "locks", next)
		if err == nil {
			old := l.id
			l.file, l.id = next, id
			if err = l.repo.removeLock(old); errors.Is(err, storage.ErrRefused) {
				letGo.Store(old, true)
				err = nil
			}
		}
		if err != nil && time.Since(l.file.Time) > lockStale-lockRefresh {
			l.lost = fmt.Errorf("the lock of the repository could not be renewed: %w", err)
		}
		l.mu.Unlock()
	}
}

// Err says that the lock was lost: who still writes must stop.
func (l *Lock) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lost
}

// letGo has the locks of this process that it gave up and could not remove, since its credentials may not. Others take them for given up when they are stale.
var letGo sync.Map

func wasLetGo(id ID) bool {
	_, gone := letGo.Load(id)
	return gone
}

// Unlock lets go. A lock for reading and adding that may not be removed stays, until it is stale or who may removes it; one for taking away is of no use without that right.
func (l *Lock) Unlock() error {
	l.stop()
	l.done.Wait()
	err := l.repo.removeLock(l.id)
	if errors.Is(err, storage.ErrRefused) {
		letGo.Store(l.id, true)
		if !l.file.Exclusive {
			return nil
		}
	}
	return err
}
