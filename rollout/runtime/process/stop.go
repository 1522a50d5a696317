package process

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"syscall"
	"time"
)

const (
	defaultGrace = 10 * time.Second // where a spec says none
	keeperMargin = 5 * time.Second  // what a keeper gets beyond its program's grace
	keptStopped  = 10               // stopped instances of a service whose logs are kept
)

// Stop ends the instance: a polite signal, then after its grace the kill. Only its logs stay.
func (r *Runtime) Stop(ctx context.Context, id string) error {
	f, err := r.folder(id)
	if err != nil {
		return fmt.Errorf("stop: %w", err)
	}
	if _, err := os.Stat(f.spec()); errors.Is(err, fs.ErrNotExist) {
		return nil // never started, or long gone
	}
	if err := r.stop(ctx, f); err != nil {
		return fmt.Errorf("stop %s: %w", id, err)
	}
	return nil
}

func (r *Runtime) stop(ctx context.Context, f folder) error {
	mine, err := f.claim(ctx)
	if err != nil {
		return err
	}
	defer mine.free()
	seen, err := f.look()
	if errors.Is(err, fs.ErrNotExist) {
		return nil // swept away meanwhile
	}
	if err != nil {
		return err
	}
	if seen.state.Phase == phaseStopped && !seen.kept {
		return nil
	}
	keeperLock, err := f.endKeeper(ctx, grace(seen.spec.Grace)+keeperMargin)
	if err != nil {
		return fmt.Errorf("end its keeper: %w", err)
	}
	err = f.bury(ctx, seen)
	keeperLock.free()
	if err != nil {
		return err
	}
	r.reap()
	r.sweep(seen.spec.Service)
	return nil
}

// bury ends what is left of the instance and writes down that it was stopped. The caller holds the keeper's lock.
func (f folder) bury(ctx context.Context, seen sight) error {
	if err := f.endOrphans(ctx, seen.spec.Grace); err != nil {
		return err
	}
	if err := f.readState(&seen.state); err != nil {
		return err
	}
	if seen.state.Phase != phaseEnded {
		seen.state.Exit = "stopped after its keeper was killed"
	}
	seen.state.Phase, seen.state.Program, seen.state.Keeper = phaseStopped, ident{}, ident{}
	return errors.Join(writeJSON(f.state(), seen.state), os.RemoveAll(f.files())) // there may be secrets in them
}

func grace(given time.Duration) time.Duration {
	if given <= 0 {
		return defaultGrace
	}
	return given
}

// endKeeper tells the keeper to end and takes its lock once it did. A keeper that does not within the time is killed.
func (f folder) endKeeper(ctx context.Context, within time.Duration) (*lock, error) {
	var free *lock
	var told ident
	patience := time.Now().Add(within)
	err := poll(ctx, func() (bool, error) {
		l, err := tryLock(f.keeperLock())
		if l != nil || err != nil {
			free = l
			return l != nil, err
		}
		var s state
		if err := f.readState(&s); err != nil {
			return false, err
		}
		late := time.Now().After(patience)
		if s.Boot != bootID() || s.Keeper == told && !late {
			return false, nil
		}
		told = s.Keeper
		if late {
			return false, told.signal(syscall.SIGKILL)
		}
		return false, told.signal(syscall.SIGTERM)
	})
	return free, err
}

// endOrphans ends what is left of a program whose keeper was killed. The caller holds the keeper's lock.
func (f folder) endOrphans(ctx context.Context, given time.Duration) error {
	patience := time.Now().Add(grace(given))
	told := map[ident]bool{}
	err := poll(ctx, func() (bool, error) {
		left, err := f.orphans()
		if err != nil || len(left) == 0 {
			return true, err
		}
		sig := syscall.SIGTERM
		if time.Now().After(patience) {
			sig = syscall.SIGKILL
		}
		for _, p := range left {
			if sig == syscall.SIGTERM && told[p.ident] {
				continue
			}
			told[p.ident] = true
			if err := p.signal(sig); err != nil {
				return false, err
			}
		}
		return false, nil
	})
	if err != nil {
		return fmt.Errorf("end the program that its killed keeper left: %w", err)
	}
	return nil
}

// orphans finds the program that was written down, its family, and everything that has the folder in its environment:
// the keeper may have been killed before it wrote the program down, and the program may have ended before its children.
func (f folder) orphans() ([]stat, error) {
	var s state
	if err := f.readState(&s); err != nil {
		return nil, err
	}
	procs, err := processes()
	if err != nil {
		return nil, err
	}
	left := marked(procs, f.mark())
	if s.Boot == bootID() && s.Program.alive() {
		left = append(left, family(procs, s.Program.PID)...)
	}
	return slices.DeleteFunc(left, func(p stat) bool { return p.PID == os.Getpid() }), nil
}

// sweep removes the folders of instances that were stopped, except for the last few of the service.
func (r *Runtime) sweep(service string) {
	type stopped struct {
		folder
		at time.Time
	}
	folders, err := r.folders(service)
	if err != nil {
		return // housekeeping: the next stop tries again
	}
	var old []stopped
	for _, f := range folders {
		seen, err := f.look()
		info, statErr := os.Stat(f.state())
		if err == nil && statErr == nil && seen.state.Phase == phaseStopped && !seen.kept {
			old = append(old, stopped{f, info.ModTime()})
		}
	}
	slices.SortFunc(old, func(a, b stopped) int { return cmp.Or(b.at.Compare(a.at), cmp.Compare(a.dir, b.dir)) })
	for _, f := range old[min(keptStopped, len(old)):] {
		l, err := tryLock(f.lock())
		if l == nil || err != nil {
			continue // being started again
		}
		var now state
		if f.readState(&now) == nil && now.Phase == phaseStopped {
			_ = os.RemoveAll(f.dir) // housekeeping: the next stop tries again
		}
		l.free()
	}
}
