//go:build !linux

package proxy

import (
	"net"
	"os"
)

// peerUID trusts the socket's mode where the kernel is not asked.
func peerUID(*net.UnixConn) (int, error) { return os.Getuid(), nil }
