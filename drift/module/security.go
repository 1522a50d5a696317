package module

import (
	"bytes"
	"os"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// selinuxEnabled tells whether the kernel labels files.
var selinuxEnabled = sync.OnceValue(func() bool {
	_, err := os.Stat("/sys/fs/selinux/enforce")
	return err == nil
})

const selinuxName = "security.selinux"

// secontext is the label of a path, not of what a link points to; empty where it has none.
func secontext(path string) string {
	buf := make([]byte, 4096)
	n, err := unix.Lgetxattr(path, selinuxName, buf)
	if err != nil {
		return ""
	}
	return string(bytes.TrimRight(buf[:n], "\x00"))
}

// label puts the parts of a label that the options name over the one that is there.
func (t *Task) label(now string) string {
	parts := strings.SplitN(now, ":", 4)
	for len(parts) < 4 {
		parts = append(parts, "")
	}
	for i, name := range []string{"seuser", "serole", "setype", "selevel"} {
		if t.Has(name) && t.Str(name) != "_default" {
			parts[i] = t.Str(name)
		}
	}
	return strings.TrimRight(strings.Join(parts, ":"), ":")
}

// copyAttributes gives the new file what the old one has beside its content: ACLs, label and user attributes.
func copyAttributes(from, to string) {
	size, err := unix.Llistxattr(from, nil)
	if err != nil || size == 0 {
		return
	}
	list := make([]byte, size)
	if size, err = unix.Llistxattr(from, list); err != nil {
		return
	}
	for name := range strings.SplitSeq(strings.TrimRight(string(list[:size]), "\x00"), "\x00") {
		value := make([]byte, 64<<10)
		if n, err := unix.Lgetxattr(from, name, value); err == nil {
			_ = unix.Lsetxattr(to, name, value[:n], 0) // a file system that knows no such attributes still takes the content
		}
	}
}
