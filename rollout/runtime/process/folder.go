package process

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// folder is where everything about one instance is kept; its name is the instance's id.
type folder struct{ dir string }

func (f folder) id() string         { return filepath.Base(f.dir) }
func (f folder) spec() string       { return filepath.Join(f.dir, "spec.json") }
func (f folder) state() string      { return filepath.Join(f.dir, "state.json") }
func (f folder) log() string        { return filepath.Join(f.dir, "log") }
func (f folder) lock() string       { return filepath.Join(f.dir, "lock") }
func (f folder) keeperLock() string { return filepath.Join(f.dir, "keeper.lock") }
func (f folder) keeperLog() string  { return filepath.Join(f.dir, "keeper.log") }

// folder finds the folder of an id that may come from anywhere.
func (r *Runtime) folder(id string) (folder, error) {
	parts := strings.Split(id, ".")
	if len(parts) < 3 || parts[0] == "" || strings.ContainsAny(id, "/\x00") || len(id) > 200 {
		return folder{}, fmt.Errorf("%q is not the id of an instance; want SERVICE.RELEASE.INDEX", id)
	}
	return folder{filepath.Join(r.dir, id)}, nil
}

// writeJSON replaces a file in one go: a reader sees the old one or the new one, also after a crash.
func writeJSON(path string, v any) (err error) {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(tmp.Name()) // the error that counts is the one that brought us here
		}
	}()
	if _, err := tmp.Write(append(text, '\n')); err != nil {
		_ = tmp.Close() // the write already failed
		return err
	}
	if err := tmp.Sync(); err != nil {
		_ = tmp.Close() // the sync already failed
		return err
	}
	if err := tmp.Close(); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
}

func readJSON(path string, into any) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}
