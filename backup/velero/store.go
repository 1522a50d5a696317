package velero

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"goodstate.dev/goodstate/backup/storage"
)

// Store is a storage location of Velero: below its prefix lies backups/NAME with what a backup is made of.
type Store struct {
	Storage storage.Storage
}

func (s Store) file(backup, name string) string { return path.Join("backups", backup, name) }

// backupLimit bounds velero-backup.json.
const backupLimit = 4 << 20

// Backups lists those that lie there, the oldest first. One that cannot be read is named in the error; the others are returned all the same.
func (s Store) Backups(ctx context.Context) ([]Backup, error) {
	var names []string
	if err := s.Storage.List(ctx, "backups", func(name string, _ int64) error {
		if parts := strings.Split(name, "/"); len(parts) == 3 && parts[2] == "velero-backup.json" {
			names = append(names, parts[1])
		}
		return nil
	}); err != nil {
		return nil, fmt.Errorf("backups of Velero: %w", err)
	}
	var all []Backup
	var errs []error
	for _, name := range names {
		b, err := s.Backup(ctx, name)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		all = append(all, b)
	}
	slices.SortFunc(all, func(a, b Backup) int { return cmp.Or(a.At().Compare(b.At()), strings.Compare(a.Name(), b.Name())) })
	return all, errors.Join(errs...)
}

// Backup reads what is said of one backup.
func (s Store) Backup(ctx context.Context, name string) (b Backup, err error) {
	if problems := validation.IsDNS1123Subdomain(name); len(problems) > 0 {
		return b, fmt.Errorf("%q is no name of a backup of Velero: %s", name, problems[0])
	}
	text, err := storage.Read(ctx, s.Storage, s.file(name, "velero-backup.json"), backupLimit)
	if errors.Is(err, storage.ErrNotFound) {
		return b, fmt.Errorf("the storage of Velero has no backup %s: %w", name, err)
	}
	if err == nil {
		err = json.Unmarshal(text, &b)
	}
	if err != nil {
		return b, fmt.Errorf("backup %s of Velero: %w", name, err)
	}
	if b.Name() != name {
		return b, fmt.Errorf("backup %s of Velero: its file says that it is %q", name, b.Name())
	}
	return b, nil
}

// Problems says what a backup lacks: data of volumes, and what Velero itself says of how it ended.
func (s Store) Problems(ctx context.Context, b Backup) ([]string, error) {
	var all []string
	if b.Status.Phase != "Completed" {
		all = append(all, fmt.Sprintf("Velero ended this backup as %s, with %d errors", cmp.Or(b.Status.Phase, "unknown"), b.Status.Errors))
	}
	volumes, err := s.volumes(ctx, b.Name())
	return append(all, volumes...), err
}
