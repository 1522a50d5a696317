package backup

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"goodstate.dev/goodstate/backup/repository"
	"goodstate.dev/goodstate/core/journal"
)

// Keys lists the keys that open a repository.
func (b *Backups) Keys(ctx context.Context, name string) (keys []repository.Key, err error) {
	err = b.reading(ctx, name, func(repo *repository.Repository) error {
		keys, err = repo.Keys(ctx)
		return err
	})
	return keys, err
}

// AddKey lets the password of a secret open a repository too, and proves that it does.
func (b *Backups) AddKey(ctx context.Context, name, secret, who, why string) (id repository.ID, err error) {
	password, err := b.Secret(ctx, secret)
	if err != nil {
		return id, fmt.Errorf("the new password: %w", err)
	}
	err = b.reading(ctx, name, func(repo *repository.Repository) error {
		if _, err := repository.Open(ctx, repo.Storage(), password); err == nil {
			return fmt.Errorf("the password of secret %s opens repository %s already", secret, name)
		} else if !errors.Is(err, repository.ErrPassword) {
			return err
		}
		if id, err = repo.AddKey(ctx, password); err != nil {
			return err
		}
		return b.proveKey(ctx, repo, name, secret, password)
	})
	if err != nil {
		return id, err
	}
	return id, b.keyJournal(ctx, "key-added", name, who, fmt.Sprintf("the password of secret %s opens repository %s from now on, by key %s%s", secret, name, id.Short(), because(why)))
}

// proveKey opens a repository with a password, as somebody would who has nothing else.
func (b *Backups) proveKey(ctx context.Context, repo *repository.Repository, name, secret, password string) error {
	if _, err := repository.Open(ctx, repo.Storage(), password); err != nil {
		return fmt.Errorf("the password of secret %s does not open repository %s: %w", secret, name, err)
	}
	return nil
}

// RemoveKey takes a key away, named by the beginning of its ID. The one that the configuration opens the repository with stays.
func (b *Backups) RemoveKey(ctx context.Context, name, prefix, who, why string) (id repository.ID, err error) {
	if err := b.frozen(ctx, name, nil); err != nil {
		return id, err
	}
	err = b.reading(ctx, name, func(repo *repository.Repository) error {
		id, err = keyNamed(ctx, repo, name, prefix)
		return err
	})
	if err != nil {
		return id, err
	}
	if err := b.second(ctx, askKeyRemove, name, nil, who, why, fmt.Sprintf("take key %s of repository %s away", id.Short(), name), asked{Key: id.String()}); err != nil {
		return id, err
	}
	return b.removeKey(ctx, name, id.String(), who, why)
}

// removeKey takes it away.
func (b *Backups) removeKey(ctx context.Context, name, prefix, who, why string) (id repository.ID, err error) {
	if err := b.frozen(ctx, name, nil); err != nil {
		return id, err
	}
	repo, err := b.unlockFor(ctx, name, true)
	if err != nil {
		return id, err
	}
	if id, err = keyNamed(ctx, repo, name, prefix); err == nil {
		err = repo.RemoveKey(ctx, id)
	}
	if err = errors.Join(err, repo.Close()); err != nil {
		return id, err
	}
	return id, b.keyJournal(ctx, "key-removed", name, who, fmt.Sprintf("key %s opens repository %s no more%s", id.Short(), name, because(why)))
}

func keyNamed(ctx context.Context, repo *repository.Repository, name, prefix string) (id repository.ID, err error) {
	keys, err := repo.Keys(ctx)
	if err != nil {
		return id, err
	}
	found := 0
	for _, k := range keys {
		if prefix != "" && strings.HasPrefix(k.ID.String(), prefix) {
			id = k.ID
			found++
		}
	}
	if found != 1 {
		return id, fmt.Errorf("%d of %d keys of repository %s begin with %q, want one; goodstate backup key list %s shows them", found, len(keys), name, prefix, name)
	}
	return id, nil
}

// Rotated is what a rotation did.
type Rotated struct {
	Added   repository.ID `json:"added,omitzero"` // zero when the new password opened the repository already
	Removed repository.ID `json:"removed"`
}

// RotateKey puts the configured password in the place of an old one, which is still a secret: the new one is added and proven before the old one goes. It may be
// interrupted and done again.
func (b *Backups) RotateKey(ctx context.Context, name, oldSecret, who, why string) (res Rotated, err error) {
	if err := b.second(ctx, askKeyRotate, name, nil, who, why, fmt.Sprintf("have repository %s open with its configured password, and with secret %s no more", name, oldSecret), asked{Secret: oldSecret}); err != nil {
		return res, err
	}
	return b.rotateKey(ctx, name, oldSecret, who, why)
}

func (b *Backups) rotateKey(ctx context.Context, name, oldSecret, who, why string) (res Rotated, err error) {
	conf, err := b.repository(name)
	if err != nil {
		return res, err
	}
	if oldSecret == "" || oldSecret == conf.Password.Name() {
		return res, fmt.Errorf("repository %s has secret %s for its password; name the new one there first, and the old one with --from", name, conf.Password.Name())
	}
	if err := b.frozen(ctx, name, nil); err != nil {
		return res, err
	}
	fresh, err := b.Secret(ctx, conf.Password.Name())
	if err != nil {
		return res, fmt.Errorf("the new password: %w", err)
	}
	old, err := b.Secret(ctx, oldSecret)
	if err != nil {
		return res, fmt.Errorf("the old password: %w", err)
	}
	if fresh == old {
		return res, errors.New("the new password is the old one")
	}
	s, err := b.storageFor(ctx, name, true)
	if err != nil {
		return res, err
	}
	defer func() { err = errors.Join(err, shut(s)) }()
	if res, err = exchange(ctx, s, old, fresh); err != nil {
		return res, fmt.Errorf("rotate the key of repository %s: %w", name, err)
	}
	return res, b.keyJournal(ctx, "key-rotated", name, who, fmt.Sprintf("repository %s opens with secret %s, and with secret %s no more (key %s)%s", name, conf.Password.Name(), oldSecret, res.Removed.Short(), because(why)))
}

func (b *Backups) keyJournal(ctx context.Context, event, name, who, text string) error {
	_, err := b.Journal.Append(ctx, journal.Entry{Event: event, Target: RepositoryTarget(name), Actor: who, Text: text})
	return err
}

func because(why string) string {
	if why == "" {
		return ""
	}
	return ": " + why
}

// escrowed says what is wrong with the password that lies in escrow, by opening the repository with it and nothing else; "" when it does, or none is kept.
func (b *Backups) escrowed(ctx context.Context, name string, repo *repository.Repository) string {
	conf, err := b.repository(name)
	if err != nil || conf.Escrow.IsZero() {
		return ""
	}
	password, err := b.Secret(ctx, conf.Escrow.Name())
	if err != nil {
		return fmt.Sprintf("the password in escrow cannot be had: %v", err)
	}
	if err := b.proveKey(ctx, repo, name, conf.Escrow.Name(), password); err != nil {
		return fmt.Sprintf("escrow: %v; goodstate backup key add %s --secret %s lets it in", err, name, conf.Escrow.Name())
	}
	return ""
}
