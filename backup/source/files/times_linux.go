package files

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"goodstate.dev/goodstate/backup/repository"
)

// setTimes sets the times of an open file: utimensat with no path means the descriptor.
func setTimes(fd int, n *repository.Node) error {
	times := [2]unix.Timespec{timespec(n.AccessTime), timespec(n.ModTime)}
	_, _, errno := unix.Syscall6(unix.SYS_UTIMENSAT, uintptr(fd), 0, uintptr(unsafe.Pointer(&times[0])), 0, 0, 0) //nolint:gosec // the kernel reads two of them
	if errno != 0 {
		return errno
	}
	return nil
}
