package desk

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"goodstate.dev/goodstate/core/store"
)

// The states of results.
const (
	StateOK          = "ok"
	StateChanged     = "changed"
	StateFailed      = "failed"
	StateIgnored     = "ignored" // failed, and that was to be ignored
	StateSkipped     = "skipped"
	StateUnreachable = "unreachable"
)

// States are all, the worst first.
var States = []string{StateUnreachable, StateFailed, StateIgnored, StateChanged, StateOK, StateSkipped}

// Result is what came of one task on one host.
type Result struct {
	Seq    int64     `json:"seq"`
	At     time.Time `json:"at"`
	Play   string    `json:"play"`
	Task   string    `json:"task"`
	Action string    `json:"action"`
	Place  string    `json:"place"`
	Host   string    `json:"host"`
	Item   string    `json:"item,omitempty"`
	State  string    `json:"state"`
	Text   string    `json:"text,omitempty"`
	Diff   string    `json:"diff,omitempty"`
}

// Filter chooses results of a run. Empty fields choose all; After is the Seq of the last one seen.
type Filter struct {
	State, Host, Task, Search string
	After                     int64
	Limit                     int
	Newest                    bool // the newest first
}

func (f Filter) where(run string) (string, []any) {
	terms, args := []string{"run = ?"}, []any{run}
	for _, t := range []struct{ term, want string }{{"state = ?", f.State}, {"host = ?", f.Host}, {"task = ?", f.Task}} {
		if t.want != "" {
			terms, args = append(terms, t.term), append(args, t.want)
		}
	}
	if f.Search != "" {
		like := "%" + strings.NewReplacer(`\`, `\\`, "%", `\%`, "_", `\_`).Replace(f.Search) + "%"
		terms = append(terms, `(host LIKE ? ESCAPE '\' OR task LIKE ? ESCAPE '\' OR item LIKE ? ESCAPE '\' OR text LIKE ? ESCAPE '\' OR diff LIKE ? ESCAPE '\')`)
		args = append(args, like, like, like, like, like)
	}
	if f.After > 0 {
		terms, args = append(terms, "seq > ?"), append(args, f.After)
	}
	return strings.Join(terms, " AND "), args
}

// Results lists what came of a run, in its order.
func (d *Desk) Results(ctx context.Context, run string, f Filter) (out []Result, err error) {
	where, args := f.where(run)
	q := "SELECT seq, at, play, task, action, place, host, item, state, text, diff FROM desk_results WHERE " + where + " ORDER BY seq"
	if f.Newest {
		q += " DESC"
	}
	if f.Limit > 0 {
		q, args = q+" LIMIT ?", append(args, f.Limit)
	}
	rows, err := d.Store.DB().QueryContext(ctx, q, args...)
	if err != nil {
		return nil, store.Advise(fmt.Errorf("results of run %s: %w", run, err))
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var r Result
		var at int64
		if err := rows.Scan(&r.Seq, &at, &r.Play, &r.Task, &r.Action, &r.Place, &r.Host, &r.Item, &r.State, &r.Text, &r.Diff); err != nil {
			return nil, fmt.Errorf("results of run %s: %w", run, err)
		}
		r.At = time.UnixMilli(at)
		out = append(out, r)
	}
	return out, rows.Err()
}

// Tally counts the results of a run by state.
func (d *Desk) Tally(ctx context.Context, run string) (counts map[string]int, err error) {
	rows, err := d.Store.DB().QueryContext(ctx, "SELECT state, count(*) FROM desk_results WHERE run = ? GROUP BY state", run)
	if err != nil {
		return nil, store.Advise(fmt.Errorf("results of run %s: %w", run, err))
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	counts = map[string]int{}
	for rows.Next() {
		var state string
		var n int
		if err := rows.Scan(&state, &n); err != nil {
			return nil, err
		}
		counts[state] = n
	}
	return counts, rows.Err()
}

// keep writes rows in one transaction.
func (d *Desk) keep(ctx context.Context, run string, rows []Result) (err error) {
	if len(rows) == 0 {
		return nil
	}
	tx, err := d.Store.DB().BeginTx(ctx, nil)
	if err != nil {
		return store.Advise(fmt.Errorf("keep results of run %s: %w", run, err))
	}
	for _, r := range rows {
		if _, err = tx.ExecContext(ctx, "INSERT INTO desk_results (run, seq, at, play, task, action, place, host, item, state, text, diff) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
			run, r.Seq, r.At.UnixMilli(), r.Play, r.Task, r.Action, r.Place, r.Host, r.Item, r.State, r.Text, r.Diff); err != nil {
			return store.Advise(fmt.Errorf("keep results of run %s: %w", run, errors.Join(err, tx.Rollback())))
		}
	}
	return store.Advise(tx.Commit())
}

// forget removes the rows of a try that was interrupted.
func (d *Desk) forget(ctx context.Context, run string) (int64, error) {
	done, err := d.Store.DB().ExecContext(ctx, "DELETE FROM desk_results WHERE run = ?", run)
	if err != nil {
		return 0, store.Advise(fmt.Errorf("results of run %s: %w", run, err))
	}
	return done.RowsAffected()
}
