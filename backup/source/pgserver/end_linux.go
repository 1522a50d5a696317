package pgserver

import (
	"os"
	"strconv"
	"syscall"
)

// worksIn says whether a process has the folder as its own: a server goes into its data directory, and numbers of processes are used again.
func worksIn(pid int, folder string) bool {
	in, err := os.Stat("/proc/" + strconv.Itoa(pid) + "/cwd")
	if err != nil {
		return false
	}
	want, err := os.Stat(folder)
	return err == nil && os.SameFile(in, want)
}

// attributes let a server end with the process that started it, however that ends.
func attributes(as *syscall.Credential) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: as, Setpgid: true, Pdeathsig: syscall.SIGINT}
}
