package repository

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"
)

// SizeOf is the size of a blob's plain text in bytes.
func (r *Repository) SizeOf(id ID) (int, error) {
	_, p, err := r.find(id)
	return p.size(), err
}

// Bounds of one read: gaps that are read along, and its size.
const (
	maxGap  = 64 << 10
	maxRead = 8 << 20
)

// Fetch reads many blobs, pack by pack and several packs at a time, in no order. It calls each with every one of them, from several goroutines: with its text,
// which is valid during the call, or with the error why it cannot be had. An error of each ends it.
func (r *Repository) Fetch(ctx context.Context, ids []ID, each func(id ID, plain []byte, err error) error) error {
	packs := map[ID][]entry{}
	for _, id := range ids {
		pack, p, err := r.find(id)
		if err != nil {
			if err := each(id, nil, err); err != nil {
				return err
			}
			continue
		}
		packs[pack] = append(packs[pack], entry{id, p})
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(3)
	for pack, blobs := range packs {
		group.Go(func() error {
			slices.SortFunc(blobs, func(a, b entry) int { return int(int64(a.offset) - int64(b.offset)) })
			for len(blobs) > 0 {
				if err := ctx.Err(); err != nil {
					return err
				}
				n := together(blobs)
				if err := r.fetchPart(ctx, pack, blobs[:n], each); err != nil {
					return err
				}
				blobs = blobs[n:]
			}
			return nil
		})
	}
	return group.Wait()
}

// together is how many blobs from the first on are read at once.
func together(blobs []entry) int {
	n := 1
	end := int64(blobs[0].offset) + int64(blobs[0].length)
	for n < len(blobs) {
		next := int64(blobs[n].offset)
		if next-end > maxGap || next+int64(blobs[n].length)-int64(blobs[0].offset) > maxRead {
			break
		}
		end = next + int64(blobs[n].length)
		n++
	}
	return n
}

var reads = sync.Pool{New: func() any { return new([]byte) }}

func (r *Repository) fetchPart(ctx context.Context, pack ID, blobs []entry, each func(ID, []byte, error) error) error {
	begin := int64(blobs[0].offset)
	last := blobs[len(blobs)-1]
	length := int(int64(last.offset) + int64(last.length) - begin)
	buf := reads.Get().(*[]byte)
	defer reads.Put(buf)
	*buf = slices.Grow((*buf)[:0], length)[:length]
	err := r.readInto(ctx, packName(pack), begin, *buf)
	for _, b := range blobs {
		var plain []byte
		failure := err
		if failure == nil {
			from := int64(b.offset) - begin
			plain, failure = r.unpack(b.id, int(b.plain), (*buf)[from:from+int64(b.length)])
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if failure != nil {
			plain, failure = nil, fmt.Errorf("blob %s in pack %s: %w", b.id.Short(), pack.Short(), failure)
		}
		if err := each(b.id, plain, failure); err != nil {
			return err
		}
	}
	return nil
}
