package repository

import (
	"encoding/binary"
	"errors"
	"slices"
)

// BlobType tells what a blob is.
type BlobType uint8

// The types of blobs.
const (
	Data BlobType = iota // a part of a file
	Tree                 // the list of a folder
)

func (t BlobType) String() string {
	if t == Tree {
		return "tree"
	}
	return "data"
}

// place is where a blob lies.
type place struct {
	pack   uint32 // index into packs
	offset uint32
	length uint32 // of its encrypted form
	plain  uint32 // of its plain text where it is compressed, else 0
	kind   BlobType
}

// size of the plain text.
func (p place) size() int {
	if p.plain != 0 {
		return int(p.plain)
	}
	return int(p.length) - overhead
}

type entry struct {
	id ID
	place
}

// index finds blobs. It holds the youngest entries in memory and the others in sorted files, so that ten million blobs need no more memory than one. It is
// not safe for concurrent use by itself.
type index struct {
	packs  []ID
	packNo map[ID]uint32
	gone   map[uint32]bool // packs that were taken out

	young []entry
	slots []uint32 // open addressing into young: number + 1, 0 is free
	old   []*run
	total int
}

// maxYoung is how many entries are held in memory: 20 MB.
const maxYoung = 400_000

func newIndex() *index { return &index{packNo: map[ID]uint32{}, gone: map[uint32]bool{}} }

// pack is the number of a pack.
func (x *index) pack(id ID) uint32 {
	if n, ok := x.packNo[id]; ok {
		delete(x.gone, n)
		return n
	}
	n := uint32(len(x.packs))
	x.packs = append(x.packs, id)
	x.packNo[id] = n
	return n
}

// put tells where a blob lies. It may be known to lie elsewhere too.
func (x *index) put(e entry) error {
	if len(x.young) >= maxYoung {
		if err := x.age(); err != nil {
			return err
		}
	}
	x.young = append(x.young, e)
	x.total++
	if 2*len(x.young) > len(x.slots) {
		x.grow()
		return nil
	}
	x.slot(len(x.young) - 1)
	return nil
}

func (x *index) grow() {
	x.slots = make([]uint32, max(1024, 4*len(x.young)))
	for i := range x.young {
		x.slot(i)
	}
}

func (x *index) slot(i int) {
	at := binary.LittleEndian.Uint64(x.young[i].id[:]) % uint64(len(x.slots))
	for x.slots[at] != 0 {
		at = (at + 1) % uint64(len(x.slots))
	}
	x.slots[at] = uint32(i + 1)
}

// find says where a blob lies.
func (x *index) find(id ID) (place, bool, error) {
	p, _, ok, err := x.locate(id)
	return p, ok, err
}

// locate is find, with the number of the entry, which is below total and stays the same until something is added.
func (x *index) locate(id ID) (p place, number int, ok bool, err error) {
	if len(x.slots) > 0 {
		at := binary.LittleEndian.Uint64(id[:]) % uint64(len(x.slots))
		for x.slots[at] != 0 {
			i := int(x.slots[at] - 1)
			if e := &x.young[i]; e.id == id && !x.gone[e.pack] {
				return e.place, i, true, nil
			}
			at = (at + 1) % uint64(len(x.slots))
		}
	}
	first := len(x.young)
	for _, r := range x.old {
		found, from, err := r.find(id)
		if err != nil {
			return place{}, 0, false, err
		}
		for i, p := range found {
			if !x.gone[p.pack] {
				return p, first + from + i, true, nil
			}
		}
		first += r.count
	}
	return place{}, 0, false, nil
}

// age writes the young entries to a sorted file; several files become one.
func (x *index) age() error {
	sortEntries(x.young)
	r, err := newRun(func(yield func(entry) bool) {
		for _, e := range x.young {
			if !yield(e) {
				return
			}
		}
	})
	if err != nil {
		return err
	}
	x.young, x.slots = x.young[:0], nil
	if x.old = append(x.old, r); len(x.old) < maxRuns {
		return nil
	}
	merged, err := mergeRuns(x.old)
	if err != nil {
		return err
	}
	err = closeRuns(x.old)
	x.old = []*run{merged}
	return err
}

// maxRuns is how many files a look-up may ask.
const maxRuns = 6

func sortEntries(all []entry) {
	slices.SortFunc(all, func(a, b entry) int { return slices.Compare(a.id[:], b.id[:]) })
}

// each walks over all entries with their numbers (see locate).
func (x *index) each(do func(number int, e entry) error) error {
	for i, e := range x.young {
		if x.gone[e.pack] {
			continue
		}
		if err := do(i, e); err != nil {
			return err
		}
	}
	n := len(x.young)
	for _, r := range x.old {
		err := r.each(func(e entry) error {
			n++
			if x.gone[e.pack] {
				return nil
			}
			return do(n-1, e)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// drop takes a pack with all its blobs out.
func (x *index) drop(pack ID) {
	if n, ok := x.packNo[pack]; ok {
		x.gone[n] = true
	}
}

func (x *index) close() error { return closeRuns(x.old) }

func closeRuns(all []*run) error {
	var errs []error
	for _, r := range all {
		errs = append(errs, r.file.Close())
	}
	return errors.Join(errs...)
}
