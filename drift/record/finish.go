package record

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"goodstate.dev/goodstate/core/store"
	"goodstate.dev/goodstate/drift/state"
)

// finish closes what the recorder was about: resources that it did not come to are gone or unknown, and hosts are counted.
func (r *Recorder) finish(ctx context.Context, failure error) (err error) {
	tx, err := r.book.db.BeginTx(ctx, nil)
	if err != nil {
		return store.Advise(fmt.Errorf("record the end of run %s: %w", r.start.ID, err))
	}
	defer func() {
		if err != nil {
			err = store.Advise(fmt.Errorf("record the end of run %s: %w", r.start.ID, errors.Join(err, tx.Rollback())))
		}
	}()
	for _, h := range slices.Sorted(maps.Keys(r.hosts)) {
		trouble := r.trouble[h]
		switch {
		case trouble != "":
		case failure != nil:
			trouble = r.public("the run ended early: "+failure.Error(), false, maxText)
		case r.cut:
			trouble = "the play was ended before its last task, because other hosts had failed"
		case !r.came[h]:
			trouble = "the run did not come to this host"
		}
		if err := r.host(ctx, tx, h, trouble); err != nil {
			return err
		}
	}
	if !r.start.Shard {
		text := ""
		if failure != nil {
			text = r.public(failure.Error(), false, maxText)
		}
		if err := end(ctx, tx, r.start.ID, text, r.start.Now()); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// End closes the row of a run that went in shards: it counts the hosts that it was the last to look at. failure is why it ended early; empty: it did not.
// A run that has ended stays as it is.
func (b *Book) End(ctx context.Context, id, failure string, now time.Time) (err error) {
	tx, err := b.db.BeginTx(ctx, nil)
	if err != nil {
		return store.Advise(fmt.Errorf("record the end of run %s: %w", id, err))
	}
	if err := end(ctx, tx, id, failure, now); err != nil {
		return store.Advise(fmt.Errorf("record the end of run %s: %w", id, errors.Join(err, tx.Rollback())))
	}
	return store.Advise(tx.Commit())
}

func end(ctx context.Context, tx *sql.Tx, id, failure string, now time.Time) error {
	var hosts, unreached int
	var c state.Counts
	err := tx.QueryRowContext(ctx, `SELECT COUNT(*), COALESCE(SUM(CASE WHEN h.trouble <> '' THEN 1 ELSE 0 END), 0), COALESCE(SUM(h.good), 0), COALESCE(SUM(h.drifted), 0), COALESCE(SUM(h.pending), 0),
			COALESCE(SUM(h.flapping), 0), COALESCE(SUM(h.uncheckable), 0), COALESCE(SUM(h.unknown), 0)
		FROM drift_hosts h JOIN drift_runs r ON r.playbook = h.playbook AND r.id = h.run WHERE r.id = ?`, id).
		Scan(&hosts, &unreached, &c.Good, &c.Drifted, &c.Pending, &c.Flapping, &c.Uncheckable, &c.Unknown)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `UPDATE drift_runs SET ended_at = ?, error = ?, hosts = ?, unreached = ?, good = ?, drifted = ?, pending = ?, flapping = ?, uncheckable = ?, unknown = ?,
		corrected = (SELECT COUNT(*) FROM drift_results WHERE run = ? AND outcome = 'changed' AND acted = 1 AND cause <> '') WHERE id = ? AND ended_at = 0`,
		now.UnixMilli(), failure, hosts, unreached, c.Good, c.Drifted, c.Pending, c.Flapping, c.Uncheckable, c.Unknown, id, id)
	return err
}

// host settles one host and counts it.
func (r *Recorder) host(ctx context.Context, tx *sql.Tx, host, trouble string) error {
	var err error
	switch {
	case trouble != "":
		_, err = tx.ExecContext(ctx, `UPDATE drift_resources SET state = '', cause = '', reason = ? WHERE host = ? AND playbook = ? AND run <> ?`, trouble, host, r.start.Playbook, r.start.ID)
	case !r.start.Partial:
		_, err = tx.ExecContext(ctx, `DELETE FROM drift_resources WHERE host = ? AND playbook = ? AND run <> ?`, host, r.start.Playbook, r.start.ID)
	}
	if err != nil {
		return err
	}
	counts, err := count(ctx, tx, host, r.start.Playbook)
	if err != nil {
		return err
	}
	now := r.start.Now().UnixMilli()
	seen := now
	if trouble != "" {
		seen = 0
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO drift_hosts (host, playbook, run, seen_at, tried_at, trouble, good, drifted, pending, flapping, uncheckable, unknown)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (host, playbook) DO UPDATE SET run = excluded.run, tried_at = excluded.tried_at, trouble = excluded.trouble,
		seen_at = CASE WHEN excluded.seen_at > 0 THEN excluded.seen_at ELSE drift_hosts.seen_at END, good = excluded.good, drifted = excluded.drifted, pending = excluded.pending,
		flapping = excluded.flapping, uncheckable = excluded.uncheckable, unknown = excluded.unknown`,
		host, r.start.Playbook, r.start.ID, seen, now, trouble, counts.Good, counts.Drifted, counts.Pending, counts.Flapping, counts.Uncheckable, counts.Unknown)
	return err
}

func count(ctx context.Context, tx *sql.Tx, host, playbook string) (c state.Counts, err error) {
	rows, err := tx.QueryContext(ctx, `SELECT state FROM drift_resources WHERE host = ? AND playbook = ?`, host, playbook)
	if err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var s state.State
		if err := rows.Scan(&s); err != nil {
			return c, err
		}
		c.Add(s)
	}
	return c, rows.Err()
}
