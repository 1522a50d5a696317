package repository

import (
	"context"
	"errors"
	"fmt"
)

// marks is a set of entries of the index, a bit each. It is valid as long as nothing is added to the index.
type marks []uint64

func newMarks(n int) marks { return make(marks, (n+63)/64) }

func (m marks) add(n int) (isNew bool) {
	bit := uint64(1) << (n % 64)
	isNew = m[n/64]&bit == 0
	m[n/64] |= bit
	return isNew
}

func (m marks) has(n int) bool { return m[n/64]&(1<<(n%64)) != 0 }

// walker goes through everything that snapshots need, each folder once.
type walker struct {
	repo *Repository
	seen marks
	// visit is called for each blob that is needed, once; nil is allowed.
	visit func(pack uint32)
	// each is called as visit; its error ends the walk.
	each func(ID) error
	// problem is told what cannot be found or read; with nil such a thing ends the walk.
	problem func(error)
}

func (r *Repository) newWalker() *walker {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return &walker{repo: r, seen: newMarks(r.index.total)}
}

func (w *walker) mark(id ID) (isNew bool, err error) {
	w.repo.mu.RLock()
	p, n, ok, err := w.repo.index.locate(id)
	w.repo.mu.RUnlock()
	if err == nil && !ok {
		err = fmt.Errorf("blob %s is not in the index", id.Short())
	}
	if err != nil {
		return false, err
	}
	isNew = w.seen.add(n)
	if isNew && w.visit != nil {
		w.visit(p.pack)
	}
	if isNew && w.each != nil {
		err = w.each(id)
	}
	return isNew, err
}

// tell passes a problem on, or returns it where nobody wants to hear of it.
func (w *walker) tell(ctx context.Context, err error) error {
	if err == nil || w.problem == nil || ctx.Err() != nil {
		return errors.Join(err, ctx.Err())
	}
	w.problem(err)
	return nil
}

func (w *walker) folder(ctx context.Context, at string, id ID, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("%s: more than %d folders in folders", at, maxDepth)
	}
	isNew, err := w.mark(id)
	if err != nil || !isNew {
		return w.tell(ctx, within(at, err))
	}
	f, err := w.repo.Folder(ctx, id)
	if err != nil {
		return w.tell(ctx, within(at, err))
	}
	for i := range f.Nodes {
		n := &f.Nodes[i]
		path := at + "/" + n.Name
		for _, part := range n.Content {
			if _, err := w.mark(part); err != nil {
				if err := w.tell(ctx, within(path, err)); err != nil {
					return err
				}
			}
		}
		if n.Subtree != nil {
			if err := w.folder(ctx, path, *n.Subtree, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

func within(at string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", at, err)
}

func (w *walker) snapshots(ctx context.Context, all []Snapshot) error {
	for _, s := range all {
		if err := w.folder(ctx, "snapshot "+s.ID.Short(), s.Tree, 0); err != nil {
			return err
		}
	}
	return nil
}
