//go:build !linux

package mover

import "os"

func syncAll(dir *os.File) error { return dir.Sync() }
