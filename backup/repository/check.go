package repository

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"
)

// CheckOptions say how much is looked at.
type CheckOptions struct {
	// Part is the share of the packs that are read whole, from 0 (only the lists) to 1 (every byte).
	Part float64
	// Turn chooses which share: a check of a seventh each night with turns 0 to 6 reads all in a week.
	Turn     int
	Progress func(packs int)
}

// Checked is what a check saw.
type Checked struct {
	Snapshots int      `json:"snapshots"`
	Packs     int      `json:"packs"`
	Read      int      `json:"packs_read"`
	Bytes     int64    `json:"bytes_read"`
	Blobs     int      `json:"blobs"`
	Strays    int      `json:"strays"` // packs that no index names: left by a killed backup, removed by the next prune
	Problems  []string `json:"problems"`
	// Damaged are the snapshots that something is missing of; all others can be restored whole.
	Damaged []ID `json:"damaged,omitempty"`
}

// maxTold is how many problems a check tells.
const maxTold = 200

// checking is a check under way.
type checking struct {
	repo  *Repository
	opt   CheckOptions
	files map[ID]int64 // packs that are there, by size

	mu     sync.Mutex
	res    Checked
	bad    map[ID]bool
	looked map[ID]bool
}

func (c *checking) problem(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.res.Problems) < maxTold {
		c.res.Problems = append(c.res.Problems, fmt.Sprintf(format, args...))
	}
}

// Check proves that the repository is whole: every pack of the index is there with its size, every folder can be read, every part of every file is somewhere;
// and of the chosen share of the packs, that every byte is what was written. It changes nothing. An error means that it could not look.
func (r *Repository) Check(ctx context.Context, opt CheckOptions) (Checked, error) {
	files, err := r.list(ctx, "data")
	if err != nil {
		return Checked{}, err
	}
	c := &checking{repo: r, opt: opt, files: files, bad: map[ID]bool{}, looked: map[ID]bool{}}
	err = r.eachIndex(ctx, func(_ ID, f indexFile) error { return c.packs(ctx, f.Packs) })
	if err != nil {
		return c.res, err
	}
	for id := range files {
		if !c.looked[id] {
			c.res.Strays++
		}
	}
	err = c.snapshots(ctx)
	slices.Sort(c.res.Problems)
	return c.res, err
}

// eachIndex reads the index files one by one.
func (r *Repository) eachIndex(ctx context.Context, do func(ID, indexFile) error) error {
	all, err := r.list(ctx, "index")
	if err != nil {
		return err
	}
	for id := range all {
		var f indexFile
		if err := r.loadJSON(ctx, "index/"+id.String(), &f); err != nil {
			return err
		}
		if err := do(id, f); err != nil {
			return err
		}
	}
	return nil
}

// packs looks at the packs that one index file names.
func (c *checking) packs(ctx context.Context, all []indexPack) error {
	group, live := errgroup.WithContext(ctx)
	group.SetLimit(3)
	for _, p := range all {
		if c.looked[p.ID] || len(p.Blobs) == 0 {
			continue
		}
		c.looked[p.ID] = true
		c.res.Packs++
		c.res.Blobs += len(p.Blobs)
		if !c.there(p) || !inShare(p.ID, c.opt) {
			continue
		}
		group.Go(func() error { return c.pack(live, p) })
	}
	return group.Wait()
}

// there compares a pack with what the storage lists.
func (c *checking) there(p indexPack) bool {
	slices.SortFunc(p.Blobs, func(a, b indexBlob) int { return int(int64(a.Offset) - int64(b.Offset)) })
	size, ok := c.files[p.ID]
	last := p.Blobs[len(p.Blobs)-1]
	least := int64(last.Offset) + int64(last.Length) + overhead + 4 + int64(len(p.Blobs))*headPlain
	switch {
	case !ok:
		c.problem("pack %s is missing; it had %d blobs", p.ID.Short(), len(p.Blobs))
	case size < least:
		c.problem("pack %s has %d bytes, want at least %d", p.ID.Short(), size, least)
	default:
		return true
	}
	c.mu.Lock()
	c.bad[p.ID] = true
	c.mu.Unlock()
	return false
}

func (c *checking) pack(ctx context.Context, p indexPack) error {
	err := c.repo.checkPack(ctx, p.ID, c.files[p.ID], p.Blobs)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		c.problem("pack %s: %v", p.ID.Short(), err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		c.bad[p.ID] = true
	}
	c.res.Read++
	c.res.Bytes += c.files[p.ID]
	if c.opt.Progress != nil {
		c.opt.Progress(c.res.Read)
	}
	return nil
}

func inShare(id ID, opt CheckOptions) bool {
	if opt.Part >= 1 {
		return true
	}
	if opt.Part <= 0 {
		return false
	}
	turns := max(1, int(1/opt.Part+0.5))
	return int(uint16(id[0])<<8|uint16(id[1]))%turns == opt.Turn%turns
}

// checkPack reads a pack and compares it with its name, its own header, the index, and each blob with its ID.
func (r *Repository) checkPack(ctx context.Context, id ID, size int64, indexed []indexBlob) error {
	own, err := r.readHeader(ctx, id, size)
	if err != nil {
		return err
	}
	if !slices.Equal(own, indexed) {
		return fmt.Errorf("its header lists %d blobs, the index %d, and they are not the same", len(own), len(indexed))
	}
	from, err := r.storage.Open(ctx, packName(id), 0, size)
	if err != nil {
		return err
	}
	defer from.Close()
	sum := sha256.New()
	var box []byte
	var errs []error
	for _, b := range own {
		box = slices.Grow(box[:0], int(b.Length))[:b.Length]
		if _, err := io.ReadFull(from, box); err != nil {
			return fmt.Errorf("read: %w", err)
		}
		sum.Write(box)
		if _, err := r.unpack(b.ID, int(b.Plain), box); err != nil {
			errs = append(errs, fmt.Errorf("blob %s: %w", b.ID.Short(), err))
		}
	}
	if _, err := io.Copy(sum, from); err != nil {
		return fmt.Errorf("read: %w", err)
	}
	if sumOf(sum) != id {
		errs = append(errs, errors.New("its bytes are not those it was named after"))
	}
	return errors.Join(errs...)
}

func sumOf(h hash.Hash) (id ID) {
	h.Sum(id[:0])
	return id
}

// snapshots walks over everything that snapshots need, and names those that lack something.
func (c *checking) snapshots(ctx context.Context) error {
	snaps, err := c.repo.Snapshots(ctx)
	if err != nil {
		c.problem("%v", err)
	}
	c.res.Snapshots = len(snaps)
	w := c.repo.newWalker()
	w.problem = func(err error) { c.problem("%v", err) }
	if err := w.snapshots(ctx, snaps); err != nil {
		return err
	}
	if len(c.res.Problems) == 0 {
		return nil
	}
	for _, s := range snaps {
		hurt := false
		w := c.repo.newWalker()
		w.problem = func(error) { hurt = true }
		w.visit = func(pack uint32) { hurt = hurt || c.bad[c.repo.packID(pack)] }
		if err := w.snapshots(ctx, []Snapshot{s}); err != nil {
			return err
		}
		if hurt {
			c.res.Damaged = append(c.res.Damaged, s.ID)
		}
	}
	return nil
}

func (r *Repository) packID(n uint32) ID {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.index.packs[n]
}
