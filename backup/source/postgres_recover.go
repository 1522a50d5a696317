package source

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"goodstate.dev/goodstate/backup/repository"
	"goodstate.dev/goodstate/backup/source/files"
	"goodstate.dev/goodstate/backup/source/pgserver"
)

// Recovers says that the log leads to any moment.
func (s *serverSource) Recovers() {}

// Restore makes a data directory in an empty folder and recovers it up to the moment that is asked for. The server that does that is stopped again; a drill's goes on.
// Where the log has a gap before that moment, nothing is left to run, and the segments that lack are named.
func (s *serverSource) Restore(ctx context.Context, j Job, snap repository.Snapshot, to Place) (res Restored, err error) {
	if to.Folder == "" {
		return res, errors.New("a server is recovered into an empty folder, its new data directory; give one with --to")
	}
	c, err := chainOf(ctx, j.Repo, snap)
	if err == nil && c.base.Name == "" {
		err = fmt.Errorf("restore point %s has no base copy of a server", snap.ID.Short())
	}
	if err != nil {
		return res, err
	}
	if !to.Until.Time.IsZero() && to.Until.Time.Before(c.Base) {
		return res, fmt.Errorf("the base copy of restore point %s was made at %s, after %s; choose an older restore point", snap.ID.Short(), c.Base.Format(time.RFC3339), to.Until.Time.Format(time.RFC3339))
	}
	lacks, err := c.lacks()
	if err != nil {
		return res, err
	}
	var on tail
	if to.Onward && len(lacks) == 0 {
		if on, err = c.tail(ctx, j); err != nil {
			return res, err
		}
		if on.gap != "" {
			lacks = append(lacks, on.gap)
		}
	}
	if len(lacks) > 0 && to.Until.IsZero() {
		return res, fmt.Errorf("the log has a gap: %s; say --until with a moment before it", strings.Join(lacks, ", "))
	}
	if res.Bytes, err = c.lay(ctx, j, snap, to.Folder); err != nil {
		return res, err
	}
	streamed, err := on.lay(ctx, j, to.Folder, c.Segment)
	res.Bytes += streamed
	if err != nil {
		return res, err
	}
	res.Ended, err = c.recover(ctx, j, to, lacks)
	return res, err
}

func (c chain) lacks() ([]string, error) {
	var names []string
	for _, n := range c.wal {
		names = append(names, n.Name)
	}
	if len(names) == 0 {
		return []string{walFile(c.Timeline, c.First, c.Segment)}, nil
	}
	lacks, err := missingWAL(names, c.Timeline, c.First, c.Segment)
	if last := (c.Until - 1) / c.Segment; err == nil && len(lacks) == 0 { // the end may lack too
		var have bool
		for _, name := range names {
			if n, err := walNumber(name, c.Segment); err == nil && n >= last {
				have = true
			}
		}
		if !have {
			lacks = append(lacks, walFile(c.Timeline, last, c.Segment))
		}
	}
	return lacks, err
}

// lay writes the base copy and the log into the folder, and returns the bytes.
func (c chain) lay(ctx context.Context, j Job, snap repository.Snapshot, folder string) (size int64, err error) {
	if entries, err := os.ReadDir(folder); err == nil && len(entries) > 0 {
		return 0, fmt.Errorf("%s has %d files already; a server is recovered into an empty folder", folder, len(entries))
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return 0, fmt.Errorf("data directory: %w", err)
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return 0, fmt.Errorf("data directory: %w", err)
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	from, into := io.Pipe()
	done := make(chan error, 1)
	go func() {
		_, err := files.Cat(ctx, j.Repo, snap, "/"+serverTar, into)
		done <- err
		into.CloseWithError(err)
	}()
	err = unpack(root, from, func(n int64) { j.Say(Progress(j.Began, time.Now(), 0, n, int64(c.base.Size), false)) })
	from.CloseWithError(errors.New("not read to its end"))
	if err = errors.Join(err, <-done); err != nil {
		return 0, fmt.Errorf("base copy: %w", err)
	}
	size = int64(c.base.Size)
	whole := map[string]bool{}
	for _, n := range c.wal {
		whole[n.Name] = true
	}
	for _, n := range c.wal {
		name := strings.TrimSuffix(n.Name, ".partial")
		if name != n.Name && whole[name] {
			continue
		}
		f, err := root.OpenFile("pg_wal/"+name, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
		if err != nil {
			return size, fmt.Errorf("log: %w", err)
		}
		written, err := files.Cat(ctx, j.Repo, snap, "/"+n.Name, f)
		size += written
		if err = errors.Join(err, f.Close()); err != nil {
			return size, fmt.Errorf("log %s: %w", n.Name, err)
		}
	}
	return size, root.WriteFile("recovery.signal", nil, 0o600)
}

// unpack writes the files of a base copy. What leads out of the folder is refused, and so are links: a tablespace would lie elsewhere.
func unpack(root *os.Root, from io.Reader, said func(int64)) error {
	t := tar.NewReader(from)
	var size int64
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		name := path.Clean(h.Name)
		switch h.Typeflag {
		case tar.TypeDir:
			err = root.MkdirAll(name, 0o700)
		case tar.TypeReg:
			var f *os.File
			if f, err = root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600); err == nil {
				_, err = io.Copy(f, t)
				err = errors.Join(err, f.Close())
			}
			size += h.Size
			said(size)
		default:
			err = fmt.Errorf("%s is neither a file nor a folder", name)
		}
		if err != nil {
			return err
		}
	}
}

// recover runs a server on the data directory until its recovery has ended, and says where.
func (c chain) recover(ctx context.Context, j Job, to Place, lacks []string) (ended string, err error) {
	if err := pgserver.Own(to.Folder); err != nil {
		return "", fmt.Errorf("data directory: %w", err)
	}
	socket := to.socket()
	if socket == "" {
		var put func() error
		if socket, put, err = j.socket(); err != nil {
			return "", err
		}
		defer func() { err = errors.Join(err, put()) }()
	}
	settings := to.Until.settings()
	// The log lies in the data directory already. Nobody connects before the recovery has ended: what is read then is what was asked for.
	settings["restore_command"], settings["hot_standby"], settings["primary_conninfo"], settings["primary_slot_name"] = "false", "off", "", ""
	server, err := pgserver.Start(to.Folder, socket, c.Major, settings)
	if err != nil {
		return "", err
	}
	j.Say("replay the log")
	err = server.Ready(ctx, pgserver.URL(socket, c.User, c.Database))
	ended = server.Said("recovery stopping")
	switch {
	case err != nil && len(lacks) > 0:
		err = fmt.Errorf("%w; the log has a gap before that moment: %s", err, strings.Join(lacks, ", "))
	case err != nil:
		err = fmt.Errorf("recover the server: %w", err)
	case !to.Until.IsZero() && ended == "":
		err = errors.New("the server is up, but did not say that its recovery stopped at the moment that was asked for")
	case ended == "":
		ended = server.Said("redo done at")
	}
	if err != nil || to.URL == "" {
		return ended, errors.Join(err, server.Stop())
	}
	return ended, nil
}

// socket makes a folder for the socket of a server that recovers, and what removes it.
func (j Job) socket() (path string, done func() error, err error) {
	if err := j.sweepFolders(); err != nil {
		return "", nil, err
	}
	folder, release, err := j.scratchFolder()
	if err != nil {
		return "", nil, err
	}
	done = func() error { return errors.Join(os.RemoveAll(folder), release()) }
	path, err = pgserver.SocketIn(folder)
	if err = errors.Join(err, pgserver.Own(folder)); err != nil {
		return "", nil, errors.Join(err, done())
	}
	return path, done, nil
}

// socket is the folder of the socket of a server that a drill has a place for.
func (p Place) socket() string {
	if p.URL == "" {
		return ""
	}
	c, err := pgx.ParseConfig(p.URL)
	if err != nil {
		return ""
	}
	return c.Host
}

// Original cannot be: the server runs on it.
func (s *serverSource) Original(context.Context, Job) (Place, error) {
	return Place{}, errors.New("a server cannot be recovered over itself; recover into an empty folder with --to, stop the server, and start it on that folder")
}

// Scratch is a server of the drill's own, on a socket.
func (s *serverSource) Scratch(ctx context.Context, j Job) (Place, func(context.Context) error, error) {
	if err := s.Sweep(ctx, j); err != nil {
		return Place{}, nil, err
	}
	url, err := s.address(ctx, j)
	if err != nil {
		return Place{}, nil, err
	}
	c, err := pgx.ParseConfig(url)
	if err != nil {
		return Place{}, nil, errors.New("the URL of the PostgreSQL server cannot be read; want postgres://user:password@host/database")
	}
	folder, release, err := j.scratchFolder() // the server's account has to reach it, and cannot enter goodstate's own folders
	if err != nil {
		return Place{}, nil, err
	}
	data := filepath.Join(folder, "data")
	done := func(context.Context) error { return errors.Join(pgserver.End(data), os.RemoveAll(folder), release()) }
	socket, err := pgserver.SocketIn(folder)
	if err = errors.Join(err, pgserver.Own(folder)); err != nil {
		return Place{}, nil, errors.Join(err, done(ctx))
	}
	return Place{Folder: data, URL: pgserver.URL(socket, c.User, c.Database)}, done, nil
}

// Sweep ends the servers of drills that were killed, and removes their folders.
func (s *serverSource) Sweep(_ context.Context, j Job) error { return j.sweepFolders() }
