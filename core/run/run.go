// Package run carries out durable work of any kind. A run is a function whose steps are recorded when they finish: after a
// crash it is called again and walks over the finished steps to where it was. It stands on DBOS Transact, behind the few
// words of this package, so that the library can be replaced; the tests of this package kill the process to prove them.
//
// A step looks before it acts, because a step that was under way when the process died runs again.
package run

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
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
	info   Info
	step   string // the step under way
	noted  int    // entries that the step under way has journaled
}

// ID is the run's id.
func (r *Run) ID() string { return r.info.ID }

// Target is what the run holds the lease of.
func (r *Run) Target() string { return r.info.Target }

// Who is the person or program that started the run.
func (r *Run) Who() string { return r.info.Who }

// Why is the reason they gave.
func (r *Run) Why() string { return r.info.Why }

// errRecorded is how a step's error looks when it comes from the record.
type stepOutcome struct {
	Value json.RawMessage `json:"value,omitempty"`
	Error string          `json:"error,omitempty"`
}

// Step does fn and records its outcome; once recorded, fn is never called again in this run and the outcome is returned from
// the record. An error is an outcome too. Steps of a run follow one another and have names of their own. When the engine
// closes while fn runs, nothing is recorded and the step runs again at the next launch.
func Step[T any](r *Run, name string, fn func(ctx context.Context) (T, error)) (T, error) {
	var out T
	got, err := dbos.RunAsStep(r.ctx, func(ctx context.Context) (stepOutcome, error) {
		r.step, r.noted = name, 0
		r.engine.point("before " + name)
		v, err := fn(ctx)
		if ctx.Err() != nil {
			return stepOutcome{}, context.Cause(ctx)
		}
		r.engine.point("after " + name)
		if err != nil {
			return stepOutcome{Error: err.Error()}, nil
		}
		text, err := json.Marshal(v)
		if err != nil {
			return stepOutcome{}, fmt.Errorf("outcome of step %s: %w", name, err)
		}
		return stepOutcome{Value: text}, nil
	}, dbos.WithStepName(name))
	if err != nil {
		return out, fmt.Errorf("step %s: %w", name, err)
	}
	if got.Error != "" {
		return out, errors.New(got.Error)
	}
	if err := json.Unmarshal(got.Value, &out); err != nil {
		return out, fmt.Errorf("recorded outcome of step %s: %w", name, err)
	}
	return out, nil
}

// Note says in words what the run does now; it is for eyes only and nothing is decided by it.
func (r *Run) Note(text string) { r.engine.note(r.ctx, r.info.ID, text) }

// Journal records something inside a step. A step that runs again records nothing twice, as long as it records the same
// events in the same order up to where it was.
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
		Key: fmt.Sprintf("%s/%s/%s/%d", r.info.ID, r.step, event, r.noted),
	})
	return err
}
