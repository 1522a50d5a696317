package backup

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"goodstate.dev/goodstate/backup/source"
	"goodstate.dev/goodstate/core/run"
)

// owner tells this data directory from others: what drills make elsewhere carries a mark of it. It is made once and kept in the directory.
func (b *Backups) owner() (string, error) {
	path := filepath.Join(b.Data, "owner")
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		text = []byte(rand.Text())
		err = place(b.Data, "owner", string(text))
	}
	if err == nil && len(text) < 16 {
		err = fmt.Errorf("%d bytes, want at least 16; remove it, and a new one is made", len(text))
	}
	if err != nil {
		return "", fmt.Errorf("identity of the data directory, %s: %w", path, err)
	}
	return strings.TrimSpace(string(text)), nil
}

// drills is the folder of the scratch places in the data directory.
func (b *Backups) drills() string { return filepath.Join(b.Data, "drills") }

// scratch makes the folder of a drill, after it has removed those of runs that have ended and could not.
func (b *Backups) scratch(ctx context.Context, id string) (string, error) {
	left, err := os.ReadDir(b.drills())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("scratch places of drills: %w", err)
	}
	for _, e := range left {
		if info, err := b.Engine.Get(ctx, e.Name()); e.Name() == id || err != nil || info.State != run.Running {
			if err := os.RemoveAll(filepath.Join(b.drills(), e.Name())); err != nil {
				return "", fmt.Errorf("scratch place of an earlier drill: %w", err)
			}
		}
	}
	dir := filepath.Join(b.drills(), id)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("scratch place of the drill: %w", err)
	}
	return dir, nil
}

// sweepPatience is how long a server may keep the others waiting that does not answer.
const sweepPatience = 30 * time.Second

func within(ctx context.Context, d time.Duration, do func(context.Context) error) error {
	ctx, stop := context.WithTimeout(ctx, d)
	defer stop()
	return do(ctx)
}

// sweep removes what drills that were killed have left outside of the data directory. What cannot be reached now is tried again by the next drill.
func (b *Backups) sweep(ctx context.Context) {
	for name, a := range b.Configured().Applications.All() {
		src, err := a.Source.New()
		if err == nil {
			if s, ok := src.(source.Sweeper); ok {
				j, jobErr := b.quietJob(name)
				if err = jobErr; err == nil {
					err = within(ctx, sweepPatience, func(ctx context.Context) error { return s.Sweep(ctx, j) })
				}
			}
		}
		if err != nil && ctx.Err() == nil {
			b.Log.WarnContext(ctx, "what killed drills left is not removed", "application", name, "error", err)
		}
	}
}

// quietJob is for work on an application that is no run.
func (b *Backups) quietJob(application string) (source.Job, error) {
	owner, err := b.owner()
	return source.Job{Application: application, Base: b.Base, Owner: owner, State: b.stateOf(application), Secret: b.Secret, Say: func(text string) { b.Log.Info(text, "application", application) }}, err
}

// stateOf is the folder of an application that stays between its copies.
func (b *Backups) stateOf(application string) string {
	return filepath.Join(b.Data, "sources", application)
}
