package module

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// attributes are what a task wants of a file beside its content.
type attributes struct {
	t            *Task
	owner, group string
	mode         *fileMode
	modeText     any
	chattr       string
	label        bool
}

// attributes reads the shared options of modules with files.
func (t *Task) attributes() (attributes, error) {
	a := attributes{t: t, owner: t.Str("owner"), group: t.Str("group"), chattr: t.Str("attributes")}
	if mode := t.args["mode"]; mode != nil && mode != "preserve" {
		if err := a.setMode(mode); err != nil {
			return a, err
		}
	}
	if selinuxEnabled() {
		a.label = t.Has("seuser") || t.Has("serole") || t.Has("setype") || t.Has("selevel")
	}
	return a, nil
}

func (a *attributes) setMode(value any) error {
	mode, err := parseMode(value)
	if err != nil {
		return fail("mode must be in octal or symbolic form", a.t.about(), Result{"details": err.Error()})
	}
	if mode.octal&^permissionBits != 0 {
		return fail("Invalid mode supplied, only permission info is allowed", a.t.about(), Result{"details": int64(mode.octal)})
	}
	a.mode, a.modeText = &mode, value
	return nil
}

// about names the file that a task is about.
func (t *Task) about() Result {
	for _, name := range []string{"path", "dest"} {
		if path := t.Str(name); path != "" {
			return Result{"path": path}
		}
	}
	return Result{}
}

// wanted tells whether anything is asked for.
func (a attributes) wanted() bool {
	return a.owner != "" || a.group != "" || a.mode != nil || a.chattr != "" || a.label
}

// difference is what would be set on a path, with the keys of a diff.
type difference struct {
	before, after map[string]any
	set           []func() error
}

func (d *difference) add(key string, before, after any, set func() error) {
	d.before[key], d.after[key] = before, after
	d.set = append(d.set, set)
}

// compare tells what a path has and should have. A path that does not exist differs in nothing: what makes it sets its attributes afterwards.
func (a attributes) compare(path string) (difference, error) {
	d := difference{before: map[string]any{}, after: map[string]any{}}
	if !a.wanted() {
		return d, nil
	}
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return d, a.known(path)
	}
	if err != nil {
		return d, err
	}
	st := info.Sys().(*syscall.Stat_t)
	a.compareLabel(path, &d)
	if err := a.compareOwner(path, st, &d); err != nil {
		return d, err
	}
	if a.mode != nil && info.Mode()&os.ModeSymlink == 0 {
		if err := a.compareMode(path, info, st, &d); err != nil {
			return d, err
		}
	}
	return d, a.compareFlags(path, info, &d)
}

// known refuses names that nobody has before anything is made.
func (a attributes) known(path string) error {
	if a.t.Check {
		return nil // an earlier task may make them
	}
	if _, err := a.uid(path); err != nil {
		return err
	}
	_, err := a.gid(path)
	return err
}

func (a attributes) uid(path string) (int, error) {
	if a.owner == "" {
		return -1, nil
	}
	if id, err := strconv.Atoi(a.owner); err == nil {
		return id, nil
	}
	account, err := lookupUser(a.owner)
	if err != nil {
		return -1, fail("chown failed: failed to look up user "+a.owner, Result{"path": path})
	}
	return account.UID, nil
}

func (a attributes) gid(path string) (int, error) {
	if a.group == "" {
		return -1, nil
	}
	if id, err := strconv.Atoi(a.group); err == nil {
		return id, nil
	}
	g, err := lookupGroup(a.group)
	if err != nil {
		return -1, fail("chgrp failed: failed to look up group "+a.group, Result{"path": path})
	}
	return g.GID, nil
}

func (a attributes) compareOwner(path string, st *syscall.Stat_t, d *difference) error {
	uid, err := a.uid(path)
	if err != nil {
		return err
	}
	gid, err := a.gid(path)
	if err != nil {
		return err
	}
	if uid >= 0 && uint32(uid) != st.Uid {
		d.add("owner", int64(st.Uid), int64(uid), func() error {
			if err := os.Lchown(path, uid, -1); err != nil {
				return fail("chown failed", Result{"path": path, "details": err.Error()})
			}
			return nil
		})
	}
	if gid >= 0 && uint32(gid) != st.Gid {
		d.add("group", int64(st.Gid), int64(gid), func() error {
			if err := os.Lchown(path, -1, gid); err != nil {
				return fail("chgrp failed", Result{"path": path, "details": err.Error()})
			}
			return nil
		})
	}
	return nil
}

func (a attributes) compareMode(path string, info os.FileInfo, st *syscall.Stat_t, d *difference) error {
	now := st.Mode & permissionBits
	want, err := a.mode.on(info.Mode(), now)
	if err != nil {
		return fail("mode must be in octal or symbolic form", Result{"path": path, "details": err.Error()})
	}
	if now == want {
		return nil
	}
	d.add("mode", fmt.Sprintf("0%03o", now), fmt.Sprintf("0%03o", want), func() error {
		if err := unix.Fchmodat(unix.AT_FDCWD, path, want, 0); err != nil {
			return fail("chmod failed", Result{"path": path, "details": err.Error()})
		}
		return nil
	})
	return nil
}

func (a attributes) compareLabel(path string, d *difference) {
	if !a.label {
		return
	}
	now := secontext(path)
	want := a.t.label(now)
	if now == want {
		return
	}
	d.add("secontext", strings.Split(now, ":"), strings.Split(want, ":"), func() error {
		if err := unix.Lsetxattr(path, selinuxName, append([]byte(want), 0), 0); err != nil {
			return fail("set selinux context failed", Result{"path": path, "details": err.Error()})
		}
		return nil
	})
}

// compareFlags looks at the flags of chattr(1).
func (a attributes) compareFlags(path string, info os.FileInfo, d *difference) error {
	if a.chattr == "" || info.Mode()&os.ModeSymlink != 0 {
		return nil
	}
	now, err := flagsOf(path)
	if err != nil {
		return nil //nolint:nilerr // the file system has no such flags
	}
	want, letters := now, a.chattr
	operator := byte('=')
	if strings.IndexByte("+-=", letters[0]) >= 0 {
		operator, letters = letters[0], letters[1:]
	}
	bits, err := flagBits(letters)
	if err != nil {
		return fail("chattr failed", Result{"path": path, "details": err.Error()})
	}
	switch operator {
	case '+':
		want |= bits
	case '-':
		want &^= bits
	default:
		want = now&^settableFlags | bits
	}
	if now == want {
		return nil
	}
	d.add("attributes", flagLetters(now), string(operator)+letters, func() error {
		if err := setFlags(path, want); err != nil {
			return fail("chattr failed", Result{"path": path, "details": err.Error()})
		}
		return nil
	})
	return nil
}

// apply sets what differs and tells whether anything did.
func (a attributes) apply(path string) (bool, error) {
	d, err := a.compare(path)
	if err != nil {
		return false, err
	}
	for _, set := range d.set {
		if err := set(); err != nil {
			return true, err
		}
	}
	if len(d.set) > 0 && a.mode != nil && (d.after["owner"] != nil || d.after["group"] != nil) {
		again, err := a.compare(path) // chown drops set-user-id bits
		if err != nil {
			return true, err
		}
		for _, set := range again.set {
			if err := set(); err != nil {
				return true, err
			}
		}
	}
	return len(d.set) > 0, nil
}

// plan adds the attributes of a path that exists to what the task changes, and returns them for the diff.
func (a attributes) plan(path string) (difference, error) {
	d, err := a.compare(path)
	if err == nil && len(d.set) > 0 {
		a.t.Change(func(context.Context) error {
			_, err := a.apply(path)
			return err
		})
	}
	return d, err
}

// fresh tells what will be set on a path that is only made by this task.
func (a attributes) fresh(path string, dir bool) (difference, error) {
	d := difference{before: map[string]any{}, after: map[string]any{}}
	uid, err := a.uid(path)
	if err != nil && !a.t.Check { // an earlier task may make it
		return d, err
	}
	gid, err := a.gid(path)
	if err != nil && !a.t.Check {
		return d, err
	}
	if now := os.Geteuid(); uid >= 0 && uid != now {
		d.before["owner"], d.after["owner"] = int64(now), int64(uid)
	}
	if now := os.Getegid(); gid >= 0 && gid != now {
		d.before["group"], d.after["group"] = int64(now), int64(gid)
	}
	if a.mode == nil {
		return d, nil
	}
	now, kind := 0o666&^currentUmask(), os.FileMode(0)
	if dir {
		now, kind = 0o777&^currentUmask(), os.ModeDir
	}
	want, err := a.mode.on(kind, now)
	if err != nil {
		return d, fail("mode must be in octal or symbolic form", Result{"path": path, "details": err.Error()})
	}
	if now != want {
		d.before["mode"], d.after["mode"] = fmt.Sprintf("0%03o", now), fmt.Sprintf("0%03o", want)
	}
	return d, nil
}
