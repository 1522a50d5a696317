//go:build unix

package proxy

import (
	"errors"
	"net"

	"golang.org/x/sys/unix"
)

// open tells, without waiting, whether the other side of an idle connection still has it open: nothing is there to be read, not even
// the end.
func open(c net.Conn) bool {
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		return false
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return false
	}
	idle := false
	err = raw.Control(func(fd uintptr) {
		var b [1]byte
		_, _, rerr := unix.Recvfrom(int(fd), b[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
		idle = errors.Is(rerr, unix.EAGAIN)
	})
	return err == nil && idle
}
