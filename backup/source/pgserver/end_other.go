//go:build !linux

package pgserver

import "syscall"

func worksIn(int, string) bool { return true }

func attributes(as *syscall.Credential) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: as, Setpgid: true}
}
