package client

import "syscall"

// group puts a child into a process group of its own. The child dies with this program even when that is killed; the tests of a killed run would
// otherwise go on changing files.
func group() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
