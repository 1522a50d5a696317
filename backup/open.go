package backup

import (
	"context"
	"errors"
	"fmt"
	"io"

	"goodstate.dev/goodstate/backup/repository"
	"goodstate.dev/goodstate/backup/storage"
)

// repository is a repository of the configuration.
func (b *Backups) repository(name string) (Repository, error) {
	r, ok := b.Configured().Repositories.Get(name)
	if !ok {
		return r, &UnknownError{"repository", name, b.Configured().Repositories.Keys()}
	}
	return r, nil
}

// storageOf is where a repository lies. Who asks closes it.
func (b *Backups) storageOf(ctx context.Context, name string) (storage.Storage, error) {
	return b.storageFor(ctx, name, false)
}

// storageFor is the same for what deletes: by the credentials for that, where the repository has any.
func (b *Backups) storageFor(ctx context.Context, name string, deletes bool) (storage.Storage, error) {
	r, err := b.repository(name)
	if err != nil {
		return nil, err
	}
	choice := r.Choice
	if deletes && !r.Maintenance.IsZero() {
		choice = r.Maintenance
	}
	place, err := choice.New()
	if err != nil {
		return nil, fmt.Errorf("repository %s: %w", name, err)
	}
	s, err := place.Open(ctx, storage.Env{Base: b.Base, Secret: b.Secret, Rates: storage.NewRates(int64(r.Upload), int64(r.Download))})
	if err != nil {
		return nil, fmt.Errorf("repository %s: %w", name, err)
	}
	return s, nil
}

// shut lets go of what a storage holds.
func shut(s storage.Storage) error {
	if c, ok := s.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

// unlock opens a repository with its password, without its index.
func (b *Backups) unlock(ctx context.Context, name string) (*repository.Repository, error) {
	return b.unlockFor(ctx, name, false)
}

// unlockFor is the same for what deletes.
func (b *Backups) unlockFor(ctx context.Context, name string, deletes bool) (*repository.Repository, error) {
	r, err := b.repository(name)
	if err != nil {
		return nil, err
	}
	password, err := b.Secret(ctx, r.Password.Name())
	if err != nil {
		return nil, fmt.Errorf("password of repository %s: %w", name, err)
	}
	s, err := b.storageFor(ctx, name, deletes)
	if err != nil {
		return nil, err
	}
	repo, err := repository.OpenWith(ctx, s, password, &b.ring)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("repository %s: %w", name, err), shut(s))
	}
	return repo, nil
}

// Init makes a repository.
func (b *Backups) Init(ctx context.Context, name string) (id repository.ID, err error) {
	r, err := b.repository(name)
	if err != nil {
		return id, err
	}
	password, err := b.Secret(ctx, r.Password.Name())
	if err != nil {
		return id, fmt.Errorf("password of repository %s: %w", name, err)
	}
	s, err := b.storageOf(ctx, name)
	if err != nil {
		return id, err
	}
	repo, err := repository.Init(ctx, s, password)
	if err != nil {
		return id, errors.Join(fmt.Errorf("make repository %s: %w", name, err), shut(s))
	}
	return repo.ID(), repo.Close()
}

// Open opens a repository of the configuration, with its index.
func (b *Backups) Open(ctx context.Context, name string) (*repository.Repository, error) {
	repo, err := b.unlock(ctx, name)
	if err != nil {
		return nil, err
	}
	if err := repo.LoadIndex(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("repository %s: %w", name, err), repo.Close())
	}
	return repo, nil
}

// with opens a repository under a lock for as long as do runs.
func (b *Backups) with(ctx context.Context, name string, exclusive bool, do func(*repository.Repository) error) (err error) {
	return b.withFor(ctx, name, exclusive, exclusive, do)
}

// withFor is the same for what deletes, also beside others.
func (b *Backups) withFor(ctx context.Context, name string, exclusive, deletes bool, do func(*repository.Repository) error) (err error) {
	repo, err := b.unlockFor(ctx, name, deletes)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, repo.Close()) }()
	lock, err := repo.Lock(ctx, exclusive)
	if err != nil {
		return fmt.Errorf("repository %s: %w", name, err)
	}
	defer func() { err = errors.Join(err, lock.Unlock()) }()
	if err := repo.LoadIndex(ctx); err != nil {
		return fmt.Errorf("repository %s: %w", name, err)
	}
	if err := do(repo); err != nil {
		return err
	}
	return lock.Err()
}
