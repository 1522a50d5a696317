package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"goodstate.dev/goodstate/backup/plan"
	"goodstate.dev/goodstate/backup/repository"
	"goodstate.dev/goodstate/backup/source"
	"goodstate.dev/goodstate/backup/storage"
)

// damaging is a storage of which one pack reads as if it were damaged. Nothing in the storage is changed.
type damaging struct {
	storage.Storage
	mu    sync.Mutex
	armed bool
	pack  string // the first that was read
}

func (d *damaging) arm() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.armed = true
}

// hit is the pack that was damaged; empty: none was read.
func (d *damaging) hit() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.pack
}

// Open changes a byte of what is read of the pack.
func (d *damaging) Open(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error) {
	r, err := d.Storage.Open(ctx, name, offset, length)
	d.mu.Lock()
	defer d.mu.Unlock()
	if err != nil || !d.armed || !strings.HasPrefix(name, "data/") || d.pack != "" && d.pack != name {
		return r, err
	}
	d.pack = name
	return &flipped{ReadCloser: r, at: max(0, length/2)}, nil
}

// flipped is a stream with one bit changed.
type flipped struct {
	io.ReadCloser
	at int64 // bytes yet to come before it
}

func (f *flipped) Read(p []byte) (int, error) {
	n, err := f.ReadCloser.Read(p)
	if f.at >= 0 && f.at < int64(n) {
		p[f.at] ^= 1
	}
	f.at -= int64(n)
	return n, err
}

// corrupted tries to restore from a repository with a damaged pack, which has to be noticed, and recovers from a copy.
func (s *simulated) corrupted(ctx context.Context, j source.Job, to source.Place) error {
	began := time.Now()
	pack, noticed, err := s.stumble(ctx, j)
	if err != nil {
		return err
	}
	s.d.phase("notice", began)
	if noticed == "" {
		s.d.Why, s.d.Level = fmt.Sprintf("pack %s was damaged on its way, and the restore from %s did not notice", pack, s.in.Repository), plan.Written
		return nil
	}
	s.d.Lost = fmt.Sprintf("pack %s of %s read as damaged: %s", pack, s.in.Repository, noticed)
	s.elsewhere()
	return s.recover(ctx, j, to, began)
}

// stumble restores from the damaged repository into a scratch place of its own. Noticed is what was said of it; empty: nothing.
func (s *simulated) stumble(ctx context.Context, j source.Job) (pack, noticed string, err error) {
	bad, repo, err := s.damagedRepository(ctx)
	if err != nil {
		return "", "", err
	}
	defer func() { err = errors.Join(err, repo.Close()) }()
	snap, err := s.point(ctx, repo, s.in)
	if err != nil {
		return "", "", err
	}
	j.Repo = repo
	bad.arm()
	src, err := s.in.Config.Source.New()
	if err != nil {
		return "", "", err
	}
	to, done, err := src.Scratch(ctx, j)
	if err != nil {
		return "", "", err
	}
	back, failed := src.Restore(ctx, j, snap, to)
	err = done(context.WithoutCancel(ctx))
	if pack = strings.TrimPrefix(bad.hit(), "data/"); pack == "" {
		return "", "", errors.Join(err, failed, errors.New("the restore read no pack that could have been damaged"))
	}
	switch {
	case failed != nil:
		noticed = failed.Error()
	case len(back.Problems) > 0:
		noticed = fmt.Sprintf("%d problems: %s", len(back.Problems), back.Problems[0])
	}
	return pack, noticed, err
}

func (s *simulated) damagedRepository(ctx context.Context) (*damaging, *repository.Repository, error) {
	conf, err := s.repository(s.in.Repository)
	if err != nil {
		return nil, nil, err
	}
	password, err := s.Secret(ctx, conf.Password.Name())
	if err != nil {
		return nil, nil, fmt.Errorf("password of repository %s: %w", s.in.Repository, err)
	}
	from, err := s.storageOf(ctx, s.in.Repository)
	if err != nil {
		return nil, nil, err
	}
	bad := &damaging{Storage: from}
	repo, err := repository.OpenWith(ctx, bad, password, &s.ring)
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("repository %s: %w", s.in.Repository, err), shut(from))
	}
	if err := repo.LoadIndex(ctx); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("repository %s: %w", s.in.Repository, err), repo.Close())
	}
	return bad, repo, nil
}

// Close lets go of the storage.
func (d *damaging) Close() error { return shut(d.Storage) }
