package module

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

func bitsOfInfo(info fs.FileInfo) uint32 { return info.Sys().(*syscall.Stat_t).Mode & permissionBits }

// copyFolder copies a folder of the host: its content where src ends with a slash, else the folder itself.
func (c *copyTask) copyFolder(src string) error {
	if !c.Bool("remote_src") {
		return fail("src of the host is a directory: remote_src is needed")
	}
	dest := c.abs(c.dest)
	if !strings.HasSuffix(c.src, "/") {
		dest = filepath.Join(dest, filepath.Base(c.src))
	}
	attrs, err := c.Task.attributes()
	if err != nil {
		return err
	}
	c.attrs = attrs
	c.Return("dest", c.dest)
	if isDir(c.abs(c.dest)) {
		c.Return("dest", strings.TrimRight(c.dest, "/")+"/"+c.src[strings.LastIndex(c.src, "/")+1:])
	}
	c.Return("src", c.src)
	c.Return("md5sum", nil)
	c.Return("checksum", nil)
	return filepath.WalkDir(src, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(src, path)
		if err != nil {
			return err
		}
		return c.copyEntry(path, filepath.Join(dest, rel))
	})
}

// copyEntry plans one folder, link or file below.
func (c *copyTask) copyEntry(from, to string) error {
	info, err := os.Lstat(from)
	if err != nil {
		return err
	}
	link := info.Mode()&os.ModeSymlink != 0
	if link && c.Bool("local_follow") {
		if info, err = os.Stat(from); err != nil {
			return err
		}
		link = false
	}
	switch {
	case link:
		return c.copyLink(from, to)
	case info.IsDir():
		return c.copyDir(info, to)
	case info.Mode().IsRegular():
		return c.copyFile(from, info, to)
	}
	return nil // devices and sockets are no content
}

func (c *copyTask) copyLink(from, to string) error {
	target, err := os.Readlink(from)
	if err != nil {
		return err
	}
	if now, err := os.Readlink(to); err == nil && now == target {
		return nil
	}
	c.Change(func(context.Context) error {
		if err := os.Remove(to); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return os.Symlink(target, to)
	})
	return nil
}

func (c *copyTask) copyDir(info fs.FileInfo, to string) error {
	if isDir(to) {
		owner := c.attrs
		owner.mode = nil
		_, err := owner.plan(to)
		return err
	}
	c.Change(func(context.Context) error {
		if err := os.MkdirAll(to, 0o777); err != nil {
			return err
		}
		if err := syscall.Chmod(to, bitsOfInfo(info)); err != nil {
			return err
		}
		return c.owned(to)
	})
	return nil
}

func (c *copyTask) copyFile(from string, info fs.FileInfo, to string) error {
	same, err := sameContent(from, to)
	if err != nil {
		return err
	}
	if !same {
		c.Change(func(ctx context.Context) error {
			in, err := os.Open(from)
			if err != nil {
				return err
			}
			defer in.Close()
			if err := c.writeFile(ctx, to, in, ""); err != nil {
				return err
			}
			if err := syscall.Chmod(to, bitsOfInfo(info)); err != nil {
				return err
			}
			return c.owned(to)
		})
		return nil
	}
	owner := c.attrs
	owner.mode = nil
	_, err = owner.plan(to)
	return err
}

// owned gives a copied path its owner and group; modes are the source's.
func (c *copyTask) owned(path string) error {
	a := c.attrs
	a.mode = nil
	_, err := a.apply(path)
	return err
}

// sameContent compares two files byte by byte.
func sameContent(a, b string) (bool, error) {
	x, err := os.Open(a)
	if err != nil {
		return false, err
	}
	defer x.Close()
	y, err := os.Open(b)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer y.Close()
	one, other := make([]byte, 64<<10), make([]byte, 64<<10)
	for {
		n, errA := io.ReadFull(x, one)
		m, errB := io.ReadFull(y, other)
		if n != m || !bytes.Equal(one[:n], other[:m]) {
			return false, nil
		}
		if errA != nil || errB != nil {
			return errors.Is(errA, io.EOF) == errors.Is(errB, io.EOF), nil
		}
	}
}
