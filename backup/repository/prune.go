package repository

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
)

// PruneOptions adjust a prune.
type PruneOptions struct {
	DryRun bool
	// Waste is the share of unused bytes that may stay in packs, in percent of all bytes: rewriting costs more than it saves. 5 when zero; negative for none.
	Waste float64
	Save  SaveOptions
}

// Pruned is what a prune did, or would do.
type Pruned struct {
	Snapshots int   `json:"snapshots"`
	Packs     int   `json:"packs"`     // that there were
	Removed   int   `json:"removed"`   // packs without anything that is needed
	Rewritten int   `json:"rewritten"` // packs whose needed blobs were moved
	Strays    int   `json:"strays"`    // packs that no index named
	Freed     int64 `json:"freed"`     // bytes
	Kept      int64 `json:"kept"`      // bytes
}

// packUse is how much of a pack is needed, in bytes.
type packUse struct {
	number     uint32
	id         ID
	size       int64
	need, rest int64
}

// Prune deletes what no snapshot needs. It must be alone: the caller holds an exclusive lock. New packs and a new index are written before anything is deleted, so
// that it may be killed at any moment; what it could not delete then, the next one does. After an error the index must be loaded again.
func (r *Repository) Prune(ctx context.Context, opt PruneOptions) (Pruned, error) {
	var res Pruned
	files, err := r.list(ctx, "data")
	if err != nil {
		return res, err
	}
	r.forgetMissing(files)
	snaps, err := r.Snapshots(ctx)
	if err != nil {
		return res, fmt.Errorf("%w; nothing is pruned while a snapshot cannot be read, since nobody knows what it needs", err)
	}
	res.Snapshots = len(snaps)
	w := r.newWalker()
	if err := w.snapshots(ctx, snaps); err != nil {
		return res, fmt.Errorf("%w; nothing is pruned while a part is missing. goodstate backup check says what is damaged", err)
	}
	uses, err := r.uses(w.seen, files)
	if err != nil {
		return res, err
	}
	keep, move, drop := divide(uses, opt.Waste)
	res.count(files, uses, keep, move, drop)
	if opt.DryRun {
		return res, nil
	}
	return res, r.rewrite(ctx, keep, move, w.seen, files, opt.Save)
}

func (p *Pruned) count(files map[ID]int64, uses, keep, move, drop []*packUse) {
	p.Packs, p.Removed, p.Rewritten = len(files), len(drop), len(move)
	strays := map[ID]int64{}
	for id, size := range files {
		strays[id] = size
	}
	for _, u := range uses {
		delete(strays, u.id)
	}
	p.Strays = len(strays)
	for _, size := range strays {
		p.Freed += size
	}
	for _, u := range drop {
		p.Freed += u.size
	}
	for _, u := range move {
		p.Freed += u.rest
		p.Kept += u.need
	}
	for _, u := range keep {
		p.Kept += u.size
	}
}

// forgetMissing takes packs out of the index in memory that are not there any more: what they had is needed from another one.
func (r *Repository) forgetMissing(files map[ID]int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, id := range r.index.packs {
		if _, ok := files[id]; !ok {
			r.index.drop(id)
		}
	}
}

// uses looks at each pack of the index. A blob that lies in several packs is needed in the one where a look-up finds it.
func (r *Repository) uses(need marks, files map[ID]int64) ([]*packUse, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	byNumber := map[uint32]*packUse{}
	err := r.index.each(func(n int, e entry) error {
		u := byNumber[e.pack]
		if u == nil {
			id := r.index.packs[e.pack]
			u = &packUse{number: e.pack, id: id, size: files[id]}
			byNumber[e.pack] = u
		}
		if need.has(n) {
			u.need += int64(e.length)
		} else {
			u.rest += int64(e.length)
		}
		return nil
	})
	var all []*packUse
	for _, u := range byNumber {
		all = append(all, u)
	}
	slices.SortFunc(all, func(a, b *packUse) int { return slices.Compare(a.id[:], b.id[:]) })
	return all, err
}

// divide says which packs stay as they are, which are rewritten and which go. Those with the largest share of waste are rewritten first, until what stays is
// little enough.
func divide(uses []*packUse, waste float64) (keep, move, drop []*packUse) {
	if waste == 0 {
		waste = 5
	}
	var all, unused int64
	var partly []*packUse
	for _, u := range uses {
		switch {
		case u.need == 0:
			drop = append(drop, u)
			continue
		case u.rest == 0:
			keep = append(keep, u)
		default:
			partly = append(partly, u)
			unused += u.rest
		}
		all += u.size
	}
	slices.SortStableFunc(partly, func(a, b *packUse) int {
		return cmp.Compare(float64(b.rest)/float64(b.size), float64(a.rest)/float64(a.size))
	})
	for _, u := range partly {
		if waste >= 0 && float64(unused)*100 <= waste*float64(all) {
			keep = append(keep, u)
			continue
		}
		move = append(move, u)
		unused -= u.rest
		all -= u.rest
	}
	return keep, move, drop
}

// rewrite moves what is needed into new packs, writes the new index, and deletes the old one and then the packs.
func (r *Repository) rewrite(ctx context.Context, keep, move []*packUse, need marks, files map[ID]int64, opt SaveOptions) error {
	stay := map[ID]bool{}
	for _, u := range keep {
		stay[u.id] = true
	}
	var old []ID
	if len(move) > 0 {
		moved, err := r.move(ctx, move, need, opt)
		if err != nil {
			return err
		}
		for _, p := range moved {
			stay[p.ID] = true
		}
		if err := r.saveIndex(ctx, moved, nil); err != nil {
			return err
		}
	}
	named := map[ID]bool{}
	err := r.eachIndex(ctx, func(id ID, f indexFile) error {
		var left []indexPack
		for _, p := range f.Packs {
			if stay[p.ID] && !named[p.ID] {
				left = append(left, p)
				named[p.ID] = true
			}
		}
		if len(left) == len(f.Packs) {
			return nil
		}
		old = append(old, id)
		return r.saveIndex(ctx, left, []ID{id})
	})
	if err != nil {
		return err
	}
	for _, id := range old {
		if err := r.storage.Remove(ctx, "index/"+id.String()); err != nil {
			return fmt.Errorf("remove the old index: %w", err)
		}
	}
	var errs []error
	for id := range files {
		if !stay[id] {
			errs = append(errs, r.storage.Remove(ctx, packName(id)))
		}
	}
	return errors.Join(append(errs, r.LoadIndex(ctx))...)
}

// moveBlobs is how many blobs are listed in memory at a time.
const moveBlobs = 200_000

// move copies the needed blobs of packs into new ones.
func (r *Repository) move(ctx context.Context, from []*packUse, need marks, opt SaveOptions) ([]indexPack, error) {
	s := r.NewSaver(ctx, opt)
	s.moving = true
	for len(from) > 0 {
		n, blobs := 0, int64(0)
		for n < len(from) && blobs < moveBlobs {
			blobs += from[n].need/512 + 1
			n++
		}
		if err := r.movePacks(ctx, from[:n], need, s); err != nil {
			return nil, errors.Join(err, s.Abort())
		}
		from = from[n:]
	}
	if _, err := s.Finish(); err != nil {
		return nil, err
	}
	return s.written, nil
}

func (r *Repository) movePacks(ctx context.Context, from []*packUse, need marks, s *Saver) error {
	blobs := map[uint32][]entry{}
	for _, u := range from {
		blobs[u.number] = nil
	}
	r.mu.RLock()
	err := r.index.each(func(n int, e entry) error {
		if all, ok := blobs[e.pack]; ok && need.has(n) {
			blobs[e.pack] = append(all, e)
		}
		return nil
	})
	r.mu.RUnlock()
	if err != nil {
		return err
	}
	for _, u := range from {
		for _, e := range blobs[u.number] {
			if err := r.moveBlob(ctx, u.id, e, s); err != nil {
				return fmt.Errorf("move blob %s from pack %s: %w", e.id.Short(), u.id.Short(), err)
			}
		}
	}
	return nil
}

// moveBlob copies one blob as it is stored, after proving that it is what its ID says.
func (r *Repository) moveBlob(ctx context.Context, pack ID, e entry, s *Saver) error {
	box, err := r.readAt(ctx, packName(pack), int64(e.offset), int(e.length))
	if err != nil {
		return err
	}
	text, err := r.key.open(box)
	if err != nil {
		return err
	}
	plain := text
	if e.plain != 0 {
		if plain, err = r.zip.expand(text, int(e.plain)); err != nil {
			return err
		}
	}
	if IDOf(plain) != e.id {
		return errors.New("its text is not what its ID says")
	}
	return s.put(e.id, e.kind, text, int(e.plain), len(plain))
}
