//go:build !linux

package files

const noAccessTime = 0
