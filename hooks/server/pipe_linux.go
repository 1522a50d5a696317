package server

import (
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// widePipe is how much a child may write ahead, in bytes: with the usual 64 kB both sides wait for each other all the time.
const widePipe = 1 << 20

// widen makes a pipe hold more, where the system allows it; one that does not is slower, and as right.
func widen(pipe io.Reader) {
	f, ok := pipe.(*os.File)
	if !ok {
		return
	}
	conn, err := f.SyscallConn()
	if err != nil {
		return
	}
	_ = conn.Control(func(fd uintptr) { _, _ = unix.FcntlInt(fd, unix.F_SETPIPE_SZ, widePipe) }) // the size is a wish
}
