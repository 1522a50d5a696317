package repository

import (
	"bufio"
	"container/heap"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"
	"sort"
)

// run is a file of entries sorted by their IDs, with a fence for each block. It has no name, so it ends with the process.
type run struct {
	file  *os.File
	count int
	fence []uint64 // the first eight bytes of the first ID of each block
}

const (
	entrySize  = 32 + 4*4 + 1
	blockCount = 64
)

func (e *entry) encode(b []byte) {
	copy(b, e.id[:])
	for i, n := range []uint32{e.pack, e.offset, e.length, e.plain} {
		binary.LittleEndian.PutUint32(b[32+4*i:], n)
	}
	b[entrySize-1] = byte(e.kind)
}

func decodeEntry(b []byte) (e entry) {
	copy(e.id[:], b)
	for i, n := range []*uint32{&e.pack, &e.offset, &e.length, &e.plain} {
		*n = binary.LittleEndian.Uint32(b[32+4*i:])
	}
	e.kind = BlobType(b[entrySize-1])
	return e
}

// newRun writes entries that come sorted.
func newRun(sorted iter.Seq[entry]) (r *run, err error) {
	file, err := os.CreateTemp("", "goodstate-index-*")
	if err != nil {
		return nil, fmt.Errorf("put a part of the index on the disk: %w", err)
	}
	if err := os.Remove(file.Name()); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	r = &run{file: file}
	w := bufio.NewWriterSize(file, 256<<10)
	var b [entrySize]byte
	for e := range sorted {
		if r.count%blockCount == 0 {
			r.fence = append(r.fence, binary.BigEndian.Uint64(e.id[:]))
		}
		e.encode(b[:])
		if _, err := w.Write(b[:]); err != nil {
			return nil, errors.Join(fmt.Errorf("put a part of the index on the disk: %w", err), file.Close())
		}
		r.count++
	}
	if err := w.Flush(); err != nil {
		return nil, errors.Join(fmt.Errorf("put a part of the index on the disk: %w", err), file.Close())
	}
	return r, nil
}

// find lists the places of an ID in this file, and the number of the first.
func (r *run) find(id ID) (found []place, from int, err error) {
	key := binary.BigEndian.Uint64(id[:])
	first := max(0, sort.Search(len(r.fence), func(i int) bool { return r.fence[i] >= key })-1)
	var b [blockCount * entrySize]byte
	for block := first; block < len(r.fence) && r.fence[block] <= key; block++ {
		n := min(blockCount, r.count-block*blockCount)
		part := b[:n*entrySize]
		if _, err := r.file.ReadAt(part, int64(block*blockCount*entrySize)); err != nil {
			return nil, 0, fmt.Errorf("read a part of the index: %w", err)
		}
		at := sort.Search(n, func(i int) bool { return slices.Compare(part[i*entrySize:i*entrySize+32], id[:]) >= 0 })
		for ; at < n && ID(part[at*entrySize:at*entrySize+32]) == id; at++ {
			if len(found) == 0 {
				from = block*blockCount + at
			}
			found = append(found, decodeEntry(part[at*entrySize:]).place)
		}
	}
	return found, from, nil
}

func (r *run) each(do func(entry) error) error {
	c := r.walk()
	for {
		e, err := c.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = do(e)
		}
		if err != nil {
			return err
		}
	}
}

// cursor reads a run from its beginning.
type cursor struct {
	r   *bufio.Reader
	now entry
}

func (r *run) walk() *cursor {
	return &cursor{r: bufio.NewReaderSize(io.NewSectionReader(r.file, 0, int64(r.count*entrySize)), 64<<10)}
}

func (c *cursor) next() (entry, error) {
	var b [entrySize]byte
	if _, err := io.ReadFull(c.r, b[:]); err != nil {
		return entry{}, err
	}
	c.now = decodeEntry(b[:])
	return c.now, nil
}

type cursors []*cursor

func (c cursors) Len() int           { return len(c) }
func (c cursors) Less(i, j int) bool { return slices.Compare(c[i].now.id[:], c[j].now.id[:]) < 0 }
func (c cursors) Swap(i, j int)      { c[i], c[j] = c[j], c[i] }
func (c *cursors) Push(x any)        { *c = append(*c, x.(*cursor)) }
func (c *cursors) Pop() any {
	last := (*c)[len(*c)-1]
	*c = (*c)[:len(*c)-1]
	return last
}

// mergeRuns makes one file of several.
func mergeRuns(all []*run) (*run, error) {
	var failure error
	var heads cursors
	advance := func(c *cursor) bool {
		_, err := c.next()
		if err != nil && !errors.Is(err, io.EOF) {
			failure = err
		}
		return err == nil
	}
	for _, r := range all {
		if c := r.walk(); advance(c) {
			heads = append(heads, c)
		}
	}
	heap.Init(&heads)
	merged, err := newRun(func(yield func(entry) bool) {
		for len(heads) > 0 && failure == nil {
			if !yield(heads[0].now) {
				return
			}
			if advance(heads[0]) {
				heap.Fix(&heads, 0)
			} else {
				heap.Pop(&heads)
			}
		}
	})
	return merged, errors.Join(failure, err)
}
