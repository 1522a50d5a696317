package files

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"goodstate.dev/goodstate/backup/repository"
)

// backlog collects problems from many goroutines.
type backlog struct {
	mu  sync.Mutex
	all []Problem
}

func (b *backlog) add(p Problem) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.all) < maxProblems {
		b.all = append(b.all, p)
	}
}

// other makes links, devices, pipes and sockets, with what belongs to them.
func (r *restore) other(at string, n *repository.Node) error {
	if n.Type == "symlink" {
		if err := r.root.Symlink(n.LinkTarget, at); err != nil {
			return err
		}
		return r.settleLink(at, n)
	}
	kind := uint32(0)
	switch n.Type {
	case "fifo":
		kind = unix.S_IFIFO
	case "socket":
		return nil // a program makes it again
	case "dev":
		kind = unix.S_IFBLK
	case "chardev":
		kind = unix.S_IFCHR
	default:
		return fmt.Errorf("it is a %q, which is not known", n.Type)
	}
	dir, name, done, err := r.parent(at)
	if err != nil {
		return err
	}
	defer done()
	if err := unix.Mknodat(dir, name, kind|0o600, int(n.Device)); err != nil {
		return fmt.Errorf("make a %s: %w", n.Type, err)
	}
	if err := unix.Fchownat(dir, name, int(n.UID), int(n.GID), unix.AT_SYMLINK_NOFOLLOW); err != nil && os.Geteuid() == 0 {
		return fmt.Errorf("set its owner: %w", err)
	}
	if err := unix.Fchmodat(dir, name, permissions(n.Mode), 0); err != nil {
		return fmt.Errorf("set its mode: %w", err)
	}
	return timesAt(dir, name, n)
}

// parent opens the folder of a path.
func (r *restore) parent(at string) (dir int, name string, done func(), err error) {
	folder, name := ".", at
	if i := strings.LastIndexByte(at, '/'); i >= 0 {
		folder, name = at[:i], at[i+1:]
	}
	f, err := r.root.Open(folder)
	if err != nil {
		return 0, "", nil, err
	}
	return int(f.Fd()), name, func() { _ = f.Close() }, nil // it was only read
}

func (r *restore) settleLink(at string, n *repository.Node) error {
	dir, name, done, err := r.parent(at)
	if err != nil {
		return err
	}
	defer done()
	if err := unix.Fchownat(dir, name, int(n.UID), int(n.GID), unix.AT_SYMLINK_NOFOLLOW); err != nil && os.Geteuid() == 0 {
		return fmt.Errorf("set its owner: %w", err)
	}
	return timesAt(dir, name, n)
}

func timesAt(dir int, name string, n *repository.Node) error {
	times := []unix.Timespec{timespec(n.AccessTime), timespec(n.ModTime)}
	if err := unix.UtimesNanoAt(dir, name, times, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return fmt.Errorf("set its times: %w", err)
	}
	return nil
}

func timespec(t time.Time) unix.Timespec {
	if t.IsZero() {
		return unix.Timespec{Nsec: unix.UTIME_OMIT}
	}
	ts, err := unix.TimeToTimespec(t)
	if err != nil {
		return unix.Timespec{Nsec: unix.UTIME_OMIT}
	}
	return ts
}

// permissions are the mode bits as the system knows them.
func permissions(m fs.FileMode) uint32 {
	bits := uint32(m.Perm())
	for _, s := range []struct {
		mode fs.FileMode
		bit  uint32
	}{{fs.ModeSetuid, unix.S_ISUID}, {fs.ModeSetgid, unix.S_ISGID}, {fs.ModeSticky, unix.S_ISVTX}} {
		if m&s.mode != 0 {
			bits |= s.bit
		}
	}
	return bits
}

// settle gives an open file or folder its owner, attributes, mode and times, in this order: each may undo what comes before.
func settle(f *os.File, n *repository.Node) error {
	fd := int(f.Fd())
	var errs []error
	if err := unix.Fchown(fd, int(n.UID), int(n.GID)); err != nil && os.Geteuid() == 0 {
		errs = append(errs, fmt.Errorf("set its owner: %w", err))
	}
	for _, a := range n.Extended {
		if err := unix.Fsetxattr(fd, a.Name, a.Value, 0); err != nil {
			errs = append(errs, fmt.Errorf("set its extended attribute %s: %w", a.Name, err))
		}
	}
	if err := unix.Fchmod(fd, permissions(n.Mode)); err != nil {
		errs = append(errs, fmt.Errorf("set its mode: %w", err))
	}
	if err := setTimes(fd, n); err != nil {
		errs = append(errs, fmt.Errorf("set its times: %w", err))
	}
	return errors.Join(errs...)
}

// Settle gives a folder that is there the owner, mode, times and attributes of a node.
func Settle(path string, n *repository.Node) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(settle(dir, n), dir.Close())
}
