package repository

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"golang.org/x/sync/errgroup"
)

// indexFile is a file under index/.
type indexFile struct {
	Supersedes []ID        `json:"supersedes,omitempty"`
	Packs      []indexPack `json:"packs"`
}

type indexPack struct {
	ID    ID          `json:"id"`
	Blobs []indexBlob `json:"blobs"`
}

type indexBlob struct {
	ID     ID     `json:"id"`
	Type   string `json:"type"`
	Offset uint32 `json:"offset"`
	Length uint32 `json:"length"`
	Plain  uint32 `json:"uncompressed_length,omitempty"`
}

func (b indexBlob) entry(pack uint32) (entry, error) {
	e := entry{id: b.ID, place: place{pack: pack, offset: b.Offset, length: b.Length, plain: b.Plain}}
	switch b.Type {
	case "data":
	case "tree":
		e.kind = Tree
	default:
		return e, fmt.Errorf("blob %s has the type %q, want data or tree", b.ID.Short(), b.Type)
	}
	if b.Length < overhead || uint64(b.Offset)+uint64(b.Length) > 1<<32-1 || b.Plain > maxBlob {
		return e, fmt.Errorf("blob %s lies at %d with %d bytes, which cannot be", b.ID.Short(), b.Offset, b.Length)
	}
	return e, nil
}

// LoadIndex reads where all blobs lie. Whatever needs blobs needs it first.
func (r *Repository) LoadIndex(ctx context.Context) error {
	files, err := r.list(ctx, "index")
	if err != nil {
		return err
	}
	x := newIndex()
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(4)
	for id := range files {
		group.Go(func() error {
			var f indexFile
			if err := r.loadJSON(ctx, "index/"+id.String(), &f); err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			return x.take(f, len(files) > 1)
		})
	}
	if err := group.Wait(); err != nil {
		return fmt.Errorf("%w (goodstate backup check --rebuild-index makes a new index from the packs)", err)
	}
	return r.replaceIndex(x)
}

func (r *Repository) replaceIndex(x *index) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	old := r.index
	r.index = x
	if old != nil {
		return old.close()
	}
	return nil
}

// take adds what an index file says. Several files may name one pack: looked says that one may have been read before.
func (x *index) take(f indexFile, looked bool) error {
	for _, p := range f.Packs {
		_, known := x.packNo[p.ID]
		n := x.pack(p.ID)
		for _, b := range p.Blobs {
			e, err := b.entry(n)
			if err != nil {
				return err
			}
			if looked && known {
				if at, ok, err := x.find(e.id); err != nil || ok && at.pack == n {
					if err != nil {
						return err
					}
					continue
				}
			}
			if err := x.put(e); err != nil {
				return err
			}
		}
	}
	return nil
}

// maxIndexBlobs is how many blobs an index file that we write has at most.
const maxIndexBlobs = 50_000

// saveIndex writes packs as index files.
func (r *Repository) saveIndex(ctx context.Context, packs []indexPack, supersedes []ID) error {
	for len(packs) > 0 {
		n, blobs := 0, 0
		for n < len(packs) && (n == 0 || blobs+len(packs[n].Blobs) <= maxIndexBlobs) {
			blobs += len(packs[n].Blobs)
			n++
		}
		if _, err := r.saveJSON(ctx, "index", indexFile{Supersedes: supersedes, Packs: packs[:n]}); err != nil {
			return fmt.Errorf("save the index: %w", err)
		}
		packs = packs[n:]
	}
	return nil
}

// Has says whether a blob is in the repository.
func (r *Repository) Has(id ID) (bool, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	_, ok, err := r.index.find(id)
	return ok, err
}

// find is where a blob lies: its pack and its place in it.
func (r *Repository) find(id ID) (ID, place, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	p, ok, err := r.index.find(id)
	if err == nil && !ok {
		err = fmt.Errorf("blob %s is not in the index", id.Short())
	}
	if err != nil {
		return ID{}, p, err
	}
	return r.index.packs[p.pack], p, nil
}

// learn adds a pack that was just written.
func (r *Repository) learn(p indexPack) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := r.index.pack(p.ID)
	for _, b := range p.Blobs {
		e, err := b.entry(n)
		if err != nil {
			return err
		}
		if err := r.index.put(e); err != nil {
			return err
		}
	}
	return nil
}

// Blobs is how many blobs the index has.
func (r *Repository) Blobs() int {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.index.total
}

// Close lets go of the index's files and of the storage.
func (r *Repository) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var err error
	if c, ok := r.storage.(io.Closer); ok {
		err = c.Close()
	}
	if r.index == nil {
		return err
	}
	x := r.index
	r.index = nil
	return errors.Join(err, x.close())
}
