package source

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"goodstate.dev/goodstate/backup/repository"
	"goodstate.dev/goodstate/backup/source/files"
)

// Recovers says that the binary log leads to any moment, where it is kept.
func (s *mysqlSource) Recovers() {}

// replays is which logs are replayed up to which place; "" and 0: all of them. What cannot lead to the moment is refused before anything is touched.
func (c mysqlChain) replays(until Until, into string) (names []string, stop string, err error) {
	if c.dump.Name == "" {
		if !until.IsZero() {
			return nil, "", errors.New("the restore point has no binary log, so it comes back as it was; leave out --until, or set log: true for copies to come")
		}
		return nil, "", nil
	}
	if into != c.Database {
		if !until.IsZero() {
			return nil, "", fmt.Errorf("the log of database %s can be replayed into a database of the same name only, as its statements name it; want one called %s, on this server or another, not %s", c.Database, c.Database, into)
		}
		return nil, "", nil
	}
	lacks, err := c.lacks()
	if err == nil && len(lacks) > 0 {
		err = fmt.Errorf("the log has a gap: %s; choose an older restore point with --point", strings.Join(lacks, ", "))
	}
	if err != nil {
		return nil, "", err
	}
	if !until.Time.IsZero() && until.Time.Before(c.Base) {
		why := ""
		if c.Gap != "" {
			why = "; before it the log has a gap: " + c.Gap
		}
		return nil, "", fmt.Errorf("the dump is of %s, after %s%s", c.Base.Format(time.RFC3339), until.Time.Format(time.RFC3339), why)
	}
	file, place, isPlace := strings.Cut(until.Name, ":")
	at, bad := strconv.ParseUint(place, 10, 64)
	if until.LSN != "" || until.Name != "" && (!isPlace || bad != nil) {
		return nil, "", errors.New("want a time, or a place in the binary log like binlog.000007:1234")
	}
	for _, n := range c.logs {
		names = append(names, n.Name)
		if n.Name == file {
			if n.Name == c.File && at < c.Position || at > n.Size {
				return nil, "", fmt.Errorf("the restore point has the log from %s:%d, and of %s %d bytes; %s is outside", c.File, c.Position, n.Name, n.Size, until.Name)
			}
			return names, place, nil
		}
	}
	if file != "" {
		return nil, "", fmt.Errorf("the restore point has the logs %s to %s and not %s", c.File, names[len(names)-1], file)
	}
	return names, "", nil
}

// replay brings a database that has the dump on to the moment.
func (c mysqlChain) replay(ctx context.Context, j Job, snap repository.Snapshot, a mysqlAddress, names []string, stop string, until Until) (size int64, err error) {
	folder, err := j.room("replay-")
	if err != nil {
		return 0, fmt.Errorf("folder for the binary logs: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	argv := []string{"mariadb-binlog", "--no-defaults", "--verify-binlog-checksum", "--database=" + c.Database, "--start-position=" + strconv.FormatUint(c.Position, 10)}
	if !until.Time.IsZero() {
		argv = append(argv, "--stop-datetime="+until.Time.UTC().Format("2006-01-02 15:04:05"))
	}
	if stop != "" {
		argv = append(argv, "--stop-position="+stop)
	}
	for _, name := range names {
		f, err := os.OpenFile(filepath.Join(folder, name), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err != nil {
			return size, err
		}
		n, err := files.Cat(ctx, j.Repo, snap, "/"+name, f)
		size += n
		if err = errors.Join(err, f.Close()); err != nil {
			return size, fmt.Errorf("log %s: %w", name, err)
		}
		argv = append(argv, filepath.Join(folder, name))
	}
	from, _, err := program{argv: argv, env: []string{"TZ=UTC"}}.read(ctx)
	if err != nil {
		return size, err
	}
	defer func() { _ = from.Close() }() // it was read to its end, or is of no use
	err = a.client(func(options string) error {
		p := a.loader(options)
		cmd, said := p.command(ctx)
		cmd.Stdin = from
		if err := cmd.Run(); err != nil {
			return p.failed(err, said)
		}
		return nil
	})
	if err != nil {
		err = fmt.Errorf("replay of the binary log: %w", err)
	}
	return size, err
}
