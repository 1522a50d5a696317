package client

import (
	"bytes"
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
	var files []*file
	dirs := map[string]bool{".": true}
	for _, f := range r.scope.files {
		if f.mode == rule.Submodule {
			continue
		}
		files = append(files, f)
		for dir := path.Dir(f.path); !dirs[dir]; dir = path.Dir(dir) {
			dirs[dir] = true
		}
	}
	if err := r.writeStaged(ctx, x, files); err != nil {
		return err
	}
	written := map[string]bool{}
	for _, f := range files {
		written[f.path] = true
	}
	deleted := map[string]bool{}
	for _, p := range r.scope.deleted {
		deleted[p] = true
	}
	for dir := range dirs {
		if err := r.neighbours(x, dir, func(name string) bool { return written[name] || dirs[name] || deleted[name] }); err != nil {
			return err
		}
	}
	return nil
}

// writeStaged writes the files of the change. What lies on disk as it is staged is copied from there: that is what a command would read in place. Git writes the
// others, with its line endings and filters.
func (r *round) writeStaged(ctx context.Context, x *export, files []*file) error {
	var rest []*file
	for _, f := range files {
		if f.disk == same && f.regular() {
			copied, err := r.copyStaged(x, f)
			if err != nil {
				return err
			}
			if copied {
				continue
			}
		}
		rest = append(rest, f)
	}
	switch {
	case len(rest) == 0:
		return nil
	case len(rest) == 1 && rest[0].regular():
		return r.writeOne(ctx, x, rest[0])
	}
	return r.checkOut(ctx, x, pathsOf(rest))
}

// writeOne has Git write the one file that differs, as it would write it into a work tree. It needs no index for that, which is large in a large repository.
func (r *round) writeOne(ctx context.Context, x *export, f *file) (err error) {
	to := filepath.Join(x.root, f.path)
	if err := os.MkdirAll(filepath.Dir(to), 0o777); err != nil {
		return fmt.Errorf("export %s: %w", f.path, err)
	}
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, permOf(f))
	if err != nil {
		return fmt.Errorf("export %s: %w", f.path, err)
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	cmd := r.repo.command(ctx, r.index, "cat-file", "--filters", "--path="+f.path, f.oid)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = out, &said
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("export %s: git cat-file: %w: %s", f.path, err, bytes.TrimSpace(said.Bytes()))
	}
	return nil
}

func permOf(f *file) fs.FileMode {
	if f.mode == rule.Executable {
		return 0o777
	}
	return 0o666
}

// copyStaged is false when the file on disk is not what is staged any more.
func (r *round) copyStaged(x *export, f *file) (bool, error) {
	content, err := r.folders.read(f.path, false)
	if err != nil || blobID(content, f.oid) != f.oid {
		f.disk = other
		return false, nil
	}
	perm := permOf(f)
	to := filepath.Join(x.root, f.path)
	err = os.WriteFile(to, content, perm)
	if errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(filepath.Dir(to), 0o777); err != nil {
			return false, fmt.Errorf("export %s: %w", f.path, err)
		}
		err = os.WriteFile(to, content, perm)
	}
	if err != nil {
		return false, fmt.Errorf("export %s: %w", f.path, err)
	}
	return true, nil
}

// neighbours links what lies in a folder of the work tree and not in the export.
func (r *round) neighbours(x *export, dir string, settled func(name string) bool) error {
	if !r.folders.real(dir) {
		return nil // what is there is not what Git tracks
	}
	beside, err := os.ReadDir(filepath.Join(r.repo.Top, dir))
	if err != nil {
		return fmt.Errorf("folder %s: %w", dir, err)
	}
	for _, e := range beside {
		name := path.Join(dir, e.Name())
		if name == ".git" || settled(name) {
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
