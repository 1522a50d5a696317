package backup

import (
	"context"
	"fmt"
	"path"
	"slices"

	"goodstate.dev/goodstate/backup/repository"
)

// Change is a difference between two restore points.
type Change struct {
	What string `json:"what"` // added, removed, changed, or kind for a file that became a folder and the like
	Path string `json:"path"`
	Was  uint64 `json:"was,omitempty"` // bytes
	Is   uint64 `json:"is,omitempty"`
}

// Difference is how one restore point differs from another.
type Difference struct {
	From    repository.ID `json:"from"`
	To      repository.ID `json:"to"`
	Added   int           `json:"added"`
	Removed int           `json:"removed"`
	Changed int           `json:"changed"`
	Changes []Change      `json:"changes"`
	More    bool          `json:"more,omitempty"` // there are more than are listed
}

// Diff says what changed from one restore point to another. Folders that are equal are not read.
func (b *Backups) Diff(ctx context.Context, application, from, to string) (d Difference, err error) {
	d.Changes = []Change{}
	err = b.onPoint(ctx, application, Request{Snapshot: from}, func(repo *repository.Repository, first repository.Snapshot) error {
		second, err := b.point(ctx, repo, input{Application: application, Request: Request{Snapshot: to}})
		if err != nil {
			return err
		}
		d.From, d.To = first.ID, second.ID
		return d.trees(ctx, repo, "/", &first.Tree, &second.Tree, 0)
	})
	return d, err
}

// deepest bounds folders in folders: a tree comes from the storage.
const deepest = 4000

func (d *Difference) trees(ctx context.Context, repo *repository.Repository, at string, a, b *repository.ID, depth int) error {
	if a != nil && b != nil && *a == *b {
		return nil
	}
	if depth > deepest {
		return fmt.Errorf("%.100s...: more than %d folders in folders", at, deepest)
	}
	was, err := nodes(ctx, repo, at, a)
	if err != nil {
		return err
	}
	is, err := nodes(ctx, repo, at, b)
	if err != nil {
		return err
	}
	for len(was)+len(is) > 0 {
		var old, now *repository.Node
		switch { // both lists are sorted by name
		case len(is) == 0 || len(was) > 0 && was[0].Name < is[0].Name:
			old, was = &was[0], was[1:]
		case len(was) == 0 || is[0].Name < was[0].Name:
			now, is = &is[0], is[1:]
		default:
			old, now, was, is = &was[0], &is[0], was[1:], is[1:]
		}
		if err := d.node(ctx, repo, at, old, now, depth); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func nodes(ctx context.Context, repo *repository.Repository, at string, id *repository.ID) ([]repository.Node, error) {
	if id == nil {
		return nil, nil
	}
	f, err := repo.Folder(ctx, *id)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", at, err)
	}
	return f.Nodes, nil
}

func (d *Difference) node(ctx context.Context, repo *repository.Repository, at string, old, now *repository.Node, depth int) error {
	some := old
	if some == nil {
		some = now
	}
	name, err := some.FileName()
	if err != nil {
		return fmt.Errorf("%s: %w", at, err)
	}
	full := path.Join(at, name)
	switch {
	case old == nil:
		d.add("added", full, &d.Added, 0, now.Size)
	case now == nil:
		d.add("removed", full, &d.Removed, old.Size, 0)
	case old.Type != now.Type:
		d.add("kind", full, &d.Changed, old.Size, now.Size)
	case now.Type != "dir" && (!slices.Equal(old.Content, now.Content) || old.LinkTarget != now.LinkTarget || old.Mode != now.Mode || old.UID != now.UID || old.GID != now.GID):
		d.add("changed", full, &d.Changed, old.Size, now.Size)
	}
	var a, b *repository.ID
	if old != nil && old.Type == "dir" {
		a = old.Subtree
	}
	if now != nil && now.Type == "dir" {
		b = now.Subtree
	}
	if a == nil && b == nil {
		return nil
	}
	return d.trees(ctx, repo, full, a, b, depth+1)
}

func (d *Difference) add(what, path string, count *int, was, is uint64) {
	*count++
	if len(d.Changes) >= maxItems {
		d.More = true
		return
	}
	d.Changes = append(d.Changes, Change{What: what, Path: path, Was: was, Is: is})
}
