package source

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"goodstate.dev/goodstate/backup/repository"
	"goodstate.dev/goodstate/backup/source/files"
)

const mysqlAbout = "mysql.json"

var (
	binlogName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]*\.[0-9]{6,10}$`)
	dumpedAt   = regexp.MustCompile(`CHANGE MASTER TO MASTER_LOG_FILE='([^']+)', MASTER_LOG_POS=([0-9]+);`)
)

// mysqlCopy is what a restore point with a binary log says of itself.
type mysqlCopy struct {
	Database string    `json:"database"`
	File     string    `json:"log_file"` // where the log goes on from the dump
	Position uint64    `json:"log_position"`
	Base     time.Time `json:"base"`          // the dump is not younger
	At       time.Time `json:"log_until_at"`  // up to when the log is here
	Gap      string    `json:"gap,omitempty"` // what the log lacks before the dump
}

// mysqlChain is a dump with its log, that others can be built upon.
type mysqlChain struct {
	mysqlCopy
	dump repository.Node
	logs []repository.Node // in their order
}

// binlogNumber is the place of a file in the row of all.
func binlogNumber(name string) (string, int, error) {
	i := strings.LastIndexByte(name, '.')
	if !binlogName.MatchString(name) {
		return "", 0, fmt.Errorf("%q is not the name of a binary log", name)
	}
	n, err := strconv.Atoi(name[i+1:])
	return name[:i], n, err
}

// missingLogs names the binary logs that lack in a row that begins with the first.
func missingLogs(first string, names []string) ([]string, error) {
	base, next, err := binlogNumber(first)
	if err != nil {
		return nil, err
	}
	var lacks []string
	for _, name := range names {
		b, n, err := binlogNumber(name)
		if err != nil {
			return nil, err
		}
		if b != base || n < next {
			return []string{first}, nil
		}
		for ; next < n && len(lacks) < 1000; next++ {
			lacks = append(lacks, fmt.Sprintf("%s.%06d", base, next))
		}
		next = n + 1
	}
	if len(names) == 0 {
		lacks = append(lacks, first)
	}
	return lacks, nil
}

func mysqlChainOf(ctx context.Context, repo *repository.Repository, snap repository.Snapshot) (c mysqlChain, err error) {
	list, err := repo.Folder(ctx, snap.Tree)
	if err != nil {
		return c, err
	}
	found := false
	for _, n := range list.Nodes { // by their names
		switch {
		case n.Name == mysqlFile:
			c.dump = n
		case n.Name == mysqlAbout:
			found = true
		case binlogName.MatchString(n.Name):
			c.logs = append(c.logs, n)
		}
	}
	if !found || c.dump.Name == "" {
		return mysqlChain{}, nil
	}
	var text bytes.Buffer
	if _, err := files.Cat(ctx, repo, snap, "/"+mysqlAbout, &text); err != nil {
		return c, err
	}
	if err := json.Unmarshal(text.Bytes(), &c.mysqlCopy); err != nil {
		return c, fmt.Errorf("%s of restore point %s: %w", mysqlAbout, snap.ID.Short(), err)
	}
	return c, nil
}

func (c mysqlChain) lacks() ([]string, error) {
	var names []string
	for _, n := range c.logs {
		names = append(names, n.Name)
	}
	return missingLogs(c.File, names)
}

// serverLogs are the binary logs that the server has, and its clock.
func (a mysqlAddress) serverLogs(ctx context.Context) (names []string, sizes map[string]uint64, now time.Time, err error) {
	sizes = map[string]uint64{}
	err = a.with(ctx, func(conn *sql.Conn) error {
		var on, format string
		var stamp float64
		if err := conn.QueryRowContext(ctx, "SELECT @@global.log_bin, @@global.binlog_format, unix_timestamp(now(6))").Scan(&on, &format, &stamp); err != nil {
			return err
		}
		if on != "1" || format != "ROW" {
			return fmt.Errorf("the server has log_bin=%s and binlog_format=%s; for log: true set log_bin and binlog_format=ROW there", on, format)
		}
		now = time.UnixMicro(int64(stamp * 1e6))
		rows, err := conn.QueryContext(ctx, "SHOW BINARY LOGS")
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }() // Err says what is wrong
		for rows.Next() {
			var name string
			var size uint64
			if err := rows.Scan(&name, &size); err != nil {
				return err
			}
			if !binlogName.MatchString(name) {
				return fmt.Errorf("%q is not the name of a binary log", name)
			}
			names, sizes[name] = append(names, name), size
		}
		return rows.Err()
	})
	if err != nil {
		err = fmt.Errorf("binary logs of the server: %w", err)
	}
	return names, sizes, now, err
}

// room makes a folder of its own in that of the application; without that one, among the temporary ones.
func (j Job) room(name string) (string, error) {
	if j.State != "" {
		if err := os.MkdirAll(j.State, 0o700); err != nil {
			return "", err
		}
	}
	return os.MkdirTemp(j.State, name)
}

// fetch brings the binary logs from one on into a folder. A file that is shorter than the server said is an error.
func (a mysqlAddress) fetch(ctx context.Context, folder, first string, names []string, sizes map[string]uint64) error {
	err := a.client(func(options string) error {
		p := program{argv: []string{"mariadb-binlog", options, "--read-from-remote-server", "--raw", "--to-last-log", "--result-file=" + folder + "/", first}}
		cmd, said := p.command(ctx)
		if err := cmd.Run(); err != nil {
			return p.failed(err, said)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("fetch the binary logs from %s on: %w", first, err)
	}
	wanted := false
	for _, name := range names {
		if wanted = wanted || name == first; !wanted {
			continue
		}
		info, err := os.Stat(filepath.Join(folder, name))
		if err != nil {
			return fmt.Errorf("binary log %s was not fetched: %w", name, err)
		}
		if uint64(info.Size()) < sizes[name] {
			return fmt.Errorf("binary log %s came with %d bytes, want %d", name, info.Size(), sizes[name])
		}
	}
	return nil
}

// same compares what is written with the beginning of a file.
type same struct{ f io.Reader }

func (s same) Write(p []byte) (int, error) {
	other := make([]byte, len(p))
	if _, err := io.ReadFull(s.f, other); err != nil || !bytes.Equal(p, other) {
		return 0, errors.New("it is not the log that was copied before")
	}
	return len(p), nil
}

// backupLog fetches the log since the last copy; now and then, and after a gap, with a new dump.
func (s *mysqlSource) backupLog(ctx context.Context, j Job, a mysqlAddress) (made Copied, err error) {
	var old mysqlChain
	if j.Parent != nil {
		if old, err = mysqlChainOf(ctx, j.Repo, *j.Parent); err != nil {
			return made, err
		}
	}
	gap := ""
	due := old.dump.Name == "" || old.Database != a.database || time.Since(old.Base) >= time.Duration(s.Base)
	if !due {
		if made, gap, err = old.extend(ctx, j, a, 0); err != nil || gap == "" {
			return made, err
		}
		j.Say("the log has a gap: " + gap + "; dump the database anew")
	}
	c := mysqlChain{mysqlCopy: mysqlCopy{Database: a.database, Gap: gap}}
	base, err := c.begin(ctx, j, a)
	if err != nil {
		return made, err
	}
	if due && old.dump.Name != "" && old.Database == a.database { // so that no moment lies between the two
		if _, c.Gap, err = old.extend(ctx, j, a, time.Millisecond); err != nil {
			return made, err
		}
	}
	made, gap, err = c.extend(ctx, j, a, 0)
	if err == nil && gap != "" {
		err = fmt.Errorf("the log after the new dump has a gap: %s", gap)
	}
	made.Bytes, made.Fresh, made.Written = made.Bytes+base.Bytes, made.Fresh+base.Saved.Plain, made.Written+base.Saved.Written
	return made, err
}

func mysqlOptions(j Job, when time.Time) files.Options {
	return files.Options{Time: when, Tags: []string{Tag(j.Application)}, Progress: func(p files.Progress) { j.Say(Progress(j.Began, time.Now(), 0, p.Bytes, j.Expected, true)) }}
}

// begin dumps the database and takes over where its log goes on.
func (c *mysqlChain) begin(ctx context.Context, j Job, a mysqlAddress) (res files.Result, err error) {
	head := &bytes.Buffer{}
	err = a.client(func(options string) error {
		from, _, err := a.dumper(options, "--master-data=2").read(ctx)
		if err != nil {
			return err
		}
		open := func() (io.ReadCloser, error) {
			return struct {
				io.Reader
				io.Closer
			}{io.TeeReader(from, &limited{head, 64 << 10}), from}, nil
		}
		c.dump, res, err = files.Hold(ctx, j.Repo, files.Part{Name: mysqlFile, Open: open}, mysqlOptions(j, time.Time{}))
		return err
	})
	if err != nil {
		return res, err
	}
	at := dumpedAt.FindSubmatch(head.Bytes())
	if at == nil || !binlogName.Match(at[1]) {
		return res, errors.New("mariadb-dump did not say where the binary log stood")
	}
	c.File, c.Base = string(at[1]), time.Now()
	c.Position, err = strconv.ParseUint(string(at[2]), 10, 64)
	return res, err
}

// extend makes a restore point of the dump and the log up to now. Where the log lacks something there is none, and that is named.
func (c mysqlChain) extend(ctx context.Context, j Job, a mysqlAddress, before time.Duration) (made Copied, gap string, err error) {
	names, sizes, now, err := a.serverLogs(ctx)
	if err != nil {
		return made, "", err
	}
	first, keep := c.File, []repository.Node{c.dump}
	if n := len(c.logs); n > 0 {
		first, keep = c.logs[n-1].Name, append(keep, c.logs[:n-1]...)
	}
	if _, there := sizes[first]; !there {
		for i := range names {
			if lacks, err := missingLogs(first, names[i:]); err == nil && len(lacks) > 0 {
				return made, strings.Join(lacks[:min(3, len(lacks))], ", ") + " was purged before it was copied", nil
			}
		}
		return made, first + " was purged before it was copied", nil
	}
	folder, err := j.room("binlog-")
	if err != nil {
		return made, "", fmt.Errorf("folder for the binary logs: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	if err := a.fetch(ctx, folder, first, names, sizes); err != nil {
		return made, "", err
	}
	if len(c.logs) > 0 && !c.continues(ctx, j, filepath.Join(folder, first)) {
		return made, first + " is another log than the one that was copied", nil
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		return made, "", err
	}
	var parts []files.Part
	for _, e := range entries {
		parts = append(parts, files.Part{Name: e.Name(), Open: func() (io.ReadCloser, error) { return os.Open(filepath.Join(folder, e.Name())) }})
	}
	c.At = now
	text, err := json.Marshal(c.mysqlCopy)
	if err != nil {
		return made, "", err
	}
	parts = append(parts, files.Part{Name: mysqlAbout, Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(text)), nil }})
	res, err := files.Compose(ctx, j.Repo, keep, parts, mysqlOptions(j, now.Add(-before)))
	if err != nil {
		return made, "", err
	}
	return copiedOf(res), "", nil
}

// continues says that a file begins with what the last log of the chain has.
func (c mysqlChain) continues(ctx context.Context, j Job, path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	_, err = files.Cat(ctx, j.Repo, *j.Parent, "/"+c.logs[len(c.logs)-1].Name, same{f})
	return errors.Join(err, f.Close()) == nil
}
