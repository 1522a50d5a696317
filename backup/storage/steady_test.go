package storage_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"goodstate.dev/goodstate/backup/storage"
	"goodstate.dev/goodstate/backup/storage/storagetest"
)

var quick = storage.Patience{Tries: 4, Pause: time.Millisecond, Stall: 200 * time.Millisecond}

// once is a plan in which only the first call of a verb goes wrong.
func once(verb string, fault storagetest.Fault) func(storagetest.Op) storagetest.Fault {
	done := false
	return func(op storagetest.Op) storagetest.Fault {
		if op.Verb != verb || done {
			return storagetest.None
		}
		done = true
		return fault
	}
}

func TestASteadyStorageBearsWhatHappensOnce(t *testing.T) {
	text := strings.Repeat("steady ", 10_000)
	for _, verb := range []string{"save", "open", "size", "list", "remove"} {
		for name, fault := range map[string]storagetest.Fault{"fails": storagetest.Fail, "loses its answer": storagetest.FailAfter, "stalls": storagetest.Stall, "breaks": storagetest.Break, "ends early": storagetest.Short} {
			t.Run(verb+" "+name, func(t *testing.T) {
				f := &storagetest.Faulty{Storage: storage.NewFolder(t.TempDir()), Plan: once(verb, fault)}
				s := storage.NewSteady(f, quick)
				write(t, s, "data/00/a", text)
				if size, err := s.Size(t.Context(), "data/00/a"); err != nil || size != int64(len(text)) {
					t.Errorf("size %d, %v", size, err)
				}
				r, err := s.Open(t.Context(), "data/00/a", 0, int64(len(text)))
				if err != nil {
					t.Fatal(err)
				}
				if got, err := io.ReadAll(r); err != nil || string(got) != text {
					t.Errorf("read %d bytes of %d, %v", len(got), len(text), err)
				}
				if err := r.Close(); err != nil {
					t.Error(err)
				}
				var names []string
				if err := s.List(t.Context(), "data", func(name string, _ int64) error { names = append(names, name); return nil }); err != nil || len(names) != 1 {
					t.Errorf("listed %v, %v", names, err)
				}
				if err := s.Remove(t.Context(), "data/00/a"); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

func TestASteadyStorageGivesUpInTheEnd(t *testing.T) {
	for name, fault := range map[string]storagetest.Fault{"that always fails": storagetest.Fail, "that never answers": storagetest.Stall} {
		f := &storagetest.Faulty{Storage: storage.NewFolder(t.TempDir()), Plan: func(storagetest.Op) storagetest.Fault { return fault }}
		_, err := storage.NewSteady(f, quick).Size(t.Context(), "config")
		if err == nil || !strings.Contains(err.Error(), "tried 4 times") || f.Calls() != 4 {
			t.Errorf("one %s: %v after %d calls", name, err, f.Calls())
		}
		if fault == storagetest.Stall && !errors.Is(err, storage.ErrStalled) {
			t.Errorf("got %v, want that it does not answer", err)
		}
	}
}
