package source

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"goodstate.dev/goodstate/backup/repository"
	"goodstate.dev/goodstate/backup/source/files"
	"goodstate.dev/goodstate/core/config"
)

func init() {
	register(Kind{
		Name:    "etcd",
		Help:    "the keys of an etcd cluster, as a snapshot whose hash is checked; it comes back as the data folder of a new member",
		Example: "etcd: {endpoints: [\"https://127.0.0.1:2379\"], ca: etcd/ca.crt, cert: etcd/backup.crt, key: etcd/backup.key}",
		New: func(decode func(any) error) (Source, error) {
			s := &etcdSource{Member: etcdMember{Name: "default", Peer: "http://localhost:2380"}}
			if err := decode(s); err != nil {
				return nil, err
			}
			if s.Cert != "" && s.Key == "" || s.Cert == "" && s.Key != "" {
				return nil, errors.New("cert and key belong together")
			}
			return s, nil
		},
	})
}

type etcdSource struct {
	Endpoints []string      `yaml:"endpoints" required:"true" help:"addresses of the members; the snapshot is taken from the one that is furthest" example:"[\"https://127.0.0.1:2379\"]"`
	CA        string        `yaml:"ca" help:"file with the authority that signed the members' certificates" example:"/etc/kubernetes/pki/etcd/ca.crt"`
	Cert      string        `yaml:"cert" help:"file with the certificate to show" example:"/etc/kubernetes/pki/etcd/healthcheck-client.crt"`
	Key       string        `yaml:"key" help:"file with its key" example:"/etc/kubernetes/pki/etcd/healthcheck-client.key"`
	User      string        `yaml:"user" help:"account, where etcd asks for one; it needs the role root" example:"root"`
	Password  config.Secret `yaml:"password" help:"secret with the account's password" example:"{secret: etcd}"`
	Member    etcdMember    `yaml:"member" help:"the member that a restore makes" example:"{name: node1, peer: \"https://10.0.0.1:2380\"}"`
	Bump      int64         `yaml:"bump_revision" help:"how far a restored etcd's revision is set ahead, so that watchers notice that they have to look again; it needs etcdutl 3.6" example:"1000000000"`
	Programs  string        `yaml:"programs" help:"folder with the programs etcdutl (or etcdctl before 3.6) and, for drills, etcd, in the version of the cluster; without it they are looked for in PATH" example:"/opt/etcd"`

	drill *etcdScratch
}

type etcdMember struct {
	Name    string `yaml:"name" help:"name of the member" example:"node1"`
	Peer    string `yaml:"peer" help:"address for other members" example:"https://10.0.0.1:2380"`
	Cluster string `yaml:"cluster" help:"all members, as etcd's --initial-cluster; without it this member alone" example:"node1=https://10.0.0.1:2380"`
	Token   string `yaml:"token" help:"token of the new cluster" example:"after-the-fire"`
}

const etcdFile = "etcd.snapshot"

// client connects to one member.
func (s *etcdSource) client(ctx context.Context, j Job, endpoint string) (*clientv3.Client, error) {
	c := clientv3.Config{Endpoints: []string{endpoint}, DialTimeout: 10 * time.Second, Context: ctx, Logger: zap.NewNop(), Username: s.User}
	if s.Password.Name() != "" {
		var err error
		if c.Password, err = j.Secret(ctx, s.Password.Name()); err != nil {
			return nil, fmt.Errorf("password of etcd: %w", err)
		}
	}
	if strings.HasPrefix(endpoint, "https://") {
		var err error
		if c.TLS, err = s.tls(j.Base); err != nil {
			return nil, err
		}
	}
	return clientv3.New(c)
}

func (s *etcdSource) tls(base string) (*tls.Config, error) {
	at := func(path string) string {
		if filepath.IsAbs(path) {
			return path
		}
		return filepath.Join(base, path)
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if s.CA != "" {
		text, err := os.ReadFile(at(s.CA))
		if err != nil {
			return nil, fmt.Errorf("authority of etcd: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("authority of etcd: %s has no certificate in PEM", s.CA)
		}
	}
	if s.Cert != "" {
		pair, err := tls.LoadX509KeyPair(at(s.Cert), at(s.Key))
		if err != nil {
			return nil, fmt.Errorf("certificate for etcd: %w", err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}

// answers is how long one member may take to say how it is.
const answers = 10 * time.Second

// furthest connects to the member with the highest revision.
func (s *etcdSource) furthest(ctx context.Context, j Job) (*clientv3.Client, error) {
	var best *clientv3.Client
	var revision int64
	var failures []error
	for _, endpoint := range s.Endpoints {
		c, err := s.client(ctx, j, endpoint)
		if err != nil {
			return nil, err
		}
		limited, stop := context.WithTimeout(ctx, answers)
		status, err := c.Status(limited, endpoint)
		stop()
		switch {
		case err != nil:
			failures = append(failures, fmt.Errorf("%s: %w", endpoint, err), c.Close())
		case best == nil || status.Header.Revision > revision:
			if best != nil {
				failures = append(failures, best.Close())
			}
			best, revision = c, status.Header.Revision
		default:
			failures = append(failures, c.Close())
		}
	}
	if best == nil {
		return nil, fmt.Errorf("no member of etcd answers: %w", errors.Join(failures...))
	}
	return best, nil
}

// Backup copies what etcd has at one moment. The stream ends with the SHA-256 of what is before it; without it, or with another, there is no backup.
func (s *etcdSource) Backup(ctx context.Context, j Job) (made Copied, err error) {
	c, err := s.furthest(ctx, j)
	if err != nil {
		return Copied{}, err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	stream, err := c.Snapshot(ctx)
	if err != nil {
		return Copied{}, fmt.Errorf("snapshot of etcd: %w", err)
	}
	defer func() { err = errors.Join(err, stream.Close()) }()
	res, err := files.Stream(ctx, j.Repo, etcdFile, newSumAtEnd(stream), files.Options{
		Tags: []string{Tag(j.Application)}, Progress: func(p files.Progress) { j.Say(Progress(j.Began, time.Now(), 0, p.Bytes, j.Expected, true)) },
	})
	if err != nil {
		return Copied{}, fmt.Errorf("snapshot of etcd: %w", err)
	}
	return Copied{Snapshot: res.Snapshot, Bytes: res.Bytes, Written: res.Saved.Written, Complete: true}, nil
}

// Restore writes the data folder of a member that begins a new cluster with the old keys. In a drill the member is started.
func (s *etcdSource) Restore(ctx context.Context, j Job, snap repository.Snapshot, to Place) (Restored, error) {
	if to.Folder == "" {
		return Restored{}, errors.New("etcd comes back as a data folder; say --to FOLDER, an empty or new one")
	}
	if entries, err := os.ReadDir(to.Folder); err == nil && len(entries) > 0 {
		return Restored{}, fmt.Errorf("%s has %d entries, want an empty or a new folder: stop the old member and put its folder aside", to.Folder, len(entries))
	}
	size, err := s.unpack(ctx, j, snap, to.Folder)
	if err == nil && s.drill != nil {
		err = s.drill.start(ctx, to.Folder)
	}
	return Restored{Bytes: size}, err
}

// unpack lays the snapshot beside the folder and has etcd's own program make a member of it, which checks the hash again.
func (s *etcdSource) unpack(ctx context.Context, j Job, snap repository.Snapshot, folder string) (size int64, err error) {
	tool, version, err := s.tool()
	if err != nil {
		return 0, err
	}
	if err := os.MkdirAll(filepath.Dir(folder), 0o700); err != nil {
		return 0, err
	}
	file, err := os.CreateTemp(filepath.Dir(folder), ".etcd-snapshot-")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.Remove(file.Name())) }()
	size, err = files.Cat(ctx, j.Repo, snap, "/"+etcdFile, file)
	if err = errors.Join(err, file.Close()); err != nil {
		return size, err
	}
	if err := os.Remove(folder); err != nil && !errors.Is(err, os.ErrNotExist) { // it is empty, and the program wants to make it
		return size, err
	}
	p := program{argv: append([]string{tool}, s.member().restore(file.Name(), folder)...), env: []string{"ETCDCTL_API=3"}}
	if s.Bump > 0 {
		if version != "etcdutl" {
			return size, fmt.Errorf("bump_revision needs etcdutl of etcd 3.6; %s is older", tool)
		}
		p.argv = append(p.argv, fmt.Sprintf("--bump-revision=%d", s.Bump), "--mark-compacted")
	}
	cmd, said := p.command(ctx)
	if err := cmd.Run(); err != nil {
		return size, p.failed(err, said)
	}
	return size, nil
}

func (s *etcdSource) member() etcdMember {
	if s.drill != nil {
		return s.drill.member
	}
	return s.Member
}

func (m etcdMember) restore(file, folder string) []string {
	all := m.Cluster
	if all == "" {
		all = m.Name + "=" + m.Peer
	}
	args := []string{"snapshot", "restore", file, "--data-dir=" + folder, "--name=" + m.Name, "--initial-cluster=" + all, "--initial-advertise-peer-urls=" + m.Peer}
	if m.Token != "" {
		args = append(args, "--initial-cluster-token="+m.Token)
	}
	return args
}

// Original says that a running member's folder is nothing to write over.
func (s *etcdSource) Original(context.Context, Job) (Place, error) {
	return Place{}, errors.New("etcd is not restored over a running member: stop it, put its data folder aside, and say --to with that folder's path")
}
