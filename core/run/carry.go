package run

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"runtime/debug"
	"time"

	"github.com/dbos-inc/dbos-transact-golang/dbos"

	"goodstate.dev/goodstate/core/journal"
	"goodstate.dev/goodstate/core/store"
)

// halt unwinds the function of a run that may not go on now. It is a panic and not an error, because a function takes an
// error of a step for the step's outcome and would go back.
type halt struct{}

// errCancelled is why a cancelled run's context ended.
var errCancelled = errors.New("the run was cancelled")

// carry carries out a run until it has ended or the engine closes. When the disk does not take what a run has done, the
// run is called again until it does: trouble of the record is never an outcome of the run.
func (e *Engine) carry(ctx dbos.Context, id string, fn func(*Run) (json.RawMessage, error)) error {
	trouble := e.attempt(ctx, id, fn)
	if trouble == nil || ctx.Err() != nil || errors.Is(trouble, dbos.ErrConflictingWorkflowID) {
		return errors.Join(trouble, context.Cause(ctx))
	}
	e.log.ErrorContext(ctx, "run waits for its record", "run", id, "error", store.Advise(trouble))
	for range patience(ctx) {
		if _, err := dbos.ResumeWorkflow[string](e.dbos, id); err == nil {
			return dbos.ErrConflictingWorkflowID // another execution goes on from here
		}
	}
	return context.Cause(ctx)
}

// attempt calls the run's function once. Its error is trouble of the record or of the engine, not the run's.
func (e *Engine) attempt(ctx dbos.Context, id string, fn func(*Run) (json.RawMessage, error)) error {
	live, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	e.mu.Lock()
	e.active[id] = stop
	e.mu.Unlock()
	defer func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		delete(e.active, id)
	}()
	info, err := e.Get(live, id)
	if err != nil {
		return err
	}
	if info.State != Running {
		return e.sayEnded(context.WithoutCancel(ctx), info) // the last process died before it said so
	}
	if err := e.sayStarted(live, info); err != nil {
		return err
	}
	r := &Run{engine: e, ctx: ctx, live: live, info: info}
	var result json.RawMessage
	var failure error
	if info.Error == "" { // else somebody cancelled it before this process began
		result, failure = r.call(fn)
	}
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx) // the engine closes: the run is not over
	case info.Error != "" || errors.Is(context.Cause(live), errCancelled):
		if info, err = e.Get(ctx, id); err != nil {
			return err
		}
		return e.finish(context.WithoutCancel(ctx), info, Cancelled, info.Error)
	case r.trouble != nil:
		return r.trouble
	}
	info.Result = result
	return e.end(context.WithoutCancel(ctx), info, failure)
}

// call calls the function. A panic is the run's failure.
func (r *Run) call(fn func(*Run) (json.RawMessage, error)) (result json.RawMessage, failure error) {
	defer func() {
		switch p := recover().(type) {
		case nil, halt:
		default:
			r.engine.log.ErrorContext(r.live, "run panicked", "run", r.info.ID, "panic", p, "stack", string(debug.Stack()))
			failure = fmt.Errorf("panic: %v", p)
		}
	}()
	return fn(r)
}

func (e *Engine) sayStarted(ctx context.Context, info Info) error {
	_, err := e.journal.Append(ctx, journal.Entry{
		Run: info.ID, Event: "started", Target: info.Target, Actor: info.Who, Text: startText(info), Key: info.ID + "/started", At: info.Started, Data: info.Input,
	})
	return err
}

func (e *Engine) sayEnded(ctx context.Context, info Info) error {
	said := fmt.Sprintf("%s of %s %s", info.Kind, info.Target, info.State)
	if info.State == Succeeded {
		said = fmt.Sprintf("%s of %s ended", info.Kind, info.Target) // how well, its own entries say
	}
	if info.Error != "" {
		said += ": " + info.Error
	}
	_, err := e.journal.Append(ctx, journal.Entry{Run: info.ID, Event: "ended", Target: info.Target, Actor: info.Who, Text: said, Data: info.Result, Key: info.ID + "/ended"})
	return err
}

// patience yields the number of each attempt after a pause that grows from a quarter of a second to ten, until ctx ends.
func patience(ctx context.Context) iter.Seq[int] {
	return func(yield func(int) bool) {
		pause := 250 * time.Millisecond
		for n := 1; ; n++ {
			timer := time.NewTimer(pause)
			select {
			case <-ctx.Done():
				timer.Stop()
				return
			case <-timer.C:
			}
			if !yield(n) {
				return
			}
			pause = min(2*pause, 10*time.Second)
		}
	}
}
