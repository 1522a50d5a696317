// Package storagetest has what every storage must pass, and a storage that does what storages must not.
package storagetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"goodstate.dev/goodstate/backup/storage"
)

// Run proves that a storage keeps what its interface promises. open makes an empty one.
func Run(t *testing.T, open func(t *testing.T) storage.Storage) {
	t.Helper()
	for _, c := range []struct {
		name string
		test func(t *testing.T, s storage.Storage)
	}{
		{"what is saved is read back, whole and in parts", readsBack},
		{"a part that goes past the end is an error", pastTheEnd},
		{"what is missing is not found, and removing it is no error", missing},
		{"a file that is there stays as it is", exists},
		{"content that is too short or too long is no file", wrongSize},
		{"a folder lists all of its files with their sizes", lists},
		{"more files than one page are listed", manyFiles},
		{"an error of the caller ends a list", listEnds},
		{"names that lead out are refused", names},
		{"of two that save the same name one wins", race},
		{"many work at once", together},
		{"a context that has ended ends everything", cancelled},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, open(t)) })
	}
}

func save(t *testing.T, s storage.Storage, name, text string) {
	t.Helper()
	if err := s.Save(t.Context(), name, int64(len(text)), strings.NewReader(text)); err != nil {
		t.Fatalf("save %s: %v", name, err)
	}
}

func read(ctx context.Context, s storage.Storage, name string, offset, length int64) (string, error) {
	r, err := s.Open(ctx, name, offset, length)
	if err != nil {
		return "", err
	}
	defer r.Close()
	text, err := io.ReadAll(r)
	return string(text), err
}

func readsBack(t *testing.T, s storage.Storage) {
	text := strings.Repeat("0123456789", 30_000)
	save(t, s, "data/ab/abcd", text)
	for _, c := range []struct{ offset, length int64 }{{0, -1}, {0, int64(len(text))}, {5, -1}, {100_001, 65_537}, {int64(len(text)) - 1, 1}, {7, 0}} {
		end := int64(len(text))
		if c.length >= 0 {
			end = c.offset + c.length
		}
		got, err := read(t.Context(), s, "data/ab/abcd", c.offset, c.length)
		if err != nil || got != text[c.offset:end] {
			t.Errorf("%d bytes from %d: got %d bytes and %v", c.length, c.offset, len(got), err)
		}
	}
	if size, err := s.Size(t.Context(), "data/ab/abcd"); err != nil || size != int64(len(text)) {
		t.Errorf("its size is %d (%v), want %d", size, err, len(text))
	}
}

func pastTheEnd(t *testing.T, s storage.Storage) {
	save(t, s, "keys/k", "short")
	for _, c := range []struct{ offset, length int64 }{{0, 6}, {3, 3}, {5, 1}, {100, 10}} {
		if got, err := read(t.Context(), s, "keys/k", c.offset, c.length); err == nil {
			t.Errorf("%d bytes from %d of 5 gave %q and no error", c.length, c.offset, got)
		}
	}
}

func missing(t *testing.T, s storage.Storage) {
	if _, err := s.Size(t.Context(), "config"); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("its size: %v, want ErrNotFound", err)
	}
	if _, err := read(t.Context(), s, "config", 0, -1); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("reading it: %v, want ErrNotFound", err)
	}
	if err := s.Remove(t.Context(), "config"); err != nil {
		t.Errorf("removing it: %v", err)
	}
	save(t, s, "config", "x")
	if err := s.Remove(t.Context(), "config"); err != nil {
		t.Errorf("removing a file: %v", err)
	}
	if _, err := s.Size(t.Context(), "config"); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("after it was removed: %v, want ErrNotFound", err)
	}
	save(t, s, "config", "again")
}

func exists(t *testing.T, s storage.Storage) {
	save(t, s, "index/i", "first")
	if err := s.Save(t.Context(), "index/i", 6, strings.NewReader("second")); !errors.Is(err, storage.ErrExists) {
		t.Errorf("saving it again: %v, want ErrExists", err)
	}
	if got, err := read(t.Context(), s, "index/i", 0, -1); err != nil || got != "first" {
		t.Errorf("afterwards it has %q (%v), want first", got, err)
	}
}

func wrongSize(t *testing.T, s storage.Storage) {
	for _, size := range []int64{9, 1_000_000} {
		if err := s.Save(t.Context(), "data/00/short", size, strings.NewReader("8 bytes.")); err == nil {
			t.Errorf("8 bytes were taken for %d", size)
		}
		if got, err := s.Size(t.Context(), "data/00/short"); !errors.Is(err, storage.ErrNotFound) {
			t.Errorf("a file of %d bytes is there (%v)", got, err)
		}
	}
}

func list(t *testing.T, s storage.Storage, folder string) []string {
	t.Helper()
	var all []string
	if err := s.List(t.Context(), folder, func(name string, size int64) error {
		all = append(all, fmt.Sprintf("%s %d", name, size))
		return nil
	}); err != nil {
		t.Fatalf("list %s: %v", folder, err)
	}
	slices.Sort(all)
	return all
}

func lists(t *testing.T, s storage.Storage) {
	if got := list(t, s, "data"); len(got) != 0 {
		t.Errorf("an empty storage lists %v", got)
	}
	save(t, s, "data/ab/one", "1")
	save(t, s, "data/cd/two", "22")
	save(t, s, "keys/three", "333")
	save(t, s, "data2/other", "4")
	if got, want := list(t, s, "data"), []string{"data/ab/one 1", "data/cd/two 2"}; !slices.Equal(got, want) {
		t.Errorf("data lists %v, want %v", got, want)
	}
	if err := s.Remove(t.Context(), "data/ab/one"); err != nil {
		t.Fatal(err)
	}
	if got, want := list(t, s, "data"), []string{"data/cd/two 2"}; !slices.Equal(got, want) {
		t.Errorf("after one was removed data lists %v, want %v", got, want)
	}
}

// pageful is more than S3 lists at once.
const pageful = 1050

func manyFiles(t *testing.T, s storage.Storage) {
	var group sync.WaitGroup
	var next, failed atomic.Int64
	for range 8 {
		group.Go(func() {
			for n := next.Add(1); n <= pageful; n = next.Add(1) {
				if s.Save(t.Context(), fmt.Sprintf("index/%04d", n), 1, strings.NewReader("x")) != nil {
					failed.Add(1)
				}
			}
		})
	}
	group.Wait()
	if got := list(t, s, "index"); failed.Load() != 0 || len(got) != pageful {
		t.Errorf("%d are listed and %d were not saved, want %d and 0", len(got), failed.Load(), pageful)
	}
}

func listEnds(t *testing.T, s storage.Storage) {
	save(t, s, "index/a", "a")
	save(t, s, "index/b", "b")
	enough := errors.New("enough")
	calls := 0
	err := s.List(t.Context(), "index", func(string, int64) error { calls++; return enough })
	if !errors.Is(err, enough) || calls != 1 {
		t.Errorf("got %v after %d calls, want enough after 1", err, calls)
	}
}

func names(t *testing.T, s storage.Storage) {
	for _, name := range []string{"", "../x", "/etc/passwd", "data/../../x", "data//x", "./x", "data/x\x00y", `data\x`} {
		if s.Save(t.Context(), name, 1, strings.NewReader("x")) == nil {
			t.Errorf("%q was saved", name)
		}
		if _, err := read(t.Context(), s, name, 0, -1); err == nil {
			t.Errorf("%q was read", name)
		}
		if s.Remove(t.Context(), name) == nil {
			t.Errorf("%q was removed", name)
		}
	}
}

func race(t *testing.T, s storage.Storage) {
	var group sync.WaitGroup
	results := make([]error, 4)
	for i := range results {
		group.Go(func() {
			results[i] = s.Save(t.Context(), "locks/one", 100_000, bytes.NewReader(bytes.Repeat([]byte{byte('a' + i)}, 100_000)))
		})
	}
	group.Wait()
	got, err := read(t.Context(), s, "locks/one", 0, -1)
	if err != nil || len(got) != 100_000 {
		t.Fatalf("it has %d bytes (%v)", len(got), err)
	}
	if strings.Trim(got, got[:1]) != "" {
		t.Error("it is a mixture")
	}
	won := 0
	for _, err := range results {
		if err == nil {
			won++
		}
	}
	if winner := results[got[0]-'a']; winner != nil || won != 1 {
		t.Errorf("%d of 4 think that they saved it, and who did got %v: %v", won, winner, results)
	}
}

func together(t *testing.T, s storage.Storage) {
	var group sync.WaitGroup
	for i := range 16 {
		group.Go(func() {
			name, text := fmt.Sprintf("data/%02d/x", i), strings.Repeat(string(rune('a'+i)), 50_000+i)
			if err := s.Save(t.Context(), name, int64(len(text)), strings.NewReader(text)); err != nil {
				t.Errorf("save %s: %v", name, err)
			}
			if got, err := read(t.Context(), s, name, 1, int64(len(text)-1)); err != nil || got != text[1:] {
				t.Errorf("read %s: %d bytes, %v", name, len(got), err)
			}
		})
	}
	group.Wait()
}

func cancelled(t *testing.T, s storage.Storage) {
	save(t, s, "config", "x")
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := s.Save(ctx, "keys/late", 4, strings.NewReader("late")); !errors.Is(err, context.Canceled) {
		t.Errorf("save: %v, want that it was cancelled", err)
	}
	if err := s.List(ctx, "keys", func(string, int64) error { return nil }); err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("list: %v, want nothing or that it was cancelled", err)
	}
	if _, err := s.Size(t.Context(), "keys/late"); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("it was saved all the same (%v)", err)
	}
	if got, err := read(t.Context(), s, "config", 0, -1); err != nil || got != "x" {
		t.Errorf("afterwards the storage reads %q (%v), want x", got, err)
	}
}
