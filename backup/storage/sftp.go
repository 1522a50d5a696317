package storage

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"sync"

	"github.com/pkg/sftp"

	"goodstate.dev/goodstate/core/config"
	"goodstate.dev/goodstate/core/remote"
)

func init() {
	register(Kind{
		Name:    "sftp",
		Help:    "a folder of a host that is reached over SSH; its host key must be known, as for ssh",
		Example: "sftp: {host: backup.example.com, user: backup, folder: /srv/backup/shop}",
		New: func(decode func(any) error) (Place, error) {
			p := &sftpPlace{}
			return p, decode(p)
		},
	})
}

type sftpPlace struct {
	Host       string        `yaml:"host" required:"true" help:"the host, as one would write it after ssh: a name, an address or an alias of ~/.ssh/config" example:"backup.example.com"`
	Port       int           `yaml:"port" help:"port of its sshd, when not that of the SSH configuration"`
	User       string        `yaml:"user" help:"account there, when not that of the SSH configuration" example:"backup"`
	Folder     string        `yaml:"folder" required:"true" help:"folder of the repository; a relative one is taken from the account's home" example:"/srv/backup/shop"`
	Key        string        `yaml:"key" help:"private key file, besides those of the SSH configuration" example:"backup.key"`
	Passphrase config.Secret `yaml:"passphrase" help:"secret that opens the private key" example:"{secret: backup-key}"`
	Password   config.Secret `yaml:"password" help:"secret that is the account's password, for hosts that take no keys" example:"{secret: backup-login}"`
	Config     string        `yaml:"config" help:"SSH configuration file instead of ~/.ssh/config, or none" example:"ssh_config"`
}

func (p *sftpPlace) String() string {
	return "sftp " + remote.Target{Host: p.Host, Port: p.Port, User: p.User}.String() + ":" + p.Folder
}

// Open connects when the storage is used first.
func (p *sftpPlace) Open(_ context.Context, env Env) (Storage, error) {
	options := remote.Options{Config: p.Config, Keys: &remote.Keys{}}
	if p.Config != "" && p.Config != "none" {
		options.Config = env.path(p.Config)
	}
	if p.Key != "" {
		options.Identities = []string{env.path(p.Key)}
	}
	options.Ask = func(ctx context.Context, q remote.Question) (string, error) {
		secret := p.Password
		if q.Kind == remote.AskPassphrase {
			secret = p.Passphrase
		}
		if secret.IsZero() || q.Try > 0 {
			return "", remote.ErrNoAnswer
		}
		return env.secret(ctx, secret, string(q.Kind))
	}
	target := remote.Target{Host: p.Host, Port: p.Port, User: p.User}
	dial := func(ctx context.Context) (*remote.Client, error) { return remote.Dial(ctx, target, options) }
	return NewSteady(&sftpFolder{root: p.Folder, dial: dial, rates: env.Rates, made: map[string]bool{}}, Patience{}), nil
}

// sftpFolder is a folder behind one connection, which is made anew when it broke.
type sftpFolder struct {
	root  string
	dial  func(context.Context) (*remote.Client, error)
	rates Rates

	mu   sync.Mutex
	live *sftpSession
	made map[string]bool // folders that are there
}

type sftpSession struct {
	host *remote.Client
	sftp *sftp.Client
	stop context.CancelFunc
}

// session is the connection, new if there is none.
func (f *sftpFolder) session(ctx context.Context) (*sftpSession, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.live != nil {
		select {
		case <-f.live.host.Done():
			_ = f.live.close() // it is broken
			f.live = nil
		default:
			return f.live, nil
		}
	}
	host, err := f.dial(ctx)
	if err != nil {
		return nil, refusal(err)
	}
	long, stop := context.WithCancel(context.WithoutCancel(ctx))
	p, err := host.Subsystem(long, "sftp")
	if err != nil {
		stop()
		return nil, errors.Join(fmt.Errorf("start sftp on %s: %w", host.Target, err), host.Close())
	}
	go func() { _, _ = io.Copy(io.Discard, p.Stderr) }() // it ends with the connection
	halt := context.AfterFunc(ctx, func() { _ = host.Close() })
	client, err := sftp.NewClientPipe(limited{long, p.Stdout, f.rates.Down}, limitedWriter{p.Stdin, long, f.rates.Up}, sftp.UseConcurrentWrites(true))
	halt()
	if err != nil {
		stop()
		return nil, errors.Join(fmt.Errorf("start sftp on %s: %w", host.Target, err), host.Close())
	}
	f.live = &sftpSession{host, client, stop}
	return f.live, nil
}

// refusal marks what another try would not change.
func refusal(err error) error {
	var key *remote.HostKeyError
	var auth *remote.AuthError
	if errors.As(err, &key) || errors.As(err, &auth) {
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	return err
}

func (s *sftpSession) close() error {
	s.stop()
	err := s.host.Close()
	_ = s.sftp.Close() // it says only that the connection is gone
	return err
}

// Close ends the connection.
func (f *sftpFolder) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.live == nil {
		return nil
	}
	err := f.live.close()
	f.live = nil
	return err
}

// on does something on the connection. What waits for an answer when ctx ends is freed by dropping the connection, since SFTP knows no other way.
func (f *sftpFolder) on(ctx context.Context, what string, do func(*sftp.Client) error) error {
	s, err := f.session(ctx)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	stop := context.AfterFunc(ctx, func() { _ = s.host.Close() })
	defer stop()
	switch err := do(s.sftp); {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s: %w", what, ErrNotFound)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s: %w: %w", what, ErrRefused, err)
	default:
		return fmt.Errorf("%s: %w", what, err)
	}
}

func (f *sftpFolder) path(name string) string { return path.Join(f.root, name) }

// Save writes beside the file's place and then puts it there. sshd renames a file onto no other one.
func (f *sftpFolder) Save(ctx context.Context, name string, size int64, content io.Reader) error {
	if err := check(name); err != nil {
		return err
	}
	return f.on(ctx, "save "+name, func(c *sftp.Client) (err error) {
		target := f.path(name)
		if err := f.folder(c, path.Dir(target)); err != nil {
			return err
		}
		if _, err := c.Lstat(target); err == nil {
			return ErrExists
		}
		tmp := path.Join(path.Dir(target), partial+rand.Text())
		if err := f.write(ctx, c, tmp, size, content); err != nil {
			return errors.Join(err, gone(c.Remove(tmp)))
		}
		if err := c.Rename(tmp, target); err != nil {
			if _, there := c.Lstat(target); there == nil {
				err = ErrExists
			}
			return errors.Join(err, gone(c.Remove(tmp)))
		}
		return nil
	})
}

// folder makes a folder once.
func (f *sftpFolder) folder(c *sftp.Client, dir string) error {
	f.mu.Lock()
	made := f.made[dir]
	f.mu.Unlock()
	if made {
		return nil
	}
	if err := c.MkdirAll(dir); err != nil {
		return fmt.Errorf("folder %s: %w", dir, err)
	}
	f.mu.Lock()
	f.made[dir] = true
	f.mu.Unlock()
	return nil
}

// sftpNew is how a file is opened that must not be there yet.
const sftpNew = os.O_WRONLY | os.O_CREATE | os.O_EXCL

// write writes a whole new file.
func (f *sftpFolder) write(ctx context.Context, c *sftp.Client, tmp string, size int64, content io.Reader) (err error) {
	file, err := c.OpenFile(tmp, sftpNew)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	n, err := file.ReadFromWithConcurrency(under(ctx, content), 32)
	switch {
	case err != nil:
		return err
	case n != size:
		return fmt.Errorf("%d bytes came, want %d: %w", n, size, errCaller)
	}
	if _, can := c.HasExtension("fsync@openssh.com"); can {
		if err := file.Sync(); err != nil {
			return fmt.Errorf("bring it to the disk: %w", err)
		}
	}
	return file.Chmod(0o400)
}

// Open reads a part of a file.
func (f *sftpFolder) Open(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error) {
	if err := check(name); err != nil {
		return nil, err
	}
	var r *sftpReader
	err := f.on(ctx, "open "+name, func(c *sftp.Client) error {
		file, err := c.Open(f.path(name))
		if err != nil {
			return err
		}
		r = &sftpReader{file: file}
		if length >= 0 {
			r.Reader = exactly(io.NewSectionReader(file, offset, length), length)
			return nil
		}
		r.Reader = file
		_, err = file.Seek(offset, io.SeekStart)
		return err
	})
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	live := f.live
	f.mu.Unlock()
	r.stop = context.AfterFunc(ctx, func() {
		if live != nil {
			_ = live.host.Close() // a read may wait for an answer
		}
	})
	return r, nil
}

type sftpReader struct {
	io.Reader
	file *sftp.File
	stop func() bool
}

func (r *sftpReader) Close() error {
	r.stop()
	return r.file.Close()
}

// Size asks the host.
func (f *sftpFolder) Size(ctx context.Context, name string) (size int64, err error) {
	if err := check(name); err != nil {
		return 0, err
	}
	err = f.on(ctx, "size of "+name, func(c *sftp.Client) error {
		info, err := c.Stat(f.path(name))
		if err == nil {
			size = info.Size()
		}
		return err
	})
	return size, err
}

// List reads the folder and the folders in it.
func (f *sftpFolder) List(ctx context.Context, folder string, each func(string, int64) error) error {
	all, err := f.entries(ctx, folder)
	if err != nil {
		return err
	}
	for _, e := range all {
		name := folder + "/" + e.Name()
		switch {
		case e.IsDir():
			err = f.List(ctx, name, each)
		case strings.HasPrefix(e.Name(), partial) || strings.Contains(e.Name(), "-tmp-"):
		default:
			err = each(name, e.Size())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (f *sftpFolder) entries(ctx context.Context, folder string) (all []fs.FileInfo, err error) {
	err = f.on(ctx, "list "+folder, func(c *sftp.Client) error {
		all, err = c.ReadDirContext(ctx, f.path(folder))
		return err
	})
	if errors.Is(err, ErrNotFound) {
		return nil, nil // nothing was ever saved here
	}
	return all, err
}

// Remove deletes a file.
func (f *sftpFolder) Remove(ctx context.Context, name string) error {
	if err := check(name); err != nil {
		return err
	}
	err := f.on(ctx, "remove "+name, func(c *sftp.Client) error { return c.Remove(f.path(name)) })
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}
