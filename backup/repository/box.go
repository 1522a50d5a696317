package repository

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"goodstate.dev/goodstate/backup/storage"
)

// Boxes are files of goodstate's own beside those of restic's format, which restic does not look at: compressed and encrypted as snapshots are, with no entry in an index. They are for what
// is written every few seconds and soon taken over by a snapshot, and would leave thousands of packs and indexes behind. No restore point may need one for good.

const boxes = "goodstate/"

// ErrBoxExists says that there is a box of that name.
var ErrBoxExists = errors.New("the box is there already")

// SaveBox writes a box.
func (r *Repository) SaveBox(ctx context.Context, name string, plain []byte) error {
	sealed := r.key.seal(nil, r.zip.compress(nil, plain))
	err := r.storage.Save(ctx, boxes+name, int64(len(sealed)), bytes.NewReader(sealed))
	if errors.Is(err, storage.ErrExists) {
		return ErrBoxExists
	}
	return err
}

// Box reads a box of at most limit bytes.
func (r *Repository) Box(ctx context.Context, name string, limit int) ([]byte, error) {
	sealed, err := storage.Read(ctx, r.storage, boxes+name, int64(limit)+limitSlack)
	if err != nil {
		return nil, err
	}
	packed, err := r.key.open(sealed)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	plain, err := r.zip.expand(packed, limit)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return plain, nil
}

// limitSlack is what encryption and a text that cannot be compressed add.
const limitSlack = 1 << 20

// Boxes lists the names of the boxes in a folder.
func (r *Repository) Boxes(ctx context.Context, folder string) (names []string, err error) {
	err = r.storage.List(ctx, boxes+folder, func(name string, _ int64) error {
		names = append(names, name[len(boxes):])
		return nil
	})
	return names, err
}

// RemoveBox removes a box; one that is not there is no error.
func (r *Repository) RemoveBox(ctx context.Context, name string) error {
	return r.storage.Remove(ctx, boxes+name)
}
