package repository

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Compression says what is compressed.
type Compression int

// What may be chosen. Auto leaves alone what would not get smaller.
const (
	Auto Compression = iota
	Off
)

// SaveOptions adjust a Saver; zero values are the usual ones.
type SaveOptions struct {
	PackSize    int // bytes at which a pack is written: 16 MiB
	Compression Compression
	Uploads     int           // packs that are written at the same time: 2
	IndexEvery  time.Duration // how long a written pack waits for its index file at most: 5 minutes
}

// Saved counts what a Saver wrote.
type Saved struct {
	Blobs   int   `json:"blobs"`   // new ones
	Known   int   `json:"known"`   // that were in the repository already
	Plain   int64 `json:"plain"`   // bytes of the new ones before compression
	Written int64 `json:"written"` // bytes of packs
}

// Saver writes blobs into packs. It may be used by many goroutines. What it wrote can be found by others only after Finish, or once in a while by an index
// that it writes on the way, so that a backup that was killed need not write the same again.
type Saver struct {
	repo    *Repository
	opt     SaveOptions
	packs   chan *packer
	uploads sync.WaitGroup
	cancel  context.CancelCauseFunc
	ctx     context.Context //nolint:containedctx // it is that of the uploads, which outlive single calls

	mu      sync.Mutex
	pending map[ID]bool // in packs that are not written yet
	open    [2]*packer
	saved   Saved
	written []indexPack // that are in no index file yet
	count   int         // blobs in written
	indexed time.Time
	free    [][]byte

	moving bool // blobs that are in the index are written again, and the caller indexes them
}

// indexEvery is how long a written pack usually waits for its index file at most.
const indexEvery = 5 * time.Minute

// NewSaver begins to save. The context is that of all writing; Finish or Abort ends it.
func (r *Repository) NewSaver(ctx context.Context, opt SaveOptions) *Saver {
	if opt.PackSize <= 0 {
		opt.PackSize = 16 << 20
	}
	if opt.Uploads <= 0 {
		opt.Uploads = 2
	}
	if opt.IndexEvery <= 0 {
		opt.IndexEvery = indexEvery
	}
	s := &Saver{repo: r, opt: opt, packs: make(chan *packer), pending: map[ID]bool{}, indexed: time.Now()}
	s.ctx, s.cancel = context.WithCancelCause(ctx)
	for range opt.Uploads {
		s.uploads.Go(s.upload)
	}
	return s
}

// Save puts a blob into the repository and says whether it was there. The text is not kept.
func (s *Saver) Save(kind BlobType, plain []byte) (ID, bool, error) {
	id := IDOf(plain)
	known, err := s.claim(id)
	if err != nil || known {
		return id, known, err
	}
	text, size := plain, 0
	if s.repo.config.Version >= 2 && (kind == Tree || s.opt.Compression == Auto && worthwhile(plain)) {
		if zipped := s.repo.zip.compress(nil, plain); len(zipped) < len(plain) {
			text, size = zipped, len(plain)
		}
	}
	return id, false, s.put(id, kind, text, size, len(plain))
}

// put appends a blob's text, compressed where size is not 0, to the open pack of its kind.
func (s *Saver) put(id ID, kind BlobType, text []byte, size, plain int) error {
	box := s.repo.key.seal(nil, text)
	s.mu.Lock()
	p := s.open[kind]
	if p == nil {
		p = &packer{bytes: s.buffer()}
		s.open[kind] = p
	}
	p.add(id, kind, size, func(dst []byte) []byte { return append(dst, box...) })
	s.saved.Blobs++
	s.saved.Plain += int64(plain)
	full := len(p.bytes) >= s.opt.PackSize
	if full {
		s.open[kind] = nil
	}
	s.mu.Unlock()
	if !full {
		return nil
	}
	return s.hand(p)
}

// claim says whether a blob is there or on its way; if not, it is the caller's to write.
func (s *Saver) claim(id ID) (bool, error) {
	if err := context.Cause(s.ctx); err != nil {
		return false, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	known := s.pending[id]
	if !known {
		var err error
		if known, err = s.repo.Has(id); err != nil {
			return false, err
		}
	}
	if known {
		s.saved.Known++
		return true, nil
	}
	s.pending[id] = true
	return false, nil
}

func (s *Saver) buffer() []byte {
	if n := len(s.free); n > 0 {
		b := s.free[n-1]
		s.free = s.free[:n-1]
		return b[:0]
	}
	return nil
}

func (s *Saver) hand(p *packer) error {
	select {
	case s.packs <- p:
		return nil
	case <-s.ctx.Done():
		return context.Cause(s.ctx)
	}
}

func (s *Saver) upload() {
	for p := range s.packs {
		if s.ctx.Err() != nil {
			continue // only let go of who waits
		}
		if err := s.write(p); err != nil {
			s.cancel(err)
		}
	}
}

func (s *Saver) write(p *packer) error {
	id := p.finish(s.repo.key)
	if err := s.repo.storage.Save(s.ctx, packName(id), int64(len(p.bytes)), bytes.NewReader(p.bytes)); err != nil {
		return fmt.Errorf("write pack %s: %w", id.Short(), err)
	}
	pack := indexPack{ID: id, Blobs: p.blobs}
	if !s.moving {
		if err := s.repo.learn(pack); err != nil {
			return err
		}
	}
	s.mu.Lock()
	for _, b := range p.blobs {
		delete(s.pending, b.ID)
	}
	s.saved.Written += int64(len(p.bytes))
	s.written = append(s.written, pack)
	s.count += len(p.blobs)
	s.free = append(s.free, p.bytes)
	s.mu.Unlock()
	return s.writeIndex(false)
}

// writeIndex saves an index file of what has none; without all only when it is time.
func (s *Saver) writeIndex(all bool) error {
	s.mu.Lock()
	packs := s.written
	if s.moving || len(packs) == 0 || !all && s.count < maxIndexBlobs && time.Since(s.indexed) < s.opt.IndexEvery {
		s.mu.Unlock()
		return nil
	}
	s.written, s.count, s.indexed = nil, 0, time.Now()
	s.mu.Unlock()
	return s.repo.saveIndex(s.ctx, packs, nil)
}

// Finish writes all that is open and its index. After that everything saved can be found.
func (s *Saver) Finish() (Saved, error) {
	var failure error
	for _, p := range s.open {
		if p != nil && failure == nil {
			failure = s.hand(p)
		}
	}
	close(s.packs)
	s.uploads.Wait()
	if failure == nil {
		failure = context.Cause(s.ctx)
	}
	if failure == nil {
		failure = s.writeIndex(true)
	}
	s.cancel(errFinished)
	return s.saved, failure
}

var errFinished = errors.New("the backup has ended")

// Abort ends without writing what is open. Packs that were written stay; their index is written if it can be, so that the next backup finds them.
func (s *Saver) Abort() error {
	s.cancel(errFinished)
	close(s.packs)
	s.uploads.Wait()
	if s.moving || len(s.written) == 0 {
		return nil
	}
	ctx, stop := context.WithTimeout(context.Background(), 30*time.Second)
	defer stop()
	return s.repo.saveIndex(ctx, s.written, nil)
}

// Progress counts what was saved so far.
func (s *Saver) Progress() Saved {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.saved
}
