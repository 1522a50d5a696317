package wire_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"goodstate.dev/goodstate/backup/storage"
	"goodstate.dev/goodstate/backup/storage/storagetest"
	"goodstate.dev/goodstate/backup/storage/wire"
)

var all = wire.Rights{Read: append([]string{"config", "data2"}, storage.Folders...), Write: append([]string{"config", "data2"}, storage.Folders...), Remove: true}

// lend connects the two sides by pipes.
func lend(t *testing.T, l *wire.Lender) (*wire.Borrowed, func()) {
	t.Helper()
	questions, ask := io.Pipe()
	answers, tell := io.Pipe()
	served := make(chan error, 1)
	go func() { served <- l.Serve(context.WithoutCancel(t.Context()), questions, tell) }()
	b := wire.Borrow(answers, ask)
	end := func() { _ = ask.Close(); _ = tell.Close() } // pipes in memory
	t.Cleanup(func() {
		end()
		if err := <-served; err != nil {
			t.Errorf("the lender ended with %v", err)
		}
	})
	return b, end
}

func TestABorrowedFolderIsAStorage(t *testing.T) {
	storagetest.Run(t, func(t *testing.T) storage.Storage {
		b, _ := lend(t, &wire.Lender{Storage: storage.NewFolder(t.TempDir()), May: all})
		return b
	})
}

func TestWhoMayAddMayNeitherTakeAwayNorMakeARestorePoint(t *testing.T) {
	folder := storage.NewFolder(t.TempDir())
	if err := folder.Save(t.Context(), "keys/00", 3, strings.NewReader("key")); err != nil {
		t.Fatal(err)
	}
	b, _ := lend(t, &wire.Lender{Storage: folder, May: wire.Adding})
	if err := b.Save(t.Context(), "data/00/ab", 1, strings.NewReader("x")); err != nil {
		t.Errorf("adding a pack: %v", err)
	}
	for what, err := range map[string]error{
		"remove a pack":        b.Remove(t.Context(), "data/00/ab"),
		"make a restore point": b.Save(t.Context(), "snapshots/ab", 1, strings.NewReader("x")),
		"list keys":            b.List(t.Context(), "keys", func(string, int64) error { return nil }),
		"leave the folder":     b.Save(t.Context(), "data/../keys/ab", 1, strings.NewReader("x")),
	} {
		if err == nil {
			t.Errorf("it could %s", what)
		}
	}
	if _, err := b.Open(t.Context(), "keys/00", 0, 3); !errors.Is(err, storage.ErrRefused) {
		t.Errorf("reading a key: %v", err)
	}
	reader, _ := lend(t, &wire.Lender{Storage: folder, May: wire.Reading})
	if err := reader.Save(t.Context(), "data/00/cd", 1, strings.NewReader("x")); !errors.Is(err, storage.ErrRefused) {
		t.Errorf("who may read could write: %v", err)
	}
}

func TestAStreamThatEndsEndsWhatWaits(t *testing.T) {
	begun := make(chan struct{})
	held := make(chan struct{})
	b, end := lend(t, &wire.Lender{Answer: func(context.Context, string, []byte) ([]byte, error) {
		close(begun)
		<-held
		return nil, nil
	}})
	t.Cleanup(func() { close(held) })
	answered := make(chan error, 1)
	go func() {
		_, err := b.Ask(context.WithoutCancel(t.Context()), "anything", nil)
		answered <- err
	}()
	<-begun
	end()
	if err := <-answered; !errors.Is(err, wire.ErrGone) {
		t.Errorf("got %v, want that the other side is gone", err)
	}
	if _, err := b.Size(t.Context(), "data/00/ab"); !errors.Is(err, wire.ErrGone) {
		t.Errorf("asked again: %v", err)
	}
}

func TestAStreamOfAnotherKindIsRefused(t *testing.T) {
	l := &wire.Lender{}
	err := l.Serve(t.Context(), strings.NewReader("SSH-2.0-OpenSSH"), io.Discard)
	if err == nil || !strings.Contains(err.Error(), "not what this stream is for") {
		t.Errorf("got %v", err)
	}
}
