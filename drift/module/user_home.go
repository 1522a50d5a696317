package module

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func (u *userTask) homeArgs() (args []string) {
	if !u.Bool("create_home") {
		return []string{"-M"}
	}
	if u.Bool("local") {
		return nil
	}
	args = []string{"-m"}
	if u.Has("skeleton") {
		args = append(args, "-k", u.Str("skeleton"))
	}
	if u.Has("umask") {
		args = append(args, "-K", "UMASK="+u.Str("umask"))
	}
	return args
}

// home plans the home of an account that is there and has none.
func (u *userTask) home() error {
	home := u.now.Home
	if u.Has("home") {
		home = u.Str("home")
	}
	if !u.there || !u.Bool("create_home") || home == "" || exists(home) || u.Bool("move_home") && home != u.now.Home {
		return nil
	}
	u.Change(func(context.Context) error {
		skeleton := u.Str("skeleton")
		if skeleton == "" {
			skeleton = "/etc/skel"
		}
		return u.makeHome(home, skeleton)
	})
	return nil
}

func (u *userTask) makeHome(home, skeleton string) error {
	mask := os.FileMode(0o022)
	if u.Has("umask") {
		n, err := strconv.ParseUint(u.Str("umask"), 8, 32)
		if err != nil {
			return fail("umask must be octal: " + u.Str("umask"))
		}
		mask = os.FileMode(n)
	} else if n, ok := loginDefault("UMASK"); ok {
		mask = n
	}
	if err := os.MkdirAll(home, 0o755); err != nil {
		return fail("failed to create home: " + pyPathError(err))
	}
	if err := copySkeleton(skeleton, home); err != nil {
		return err
	}
	if err := os.Chmod(home, 0o777&^mask); err != nil {
		return err
	}
	now, err := lookupUser(u.name)
	if err != nil {
		return err
	}
	return filepath.WalkDir(home, func(path string, _ fs.DirEntry, err error) error {
		return errors.Join(err, os.Lchown(path, now.UID, now.GID))
	})
}

// loginDefault reads an octal value of login.defs(5).
func loginDefault(key string) (os.FileMode, bool) {
	text, err := os.ReadFile("/etc/login.defs")
	if err != nil {
		return 0, false
	}
	for line := range strings.SplitSeq(string(text), "\n") {
		if f := strings.Fields(line); len(f) == 2 && f[0] == key {
			n, err := strconv.ParseUint(f[1], 8, 32)
			return os.FileMode(n), err == nil
		}
	}
	return 0, false
}

func copySkeleton(from, to string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil || rel == "." {
			return err
		}
		dest := filepath.Join(to, rel)
		info, err := d.Info()
		if err != nil {
			return err
		}
		switch {
		case d.IsDir():
			return os.MkdirAll(dest, info.Mode().Perm())
		case info.Mode()&os.ModeSymlink != 0:
			target, err := os.Readlink(path)
			if err != nil {
				return err
			}
			return os.Symlink(target, dest)
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if err := os.WriteFile(dest, content, info.Mode().Perm()); err != nil {
			return err
		}
		st := info.Sys().(*syscall.Stat_t)
		return os.Chtimes(dest, time.Unix(st.Atim.Unix()), info.ModTime())
	})
}
