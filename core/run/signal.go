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

// Signal is something that a person or program tells a run: go back, pause, go on.
type Signal struct {
	Seq  int64           `json:"seq"`
	Run  string          `json:"run"`
	Name string          `json:"name"`
	Who  string          `json:"who"`
	Why  string          `json:"why"`
	Data json.RawMessage `json:"data,omitempty"`
	At   time.Time       `json:"at"`
}

// Signal records the signal and wakes the run at once. Who sends to a run that is unknown or has ended is told so.
func (e *Engine) Signal(ctx context.Context, s Signal) error {
	info, err := e.Get(ctx, s.Run)
	if err != nil {
		return err
	}
	if info.State != Running {
		return fmt.Errorf("run %s ended at %s (%s), it cannot be told to %s", s.Run, info.Ended.Local().Format("15:04:05"), info.State, s.Name)
	}
	if s.At.IsZero() {
		s.At = time.Now()
	}
	put, err := e.db.ExecContext(ctx, `INSERT INTO signals (run, name, who, why, data, at)
		SELECT ?, ?, ?, ?, ?, ? WHERE EXISTS (SELECT 1 FROM runs WHERE id = ? AND state = ?)`,
		s.Run, s.Name, s.Who, s.Why, string(s.Data), s.At.UnixMilli(), s.Run, string(Running))
	if err != nil {
		return store.Advise(fmt.Errorf("signal %s to run %s: %w", s.Name, s.Run, err))
	}
	if n, err := put.RowsAffected(); err != nil || n == 0 {
		return errors.Join(err, fmt.Errorf("run %s has just ended, it cannot be told to %s", s.Run, s.Name))
	}
	e.wake()
	return nil
}

// wake rouses everybody who waits for a signal or for the end of a run.
func (e *Engine) wake() {
	e.mu.Lock()
	defer e.mu.Unlock()
	close(e.woken)
	e.woken = make(chan struct{})
}

func (e *Engine) wakeup() <-chan struct{} {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.woken
}

// Await waits inside a step for the next signal after a sequence number, at most for d; false means that none came. The run
// keeps the sequence number of what it acted on in the outcomes of its steps.
func (r *Run) Await(ctx context.Context, after int64, d time.Duration) (Signal, bool, error) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	for {
		woken := r.engine.wakeup()
		s, ok, err := r.engine.next(ctx, r.info.ID, after)
		if err != nil && ctx.Err() == nil {
			r.trouble = err
		}
		if ok || err != nil {
			return s, ok, err
		}
		select {
		case <-ctx.Done():
			return Signal{}, false, ctx.Err()
		case <-timer.C:
			return Signal{}, false, nil
		case <-woken:
		}
	}
}

func (e *Engine) next(ctx context.Context, run string, after int64) (Signal, bool, error) {
	s := Signal{Run: run}
	var at int64
	var data string
	err := e.db.QueryRowContext(ctx, "SELECT seq, name, who, why, data, at FROM signals WHERE run = ? AND seq > ? ORDER BY seq LIMIT 1", run, after).
		Scan(&s.Seq, &s.Name, &s.Who, &s.Why, &data, &at)
	if errors.Is(err, sql.ErrNoRows) {
		return Signal{}, false, nil
	}
	if err != nil {
		return Signal{}, false, fmt.Errorf("signals of run %s: %w", run, err)
	}
	s.At = time.UnixMilli(at)
	if data != "" {
		s.Data = json.RawMessage(data)
	}
	return s, true, nil
}

// WaitSignal is Await as a durable step of its own, after one that records until when: a restart does not make it longer.
func (r *Run) WaitSignal(name string, after int64, d time.Duration) (Signal, bool, error) {
	type waited struct {
		Signal Signal `json:"signal"`
		Came   bool   `json:"came"`
	}
	until, err := Step(r, name+" until", func(context.Context) (time.Time, error) { return time.Now().Add(d), nil })
	if err != nil {
		return Signal{}, false, err
	}
	w, err := Step(r, name, func(ctx context.Context) (waited, error) {
		s, ok, err := r.Await(ctx, after, time.Until(until))
		return waited{s, ok}, err
	})
	return w.Signal, w.Came, err
}
