package source

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

// find looks for one of etcd's programs.
func (s *etcdSource) find(name string) (string, error) {
	if s.Programs != "" {
		path := filepath.Join(s.Programs, name)
		info, err := os.Stat(path)
		if err == nil && info.Mode().IsRegular() {
			return path, nil
		}
		return "", fmt.Errorf("there is no program %s in %s", name, s.Programs)
	}
	return exec.LookPath(name)
}

// tool is the program that restores: etcdutl, or etcdctl of versions before 3.6.
func (s *etcdSource) tool() (path, name string, err error) {
	for _, name := range []string{"etcdutl", "etcdctl"} {
		if path, err := s.find(name); err == nil {
			return path, name, nil
		}
	}
	return "", "", errors.New("etcd is restored by its own program etcdutl (etcdctl before 3.6), and neither is found; install the one of the cluster's version, or say programs: FOLDER")
}

// sumAtEnd reads etcd's snapshots: pages of 512 bytes and then the SHA-256 of all of them.
// https://etcd.io/docs/latest/op-guide/recovery/ says that only snapshots of the API have it.
type sumAtEnd struct {
	from io.Reader
	sum  hash.Hash
	tail []byte // the last bytes that were read; they may be the sum
	all  int64
}

func newSumAtEnd(from io.Reader) *sumAtEnd { return &sumAtEnd{from: from, sum: sha256.New()} }

// Read passes everything on, and turns the end into an error where the sum is missing or another.
func (s *sumAtEnd) Read(p []byte) (int, error) {
	n, err := s.from.Read(p)
	s.all += int64(n)
	s.tail = append(s.tail, p[:n]...)
	if over := len(s.tail) - sha256.Size; over > 0 {
		s.sum.Write(s.tail[:over])
		s.tail = append(s.tail[:0], s.tail[over:]...)
	}
	if errors.Is(err, io.EOF) {
		if s.all%512 != sha256.Size || string(s.sum.Sum(nil)) != string(s.tail) {
			return n, fmt.Errorf("after %d bytes there is no SHA-256 of them: the snapshot is cut off or damaged on its way", s.all)
		}
	}
	return n, err
}

// etcdScratch is a member of its own, for a drill.
type etcdScratch struct {
	program string
	member  etcdMember
	client  string // address
	cmd     *exec.Cmd
	log     string
	ended   chan error
}

// Scratch prepares a member on free ports of this machine; it is started by the restore and killed by done.
func (s *etcdSource) Scratch(ctx context.Context, j Job) (Place, func(context.Context) error, error) {
	path, err := s.find("etcd")
	if err != nil {
		return Place{}, nil, errors.New("a drill starts what was restored, and the program etcd is not found; install the one of the cluster's version, or say programs: FOLDER")
	}
	d := &etcdScratch{program: path, log: filepath.Join(j.Scratch, "etcd.log")}
	ports := make([]string, 2)
	for i := range ports {
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return Place{}, nil, fmt.Errorf("port for a scratch etcd: %w", err)
		}
		ports[i] = "http://" + l.Addr().String()
		if err := l.Close(); err != nil {
			return Place{}, nil, err
		}
	}
	d.client, d.member = ports[0], etcdMember{Name: "drill", Peer: ports[1], Token: "goodstate-drill"}
	s.drill = d
	return Place{Folder: filepath.Join(j.Scratch, "etcd"), URL: d.client, Name: "scratch etcd"}, d.stop, nil
}

// patience is how long a scratch member may take to serve what it has.
const etcdPatience = 2 * time.Minute

// start runs the member and waits until it answers a read that needs a leader.
func (d *etcdScratch) start(ctx context.Context, folder string) error {
	log, err := os.Create(d.log)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()                                                                                                                    // the member has its own
	d.cmd = exec.Command(d.program, "--name="+d.member.Name, "--data-dir="+folder, "--listen-client-urls="+d.client, "--advertise-client-urls="+d.client, //nolint:noctx // it lives as long as the drill, and stop ends it
		"--listen-peer-urls="+d.member.Peer, "--initial-advertise-peer-urls="+d.member.Peer, "--initial-cluster="+d.member.Name+"="+d.member.Peer)
	d.cmd.Stdout, d.cmd.Stderr = log, log
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL} // a drill that is killed leaves no server
	if err := d.cmd.Start(); err != nil {
		return fmt.Errorf("start a scratch etcd: %w", err)
	}
	d.ended = make(chan error, 1)
	go func() { d.ended <- d.cmd.Wait() }()
	return d.serves(ctx)
}

func (d *etcdScratch) serves(ctx context.Context) (err error) {
	c, err := clientv3.New(clientv3.Config{Endpoints: []string{d.client}, DialTimeout: 5 * time.Second, Context: ctx, Logger: zap.NewNop()})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	end := time.Now().Add(etcdPatience)
	for {
		limited, stop := context.WithTimeout(ctx, 2*time.Second)
		got, err := c.Get(limited, "", clientv3.WithPrefix(), clientv3.WithCountOnly())
		stop()
		if err == nil {
			if got.Count == 0 {
				return errors.New("the restored etcd has no key")
			}
			return nil
		}
		select {
		case gone := <-d.ended:
			d.ended <- gone
			return fmt.Errorf("the restored etcd ended: %w; it said:\n%s", gone, d.said())
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
		if time.Now().After(end) {
			return fmt.Errorf("the restored etcd does not serve within %s: %w; it said:\n%s", etcdPatience, err, d.said())
		}
	}
}

func (d *etcdScratch) said() string {
	text, err := os.ReadFile(d.log)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-5):], "\n")
}

func (d *etcdScratch) stop(context.Context) error {
	if d.cmd == nil || d.cmd.Process == nil {
		return nil
	}
	if err := d.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	if gone := <-d.ended; d.cmd.ProcessState == nil {
		return gone
	}
	return nil // that it was killed is what was wanted
}
