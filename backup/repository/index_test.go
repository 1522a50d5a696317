package repository

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
)

func numbered(i int) ID {
	var id ID
	binary.BigEndian.PutUint64(id[8:], uint64(i))
	return IDOf(id[:])
}

// Entries beyond what memory holds go to files; every one is found, and has a number of its own.
func TestAnIndexLargerThanMemoryFindsEveryBlob(t *testing.T) {
	x := newIndex()
	pack := x.pack(IDOf([]byte("pack")))
	n := maxYoung + 1000
	for i := range n {
		if err := x.put(entry{numbered(i), place{pack: pack, offset: uint32(i), length: 100, kind: Tree}}); err != nil {
			t.Fatal(err)
		}
	}
	if len(x.old) == 0 {
		t.Fatal("all of it is in memory")
	}
	seen := newMarks(x.total)
	for i := 0; i < n; i += 97 {
		p, number, ok, err := x.locate(numbered(i))
		if err != nil || !ok || p.offset != uint32(i) || p.kind != Tree {
			t.Fatalf("blob %d is at %+v, %v, %v", i, p, ok, err)
		}
		if !seen.add(number) {
			t.Fatalf("blob %d has the number %d of another", i, number)
		}
	}
	if _, ok, err := x.find(numbered(n + 5)); ok || err != nil {
		t.Fatalf("a blob that is nowhere is found: %v, %v", ok, err)
	}
	count := 0
	if err := x.each(func(number int, e entry) error {
		count++
		if _, at, _, err := x.locate(e.id); count%5000 == 0 && (err != nil || at != number) {
			t.Fatalf("entry %d is located at %d, %v", number, at, err)
		}
		return nil
	}); err != nil || count != n {
		t.Fatalf("%d of %d entries, %v", count, n, err)
	}
	x.drop(IDOf([]byte("pack")))
	if _, ok, err := x.find(numbered(1)); ok || err != nil {
		t.Fatalf("a blob of a pack that was dropped is found: %v, %v", ok, err)
	}
	if err := x.close(); err != nil {
		t.Fatal(err)
	}
}

func TestMergedFilesKeepEveryEntry(t *testing.T) {
	var runs []*run
	for r := range 3 {
		var all []entry
		for i := r; i < 3000; i += 3 {
			all = append(all, entry{id: numbered(i), place: place{offset: uint32(i)}})
		}
		sortEntries(all)
		made, err := newRun(func(yield func(entry) bool) {
			for _, e := range all {
				if !yield(e) {
					return
				}
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		runs = append(runs, made)
	}
	merged, err := mergeRuns(runs)
	if err != nil || merged.count != 3000 {
		t.Fatalf("%d entries, %v", merged.count, err)
	}
	for i := range 3000 {
		if found, _, err := merged.find(numbered(i)); err != nil || len(found) != 1 || found[0].offset != uint32(i) {
			t.Fatalf("entry %d: %v, %v", i, found, err)
		}
	}
	if err := closeRuns(append(runs, merged)); err != nil {
		t.Fatal(err)
	}
}

// An insertion near the beginning moves no cut but the nearest: nearly all of a file is known again.
func TestAnInsertionMovesFewCuts(t *testing.T) {
	table := gearTable("1234")
	random := rand.New(rand.NewPCG(1, 2))
	data := make([]byte, 24<<20)
	for i := range data {
		data[i] = byte(random.Uint32() >> 24)
	}
	parts := func(data []byte) map[ID]bool {
		all := map[ID]bool{}
		for len(data) > 0 {
			n := cut(table, data)
			if n > maxChunk || n < minChunk && n != len(data) {
				t.Fatalf("a part of %d bytes", n)
			}
			all[IDOf(data[:n])] = true
			data = data[n:]
		}
		return all
	}
	before := parts(data)
	after := parts(append([]byte("a few new words"), data...))
	known := 0
	for id := range after {
		if before[id] {
			known++
		}
	}
	if len(after) < 8 || known < len(after)-3 {
		t.Errorf("%d of %d parts are known again", known, len(after))
	}
}

func TestNewRepositoriesGetAPolynomialThatResticTakes(t *testing.T) {
	for p, want := range map[uint64]bool{0x3DA3358B4DC173: true, 1<<53 | 1: false, 0x209fffab9ca649: true, 0x3DA3358B4DC172: false} {
		if got := irreducible(p); got != want {
			t.Errorf("%x irreducible: %v", p, got)
		}
	}
}

func TestADamagedBoxIsNotOpened(t *testing.T) {
	k, err := newSecretKey()
	if err != nil {
		t.Fatal(err)
	}
	box := k.seal(nil, []byte("what is in it"))
	for i := range box {
		bad := append([]byte{}, box...)
		bad[i] ^= 1
		if _, err := k.open(bad); err == nil {
			t.Fatalf("byte %d was changed and it opened", i)
		}
	}
	if plain, err := k.open(box); err != nil || string(plain) != "what is in it" {
		t.Fatalf("%q, %v", plain, err)
	}
}
