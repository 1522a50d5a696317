package storage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

func init() {
	register(Kind{
		Name:    "folder",
		Help:    "a folder of a file system, on another disk than what is copied",
		Example: "folder: /mnt/backup/shop",
		New: func(decode func(any) error) (Place, error) {
			p := &folderPlace{}
			return p, decode(&p.path)
		},
	})
}

type folderPlace struct{ path string }

// Open looks at nothing yet.
func (p *folderPlace) Open(_ context.Context, env Env) (Storage, error) {
	if p.path == "" {
		return nil, errors.New("the folder of the repository has no name")
	}
	return &Folder{root: env.path(p.path), rates: env.Rates}, nil
}

// FolderOf is the path of a place that is a folder of this machine, else "". A relative one is taken from base.
func FolderOf(p Place, base string) string {
	f, ok := p.(*folderPlace)
	if !ok {
		return ""
	}
	return Env{Base: base}.path(f.path)
}

func (p *folderPlace) String() string { return "folder " + p.path }

// Folder keeps files in a folder of a file system.
type Folder struct {
	root  string
	rates Rates // for folders of file servers
}

// NewFolder is the storage in a folder that is there. Nothing is made but what is saved.
func NewFolder(root string) *Folder { return &Folder{root: root} }

func (f *Folder) path(name string) string { return filepath.Join(f.root, filepath.FromSlash(name)) }

// Save writes beside the file's place and then puts it there; what an earlier crash left is never taken for a file.
func (f *Folder) Save(ctx context.Context, name string, size int64, content io.Reader) (err error) {
	if err := check(name); err != nil {
		return err
	}
	target := f.path(name)
	dir := filepath.Dir(target)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("folder of %s: %w", name, err)
	}
	tmp, err := os.CreateTemp(dir, partial+"*")
	if err != nil {
		return fmt.Errorf("save %s: %w", name, err)
	}
	defer func() { err = errors.Join(err, tmp.Close(), gone(os.Remove(tmp.Name()))) }()
	n, err := io.Copy(tmp, limited{ctx, under(ctx, content), f.rates.Up})
	switch {
	case err != nil:
		return fmt.Errorf("save %s: %w", name, err)
	case n != size:
		return fmt.Errorf("save %s: %d bytes came, want %d", name, n, size)
	}
	if err := errors.Join(tmp.Chmod(0o400), tmp.Sync()); err != nil {
		return fmt.Errorf("save %s: %w", name, err)
	}
	if err := os.Link(tmp.Name(), target); errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("save %s: %w", name, ErrExists)
	} else if err != nil {
		return fmt.Errorf("save %s: %w", name, err)
	}
	return syncFolder(dir)
}

// partial is how the names of files begin that are still being written.
const partial = "tmp-"

func gone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync %s: %w", dir, err)
	}
	return errors.Join(d.Sync(), d.Close())
}

// Open reads a part of a file.
func (f *Folder) Open(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error) {
	if err := check(name); err != nil {
		return nil, err
	}
	file, err := os.Open(f.path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w", name, ErrNotFound)
	} else if err != nil {
		return nil, fmt.Errorf("open %s: %w", name, err)
	}
	if length < 0 {
		if _, err := file.Seek(offset, io.SeekStart); err != nil {
			return nil, errors.Join(err, file.Close())
		}
		return part{limited{ctx, file, f.rates.Down}, file}, nil
	}
	return part{limited{ctx, exactly(io.NewSectionReader(file, offset, length), length), f.rates.Down}, file}, nil
}

type part struct {
	io.Reader
	io.Closer
}

// Size asks the file system.
func (f *Folder) Size(_ context.Context, name string) (int64, error) {
	if err := check(name); err != nil {
		return 0, err
	}
	info, err := os.Stat(f.path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, fmt.Errorf("%s: %w", name, ErrNotFound)
	} else if err != nil {
		return 0, fmt.Errorf("size of %s: %w", name, err)
	}
	return info.Size(), nil
}

// List walks over the folder.
func (f *Folder) List(ctx context.Context, folder string, each func(string, int64) error) error {
	root := f.path(folder)
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil // removed meanwhile, or nothing was ever saved here
		case err != nil:
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		case d.IsDir() || strings.HasPrefix(d.Name(), partial) || strings.Contains(d.Name(), "-tmp-"):
			return nil // restic names unfinished files ID-tmp-NUMBER
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		} else if err != nil {
			return err
		}
		rel, err := filepath.Rel(f.root, path)
		if err != nil {
			return err
		}
		return each(filepath.ToSlash(rel), info.Size())
	})
	if err != nil {
		return fmt.Errorf("list %s: %w", folder, err)
	}
	return nil
}

// Remove deletes a file.
func (f *Folder) Remove(_ context.Context, name string) error {
	if err := check(name); err != nil {
		return err
	}
	switch err := os.Remove(f.path(name)); {
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("remove %s: %w: %w", name, ErrRefused, err)
	case gone(err) != nil:
		return fmt.Errorf("remove %s: %w", name, err)
	}
	return nil
}

// under reads until the context ends.
func under(ctx context.Context, r io.Reader) io.Reader { return cancelled{ctx.Err, r} }

type cancelled struct {
	why func() error
	r   io.Reader
}

func (c cancelled) Read(p []byte) (int, error) {
	if err := c.why(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
