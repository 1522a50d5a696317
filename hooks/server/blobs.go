package server

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"

	"goodstate.dev/goodstate/hooks/rule"
)

// blobs reads contents from one git cat-file that lives as long as the judgement.
type blobs struct {
	cmd  *exec.Cmd
	ask  io.WriteCloser
	tell *bufio.Reader
	buf  []byte // of small contents, one after the other: nobody keeps them
}

// reused is the size up to which contents share a buffer.
const reused = 256 << 10

func (r Repository) blobs(ctx context.Context) (*blobs, error) {
	cmd := r.command(ctx, "cat-file", "--batch")
	ask, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("git cat-file: %w", err)
	}
	tell, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("git cat-file: %w", err), ask.Close())
	}
	widen(tell)
	return &blobs{cmd: cmd, ask: ask, tell: bufio.NewReaderSize(tell, 256<<10)}, nil
}

func (b *blobs) close() error {
	if err := errors.Join(b.ask.Close(), b.cmd.Wait()); err != nil {
		return fmt.Errorf("git cat-file: %w", err)
	}
	return nil
}

// each asks for all the objects at once and hands them on in their order. What wanted does not want, knowing the size, is passed over without being kept:
// then content is nil.
func (b *blobs) each(ids []string, wanted func(i int, size int64) bool, got func(i int, size int64, content []byte) error) error {
	asked := make(chan error, 1)
	go func() {
		_, err := io.WriteString(b.ask, strings.Join(ids, "\n")+"\n")
		asked <- err
	}()
	for i, id := range ids {
		size, content, err := b.next(id, func(size int64) bool { return wanted(i, size) })
		if err == nil {
			err = got(i, size, content)
		}
		if err != nil {
			_ = b.cmd.Process.Kill() // lets go of the question
			return errors.Join(err, <-asked)
		}
	}
	if err := <-asked; err != nil {
		return fmt.Errorf("ask for objects: %w", err)
	}
	return nil
}

// room is where a content goes. It holds until the next one is asked for.
func (b *blobs) room(size int64) []byte {
	if size > reused {
		return make([]byte, size)
	}
	if b.buf == nil {
		b.buf = make([]byte, reused)
	}
	return b.buf[:size:size]
}

// read returns the content of one object.
func (b *blobs) read(id string) (content []byte, err error) {
	err = b.each([]string{id}, func(int, int64) bool { return true }, func(_ int, size int64, got []byte) error {
		if got == nil {
			return fmt.Errorf("object %s has %d bytes, at most %d are read", id, size, rule.Largest)
		}
		content = bytes.Clone(got)
		return nil
	})
	return content, err
}

func (b *blobs) next(id string, wanted func(size int64) bool) (size int64, content []byte, err error) {
	head, err := b.tell.ReadString('\n')
	if err != nil {
		return 0, nil, fmt.Errorf("object %s: %w", id, err)
	}
	fields := strings.Fields(head)
	if len(fields) != 3 || fields[0] != id {
		return 0, nil, fmt.Errorf("git cat-file says %.100q of %s, want its kind and size", strings.TrimSpace(head), id)
	}
	if size, err = strconv.ParseInt(fields[2], 10, 64); err != nil {
		return 0, nil, fmt.Errorf("size of object %s: %w", id, err)
	}
	if size > rule.Largest || !wanted(size) {
		_, err = io.CopyN(io.Discard, b.tell, size+1)
	} else {
		content = b.room(size)
		if _, err = io.ReadFull(b.tell, content); err == nil {
			_, err = b.tell.Discard(1) // the newline after it
		}
	}
	if err != nil {
		return size, nil, fmt.Errorf("object %s: %w", id, err)
	}
	return size, content, nil
}
