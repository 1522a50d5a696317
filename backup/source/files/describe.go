package files

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"goodstate.dev/goodstate/backup/repository"
)

// names remembers what users and groups are called.
type names struct {
	mu     sync.Mutex
	users  map[uint32]string
	groups map[uint32]string
}

func newNames() *names { return &names{users: map[uint32]string{}, groups: map[uint32]string{}} }

func (n *names) of(uid, gid uint32) (string, string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	u, ok := n.users[uid]
	if !ok {
		if found, err := user.LookupId(strconv.FormatUint(uint64(uid), 10)); err == nil {
			u = found.Username
		}
		n.users[uid] = u
	}
	g, ok := n.groups[gid]
	if !ok {
		if found, err := user.LookupGroupId(strconv.FormatUint(uint64(gid), 10)); err == nil {
			g = found.Name
		}
		n.groups[gid] = g
	}
	return u, g
}

// describe fills a node from what the file system says; its content is left. An error means that something is missing in it.
func (n *names) describe(node *repository.Node, path string, info fs.FileInfo) error {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return errors.New("the file system does not say enough about it")
	}
	*node = repository.Node{
		Name: repository.QuoteName(filepath.Base(path)), Mode: info.Mode(), ModTime: info.ModTime(), AccessTime: info.ModTime(),
		ChangeTime: time.Unix(st.Ctim.Unix()), UID: st.Uid, GID: st.Gid, Inode: st.Ino, DeviceID: uint64(st.Dev), //nolint:unconvert // another type on other systems
	}
	node.User, node.Group = n.of(st.Uid, st.Gid)
	var err error
	switch mode := info.Mode(); {
	case mode.IsRegular():
		node.Type, node.Size, node.Links = "file", uint64(info.Size()), uint64(st.Nlink) //nolint:unconvert // another type on other systems
	case mode.IsDir():
		node.Type = "dir"
	case mode&fs.ModeSymlink != 0:
		node.Type, node.Links = "symlink", uint64(st.Nlink) //nolint:unconvert // another type on other systems
		node.LinkTarget, err = os.Readlink(path)
	case mode&fs.ModeCharDevice != 0:
		node.Type, node.Device, node.Links = "chardev", uint64(st.Rdev), uint64(st.Nlink) //nolint:unconvert // another type on other systems
	case mode&fs.ModeDevice != 0:
		node.Type, node.Device, node.Links = "dev", uint64(st.Rdev), uint64(st.Nlink) //nolint:unconvert // another type on other systems
	case mode&fs.ModeNamedPipe != 0:
		node.Type = "fifo"
	case mode&fs.ModeSocket != 0:
		node.Type = "socket"
	}
	if err != nil {
		return err
	}
	node.Extended, err = attributes(path)
	return err
}

// attributes reads the extended attributes of a file, sorted by name. A file system without them has none.
func attributes(path string) ([]repository.Attribute, error) {
	var small [1024]byte
	list := small[:]
	size, err := unix.Llistxattr(path, list)
	if errors.Is(err, unix.ERANGE) {
		list = make([]byte, 64<<10)
		size, err = unix.Llistxattr(path, list)
	}
	switch {
	case errors.Is(err, unix.ENOTSUP), errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENODATA), err == nil && size == 0:
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("list its extended attributes: %w", err)
	}
	var all []repository.Attribute
	keys := strings.Split(strings.TrimSuffix(string(list[:size]), "\x00"), "\x00")
	slices.Sort(keys)
	for _, name := range keys {
		value := make([]byte, 64<<10) // the largest that Linux allows
		n, err := unix.Lgetxattr(path, name, value)
		if errors.Is(err, unix.ENODATA) {
			continue
		}
		if err != nil {
			return all, fmt.Errorf("read its extended attribute %s: %w", name, err)
		}
		all = append(all, repository.Attribute{Name: name, Value: slices.Clone(value[:n])})
	}
	return all, nil
}
