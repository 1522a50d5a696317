package files

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"

	"goodstate.dev/goodstate/backup/repository"
)

// errFetch marks an error of the repository, which ends a restore; others concern one file.
var errFetch = errors.New("read from the repository")

// pendingFile is a file whose content is being fetched.
type pendingFile struct {
	r    *restore
	path string
	node repository.Node
	left atomic.Int64 // blobs
	bad  atomic.Bool

	mu   sync.Mutex
	file *os.File
}

// Bounds of what is fetched together: names in memory, and open files.
const (
	batchFiles = 4096
	batchBytes = 2 << 30
)

// file collects a file, and fetches when there are enough.
func (r *restore) file(ctx context.Context, at string, n *repository.Node) error {
	f := &pendingFile{r: r, path: at, node: *n}
	f.left.Store(int64(len(n.Content)))
	if len(n.Content) == 0 {
		return f.complete()
	}
	r.batch = append(r.batch, f)
	r.weight += int64(n.Size)
	if len(r.batch) < batchFiles && r.weight < batchBytes {
		return nil
	}
	return r.fetch(ctx)
}

// fetch reads the blobs of the collected files, pack by pack, and writes them where they belong.
func (r *restore) fetch(ctx context.Context) error {
	type spot struct {
		f      *pendingFile
		offset int64
	}
	spots := map[repository.ID][]spot{}
	var ids []repository.ID
	for _, f := range r.batch {
		var offset int64
		for _, id := range f.node.Content {
			size, err := r.repo.SizeOf(id)
			if err != nil {
				if !f.bad.Swap(true) {
					r.problem(f.path, err)
				}
				continue
			}
			if spots[id] == nil {
				ids = append(ids, id)
			}
			spots[id] = append(spots[id], spot{f, offset})
			offset += int64(size)
		}
		if !f.bad.Load() && offset != int64(f.node.Size) {
			f.bad.Store(true)
			r.problem(f.path, fmt.Errorf("its parts have %d bytes, want %d", offset, f.node.Size))
		}
	}
	err := r.repo.Fetch(ctx, ids, func(id repository.ID, plain []byte, err error) error {
		for _, s := range spots[id] {
			s.f.write(plain, s.offset, len(s.f.node.Content) == 1, err)
		}
		return nil
	})
	for _, f := range r.batch {
		f.abandon()
	}
	r.batch, r.weight = nil, 0
	if err != nil {
		return fmt.Errorf("%w: %w", errFetch, err)
	}
	return nil
}

// write puts a part in its place; the last one completes the file.
func (f *pendingFile) write(plain []byte, offset int64, whole bool, err error) {
	if err == nil {
		err = f.put(plain, offset, whole)
	}
	if err != nil && !f.bad.Swap(true) {
		f.r.problem(f.path, err)
	}
	f.r.bytes.Add(int64(len(plain)))
	if f.left.Add(-1) == 0 && !f.bad.Load() {
		if err := f.complete(); err != nil {
			f.r.problem(f.path, err)
		}
	}
}

func (f *pendingFile) put(plain []byte, offset int64, whole bool) error {
	file, err := f.open()
	if err != nil {
		return err
	}
	if !whole && zero(plain) {
		return nil // the hole is there already: the file has its size
	}
	_, err = file.WriteAt(plain, offset)
	return err
}

// open makes the file when its first part comes.
func (f *pendingFile) open() (*os.File, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.file != nil {
		return f.file, nil
	}
	file, err := f.r.root.OpenFile(f.path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	if len(f.node.Content) > 1 {
		if err := file.Truncate(int64(f.node.Size)); err != nil {
			return nil, errors.Join(err, file.Close())
		}
	}
	f.file = file
	return file, nil
}

func (f *pendingFile) complete() error {
	file, err := f.open()
	if err != nil {
		return err
	}
	err = settle(file, &f.node)
	f.mu.Lock()
	err = errors.Join(err, file.Close())
	f.file = nil
	f.mu.Unlock()
	f.r.files.Add(1)
	return err
}

// abandon closes a file that did not become whole. It is left with what came, and named as a problem.
func (f *pendingFile) abandon() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.file != nil {
		_ = f.file.Close() // it is named as a problem already
		f.file = nil
	}
}

// zero says that there are only zeros.
func zero(p []byte) bool {
	for len(p) >= 8 {
		if p[0]|p[1]|p[2]|p[3]|p[4]|p[5]|p[6]|p[7] != 0 {
			return false
		}
		p = p[8:]
	}
	for _, b := range p {
		if b != 0 {
			return false
		}
	}
	return true
}
