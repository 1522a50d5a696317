// Package memory keeps which instance was started at which place away from this machine: a file an instance, on the disk before the place is
// told to start it and until the place said that it is stopped. What was stopped is kept in a folder beside, since its logs may still be there.
package memory

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"goodstate.dev/goodstate/rollout/runtime"
)

// Memory is a folder of such files. Several goroutines may use it; one process at a time.
type Memory struct{ dir string }

type record struct {
	Instance runtime.Instance `json:"instance"`
	Place    runtime.Place    `json:"place"`
}

// Group is the instances of a service at one place, as they were last known.
type Group struct {
	Place     runtime.Place
	Instances []runtime.Instance
}

const keptStopped = 200

// Open finds the folder, or makes it.
func Open(dir string) (*Memory, error) {
	if err := os.MkdirAll(filepath.Join(dir, "stopped"), 0o700); err != nil {
		return nil, fmt.Errorf("folder of what runs elsewhere: %w", err)
	}
	return &Memory{dir}, nil
}

func (m *Memory) file(id string) (string, error) {
	if id == "" || id[0] == '.' || strings.ContainsAny(id, "/\x00") {
		return "", fmt.Errorf("%q is not the id of an instance", id)
	}
	return filepath.Join(m.dir, id+".json"), nil
}

// Put remembers an instance. One without an address keeps the address that was known.
func (m *Memory) Put(i runtime.Instance, p runtime.Place) error {
	path, err := m.file(i.ID)
	if err != nil {
		return err
	}
	if i.URL == "" { // not known yet: what was known stays
		if was, err := read(path); err == nil {
			i.URL = was.Instance.URL
		}
	}
	text, err := json.Marshal(record{i, p})
	if err == nil {
		err = replace(path, text)
	}
	if err != nil {
		return fmt.Errorf("remember that %s is at %s: %w", i.ID, p.Name, err)
	}
	return nil
}

// replace writes a file in one go: a reader sees the old one or the new one, also after a crash.
func replace(path string, text []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

func read(path string) (record, error) {
	var r record
	text, err := os.ReadFile(path)
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(text, &r); err != nil {
		return r, fmt.Errorf("%s: %w", path, err)
	}
	return r, nil
}

// Forget says that the instance is stopped.
func (m *Memory) Forget(id string) error {
	path, err := m.file(id)
	if err == nil {
		err = os.Rename(path, filepath.Join(m.dir, "stopped", id+".json"))
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("forget %s: %w", id, err)
	}
	m.sweep()
	return nil
}

// sweep removes the records of instances that were stopped long ago.
func (m *Memory) sweep() {
	entries, err := os.ReadDir(filepath.Join(m.dir, "stopped"))
	if err != nil || len(entries) <= keptStopped {
		return // housekeeping: the next one tries again
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int {
		x, errA := a.Info()
		y, errB := b.Info()
		if errA != nil || errB != nil {
			return 0
		}
		return cmp.Compare(x.ModTime().UnixNano(), y.ModTime().UnixNano())
	})
	for _, e := range entries[:len(entries)-keptStopped] {
		_ = os.Remove(filepath.Join(m.dir, "stopped", e.Name())) // likewise
	}
}

// Place is where an instance is.
func (m *Memory) Place(id string) (runtime.Place, bool, error) { return m.in(m.dir, id) }

// Before is where an instance is or was last.
func (m *Memory) Before(id string) (runtime.Place, bool, error) {
	if p, ok, err := m.Place(id); ok || err != nil {
		return p, ok, err
	}
	return m.in(filepath.Join(m.dir, "stopped"), id)
}

func (m *Memory) in(dir, id string) (runtime.Place, bool, error) {
	if _, err := m.file(id); err != nil {
		return runtime.Place{}, false, err
	}
	r, err := read(filepath.Join(dir, id+".json"))
	if errors.Is(err, fs.ErrNotExist) {
		return runtime.Place{}, false, nil
	}
	if err != nil {
		return runtime.Place{}, false, fmt.Errorf("where %s runs: %w", id, err)
	}
	return r.Place, true, nil
}

// Groups are the instances of a service by their places.
func (m *Memory) Groups(service string) ([]Group, error) {
	found, err := filepath.Glob(filepath.Join(m.dir, runtime.Escape(service, false)+".*.json"))
	if err != nil {
		return nil, fmt.Errorf("what runs elsewhere: %w", err)
	}
	var out []Group
	for _, path := range found {
		r, err := read(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue // stopped just now
		}
		if err != nil {
			return nil, fmt.Errorf("what runs elsewhere: %w", err)
		}
		at := slices.IndexFunc(out, func(g Group) bool { return same(g.Place, r.Place) })
		if at < 0 {
			out = append(out, Group{Place: r.Place})
			at = len(out) - 1
		}
		out[at].Instances = append(out[at].Instances, r.Instance)
	}
	return out, nil
}

func same(a, b runtime.Place) bool {
	x, errA := json.Marshal(a)
	y, errB := json.Marshal(b)
	return errA == nil && errB == nil && string(x) == string(y)
}

// Known is an instance as it was last known, and where it is.
func (m *Memory) Known(id string) (i runtime.Instance, p runtime.Place, ok bool, err error) {
	path, err := m.file(id)
	if err != nil {
		return i, p, false, err
	}
	r, err := read(path)
	if errors.Is(err, fs.ErrNotExist) {
		return i, p, false, nil
	}
	if err != nil {
		return i, p, false, fmt.Errorf("where %s runs: %w", id, err)
	}
	return r.Instance, r.Place, true, nil
}
