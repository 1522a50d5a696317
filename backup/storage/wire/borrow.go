package wire

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
)

// Borrowed is the storage of the process at the other end. It may be used by many goroutines.
type Borrowed struct {
	channel channel

	mu      sync.Mutex
	last    uint64
	waiting map[uint64]chan message
	ended   error // why no answer comes any more
}

type message struct {
	header header
	body   []byte
}

// ErrGone says that the other side ended the stream.
var ErrGone = errors.New("the other side is gone")

// Borrow talks to a Lender. Reading goes on until from ends.
func Borrow(from io.Reader, to io.Writer) *Borrowed {
	b := &Borrowed{channel: channel{to: to}, waiting: map[uint64]chan message{}}
	go b.receive(from)
	return b
}

func (b *Borrowed) receive(from io.Reader) {
	for {
		h, body, err := read(from)
		b.mu.Lock()
		if err != nil {
			b.ended = fmt.Errorf("%w: %w", ErrGone, err)
			for id, w := range b.waiting {
				close(w)
				delete(b.waiting, id)
			}
			b.mu.Unlock()
			return
		}
		if w := b.waiting[h.ID]; w != nil {
			w <- message{h, body}
			delete(b.waiting, h.ID)
		}
		b.mu.Unlock()
	}
}

// call asks and waits for the answer.
func (b *Borrowed) call(ctx context.Context, h header, body []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	b.mu.Lock()
	if b.ended != nil {
		b.mu.Unlock()
		return nil, b.ended
	}
	b.last++
	h.ID = b.last
	answer := make(chan message, 1)
	b.waiting[h.ID] = answer
	b.mu.Unlock()
	forget := func() {
		b.mu.Lock()
		delete(b.waiting, h.ID)
		b.mu.Unlock()
	}
	if err := b.channel.write(h, body); err != nil {
		forget()
		return nil, fmt.Errorf("%w: %w", ErrGone, err)
	}
	select {
	case m, ok := <-answer:
		if !ok {
			b.mu.Lock()
			defer b.mu.Unlock()
			return nil, b.ended
		}
		return m.body, m.header.failure()
	case <-ctx.Done():
		forget()
		return nil, ctx.Err()
	}
}

// Ask puts a question that is not about files.
func (b *Borrowed) Ask(ctx context.Context, question string, text []byte) ([]byte, error) {
	return b.call(ctx, header{Op: question}, text)
}

// Save sends a whole file.
func (b *Borrowed) Save(ctx context.Context, name string, size int64, content io.Reader) error {
	if size > maxBody {
		return fmt.Errorf("save %s: %d bytes, more than the %d that go in one message", name, size, int64(maxBody))
	}
	text, err := io.ReadAll(io.LimitReader(content, size+1))
	if err != nil {
		return fmt.Errorf("save %s: %w", name, err)
	}
	if int64(len(text)) != size {
		return fmt.Errorf("save %s: %d bytes came or more, want %d", name, len(text), size)
	}
	_, err = b.call(ctx, header{Op: opSave, Name: name}, text)
	return err
}

// Open gets a part of a file.
func (b *Borrowed) Open(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error) {
	text, err := b.call(ctx, header{Op: opOpen, Name: name, Offset: offset, Length: length}, nil)
	if err != nil {
		return nil, err
	}
	return io.NopCloser(bytes.NewReader(text)), nil
}

// Size asks for the size of a file.
func (b *Borrowed) Size(ctx context.Context, name string) (int64, error) {
	text, err := b.call(ctx, header{Op: opSize, Name: name}, nil)
	if err != nil {
		return 0, err
	}
	var size int64
	return size, json.Unmarshal(text, &size)
}

// List asks for all files of a folder.
func (b *Borrowed) List(ctx context.Context, folder string, each func(name string, size int64) error) error {
	text, err := b.call(ctx, header{Op: opList, Name: folder}, nil)
	if err != nil {
		return err
	}
	var all []listed
	if err := json.Unmarshal(text, &all); err != nil {
		return err
	}
	for _, f := range all {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := each(f.Name, f.Size); err != nil {
			return err
		}
	}
	return nil
}

// Remove deletes a file, where that is allowed.
func (b *Borrowed) Remove(ctx context.Context, name string) error {
	_, err := b.call(ctx, header{Op: opRemove, Name: name}, nil)
	return err
}
