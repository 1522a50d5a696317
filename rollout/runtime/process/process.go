// Package process runs instances of a release as processes on this machine, and they outlive the controller that
// started them. Each instance has a keeper, a small process of its own (Keep) that starts the program, restarts it,
// writes down what it does and ends it; controllers come and go and find the instances by their folders.
//
// An instance's folder holds spec.json (what it was started from, without its environment), state.json (what its
// keeper did last), log and log.1 (what the program wrote), keeper.lock (held as long as a keeper lives) and lock (held
// by a controller while it starts or stops the instance). A keeper that was killed leaves its program running; List
// still shows it, Start replaces it and Stop ends it.
//
// It needs Linux. Where the controller runs under systemd its unit needs KillMode=process, or systemd ends the keepers
// with it.
package process

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"goodstate.dev/goodstate/rollout/runtime"
)

// Options say where instances are kept and how their keepers are started.
type Options struct {
	Dir    string   // one folder per instance is made in it
	Keeper []string // argv that runs Keep; "--dir FOLDER" is added: [/usr/bin/goodstate keep]
}

// Runtime starts, finds and stops processes. It may be used by several goroutines and by several controllers at once.
type Runtime struct {
	dir    string
	keeper []string

	mu       sync.Mutex
	children map[int]bool // keepers that this process started and has to wait for once they ended
}

var _ runtime.Runtime = (*Runtime)(nil)

// New opens the folder of instances, and makes it when it is not there.
func New(o Options) (*Runtime, error) {
	if o.Dir == "" || len(o.Keeper) == 0 {
		return nil, errors.New("process runtime: the folder of instances and the keeper's command must be given")
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("process runtime: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("process runtime: make the folder of instances: %w", err)
	}
	return &Runtime{dir: dir, keeper: slices.Clone(o.Keeper), children: map[int]bool{}}, nil
}

// List tells all instances of a service that were started and not stopped. One that waits for its next restart is
// Running with no PID, and Exit says how it ended last.
func (r *Runtime) List(ctx context.Context, service string) ([]runtime.Instance, error) {
	r.reap()
	folders, err := r.folders(service)
	if err != nil {
		return nil, fmt.Errorf("list the instances of %s: %w", service, err)
	}
	procs, err := processes()
	if err != nil {
		return nil, fmt.Errorf("list the instances of %s: %w", service, err)
	}
	var all []runtime.Instance
	for _, f := range folders {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("list the instances of %s: %w", service, err)
		}
		seen, err := f.look()
		switch {
		case errors.Is(err, fs.ErrNotExist): // being made, or just removed
			continue
		case err != nil:
			return nil, fmt.Errorf("list the instances of %s: %w", service, err)
		case seen.state.Phase == phaseStopped && !seen.kept:
			continue
		}
		all = append(all, seen.instance(procs))
	}
	slices.SortFunc(all, func(a, b runtime.Instance) int {
		return cmp.Or(cmp.Compare(a.Release, b.Release), cmp.Compare(a.Index, b.Index))
	})
	return all, nil
}

// Logs returns the last lines that the instance wrote, as long as its folder is kept: also after it was stopped.
func (r *Runtime) Logs(_ context.Context, id string, lines int) ([]string, error) {
	f, err := r.folder(id)
	if err != nil {
		return nil, fmt.Errorf("logs of %s: %w", id, err)
	}
	if _, err := os.Stat(f.dir); err != nil {
		return nil, fmt.Errorf("logs of %s: no such instance in %s: %w", id, r.dir, err)
	}
	last, err := lastLines(f.log(), lines)
	if err != nil {
		return nil, fmt.Errorf("logs of %s: %w", id, err)
	}
	return last, nil
}

// folders finds the folders of a service's instances; with an empty name those of all services.
func (r *Runtime) folders(service string) ([]folder, error) {
	entries, err := os.ReadDir(r.dir)
	if err != nil {
		return nil, err
	}
	prefix := ""
	if service != "" {
		prefix = runtime.Escape(service, false) + "."
	}
	var all []folder
	for _, e := range entries {
		if e.IsDir() && strings.HasPrefix(e.Name(), prefix) {
			all = append(all, folder{filepath.Join(r.dir, e.Name())})
		}
	}
	return all, nil
}

// reap waits for the keepers that this process started and that ended, so that they do not stay as zombies.
func (r *Runtime) reap() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for pid := range r.children {
		got, err := unix.Wait4(pid, nil, unix.WNOHANG, nil)
		if got == pid || errors.Is(err, unix.ECHILD) {
			delete(r.children, pid)
		}
	}
}
