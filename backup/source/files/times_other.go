//go:build !linux

package files

import (
	"golang.org/x/sys/unix"

	"goodstate.dev/goodstate/backup/repository"
)

// setTimes sets the times of an open file, to the microsecond.
func setTimes(fd int, n *repository.Node) error {
	times := []unix.Timeval{unix.NsecToTimeval(n.AccessTime.UnixNano()), unix.NsecToTimeval(n.ModTime.UnixNano())}
	return unix.Futimes(fd, times)
}
