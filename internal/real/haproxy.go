package real

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// HAProxy is a scratch HAProxy with one frontend in front of the backend "web", and a runtime socket.
type HAProxy struct {
	Socket  string // of the runtime API
	Address string // that users reach, host:port
	scratch scratch
	server  *server
	program string
}

// StartHAProxy starts an HAProxy whose backend has the given lines, and logs requests into the ring "goodstate". It is nil where WITHOUT has haproxy.
func StartHAProxy(t testing.TB, lines ...string) *HAProxy {
	t.Helper()
	program := Need(t, "haproxy")
	if program == "" {
		return nil
	}
	h := &HAProxy{scratch: newScratch(t, "haproxy"), program: program, Address: fmt.Sprintf("127.0.0.1:%d", FreePort(t))}
	h.Socket = filepath.Join(h.scratch.dir, "admin.sock")
	config := fmt.Sprintf(`global
  stats socket %s mode 600 level admin
  nbthread 2
ring goodstate
  format raw
  maxlen 1500
  size 1048576
defaults
  mode http
  timeout client 30s
  timeout server 30s
  timeout connect 2s
  option httplog
  option redispatch
  retries 3
frontend users
  bind %s
  log ring@goodstate local0
  default_backend web
backend web
  balance roundrobin
  %s
`, h.Socket, h.Address, strings.Join(lines, "\n  "))
	if err := os.WriteFile(filepath.Join(h.scratch.dir, "haproxy.cfg"), []byte(config), 0o644); err != nil { //nolint:gosec // its account reads it
		t.Fatalf("configuration of HAProxy: %v", err)
	}
	h.Start(t)
	return h
}

// Start starts it again after Stop.
func (h *HAProxy) Start(t testing.TB) {
	t.Helper()
	h.server = h.scratch.start(t, syscall.SIGTERM, h.program, "-db", "-f", filepath.Join(h.scratch.dir, "haproxy.cfg"))
	h.server.ready(t, func() error {
		conn, err := net.DialTimeout("unix", h.Socket, time.Second)
		if err != nil {
			return err
		}
		return conn.Close()
	})
}

// Stop ends it; what it was told at run time is forgotten.
func (h *HAProxy) Stop(t testing.TB) {
	t.Helper()
	h.server.stop(t, syscall.SIGTERM)
}
