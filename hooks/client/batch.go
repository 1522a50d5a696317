package client

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"sync"
)

// batch reads objects through one git cat-file, which is started when somebody first asks.
type batch struct {
	start func() *exec.Cmd
	mu    sync.Mutex
	cmd   *exec.Cmd
	in    io.WriteCloser
	out   *bufio.Reader
}

func newBatch(ctx context.Context, repo *Repo) *batch {
	return &batch{start: func() *exec.Cmd { return repo.command(ctx, repo.Index, "cat-file", "--batch") }}
}

// get returns the content of a blob. What is larger than can be read whole is passed over and is errLarge, with its size.
func (b *batch) get(oid string) (content []byte, size int64, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.cmd == nil {
		if err := b.open(); err != nil {
			return nil, 0, err
		}
	}
	if _, err := io.WriteString(b.in, oid+"\n"); err != nil {
		return nil, 0, fmt.Errorf("ask git cat-file for %s: %w", oid, err)
	}
	head, err := b.out.ReadString('\n')
	if err != nil {
		return nil, 0, fmt.Errorf("git cat-file on %s: %w", oid, err)
	}
	words := strings.Fields(head)
	if len(words) != 3 || words[1] != "blob" {
		return nil, 0, fmt.Errorf("git cat-file on %s said %.80q, want a blob; git fsck tells what is damaged", oid, head)
	}
	if size, err = strconv.ParseInt(words[2], 10, 64); err != nil {
		return nil, 0, fmt.Errorf("size of %s: %w", oid, err)
	}
	if size > largest {
		_, err = io.CopyN(io.Discard, b.out, size+1)
		return nil, size, errors.Join(errLarge, err)
	}
	content = make([]byte, size+1) // a line feed ends it
	if _, err := io.ReadFull(b.out, content); err != nil {
		return nil, size, fmt.Errorf("git cat-file on %s: %w", oid, err)
	}
	return content[:size:size], size, nil
}

func (b *batch) open() error {
	cmd := b.start()
	in, err := cmd.StdinPipe()
	if err != nil {
		return fmt.Errorf("git cat-file: %w", err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("git cat-file: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("git cat-file: %w", err)
	}
	b.cmd, b.in, b.out = cmd, in, bufio.NewReaderSize(out, 64<<10)
	return nil
}

// close ends the child and waits for it.
func (b *batch) close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.cmd == nil {
		return nil
	}
	cmd := b.cmd
	b.cmd = nil
	_ = b.in.Close() // the child ends when its input does; it has nothing left to say
	if err := cmd.Wait(); err != nil && cmd.ProcessState == nil {
		return fmt.Errorf("git cat-file: %w", err)
	}
	return nil
}
