//go:build unix && !linux

package client

import "syscall"

// group puts a child into a process group of its own.
func group() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
