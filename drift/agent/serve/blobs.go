package serve

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"goodstate.dev/goodstate/drift/agent/wire"
)

// blobs are the contents that calls need. One is asked for when it is needed for the first time, so what a host has already is not sent; small ones
// stay in memory, large ones in a folder that goes when the agent does.
type blobs struct {
	out *wire.Writer

	mu     sync.Mutex
	here   map[string]blob
	under  map[string]*arriving
	files  map[string]bool // written or checked in this conversation
	dir    string
	closed bool
}

type blob struct {
	data []byte
	path string
}

// arriving is a blob of which the last piece has not come.
type arriving struct {
	data []byte
	file *os.File
	sum  hash.Hash
	done chan struct{}
	once sync.Once
	err  error
}

// end tells whoever waits; the first word counts.
func (a *arriving) end(err error) {
	a.once.Do(func() {
		a.err = err
		close(a.done)
	})
}

var errClosed = errors.New("the connection to the controller has ended")

// inMemory is up to where a blob is kept in memory: one piece.
const inMemory = wire.Piece

func newBlobs(out *wire.Writer) *blobs {
	return &blobs{out: out, here: map[string]blob{}, under: map[string]*arriving{}, files: map[string]bool{}}
}

// folder is the agent's own folder for this conversation, beside its program where that works.
func (b *blobs) folder() (string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.dir != "" {
		return b.dir, nil
	}
	var first error
	for _, base := range places() {
		sweep(base)
		dir, err := os.MkdirTemp(base, "run-"+strconv.Itoa(os.Getpid())+"-")
		if err == nil {
			b.dir = dir
			return dir, nil
		}
		if first == nil {
			first = err
		}
	}
	return "", fmt.Errorf("finding a folder for the agent's files: %w", first)
}

func places() []string {
	if own := ownFolder(); own != "" {
		return []string{own, os.TempDir()}
	}
	return []string{os.TempDir()}
}

// ownFolder is the folder that the agent was put into, when it was sent; it belongs to its account alone.
func ownFolder() string {
	self, err := os.Executable()
	if err != nil || !strings.HasPrefix(filepath.Base(self), "goodstate-agent-") || filepath.Base(filepath.Dir(self)) == "bin" {
		return ""
	}
	info, err := os.Stat(filepath.Dir(self))
	if err != nil || info.Mode().Perm()&0o022 != 0 {
		return ""
	}
	return filepath.Dir(self)
}

// sweep removes what agents left behind that were killed.
func sweep(base string) {
	left, err := filepath.Glob(filepath.Join(base, "run-*-*"))
	if err != nil || filepath.Base(base) == filepath.Base(os.TempDir()) {
		return // others have folders there too
	}
	for _, dir := range left {
		pid, err := strconv.Atoi(strings.Split(filepath.Base(dir), "-")[1])
		if err == nil && errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			_ = os.RemoveAll(dir) // the next sweep tries again
		}
	}
}

// open gives the content of a blob; it asks the controller for it when it is not here.
func (b *blobs) open(ctx context.Context, name string) (io.ReadCloser, error) {
	found, err := b.fetch(ctx, name)
	if err != nil {
		return nil, err
	}
	if found.path != "" {
		return os.Open(found.path)
	}
	return io.NopCloser(bytes.NewReader(found.data)), nil
}

// file gives the path of a blob under a name of its own, for programs that read files. Where the agent has a folder of its own it stays there for
// later runs, and is checked again by each.
func (b *blobs) file(ctx context.Context, name, suffix string, mode os.FileMode) (string, error) {
	dir, err := b.keep()
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "payload-"+name+suffix)
	b.mu.Lock()
	checked := b.files[path]
	b.mu.Unlock()
	if checked || sumOf(path) == name {
		b.know(path)
		return path, nil
	}
	content, err := b.open(ctx, name)
	if err != nil {
		return "", err
	}
	defer content.Close()
	if err := put(path, content, mode); err != nil {
		return "", fmt.Errorf("writing a file for a module: %w", err)
	}
	b.know(path)
	return path, nil
}

func (b *blobs) know(path string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.files[path] = true
}

// keep is where files stay for later runs, or else the folder of this one.
func (b *blobs) keep() (string, error) {
	if own := ownFolder(); own != "" {
		return own, nil
	}
	return b.folder()
}

func put(path string, content io.Reader, mode os.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	_, err = io.Copy(f, content)
	if err = errors.Join(err, f.Chmod(mode), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name()) // the first error counts
	}
	return err
}

func sumOf(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return ""
	}
	return hex.EncodeToString(h.Sum(nil))
}

func (b *blobs) fetch(ctx context.Context, name string) (blob, error) {
	raw, err := hex.DecodeString(name)
	if err != nil || len(raw) != wire.HashSize {
		return blob{}, fmt.Errorf("%q is no SHA-256", name)
	}
	b.mu.Lock()
	if found, ok := b.here[name]; ok {
		b.mu.Unlock()
		return found, nil
	}
	if b.closed {
		b.mu.Unlock()
		return blob{}, errClosed
	}
	a := b.under[name]
	ask := a == nil
	if ask {
		a = &arriving{sum: sha256.New(), done: make(chan struct{})}
		b.under[name] = a
	}
	b.mu.Unlock()
	if ask {
		if err := b.out.Write(wire.Frame{Kind: wire.KindNeed, Body: []byte(name)}); err != nil {
			return blob{}, err
		}
	}
	select {
	case <-a.done:
	case <-ctx.Done():
		return blob{}, ctx.Err()
	}
	if a.err != nil {
		return blob{}, a.err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.here[name], nil
}

// piece takes a part of a blob in. What was not asked for ends the conversation.
func (b *blobs) piece(body []byte) error {
	if len(body) < wire.HashSize+1 {
		return errors.New("a piece of a file without its hash")
	}
	name, last, data := hex.EncodeToString(body[:wire.HashSize]), body[wire.HashSize] == 1, body[wire.HashSize+1:]
	b.mu.Lock()
	a := b.under[name]
	b.mu.Unlock()
	if a == nil {
		return fmt.Errorf("a piece of the file %s, which nobody asked for", name)
	}
	if err := b.add(a, name, data); err != nil {
		a.end(err) // the pieces that follow find it ended
	}
	if last {
		b.finish(a, name)
	}
	return nil
}

func (b *blobs) add(a *arriving, name string, data []byte) error {
	a.sum.Write(data)
	select {
	case <-a.done:
		return nil
	default:
	}
	if a.file == nil && len(a.data)+len(data) <= inMemory {
		a.data = append(a.data, data...)
		return nil
	}
	if a.file == nil {
		dir, err := b.folder()
		if err != nil {
			return err
		}
		if a.file, err = os.OpenFile(filepath.Join(dir, name), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600); err != nil {
			return fmt.Errorf("receiving a file: %w", err)
		}
		if _, err := a.file.Write(a.data); err != nil {
			return fmt.Errorf("receiving a file: %w", err)
		}
		a.data = nil
	}
	if _, err := a.file.Write(data); err != nil {
		return fmt.Errorf("receiving a file: %w", err)
	}
	return nil
}

func (b *blobs) finish(a *arriving, name string) {
	found, err := blob{data: a.data}, error(nil)
	if a.file != nil {
		found.path = a.file.Name()
		err = a.file.Close()
	}
	if got := hex.EncodeToString(a.sum.Sum(nil)); err == nil && got != name {
		err = fmt.Errorf("its SHA-256 is %s, want %s", got, name)
	}
	if err != nil {
		err = fmt.Errorf("receiving a file: %w", err)
	}
	b.mu.Lock()
	delete(b.under, name)
	b.mu.Unlock()
	select {
	case <-a.done: // it has failed before
		err = a.err
	default:
	}
	if err != nil && found.path != "" {
		_ = os.Remove(found.path) // the error is told
	}
	if err == nil {
		b.mu.Lock()
		b.here[name] = found
		b.mu.Unlock()
	}
	a.end(err)
}

// missing says that the controller has no such blob.
func (b *blobs) missing(body []byte) error {
	if len(body) < wire.HashSize {
		return errors.New("a missing file without its hash")
	}
	name := hex.EncodeToString(body[:wire.HashSize])
	b.mu.Lock()
	a := b.under[name]
	delete(b.under, name)
	b.mu.Unlock()
	if a == nil {
		return fmt.Errorf("the file %s is missing, which nobody asked for", name)
	}
	a.end(errors.New(string(body[wire.HashSize:])))
	return nil
}

// close wakes whoever waits for a blob.
func (b *blobs) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	for name, a := range b.under {
		a.end(errClosed)
		delete(b.under, name)
	}
}

func (b *blobs) remove() {
	if b.dir != "" {
		_ = os.RemoveAll(b.dir) // a later agent sweeps
	}
}
