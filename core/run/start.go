package run

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"goodstate.dev/goodstate/core/store"
)

// Request asks for a run.
type Request struct {
	ID     string // optional; the same id again returns the run that there is
	Kind   string
	Target string // whose lease the run takes
	Who    string
	Why    string
	Input  any
}

// LeaseError says that another run works on the target.
type LeaseError struct {
	Target string
	Holder Info
}

// Error names the holder and since when.
func (e *LeaseError) Error() string {
	return fmt.Sprintf("%s is held by run %s, started by %s at %s (%s)", e.Target, e.Holder.ID, e.Holder.Who, e.Holder.Started.Local().Format("2006-01-02 15:04:05"), e.Holder.Note)
}

// Start records the run, takes the lease of its target in the same transaction, and begins. A target that another run holds
// is a *LeaseError.
func (e *Engine) Start(ctx context.Context, q Request) (Info, error) {
	input, err := json.Marshal(q.Input)
	if err != nil {
		return Info{}, fmt.Errorf("input of a run of kind %s: %w", q.Kind, err)
	}
	if q.ID == "" {
		if q.ID, err = newID(q.Kind, q.Target); err != nil {
			return Info{}, err
		}
	}
	if _, ok := e.kind(q.Kind); !ok {
		return Info{}, fmt.Errorf("start a run of kind %q: it is not registered, or the engine is not launched", q.Kind)
	}
	info := Info{ID: q.ID, Kind: q.Kind, Target: q.Target, Who: q.Who, Why: q.Why, State: Running, Started: time.Now(), Input: input}
	if there, err := e.insert(ctx, info); err != nil || there != nil {
		if there != nil {
			info = *there
		}
		return info, err
	}
	// From here on the run is accepted, and what fails now is done by the run itself before its first step.
	if err := e.sayStarted(ctx, info); err != nil {
		e.log.ErrorContext(ctx, "start of a run not journaled yet", "run", info.ID, "error", err)
	}
	e.begin(info)
	return info, nil
}

func startText(info Info) string {
	text := fmt.Sprintf("%s of %s started by %s", info.Kind, info.Target, info.Who)
	if info.Why != "" {
		text += ": " + info.Why
	}
	return text
}

// insert records run and lease; there is the run that has the id already.
func (e *Engine) insert(ctx context.Context, info Info) (there *Info, err error) {
	tx, err := e.db.BeginTx(ctx, nil)
	if err != nil {
		return nil, store.Advise(fmt.Errorf("start run %s: %w", info.ID, err))
	}
	defer func() {
		if back := tx.Rollback(); err == nil && !errors.Is(back, sql.ErrTxDone) {
			err = back
		}
		if err != nil {
			err = store.Advise(err)
		}
	}()
	if old, err := get(ctx, tx, info.ID); err == nil {
		return &old, nil
	} else if !errors.Is(err, ErrNoRun) {
		return nil, err
	}
	var holder string
	err = tx.QueryRowContext(ctx, "SELECT run FROM leases WHERE target = ?", info.Target).Scan(&holder)
	switch {
	case err == nil:
		held, err := get(ctx, tx, holder)
		if err != nil {
			return nil, err
		}
		return nil, &LeaseError{Target: info.Target, Holder: held}
	case !errors.Is(err, sql.ErrNoRows):
		return nil, fmt.Errorf("lease of %s: %w", info.Target, err)
	}
	if _, err := tx.ExecContext(ctx, "INSERT INTO leases (target, run, at) VALUES (?, ?, ?)", info.Target, info.ID, info.Started.UnixMilli()); err != nil {
		return nil, fmt.Errorf("lease of %s: %w", info.Target, err)
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO runs (id, kind, target, who, why, state, input, started_at, seq)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, (SELECT coalesce(max(seq), 0) + 1 FROM runs))`,
		info.ID, info.Kind, info.Target, info.Who, info.Why, string(Running), string(info.Input), info.Started.UnixMilli()); err != nil {
		return nil, fmt.Errorf("record run %s: %w", info.ID, err)
	}
	if err := tx.Commit(); err != nil {
		return nil, fmt.Errorf("record run %s: %w", info.ID, err)
	}
	return nil, nil
}

// end records how a run ended and frees its lease, in one transaction. It may run again after a crash.
func (e *Engine) end(ctx context.Context, info Info, failure error) error {
	state, text := Succeeded, ""
	if failure != nil {
		state, text = Failed, failure.Error()
	}
	return e.finish(ctx, info, state, text)
}

func (e *Engine) finish(ctx context.Context, info Info, state State, text string) (err error) {
	tx, err := e.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("end run %s: %w", info.ID, err)
	}
	defer func() {
		if back := tx.Rollback(); err == nil && !errors.Is(back, sql.ErrTxDone) {
			err = back
		}
	}()
	if _, err = tx.ExecContext(ctx, "UPDATE runs SET state = ?, error = ?, result = ?, note = '', ended_at = ? WHERE id = ? AND state = ?",
		string(state), text, string(info.Result), time.Now().UnixMilli(), info.ID, string(Running)); err != nil {
		return fmt.Errorf("end run %s: %w", info.ID, err)
	}
	if _, err = tx.ExecContext(ctx, "DELETE FROM leases WHERE run = ?", info.ID); err != nil {
		return fmt.Errorf("free the lease of run %s: %w", info.ID, err)
	}
	if err = tx.Commit(); err != nil {
		return fmt.Errorf("end run %s: %w", info.ID, err)
	}
	e.wake()
	info.State, info.Error = state, text
	return e.sayEnded(ctx, info)
}

// Cancel ends a run where it is; nothing is undone. The wish is on the disk before anything stops. It returns when the step
// under way has noticed and the lease is free, or when ctx ends.
func (e *Engine) Cancel(ctx context.Context, id, who, why string) error {
	info, err := e.Get(ctx, id)
	if err != nil {
		return err
	}
	// The error of a run that is still open is the reason why it is to stop.
	set, err := e.db.ExecContext(ctx, "UPDATE runs SET error = ? WHERE id = ? AND state = ?", fmt.Sprintf("cancelled by %s: %s", who, why), id, string(Running))
	if err != nil {
		return store.Advise(fmt.Errorf("cancel run %s: %w", id, err))
	}
	if n, err := set.RowsAffected(); err != nil || n == 0 {
		return errors.Join(err, fmt.Errorf("run %s ended already (%s)", id, info.State))
	}
	e.mu.Lock()
	stop, launched := e.active[id], e.launched
	e.mu.Unlock()
	if stop != nil {
		stop(errCancelled)
	}
	if !launched { // nobody carries it out
		return e.finish(ctx, info, Cancelled, fmt.Sprintf("cancelled by %s: %s", who, why))
	}
	if _, err := e.Wait(ctx, id); err != nil {
		return fmt.Errorf("run %s is told to stop and has not stopped yet: %w", id, err)
	}
	return nil
}
