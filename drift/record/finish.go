package record

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"

	"goodstate.dev/goodstate/core/store"
	"goodstate.dev/goodstate/drift/state"
)

// finish closes what the run was about: resources that it did not come to are gone or unknown, hosts are counted, and the row of the run gets its end.
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
	var all state.Counts
	unreached := 0
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
		if trouble != "" {
			unreached++
		}
		counts, err := r.host(ctx, tx, h, trouble)
		if err != nil {
			return err
		}
		all.Plus(counts)
	}
	text := ""
	if failure != nil {
		text = r.public(failure.Error(), false, maxText)
	}
	_, err = tx.ExecContext(ctx, `UPDATE drift_runs SET ended_at = ?, error = ?, hosts = ?, unreached = ?, good = ?, drifted = ?, pending = ?, flapping = ?, uncheckable = ?, unknown = ?,
		corrected = (SELECT COUNT(*) FROM drift_results WHERE run = ? AND outcome = 'changed' AND cause <> '') * ? WHERE id = ?`,
		r.start.Now().UnixMilli(), text, len(r.hosts), unreached, all.Good, all.Drifted, all.Pending, all.Flapping, all.Uncheckable, all.Unknown, r.start.ID, acts(r.start.Mode), r.start.ID)
	if err != nil {
		return err
	}
	return tx.Commit()
}

func acts(m Mode) int {
	if m == Correct {
		return 1
	}
	return 0
}

// host settles one host and counts it.
func (r *Recorder) host(ctx context.Context, tx *sql.Tx, host, trouble string) (state.Counts, error) {
	var counts state.Counts
	var err error
	switch {
	case trouble != "":
		_, err = tx.ExecContext(ctx, `UPDATE drift_resources SET state = '', cause = '', reason = ? WHERE host = ? AND playbook = ? AND run <> ?`, trouble, host, r.start.Playbook, r.start.ID)
	case !r.start.Partial:
		_, err = tx.ExecContext(ctx, `DELETE FROM drift_resources WHERE host = ? AND playbook = ? AND run <> ?`, host, r.start.Playbook, r.start.ID)
	}
	if err != nil {
		return counts, err
	}
	counts, err = count(ctx, tx, host, r.start.Playbook)
	if err != nil {
		return counts, err
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
	return counts, err
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
