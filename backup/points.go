package backup

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"goodstate.dev/goodstate/backup/ledger"
	"goodstate.dev/goodstate/backup/plan"
	"goodstate.dev/goodstate/backup/repository"
)

// RestorePoint is a restore point of an application: what the repository has, and what is known of it.
type RestorePoint struct {
	ID       repository.ID  `json:"id"`
	At       time.Time      `json:"at"`
	Paths    []string       `json:"paths"`
	Hostname string         `json:"hostname"`
	Original *repository.ID `json:"original,omitempty"` // of which it is a copy
	Level    plan.Level     `json:"level"`
	Proof    string         `json:"proof"` // the level in words
	ProvenAt time.Time      `json:"proven_at,omitzero"`
	Run      string         `json:"run,omitempty"` // that brought it to the level
	Complete bool           `json:"complete"`
	Damage   string         `json:"damage,omitempty"`
	Bytes    int64          `json:"bytes,omitempty"`
	Fresh    int64          `json:"fresh,omitempty"`
	Files    int64          `json:"files,omitempty"`
}

// RestorePoints lists those of an application in its repository, or in another one, the youngest first.
func (b *Backups) RestorePoints(ctx context.Context, application, in string) ([]RestorePoint, error) {
	a, err := b.application(application)
	if err != nil {
		return nil, err
	}
	if in == "" {
		in = a.Repository
	}
	var snaps []repository.Snapshot
	if err := b.reading(ctx, in, func(repo *repository.Repository) error {
		snaps, err = pointsOf(ctx, repo, application)
		return err
	}); err != nil {
		return nil, err
	}
	known, err := b.Ledger.Points(ctx, in, application)
	if err != nil {
		return nil, err
	}
	byID := map[string]ledger.Point{}
	for _, p := range known {
		byID[p.ID] = p
	}
	all := make([]RestorePoint, 0, len(snaps))
	for _, s := range slices.Backward(snaps) {
		k, ok := byID[s.ID.String()]
		p := RestorePoint{ID: s.ID, At: s.Time, Paths: s.Paths, Hostname: s.Hostname, Original: s.Original, Level: k.Level, ProvenAt: k.LevelAt, Run: k.Run, Complete: k.Complete, Damage: k.Damage, Bytes: k.Bytes, Fresh: k.Fresh, Files: k.Files}
		p.Proof = k.Words()
		if !ok {
			p.Proof, p.Complete = "made without goodstate", true
		}
		all = append(all, p)
	}
	return all, nil
}

// reading opens a repository without its index.
func (b *Backups) reading(ctx context.Context, name string, do func(*repository.Repository) error) (err error) {
	repo, err := b.unlock(ctx, name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, repo.Close()) }()
	return do(repo)
}

// Item is a file or folder in a restore point.
type Item struct {
	Path string    `json:"path"`
	Type string    `json:"type"`
	Size uint64    `json:"size,omitempty"`
	Mode string    `json:"mode"`
	At   time.Time `json:"mtime"`
	Link string    `json:"link,omitempty"`
}

// Contents is what a restore point has.
type Contents struct {
	Point RestorePoint `json:"point"`
	Path  string       `json:"path"`
	Items []Item       `json:"items"`
	More  bool         `json:"more,omitempty"` // there are more than are listed
}

// maxItems bounds a list for people.
const maxItems = 10_000

// Contents lists what lies below a path of a restore point; of a whole tree only with deep.
func (b *Backups) Contents(ctx context.Context, application, point, path string, deep bool) (c Contents, err error) {
	c.Path = "/" + strings.Trim(path, "/")
	c.Items = []Item{}
	err = b.onPoint(ctx, application, Request{Snapshot: point}, func(repo *repository.Repository, s repository.Snapshot) error {
		c.Point = RestorePoint{ID: s.ID, At: s.Time, Paths: s.Paths, Hostname: s.Hostname}
		found := c.Path == "/"
		err := repo.Walk(ctx, s.Tree, func(at string, n *repository.Node) (bool, error) {
			if at == c.Path || strings.HasPrefix(c.Path, at+"/") { // the way there
				found = found || at == c.Path
				if at == c.Path && n.Type != "dir" {
					c.add(at, n)
				}
				return true, nil
			}
			if c.Path != "/" && !strings.HasPrefix(at, c.Path+"/") {
				return false, nil
			}
			c.add(at, n)
			return deep && !c.More, ctx.Err()
		})
		if err == nil && !found {
			err = fmt.Errorf("restore point %s has no %s", s.ID.Short(), c.Path)
		}
		return err
	})
	return c, err
}

func (c *Contents) add(at string, n *repository.Node) {
	if len(c.Items) >= maxItems {
		c.More = true
		return
	}
	c.Items = append(c.Items, Item{Path: at, Type: n.Type, Size: n.Size, Mode: n.Mode.String(), At: n.ModTime, Link: n.LinkTarget})
}

// onPoint opens an application's repository at a restore point.
func (b *Backups) onPoint(ctx context.Context, application string, q Request, do func(*repository.Repository, repository.Snapshot) error) error {
	a, err := b.application(application)
	if err != nil {
		return err
	}
	from, err := a.from(q)
	if err != nil {
		return err
	}
	return b.with(ctx, from, false, func(repo *repository.Repository) error {
		s, err := b.point(ctx, repo, input{Application: application, Repository: from, Request: Request{Snapshot: q.Snapshot}})
		if err != nil {
			return err
		}
		return do(repo, s)
	})
}
