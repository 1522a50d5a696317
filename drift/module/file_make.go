package module

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"goodstate.dev/goodstate/core/py"
)

// directory makes a folder and those above it, or gives the one that is there its attributes.
func (f *fileTask) directory() error {
	path := f.path
	if f.prev == "link" && f.Bool("follow") {
		if real, err := filepath.EvalSymlinks(path); err == nil {
			path = real
		} else {
			path = f.target(path)
		}
		f.prev = stateOf(path)
		f.before, f.after = map[string]any{"path": path}, map[string]any{"path": path}
		if f.prev != f.state {
			f.before["state"], f.after["state"] = f.prev, f.state
		}
	}
	f.say("path", path)
	switch f.prev {
	case "directory":
		if err := f.set(path); err != nil {
			return err
		}
		if f.Bool("recurse") {
			return f.below(path, 0)
		}
		return nil
	case "absent":
		if err := f.fresh(path, true); err != nil {
			return err
		}
		f.Change(func(context.Context) error { return f.makeAll(path) })
		return nil
	}
	return fail(fmt.Sprintf("%s already exists as a %s", path, f.prev), Result{"path": path})
}

// fresh puts the attributes of a new path into the diff.
func (f *fileTask) fresh(path string, dir bool) error {
	d, err := f.attrs.fresh(path, dir)
	for k, v := range d.before {
		f.before[k], f.after[k] = v, d.after[k]
	}
	return err
}

// makeAll makes every missing folder on the way and gives each the attributes of the task.
func (f *fileTask) makeAll(path string) error {
	current := ""
	if filepath.IsAbs(path) {
		current = "/"
	}
	for _, part := range strings.Split(strings.Trim(path, "/"), "/") {
		current = filepath.Join(current, part)
		if exists(current) {
			continue
		}
		if err := os.Mkdir(current, 0o777); err != nil && !errors.Is(err, fs.ErrExist) {
			return fail(fmt.Sprintf("There was an issue creating %s as requested: %s", current, pyPathError(err)), Result{"path": path})
		}
		if _, err := f.attrs.apply(current); err != nil {
			return err
		}
		if err := f.mtime.apply(current, f.atime); err != nil {
			return err
		}
	}
	return nil
}

const deepestLinks = 40

// below sets the attributes of everything in a folder.
func (f *fileTask) below(dir string, links int) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		if err := f.each(path); err != nil {
			return err
		}
		if d.Type()&os.ModeSymlink == 0 || !f.Bool("follow") || !exists(path) {
			return nil
		}
		target, err := filepath.EvalSymlinks(path)
		if err != nil {
			return err
		}
		if isDir(target) && links < deepestLinks && !within(dir, target) {
			if err := f.below(target, links+1); err != nil {
				return err
			}
		}
		return f.each(target)
	})
}

// within tells whether a folder is the other one or in it, where following a link would go round.
func within(dir, target string) bool {
	return dir == target || strings.HasPrefix(target+"/", dir+"/") || strings.HasPrefix(dir+"/", target+"/")
}

func (f *fileTask) each(path string) error {
	if _, err := f.attrs.plan(path); err != nil {
		return err
	}
	if f.mtime.keep && f.atime.keep || isLink(path) {
		return nil
	}
	before, after := f.before, f.after
	f.before, f.after = map[string]any{}, map[string]any{}
	defer func() { f.before, f.after = before, after }()
	return f.setTimes(path)
}

// link makes a symbolic link.
func (f *fileTask) link() error {
	path, src, given := f.path, f.Str("src"), f.Has("src")
	if !given && f.Bool("follow") && exists(path) {
		if to, err := os.Readlink(path); err == nil {
			src, given = to, true
		}
	}
	from := filepath.Dir(path)
	if f.prev == "directory" {
		from = path
	}
	absolute := src
	if !filepath.IsAbs(src) {
		absolute = from + "/" + src
	}
	if !f.Bool("force") && given && !exists(absolute) {
		return fail(fmt.Sprintf("src file does not exist, use \"force=yes\" if you really want to create the link: %s", absolute), Result{"path": path, "src": src})
	}
	if err := f.mayBecomeLink(); err != nil {
		return err
	}
	f.Return("src", nil)
	if given {
		f.Return("src", src)
	}
	f.say("dest", path)
	made := false
	if f.prev != "link" {
		if !given {
			return fail("src is required for creating new symlinks")
		}
		made = true
	} else if to, err := os.Readlink(path); err == nil && given && to != src {
		f.before["src"], f.after["src"] = to, src
		made = true
	}
	if made {
		f.Change(func(context.Context) error {
			return f.replace(path, func(at string) error { return os.Symlink(src, at) })
		})
	}
	return f.linkAttributes(path, absolute, made)
}

// linkAttributes sets those of the target, or of the link itself where it is not followed.
func (f *fileTask) linkAttributes(path, target string, made bool) error {
	subject := path
	if f.Bool("follow") {
		if real, err := filepath.EvalSymlinks(target); err == nil && (made || f.Has("src")) {
			subject = real
		} else if real, err := filepath.EvalSymlinks(path); err == nil {
			subject = real
		} else {
			f.Warn("Cannot set fs attributes on a non-existent symlink target. follow should be set to False to avoid this.")
			return nil
		}
	}
	if made && !f.Bool("follow") {
		f.setLater(path)
		return nil
	}
	return f.set(subject)
}

func (f *fileTask) mayBecomeLink() error {
	force := f.Bool("force")
	switch f.prev {
	case "directory":
		if !force {
			return fail(fmt.Sprintf("refusing to convert from %s to symlink for %s", f.prev, f.path), Result{"path": f.path})
		}
		if entries, err := os.ReadDir(f.path); err != nil || len(entries) > 0 {
			return fail(fmt.Sprintf("the directory %s is not empty, refusing to convert it", f.path), Result{"path": f.path})
		}
	case "file", "hard":
		if !force {
			return fail(fmt.Sprintf("refusing to convert from %s to symlink for %s", f.prev, f.path), Result{"path": f.path})
		}
	}
	return nil
}

// replace makes something beside the path and renames it over what is there.
func (f *fileTask) replace(path string, make func(at string) error) error {
	if f.prev == "absent" {
		if err := make(path); err != nil {
			return fail("Error while linking: "+pyPathError(err), Result{"path": path})
		}
		return nil
	}
	tmp := filepath.Join(filepath.Dir(path), fmt.Sprintf(".%d.%d.tmp", os.Getpid(), time.Now().UnixNano()))
	err := make(tmp)
	if err == nil && f.prev == "directory" {
		err = syscall.Rmdir(path)
	}
	if err == nil {
		err = os.Rename(tmp, path)
	}
	if err != nil {
		return fail("Error while replacing: "+pyPathError(errors.Join(err, removeIfThere(tmp))), Result{"path": path})
	}
	return nil
}

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// hard makes a second name of a file.
func (f *fileTask) hard() error {
	path, src, given := f.path, f.Str("src"), f.Has("src")
	more := Result{"dest": path, "src": src}
	if f.prev != "hard" && !given {
		return fail("src is required for creating new hardlinks")
	}
	if given && !exists(src) {
		return fail("src does not exist", more)
	}
	f.Return("src", nil)
	if given {
		f.Return("src", src)
	}
	f.say("dest", path)
	make := false
	switch f.prev {
	case "absent":
		make = true
	case "link":
		if to, err := os.Readlink(path); err == nil && to != src {
			f.before["src"], f.after["src"] = to, src
			make = true
		}
	case "hard":
		if given && !sameFile(path, src) {
			make = true
			if !f.Bool("force") {
				return fail("Cannot link, different hard link exists at destination", more)
			}
		}
	case "file":
		make = true
		if !f.Bool("force") {
			return fail("Cannot link, file exists at destination", more)
		}
	case "directory":
		return fail("Cannot link: different hard link exists at destination", more)
	}
	if !make {
		return f.set(path)
	}
	f.Change(func(context.Context) error { return f.replace(path, func(at string) error { return os.Link(src, at) }) })
	subject := src
	if f.Check && f.prev == "absent" {
		return nil
	}
	return f.set(subject)
}

func sameFile(a, b string) bool {
	x, err := os.Stat(a)
	if err != nil {
		return false
	}
	y, err := os.Stat(b)
	return err == nil && os.SameFile(x, y)
}

// pyPathError is how Python shows an error of the system that names a path.
func pyPathError(err error) string {
	var p *fs.PathError
	var l *os.LinkError
	var no syscall.Errno
	if !errors.As(err, &no) {
		return err.Error()
	}
	switch {
	case errors.As(err, &p):
		return fmt.Sprintf("[Errno %d] %s: b%s", int(no), strerror(no), py.Repr(p.Path))
	case errors.As(err, &l):
		return fmt.Sprintf("[Errno %d] %s: b%s -> b%s", int(no), strerror(no), py.Repr(l.Old), py.Repr(l.New))
	}
	return fmt.Sprintf("[Errno %d] %s", int(no), strerror(no))
}
