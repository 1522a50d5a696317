package proxy

import (
	"log/slog"
	"net"
	"os"
)

// ownPeers accepts only connections of the proxy's own user and of root.
type ownPeers struct {
	net.Listener
	log *slog.Logger
}

// Accept waits for the next connection that is allowed.
func (l *ownPeers) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		uid, err := peerUID(c.(*net.UnixConn))
		if err == nil && (uid == 0 || uid == os.Getuid()) {
			return c, nil
		}
		l.log.Warn("control connection refused", "uid", uid, "error", err)
		_ = c.Close() // nothing was sent on it
	}
}
