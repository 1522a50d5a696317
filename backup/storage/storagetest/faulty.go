package storagetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"goodstate.dev/goodstate/backup/storage"
)

// Fault is one way in which a storage goes wrong.
type Fault int

// The faults.
const (
	None      Fault = iota
	Fail            // an error before anything is done
	FailAfter       // what was wanted is done, and the answer is lost
	Stall           // nothing happens until the context ends
	Short           // a read ends early and calls it the end
	Break           // a read breaks in the middle
	Wrong           // a read gives wrong bytes
	Lose            // a write is confirmed and not done
	Stale           // a list lacks what was saved last
	Full            // there is no room
)

// Op is one call of a storage.
type Op struct {
	Verb string // save, open, size, list, remove
	Name string // of the file or folder
	N    int    // how many calls there were before
}

// Faulty does what Plan says about each call, and otherwise what the storage below does.
type Faulty struct {
	storage.Storage
	Plan func(Op) Fault

	mu   sync.Mutex
	n    int
	last map[string]string // by folder: the file that was saved last
}

// ErrInjected is what failing calls answer.
var ErrInjected = errors.New("the storage fails, as was planned")

// ErrFull is what a full storage answers.
var ErrFull = errors.New("no space left on the storage")

func (f *Faulty) fault(verb, name string) Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.n++
	if f.Plan == nil {
		return None
	}
	return f.Plan(Op{verb, name, f.n - 1})
}

// Calls is how many calls there were.
func (f *Faulty) Calls() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.n
}

// usual is what faults do that are the same for every call.
func usual(ctx context.Context, fault Fault) (bool, error) {
	switch fault {
	case Fail:
		return true, ErrInjected
	case Full:
		return true, ErrFull
	case Stall:
		<-ctx.Done()
		return true, ctx.Err()
	}
	return false, nil
}

// Save fails, stalls, loses or does it.
func (f *Faulty) Save(ctx context.Context, name string, size int64, content io.Reader) error {
	fault := f.fault("save", name)
	if done, err := usual(ctx, fault); done {
		return err
	}
	if fault == Lose {
		_, err := io.Copy(io.Discard, content)
		return err
	}
	err := f.Storage.Save(ctx, name, size, content)
	f.mu.Lock()
	if f.last == nil {
		f.last = map[string]string{}
	}
	folder, _, _ := strings.Cut(name, "/")
	f.last[folder] = name
	f.mu.Unlock()
	if err == nil && fault == FailAfter {
		return ErrInjected
	}
	return err
}

// Open fails, stalls, lies or does it.
func (f *Faulty) Open(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error) {
	fault := f.fault("open", name)
	if done, err := usual(ctx, fault); done {
		return nil, err
	}
	r, err := f.Storage.Open(ctx, name, offset, length)
	if err != nil || fault == None {
		return r, err
	}
	if length < 0 {
		if length, err = f.Storage.Size(ctx, name); err != nil {
			return nil, errors.Join(err, r.Close())
		}
		length -= offset
	}
	return &liar{ReadCloser: r, fault: fault, left: length / 2}, nil
}

// liar is right for half of what it reads.
type liar struct {
	io.ReadCloser
	fault Fault
	left  int64
}

func (l *liar) Read(p []byte) (int, error) {
	if l.left > 0 {
		n, err := l.ReadCloser.Read(p[:min(int64(len(p)), l.left)])
		l.left -= int64(n)
		return n, err
	}
	switch l.fault {
	case Short:
		return 0, io.EOF
	case Break:
		return 0, fmt.Errorf("in the middle: %w", ErrInjected)
	}
	n, err := l.ReadCloser.Read(p)
	if l.fault == Wrong && n > 0 {
		p[0] ^= 0x40
		l.fault = None
	}
	return n, err
}

// Size fails, stalls or does it.
func (f *Faulty) Size(ctx context.Context, name string) (int64, error) {
	if done, err := usual(ctx, f.fault("size", name)); done {
		return 0, err
	}
	return f.Storage.Size(ctx, name)
}

// List fails, stalls, leaves something out or does it.
func (f *Faulty) List(ctx context.Context, folder string, each func(string, int64) error) error {
	fault := f.fault("list", folder)
	if done, err := usual(ctx, fault); done {
		return err
	}
	f.mu.Lock()
	hidden := f.last[folder]
	f.mu.Unlock()
	return f.Storage.List(ctx, folder, func(name string, size int64) error {
		if fault == Stale && name == hidden {
			return nil
		}
		return each(name, size)
	})
}

// Remove fails, stalls, loses or does it.
func (f *Faulty) Remove(ctx context.Context, name string) error {
	fault := f.fault("remove", name)
	if done, err := usual(ctx, fault); done || fault == Lose {
		return err
	}
	err := f.Storage.Remove(ctx, name)
	if err == nil && fault == FailAfter {
		return ErrInjected
	}
	return err
}
