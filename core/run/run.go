// Package run carries out durable work of any kind. A run is a function whose steps are recorded when they finish: after a
// crash it is called again and walks over the finished steps to where it was. It stands on DBOS Transact, behind the few
// words of this package, so that the library can be replaced; the tests of this package kill the process to prove them.
//
// A step looks before it acts, because a step that was under way when the process died runs again.
package run

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/dbos-inc/dbos-transact-golang/dbos"

	"goodstate.dev/goodstate/core/journal"
)

// State is how a run is.
type State string

// The states of a run.
const (
	Running   State = "running"
	Succeeded State = "succeeded" // its function returned a result; whether that is good news, the result says
	Failed    State = "failed"    // its function returned an error
	Cancelled State = "cancelled"
)

// Info is what is known of a run.
type Info struct {
	ID      string          `json:"id"`
	Kind    string          `json:"kind"`
	Target  string          `json:"target"`
	Who     string          `json:"who"`
	Why     string          `json:"why,omitempty"`
	State   State           `json:"state"`
	Note    string          `json:"note,omitempty"` // what it does now, in words
	Error   string          `json:"error,omitempty"`
	Started time.Time       `json:"started"`
	Ended   time.Time       `json:"ended,omitzero"`
	Input   json.RawMessage `json:"input,omitempty"`
	Result  json.RawMessage `json:"result,omitempty"`
	Seq     int64           `json:"-"` // order of start, for paging
}

// Run is a run under way, as its function sees it.
type Run struct {
	engine *Engine
	ctx    dbos.Context
	live   context.Context // ends when the engine closes and when the run is cancelled
	info   Info
	step   string // the step under way; empty between steps
	count  int    // steps so far, which tells steps of one name apart
	noted  int    // entries that the step under way, or the code after it, has journaled

	trouble error // why the record cannot be kept now
}

// ID is the run's id.
func (r *Run) ID() string { return r.info.ID }

// Target is what the run holds the lease of.
func (r *Run) Target() string { return r.info.Target }

// Who is the person or program that started the run.
func (r *Run) Who() string { return r.info.Who }

// Why is the reason they gave.
func (r *Run) Why() string { return r.info.Why }

// stepOutcome is a step's outcome as it is recorded.
type stepOutcome struct {
	Value json.RawMessage `json:"value,omitempty"`
	Error string          `json:"error,omitempty"`
}

// Step does fn and records its outcome; once recorded, fn is never called again in this run and the outcome is returned from
// the record. An error is an outcome too, and so is a panic. Steps of a run follow one another, on the goroutine of the run's
// function. When the engine closes or the run is cancelled, nothing is recorded and Step does not return: the function is
// unwound where it is, so it never takes a closing engine for a step that failed.
func Step[T any](r *Run, name string, fn func(ctx context.Context) (T, error)) (T, error) {
	var out T
	if r.step != "" {
		return out, fmt.Errorf("step %s is called inside step %s: steps follow one another", name, r.step)
	}
	r.count++
	r.step, r.noted = name, 0
	defer func() { r.step, r.noted = "", 0 }()
	got := r.record(name, func(ctx context.Context) stepOutcome {
		v, err := fn(ctx)
		if err != nil {
			return stepOutcome{Error: cmp.Or(err.Error(), "an error without words")}
		}
		text, err := json.Marshal(v)
		if err != nil {
			return stepOutcome{Error: fmt.Sprintf("outcome of step %s: %v", name, err)}
		}
		return stepOutcome{Value: text}
	})
	if got.Error != "" {
		return out, errors.New(got.Error)
	}
	if err := json.Unmarshal(got.Value, &out); err != nil {
		return out, fmt.Errorf("recorded outcome of step %s: %w", name, err)
	}
	return out, nil
}

// record returns a step's outcome from the record, or does it and records it.
func (r *Run) record(name string, do func(context.Context) stepOutcome) stepOutcome {
	r.stopped()
	key := fmt.Sprintf("%s/%d", r.info.ID, r.count)
	got, err := dbos.RunAsStep(r.ctx, func(context.Context) (stepOutcome, error) {
		if done, ok := r.engine.unrecorded(key); ok {
			return done, nil
		}
		r.engine.point("before " + name)
		outcome := r.guarded(name, do)
		r.stopped()
		r.engine.point("after " + name)
		r.engine.keep(key, outcome)
		return outcome, nil
	}, dbos.WithStepName(name))
	switch {
	case err == nil:
		r.engine.forget(key)
		return got
	case errors.Is(err, &dbos.Error{Code: dbos.ErrorCodeUnexpectedStep}), errors.Is(err, &dbos.Error{Code: dbos.ErrorCodeStepNondeterminism}):
		r.engine.forget(key)
		panic(fmt.Sprintf("step %s is not what was recorded in its place: %v", name, err)) // other code than the run began with
	}
	r.trouble = fmt.Errorf("record step %s: %w", name, err)
	panic(halt{})
}

// guarded does a step; a panic in it is its error.
func (r *Run) guarded(name string, do func(context.Context) stepOutcome) (out stepOutcome) {
	defer func() {
		if p := recover(); p != nil {
			r.engine.log.ErrorContext(r.live, "step panicked", "run", r.info.ID, "step", name, "panic", p, "stack", string(debug.Stack()))
			out = stepOutcome{Error: fmt.Sprintf("panic: %v", p)}
		}
	}()
	return do(r.live)
}

// stopped unwinds the function of a run that may not go on.
func (r *Run) stopped() {
	if r.live.Err() != nil || r.trouble != nil {
		panic(halt{})
	}
}

// The disk may not take the outcome of a step that is done. It is kept until it does, so that the step is not done twice.
func (e *Engine) keep(key string, o stepOutcome) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.done[key] = o
}

func (e *Engine) forget(key string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.done, key)
}

func (e *Engine) unrecorded(key string) (stepOutcome, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	o, ok := e.done[key]
	return o, ok
}

// Note says in words what the run does now; it is for eyes only and nothing is decided by it.
func (r *Run) Note(text string) { r.engine.note(r.live, r.info.ID, text) }

// Journal records something in a step or between steps. What runs again records nothing twice, as long as it records the same
// events in the same order up to where it was. When the record cannot be kept the step is not recorded either, and the run
// waits for the disk.
func (r *Run) Journal(ctx context.Context, event, text string, data any) error {
	var raw json.RawMessage
	if data != nil {
		var err error
		if raw, err = json.Marshal(data); err != nil {
			return fmt.Errorf("journal %s: %w", event, err)
		}
	}
	r.noted++
	_, err := r.engine.journal.Append(ctx, journal.Entry{
		Run: r.info.ID, Step: r.step, Event: event, Target: r.info.Target, Actor: r.info.Who, Text: text, Data: raw,
		Key: fmt.Sprintf("%s/%d/%s/%s/%d", r.info.ID, r.count, r.step, event, r.noted),
	})
	if err != nil && ctx.Err() == nil {
		r.trouble = err
	}
	return err
}
