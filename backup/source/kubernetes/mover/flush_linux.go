package mover

import (
	"os"

	"golang.org/x/sys/unix"
)

func syncAll(dir *os.File) error { return unix.Syncfs(int(dir.Fd())) }
