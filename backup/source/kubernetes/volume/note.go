package volume

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

const noteFile = "held.json"

// writeNote keeps on the disk what is held, before it is; nothing removes it.
func writeNote(dir string, holds []hold) (err error) {
	path := filepath.Join(dir, noteFile)
	if len(holds) == 0 {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("note of what is held: %w", err)
		}
		return nil
	}
	text, err := json.MarshalIndent(holds, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("note of what is held: %w", err)
	}
	tmp, err := os.CreateTemp(dir, noteFile+".*")
	if err != nil {
		return fmt.Errorf("note of what is held: %w", err)
	}
	_, err = tmp.Write(text)
	err = errors.Join(err, tmp.Sync(), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("note of what is held: %w", err), os.Remove(tmp.Name()))
	}
	folder, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("note of what is held: %w", err)
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// settle lets go of what an earlier process held when it died.
func (c *copying) settle(ctx context.Context) error {
	text, err := os.ReadFile(filepath.Join(c.opt.State, noteFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("note of what is held: %w", err)
	}
	var holds []hold
	if err := json.Unmarshal(text, &holds); err != nil {
		return fmt.Errorf("note of what is held, %s: %w; see to it that nothing is held any more, and remove it", filepath.Join(c.opt.State, noteFile), err)
	}
	var still []hold
	var all error
	for _, h := range holds {
		if err := c.unquiesce(ctx, h); err != nil {
			still, all = append(still, h), errors.Join(all, fmt.Errorf("%s was held when goodstate ended, and cannot be told to go on: %w", h.Container, err))
		}
	}
	return errors.Join(all, writeNote(c.opt.State, still))
}

func gone(err error) bool { return apierrors.IsNotFound(err) }
