package record

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"goodstate.dev/goodstate/core/store"
	"goodstate.dev/goodstate/drift/state"
)

// batch is how many results share one transaction at most; it is what keeps a disk's flushes from setting the pace.
const batch = 500

// write writes what has come, as soon as it comes and as much as there is. After an error it only drains, so that the run is not held up.
func (r *Recorder) write() {
	defer close(r.done)
	ctx := context.WithoutCancel(r.ctx) // what was seen is recorded, also when the run is cancelled
	for first := range r.rows {
		todo := []any{first}
	more:
		for len(todo) < batch {
			select {
			case next, ok := <-r.rows:
				if !ok {
					break more
				}
				todo = append(todo, next)
			default:
				break more
			}
		}
		if r.err == nil {
			r.err = r.commit(ctx, todo)
		}
	}
}

func (r *Recorder) commit(ctx context.Context, todo []any) (err error) {
	tx, err := r.book.db.BeginTx(ctx, nil)
	if err != nil {
		return store.Advise(fmt.Errorf("record results of run %s: %w", r.start.ID, err))
	}
	defer func() {
		if err != nil {
			err = store.Advise(fmt.Errorf("record results of run %s: %w", r.start.ID, errors.Join(err, tx.Rollback())))
		}
	}()
	for _, one := range todo {
		switch v := one.(type) {
		case begun:
			err = r.begun(ctx, tx, v)
		case look:
			err = r.put(ctx, tx, v)
		}
		if err != nil {
			return err
		}
	}
	return tx.Commit()
}

// begun marks hosts as not gone through: whatever happens to this process, they are not taken for good.
func (r *Recorder) begun(ctx context.Context, tx *sql.Tx, hosts []string) error {
	for _, h := range hosts {
		_, err := tx.ExecContext(ctx, `INSERT INTO drift_hosts (host, playbook, run, seen_at, tried_at, trouble, good, drifted, pending, flapping, uncheckable, unknown)
			VALUES (?, ?, ?, 0, ?, ?, 0, 0, 0, 0, 0, 0) ON CONFLICT (host, playbook) DO UPDATE SET run = excluded.run, tried_at = excluded.tried_at, trouble = excluded.trouble`,
			h, r.start.Playbook, r.start.ID, r.start.Now().UnixMilli(), "run "+r.start.ID+" has not come to its end")
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *Recorder) put(ctx context.Context, tx *sql.Tx, l look) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO drift_results (run, at, host, play, task, action, item, outcome, text, cause, acted) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		r.start.ID, l.observed.At.UnixMilli(), l.host, l.play, l.task, l.action, l.item, l.outcome, l.text, l.observed.Cause, l.acted)
	if err != nil {
		return err
	}
	if l.observed.Cause != "" {
		if _, err := tx.ExecContext(ctx, `INSERT INTO drift_causes (cause, diff, first_at) VALUES (?, ?, ?) ON CONFLICT (cause) DO NOTHING`,
			l.observed.Cause, l.diff, l.observed.At.UnixMilli()); err != nil {
			return err
		}
	}
	if !l.resource || l.observed.Outcome == notWanted {
		return nil
	}
	before, known, err := r.resource(ctx, tx, l)
	if err != nil {
		return err
	}
	if !known && l.outcome == "unreachable" {
		return nil // it would be an invention: nobody knows which items there are
	}
	after := state.Next(before, l.observed)
	if err := r.save(ctx, tx, l, after); err != nil {
		return err
	}
	if !known && after.State == state.Good && l.observed.Outcome == state.Equal || known && before.State == after.State && l.observed.Outcome != state.Corrected {
		return nil
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO drift_changes (at, run, host, playbook, resource, task, item, before, after, cause) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		l.observed.At.UnixMilli(), r.start.ID, l.host, r.start.Playbook, l.id, l.task, l.item, string(before.State), string(after.State), l.observed.Cause)
	return err
}

func (r *Recorder) resource(ctx context.Context, tx *sql.Tx, l look) (out state.Resource, known bool, err error) {
	var good, differs, corrected, seen int64
	err = tx.QueryRowContext(ctx, `SELECT state, reason, cause, fingerprint, good_fingerprint, good_at, differs_at, corrected_at, seen_at, unheld, relapses, restless
		FROM drift_resources WHERE host = ? AND playbook = ? AND id = ?`, l.host, r.start.Playbook, l.id).
		Scan(&out.State, &out.Reason, &out.Cause, &out.Fingerprint, &out.GoodFingerprint, &good, &differs, &corrected, &seen, &out.Unheld, &out.Relapses, &out.Restless)
	if errors.Is(err, sql.ErrNoRows) {
		return out, false, nil
	}
	out.GoodAt, out.DiffersAt, out.CorrectedAt, out.SeenAt = moment(good), moment(differs), moment(corrected), moment(seen)
	return out, true, err
}

func (r *Recorder) save(ctx context.Context, tx *sql.Tx, l look, s state.Resource) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO drift_resources (id, host, playbook, play, role, task, action, path, line, item, state, reason, cause, fingerprint, good_fingerprint,
			good_at, differs_at, corrected_at, seen_at, unheld, relapses, restless, run, tags, about)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (host, playbook, id) DO UPDATE SET line = excluded.line, item = excluded.item, state = excluded.state, reason = excluded.reason, cause = excluded.cause,
			fingerprint = excluded.fingerprint, good_fingerprint = excluded.good_fingerprint, good_at = excluded.good_at, differs_at = excluded.differs_at,
			corrected_at = excluded.corrected_at, seen_at = excluded.seen_at, unheld = excluded.unheld, relapses = excluded.relapses, restless = excluded.restless, run = excluded.run,
			tags = excluded.tags, about = CASE WHEN excluded.about <> '' THEN excluded.about ELSE drift_resources.about END, hint = CASE WHEN excluded.cause = drift_resources.cause THEN drift_resources.hint ELSE '' END`,
		l.id, l.host, r.start.Playbook, l.play, l.role, l.task, l.action, l.path, l.line, l.item, string(s.State), s.Reason, s.Cause, s.Fingerprint, s.GoodFingerprint,
		millis(s.GoodAt), millis(s.DiffersAt), millis(s.CorrectedAt), millis(s.SeenAt), s.Unheld, s.Relapses, s.Restless, r.start.ID, l.tags, l.about)
	return err
}
