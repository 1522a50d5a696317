package source

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"goodstate.dev/goodstate/backup/repository"
	"goodstate.dev/goodstate/backup/source/files"
	"goodstate.dev/goodstate/core/config"
)

func init() {
	register(Kind{
		Name:    "postgres_server",
		Help:    "a whole PostgreSQL server with all its databases and roles: a base copy and its log (WAL), which recovers to any moment; goodstate serve streams the log, and each copy fetches what came since the one before",
		Example: "postgres_server: {url: {secret: db}, base: 24h}",
		New: func(decode func(any) error) (Source, error) {
			s := &serverSource{Base: config.Duration(24 * time.Hour), Follow: config.Duration(10 * time.Second), Spool: 4 << 30}
			return s, decode(s)
		},
	})
}

type serverSource struct {
	URL    config.Secret   `yaml:"url" required:"true" help:"secret with the URL of a database of the server, as a superuser: postgres://user:password@host/database" example:"{secret: db}"`
	Base   config.Duration `yaml:"base" help:"how old the base copy may be; a recovery replays the log since then" default:"24h"`
	Follow config.Duration `yaml:"stream" help:"how often goodstate serve puts what was done on the server since then into the repositories, which is about what can be lost; 0s: only copies do" default:"10s"`
	Spool  config.Size     `yaml:"spool" help:"bytes of the log that may wait on this machine for a copy; at half of them a copy is made early, at all of them the server has to keep the log" default:"4GiB"`
}

// Files of a restore point, beside the log's own.
const (
	serverTar  = "base.tar"
	serverFile = "server.json"
)

// serverCopy is what a restore point says of itself.
type serverCopy struct {
	System   string    `json:"system"` // identifier of the server
	Major    int       `json:"major"`  // version
	Segment  uint64    `json:"segment_bytes"`
	Timeline uint64    `json:"timeline"`     // of the base
	First    uint64    `json:"first"`        // number of the first segment that the base needs
	Base     time.Time `json:"base"`         // when the base was begun
	From     uint64    `json:"consistent"`   // place in the log from which the base can be used
	Until    uint64    `json:"log_until"`    // place in the log up to which it is here
	At       time.Time `json:"log_until_at"` // and its time
	User     string    `json:"user"`
	Database string    `json:"database"`
}

func (s *serverSource) address(ctx context.Context, j Job) (string, error) {
	url, err := j.Secret(ctx, s.URL.Name())
	if err != nil {
		return "", fmt.Errorf("address of the server: %w", err)
	}
	return url, nil
}

// Backup fetches the log since the last copy; now and then with a new base copy of the server.
func (s *serverSource) Backup(ctx context.Context, j Job) (Copied, error) {
	folder := filepath.Join(j.State, "wal")
	made, err := s.copy(ctx, j, folder)
	if err != nil {
		return Copied{}, err
	}
	return made, tidyWAL(folder)
}

func (s *serverSource) copy(ctx context.Context, j Job, folder string) (Copied, error) {
	url, err := s.address(ctx, j)
	if err != nil {
		return Copied{}, err
	}
	at, err := j.receive(ctx, url, folder)
	if err != nil {
		return Copied{}, err
	}
	chain, err := readChain(ctx, j)
	if err != nil {
		return Copied{}, err
	}
	why := chain.stale(at, time.Duration(s.Base))
	if why == "" {
		made, lacks, err := s.extend(ctx, j, chain, folder, at, at.at)
		if err != nil || len(lacks) == 0 {
			return made, err
		}
		why = "the log has a gap: " + strings.Join(lacks[:min(3, len(lacks))], ", ") + " was removed before it was copied"
	}
	j.Say("copy the whole server: " + why)
	return s.begin(ctx, j, chain, url, folder)
}

// chain is a restore point that others can be built upon.
type chain struct {
	serverCopy
	base repository.Node
	wal  []repository.Node
}

// readChain reads the last restore point; it is empty when there is none of this kind.
func readChain(ctx context.Context, j Job) (c chain, err error) {
	if j.Parent == nil {
		return c, nil
	}
	return chainOf(ctx, j.Repo, *j.Parent)
}

func chainOf(ctx context.Context, repo *repository.Repository, snap repository.Snapshot) (c chain, err error) {
	list, err := repo.Folder(ctx, snap.Tree)
	if err != nil {
		return c, err
	}
	var found bool
	for _, n := range list.Nodes {
		name, err := n.FileName()
		if err != nil {
			return c, err
		}
		switch {
		case name == serverTar:
			c.base = n
		case name == serverFile:
			found = true
		case walName.MatchString(name) || otherWAL.MatchString(name):
			c.wal = append(c.wal, n)
		}
	}
	if !found || c.base.Name == "" {
		return chain{}, nil
	}
	var text bytes.Buffer
	if _, err := files.Cat(ctx, repo, snap, "/"+serverFile, &text); err != nil {
		return c, err
	}
	if err := json.Unmarshal(text.Bytes(), &c.serverCopy); err != nil {
		return c, fmt.Errorf("%s of restore point %s: %w", serverFile, snap.ID.Short(), err)
	}
	if c.Segment < 1<<20 || c.Segment > 1<<30 || c.Segment&(c.Segment-1) != 0 {
		return c, fmt.Errorf("%s of restore point %s: segments of %d bytes, want a power of two from 1 MiB to 1 GiB", serverFile, snap.ID.Short(), c.Segment)
	}
	return c, nil
}

// stale says why a new base copy is due; empty: it is not.
func (c chain) stale(at moment, most time.Duration) string {
	switch {
	case c.base.Name == "":
		return "there is no base copy yet"
	case c.System != at.system:
		return "it is another server than the one that was copied"
	case c.Major != at.major:
		return fmt.Sprintf("it runs PostgreSQL %d now, the base copy is of %d", at.major, c.Major)
	case at.at.Sub(c.Base) >= most:
		return fmt.Sprintf("the base copy is %s old", at.at.Sub(c.Base).Round(time.Second))
	}
	return ""
}

// extend makes a restore point from the base of another and the log up to now. Where the log lacks segments there is none, and they are named.
func (s *serverSource) extend(ctx context.Context, j Job, c chain, folder string, at moment, when time.Time) (Copied, []string, error) {
	c.Until, c.At, c.User, c.Database = at.lsn, at.at, at.user, at.database
	keep := []repository.Node{c.base}
	var names []string
	for _, n := range c.wal {
		if !strings.HasSuffix(n.Name, ".partial") {
			keep, names = append(keep, n), append(names, n.Name)
		}
	}
	parts, fresh, err := c.parts(folder, names)
	if err != nil {
		return Copied{}, nil, err
	}
	lacks, err := missingWAL(append(names, fresh...), c.Timeline, c.First, c.Segment)
	if err != nil || len(lacks) > 0 {
		return Copied{}, lacks, err
	}
	res, err := files.Compose(ctx, j.Repo, keep, append(parts, c.describe()), s.options(j, when))
	if err != nil {
		return Copied{}, nil, err
	}
	return copiedOf(res), nil, nil
}

func (s *serverSource) options(j Job, when time.Time) files.Options {
	return files.Options{Time: when, Tags: []string{Tag(j.Application)}, Progress: func(p files.Progress) { j.Say(Progress(j.Began, time.Now(), 0, p.Bytes, j.Expected, true)) }}
}

func copiedOf(res files.Result) Copied {
	return Copied{Snapshot: res.Snapshot, Bytes: res.Bytes, Fresh: res.Saved.Plain, Written: res.Saved.Written, Complete: true}
}

func (c chain) describe() files.Part {
	return files.Part{Name: serverFile, Open: func() (io.ReadCloser, error) {
		text, err := json.Marshal(c.serverCopy)
		return io.NopCloser(bytes.NewReader(text)), err
	}}
}

// parts are the files of the log in the folder that the base needs and the repository does not have yet.
func (c chain) parts(folder string, known []string) (parts []files.Part, names []string, err error) {
	all, err := walIn(folder)
	if err != nil {
		return nil, nil, err
	}
	have := map[string]bool{}
	for _, name := range known {
		have[name] = true
	}
	for _, name := range all {
		if walName.MatchString(name) {
			n, err := walNumber(name, c.Segment)
			if err != nil {
				return nil, nil, err
			}
			if n < c.First {
				continue
			}
		}
		if !have[name] {
			names = append(names, name)
			parts = append(parts, files.Part{Name: name, Open: func() (io.ReadCloser, error) { return os.Open(filepath.Join(folder, name)) }})
		}
	}
	return parts, names, nil
}

var (
	startsAt = regexp.MustCompile(`write-ahead log start point: ([0-9A-F]+/[0-9A-F]+) on timeline ([0-9]+)`)
	endsAt   = regexp.MustCompile(`write-ahead log end point: ([0-9A-F]+/[0-9A-F]+)`)
)

// begin makes a restore point with a new base copy. The chain before it is carried on to the same moment, so that no moment lies between the two.
func (s *serverSource) begin(ctx context.Context, j Job, old chain, url, folder string) (Copied, error) {
	env, _, err := postgresEnv(url)
	if err != nil {
		return Copied{}, err
	}
	began := time.Now()
	p := program{argv: []string{"pg_basebackup", "--pgdata=-", "--format=tar", "--wal-method=fetch", "--checkpoint=fast", "--no-manifest", "--verbose", "--no-password"}, env: append(env, "LC_ALL=C")}
	from, said, err := p.read(ctx)
	if err != nil {
		return Copied{}, err
	}
	opt := s.options(j, began)
	node, base, err := files.Hold(ctx, j.Repo, files.Part{Name: serverTar, Open: func() (io.ReadCloser, error) { return from, nil }}, opt)
	if err != nil {
		return Copied{}, err
	}
	c := chain{serverCopy: serverCopy{Base: began}, base: node}
	start, end := startsAt.FindStringSubmatch(said.String()), endsAt.FindStringSubmatch(said.String())
	if start == nil || end == nil {
		return Copied{}, errors.New("pg_basebackup did not say where its log begins and ends; want the program of PostgreSQL 13 or newer")
	}
	at, err := j.receive(ctx, url, folder)
	if err != nil {
		return Copied{}, err
	}
	if err := c.bounds(at, start, end[1]); err != nil {
		return Copied{}, err
	}
	if old.stale(at, 1<<62) == "" {
		if _, lacks, err := s.extend(ctx, j, old, folder, at, at.at.Add(-time.Millisecond)); err != nil {
			return Copied{}, err
		} else if len(lacks) > 0 {
			j.Say("no moment between the copy before and this one can be recovered: the log lacks " + lacks[0])
		}
	}
	made, lacks, err := s.extend(ctx, j, c, folder, at, at.at)
	if err == nil && len(lacks) > 0 {
		err = fmt.Errorf("the log of the new base copy lacks %s; the server removed it before it was here, although the slot %s holds it", strings.Join(lacks, ", "), slotName(j.Application))
	}
	made.Bytes, made.Fresh, made.Written = made.Bytes+base.Bytes, made.Fresh+base.Saved.Plain, made.Written+base.Saved.Written
	return made, err
}

// bounds takes over where the base begins and ends in the log.
func (c *chain) bounds(at moment, start []string, end string) error {
	from, err := parseLSN(start[1])
	if err != nil {
		return err
	}
	if c.From, err = parseLSN(end); err != nil {
		return err
	}
	if _, err := fmt.Sscan(start[2], &c.Timeline); err != nil {
		return fmt.Errorf("timeline of the base copy: %w", err)
	}
	c.System, c.Major, c.Segment, c.First = at.system, at.major, at.segment, from/at.segment
	return nil
}
