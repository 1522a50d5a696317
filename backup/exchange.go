package backup

import (
	"context"
	"errors"
	"fmt"

	"goodstate.dev/goodstate/backup/repository"
	"goodstate.dev/goodstate/backup/storage"
)

// exchange adds and proves the new password, and then removes the key of the old one.
func exchange(ctx context.Context, s storage.Storage, old, fresh string) (res Rotated, err error) {
	was, err := repository.Open(ctx, s, old)
	if err != nil {
		return res, fmt.Errorf("with the old password: %w", err)
	}
	res.Removed = was.KeyID()
	now, err := repository.Open(ctx, s, fresh)
	if errors.Is(err, repository.ErrPassword) {
		if res.Added, err = was.AddKey(ctx, fresh); err != nil {
			return res, err
		}
		now, err = repository.Open(ctx, s, fresh)
	}
	if err != nil {
		return res, fmt.Errorf("with the new password, and the old one stays: %w", err)
	}
	return res, now.RemoveKey(ctx, res.Removed)
}
