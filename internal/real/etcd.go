package real

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

// Etcd is a scratch etcd with one member.
type Etcd struct {
	Address string // of clients, a URL
	Peer    string
	Data    string // its data folder
	scratch scratch
	server  *server
	program string
}

// StartEtcd starts an empty etcd. It is nil where WITHOUT has etcd.
func StartEtcd(t testing.TB) *Etcd {
	t.Helper()
	program := Need(t, "etcd")
	if program == "" {
		return nil
	}
	e := &Etcd{scratch: newScratch(t), program: program}
	e.Address, e.Peer = fmt.Sprintf("http://127.0.0.1:%d", FreePort(t)), fmt.Sprintf("http://127.0.0.1:%d", FreePort(t))
	e.Data = filepath.Join(e.scratch.dir, "data")
	e.Start(t)
	return e
}

// Start starts it on its data.
func (e *Etcd) Start(t testing.TB) {
	t.Helper()
	e.server = e.scratch.start(t, syscall.SIGTERM, e.program, "--name=default", "--data-dir="+e.Data, "--listen-client-urls="+e.Address, "--advertise-client-urls="+e.Address,
		"--listen-peer-urls="+e.Peer, "--initial-advertise-peer-urls="+e.Peer, "--initial-cluster=default="+e.Peer)
	e.server.ready(t, func() error {
		c := e.Client(t)
		ctx, stop := context.WithTimeout(context.Background(), 2*time.Second)
		defer stop()
		_, err := c.Get(ctx, "ready")
		return err
	})
}

// Stop ends it.
func (e *Etcd) Stop(t testing.TB) {
	t.Helper()
	e.server.stop(t, syscall.SIGTERM)
}

// Client is connected until the test ends.
func (e *Etcd) Client(t testing.TB) *clientv3.Client {
	t.Helper()
	c, err := clientv3.New(clientv3.Config{Endpoints: []string{e.Address}, DialTimeout: 5 * time.Second, Logger: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() }) // its server may be gone
	return c
}

// Own gives the data folder to the account that the server runs as, after somebody else has written it.
func (e *Etcd) Own(t testing.TB) {
	t.Helper()
	if e.scratch.as == nil {
		return
	}
	err := filepath.WalkDir(e.Data, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, int(e.scratch.as.Uid), int(e.scratch.as.Gid))
	})
	if err != nil {
		t.Fatal(err)
	}
}
