package source

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"goodstate.dev/goodstate/backup/repository"
)

// tail is what was streamed after a restore point.
type tail struct {
	pieces []piece
	gap    string // why it ends before its end
}

// tail lists what goes on from the chain.
func (c chain) tail(ctx context.Context, j Job) (t tail, err error) {
	all, err := pieces(ctx, j.Repo, j.Application, c.System)
	if err != nil {
		return t, err
	}
	all = slices.DeleteFunc(all, func(p piece) bool { return p.file[:8] < fmt.Sprintf("%08X", c.Timeline) })
	t.pieces, t.gap = onward(all, c.Until, c.Timeline, c.Segment)
	return t, nil
}

// lay writes the tail into the log of a data directory, where that of the restore point is already.
func (t tail) lay(ctx context.Context, j Job, data string, segment uint64) (bytes int64, err error) {
	if len(t.pieces) == 0 {
		return 0, nil
	}
	root, err := os.OpenRoot(data)
	if err != nil {
		return 0, fmt.Errorf("data directory: %w", err)
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	for _, p := range t.pieces {
		_, text, err := p.read(ctx, j.Repo)
		if err != nil {
			return bytes, err
		}
		if err := p.write(root, text, segment); err != nil {
			return bytes, fmt.Errorf("log %s: %w", p.file, err)
		}
		bytes += int64(len(text))
		j.Say(Progress(j.Began, time.Now(), 0, bytes, 0, false) + " of what was streamed")
	}
	return bytes, nil
}

// write puts a piece into its place. A segment has its whole length at once, as servers want it.
func (p piece) write(root *os.Root, text []byte, segment uint64) (err error) {
	f, err := root.OpenFile("pg_wal/"+p.file, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if walName.MatchString(p.file) {
		if err := f.Truncate(int64(segment)); err != nil {
			return err
		}
	}
	_, err = f.WriteAt(text, int64(p.from))
	return err
}

// LogEnd is the moment up to which the streamed log goes on from a restore point; zero when nothing was streamed since.
func (s *serverSource) LogEnd(ctx context.Context, j Job, snap repository.Snapshot) (time.Time, error) {
	c, err := chainOf(ctx, j.Repo, snap)
	if err != nil || c.base.Name == "" {
		return time.Time{}, err
	}
	t, err := c.tail(ctx, j)
	if err != nil {
		return time.Time{}, err
	}
	for _, p := range slices.Backward(t.pieces) { // the last that has a mark
		head, _, err := p.read(ctx, j.Repo)
		if err != nil || !head.At.IsZero() {
			return head.At, err
		}
	}
	return time.Time{}, nil
}

// TrimLog removes what was streamed and is in the restore point.
func (s *serverSource) TrimLog(ctx context.Context, j Job, snap repository.Snapshot) error {
	c, err := chainOf(ctx, j.Repo, snap)
	if err != nil || c.base.Name == "" {
		return err
	}
	all, err := pieces(ctx, j.Repo, j.Application, c.System)
	if err != nil {
		return err
	}
	for _, p := range all {
		if p.ends(c.Segment) > c.Until || otherWAL.MatchString(p.file) && !slices.ContainsFunc(c.wal, func(n repository.Node) bool { return n.Name == p.file }) {
			continue
		}
		if err := j.Repo.RemoveBox(ctx, p.box); err != nil {
			return fmt.Errorf("remove a part of the streamed log that is in a restore point: %w", err)
		}
	}
	return nil
}
