package log

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"goodstate.dev/goodstate/core/store"
)

const (
	pruneStep  = 2000        // entries in one transaction
	indexEvery = time.Second // while nobody searches
	pruneEvery = 10 * time.Minute
)

// Tend keeps the index filled and removes what is older than keep, until ctx ends. A keep of 0 keeps all.
func (l *Log) Tend(ctx context.Context, keep time.Duration, out *slog.Logger) {
	tick := time.NewTicker(indexEvery)
	defer tick.Stop()
	var pruned time.Time
	for {
		if _, err := l.catchUp(ctx, indexEvery); err != nil && ctx.Err() == nil {
			out.WarnContext(ctx, "the log of results is not indexed", slog.Any("error", err))
		}
		if now := time.Now(); keep > 0 && now.Sub(pruned) > pruneEvery {
			pruned = now
			if _, err := l.Prune(ctx, now.Add(-keep)); err != nil && ctx.Err() == nil {
				out.WarnContext(ctx, "old results are not removed", slog.Any("error", err))
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Prune removes the entries before a time, with their words, and says how many. What a sink does not have yet is counted as dropped for it. What is known of
// hosts and runs stays.
func (l *Log) Prune(ctx context.Context, before time.Time) (total int64, err error) {
	for {
		n, err := l.prune(ctx, before.UnixMilli())
		total += n
		if err != nil {
			return total, store.Advise(fmt.Errorf("remove old results: %w", err))
		}
		if n < pruneStep {
			return total, nil
		}
	}
}

func (l *Log) prune(ctx context.Context, before int64) (n int64, err error) {
	tx, err := l.db.BeginTx(ctx, nil)
	if err != nil {
		return 0, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, tx.Rollback())
		}
	}()
	const old = `SELECT seq FROM drift_results WHERE at < ? ORDER BY at LIMIT ?`
	if _, err = tx.ExecContext(ctx, `UPDATE audit_cursors SET dropped = dropped + (SELECT COUNT(*) FROM (`+old+`) o WHERE o.seq > audit_cursors.seq) WHERE sink LIKE 'drift/%'`, before, pruneStep); err != nil {
		return 0, err
	}
	if _, err = tx.ExecContext(ctx, `DELETE FROM drift_log WHERE rowid IN (`+old+`)`, before, pruneStep); err != nil {
		return 0, err
	}
	done, err := tx.ExecContext(ctx, `DELETE FROM drift_results WHERE seq IN (`+old+`)`, before, pruneStep)
	if err != nil {
		return 0, err
	}
	if n, err = done.RowsAffected(); err != nil {
		return 0, err
	}
	// Sinks go on with what is left, so that nothing is counted as dropped twice.
	if _, err = tx.ExecContext(ctx, `UPDATE audit_cursors SET seq = (SELECT MIN(seq) - 1 FROM drift_results)
		WHERE sink LIKE 'drift/%' AND seq < (SELECT COALESCE(MIN(seq), 0) - 1 FROM drift_results)`); err != nil {
		return 0, err
	}
	return n, tx.Commit()
}
