package client

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"goodstate.dev/goodstate/hooks/rule"
)

// writePart writes the files of the change, and links to the work tree for what lies beside them.
func (r *round) writePart(ctx context.Context, x *export) error {
	var paths []string
	dirs := map[string]bool{".": true}
	for _, f := range r.scope.files {
		if f.mode == rule.Submodule {
			continue
		}
		paths = append(paths, f.path)
		for dir := path.Dir(f.path); !dirs[dir]; dir = path.Dir(dir) {
			dirs[dir] = true
		}
	}
	if len(paths) > 0 {
		if err := r.checkOut(ctx, x, paths); err != nil {
			return err
		}
	}
	deleted := map[string]bool{}
	for _, p := range r.scope.deleted {
		deleted[p] = true
	}
	for dir := range dirs {
		if err := r.neighbours(x, dir, deleted); err != nil {
			return err
		}
	}
	return nil
}

// neighbours links what lies in a folder of the work tree and not in the export.
func (r *round) neighbours(x *export, dir string, deleted map[string]bool) error {
	if !r.folders.real(dir) {
		return nil // what is there is not what Git tracks
	}
	beside, err := os.ReadDir(filepath.Join(r.repo.Top, dir))
	if err != nil {
		return fmt.Errorf("folder %s: %w", dir, err)
	}
	for _, e := range beside {
		name := path.Join(dir, e.Name())
		if name == ".git" || deleted[name] {
			continue
		}
		from, to := filepath.Join(r.repo.Top, name), filepath.Join(x.root, name)
		if strings.HasPrefix(e.Name(), ".git") && e.Type().IsRegular() {
			err = copyOf(from, to) // Git follows no links to files of its own, as .gitattributes
		} else {
			err = os.Symlink(from, to)
		}
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("link %s into the export: %w", name, err)
		}
	}
	return nil
}

func copyOf(from, to string) error {
	if _, err := os.Lstat(to); err == nil {
		return fs.ErrExist
	}
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, content, 0o644)
}
