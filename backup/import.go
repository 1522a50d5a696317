package backup

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"goodstate.dev/goodstate/backup/repository"
	"goodstate.dev/goodstate/backup/source"
	"goodstate.dev/goodstate/backup/source/kubernetes"
	"goodstate.dev/goodstate/backup/storage"
	"goodstate.dev/goodstate/backup/velero"
	"goodstate.dev/goodstate/core/notify"
	"goodstate.dev/goodstate/core/run"
)

// Foreign names a backup that another tool made.
type Foreign struct {
	Location string `json:"location" doc:"name of a storage location under backup.velero"`
	Backup   string `json:"backup" doc:"name of the backup there"`
}

// VeleroBackups lists the backups in a storage location of Velero, the oldest first.
func (b *Backups) VeleroBackups(ctx context.Context, location string) (all []velero.Backup, err error) {
	err = b.veleroStore(ctx, location, func(s velero.Store) error {
		all, err = s.Backups(ctx)
		return err
	})
	return all, err
}

func (b *Backups) veleroStore(ctx context.Context, location string, do func(velero.Store) error) (err error) {
	choice, ok := b.Configured().Velero.Get(location)
	if !ok {
		return &UnknownError{"storage location of Velero", location, b.Configured().Velero.Keys()}
	}
	place, err := choice.New()
	if err != nil {
		return fmt.Errorf("storage location %s: %w", location, err)
	}
	s, err := place.Open(ctx, storage.Env{Base: b.Base, Secret: b.Secret})
	if err != nil {
		return fmt.Errorf("storage location %s: %w", location, err)
	}
	defer func() { err = errors.Join(err, shut(s)) }()
	return do(velero.Store{Storage: s})
}

// importable says why nothing can be imported into an application.
func (b *Backups) importable(in input) error {
	f := in.Request.Import
	if f == nil || f.Backup == "" {
		return errors.New("say which backup is imported: its location and its name")
	}
	if in.Config.Source.Name() != "kubernetes" {
		return fmt.Errorf("the application is copied by source %s; a backup of Velero becomes a restore point of an application with source kubernetes", in.Config.Source.Name())
	}
	if _, ok := b.Configured().Velero.Get(f.Location); !ok {
		return &UnknownError{"storage location of Velero", f.Location, b.Configured().Velero.Keys()}
	}
	return nil
}

// importRun is the run of kind "import".
func (b *Backups) importRun(r *run.Run, in input) (Result, error) {
	f := *in.Request.Import
	res, err := do(r, "import", fmt.Sprintf("make a restore point of %s out of backup %s of Velero in %s", in.Application, f.Backup, f.Location), func(ctx context.Context) (Result, error) {
		return b.importOnce(ctx, r, in, f)
	})
	if err != nil {
		res.Failed = err.Error()
		return res, b.say(r, "failed", notify.Warning, fmt.Sprintf("backup %s of Velero was not imported: %s", f.Backup, err), nil)
	}
	text := fmt.Sprintf("restore point %s has the %d objects of backup %s, as they were on %s", res.Snapshot.Short(), res.Files, f.Backup, res.At.Local().Format("2006-01-02 15:04:05"))
	if res.Files == 0 {
		text = fmt.Sprintf("backup %s is restore point %s already", f.Backup, res.Snapshot.Short())
	}
	if !res.Complete {
		text += "; not in it:\n" + strings.Join(res.Problems, "\n")
	}
	return res, b.say(r, "imported", notify.Info, text, res)
}

func (b *Backups) importOnce(ctx context.Context, r *run.Run, in input, f Foreign) (res Result, err error) {
	err = b.veleroStore(ctx, f.Location, func(s velero.Store) error {
		old, err := s.Backup(ctx, f.Backup)
		if err != nil {
			return err
		}
		problems, err := s.Problems(ctx, old)
		if err != nil {
			return err
		}
		if res.At = old.At(); res.At.IsZero() || res.At.After(time.Now()) {
			return fmt.Errorf("backup %s says that it is of %s, which is no moment in the past", f.Backup, res.At)
		}
		return b.with(ctx, in.Repository, false, func(repo *repository.Repository) error {
			tag := fmt.Sprintf("velero=%s/%s", f.Location, f.Backup)
			points, err := pointsOf(ctx, repo, in.Application)
			if err != nil {
				return err
			}
			if at := slices.IndexFunc(points, func(p repository.Snapshot) bool { return slices.Contains(p.Tags, tag) }); at >= 0 {
				res.Copied = source.Copied{Snapshot: points[at].ID, Problems: problems, Complete: len(problems) == 0}
				return b.made(ctx, r.ID(), in, res) // an earlier try may have ended before this
			}
			got, err := kubernetes.Keep(ctx, repo, problems, func(put func(kubernetes.Kind, *unstructured.Unstructured) error) error {
				return s.Objects(ctx, old, put)
			})
			if err != nil {
				return err
			}
			snap := repository.Snapshot{Time: res.At, Tree: got.Tree, Paths: []string{"/cluster", "/namespaces"}, Tags: []string{source.Tag(in.Application), tag}}
			if snap.ID, err = repo.SaveSnapshot(ctx, snap); err != nil {
				return err
			}
			res.Copied = source.Copied{Snapshot: snap.ID, Files: got.Objects, Bytes: got.Bytes, Fresh: got.Saved.Plain, Written: got.Saved.Written, Problems: got.Problems, Complete: len(got.Problems) == 0}
			if err := b.hold(ctx, in.Repository, repo); err != nil {
				res.Unheld = err.Error() // the point is made all the same
			}
			return b.made(ctx, r.ID(), in, res)
		})
	})
	return res, err
}
