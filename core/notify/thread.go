package notify

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// threads keeps where the first notice of a run went in each channel, so that the next one is written under it and the first shows how it stands.
type threads struct{ db *sql.DB }

// threadKept is how long a run's thread is known.
const threadKept = 30 * 24 * time.Hour

func (t threads) find(ctx context.Context, channel, run string) (string, error) {
	var thread string
	err := t.db.QueryRowContext(ctx, `SELECT thread FROM notice_threads WHERE channel = $1 AND run = $2`, channel, run).Scan(&thread)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("look for the thread of %s in %s: %w", run, channel, err)
	}
	return thread, nil
}

func (t threads) keep(ctx context.Context, channel, run, thread string, now time.Time) error {
	_, err := t.db.ExecContext(ctx, `INSERT INTO notice_threads (channel, run, thread, at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (channel, run) DO UPDATE SET thread = excluded.thread`, channel, run, thread, now.UnixMilli())
	if err == nil {
		_, err = t.db.ExecContext(ctx, `DELETE FROM notice_threads WHERE at < $1`, now.Add(-threadKept).UnixMilli())
	}
	if err != nil {
		return fmt.Errorf("keep the thread of %s in %s: %w", run, channel, err)
	}
	return nil
}

// Thread returns what KeepThread was given for this notice's run in this channel; empty for the first one, and for a notice of no run.
func (n Notice) Thread(ctx context.Context) (string, error) {
	if n.threads.db == nil || n.Run == "" {
		return "", nil
	}
	return n.threads.find(ctx, n.lane, n.Run)
}

// KeepThread notes what the channel needs to find this run's first notice again.
func (n Notice) KeepThread(ctx context.Context, thread string) error {
	if n.threads.db == nil || n.Run == "" {
		return nil
	}
	return n.threads.keep(ctx, n.lane, n.Run, thread, time.Now())
}
