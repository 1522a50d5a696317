package process

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"goodstate.dev/goodstate/rollout/runtime"
)

// Question is what a controller on another machine asks of this one; one question is read, and one Answer written.
type Question struct {
	Do      string        `json:"do"` // start, stop, list, logs
	Spec    *runtime.Spec `json:"spec,omitempty"`
	ID      string        `json:"id,omitempty"`
	Service string        `json:"service,omitempty"`
	Lines   int           `json:"lines,omitempty"`
}

// Answer is what became of a Question.
type Answer struct {
	Instances []runtime.Instance `json:"instances,omitempty"`
	Lines     []string           `json:"lines,omitempty"`
	Error     string             `json:"error,omitempty"`
}

const mostQuestion = 8 << 20

// Serve answers one question about the instances of this machine ("goodstate instances --dir FOLDER"). What is asked comes over
// standard input, so that no environment of a service is in an argument list.
func Serve(ctx context.Context, o Options, in io.Reader, out io.Writer) error {
	var q Question
	if err := json.NewDecoder(io.LimitReader(in, mostQuestion)).Decode(&q); err != nil {
		return fmt.Errorf("read what is asked: %w", err)
	}
	var a Answer
	r, err := New(o)
	if err == nil {
		err = r.answer(ctx, q, &a)
	}
	if err != nil {
		a.Error = err.Error()
	}
	return json.NewEncoder(out).Encode(a)
}

func (r *Runtime) answer(ctx context.Context, q Question, a *Answer) error {
	switch {
	case q.Do == "start" && q.Spec != nil:
		i, err := r.Start(ctx, *q.Spec)
		a.Instances = []runtime.Instance{i}
		return err
	case q.Do == "stop":
		return r.Stop(ctx, q.ID)
	case q.Do == "list":
		var err error
		a.Instances, err = r.List(ctx, q.Service)
		return err
	case q.Do == "logs":
		var err error
		a.Lines, err = r.Logs(ctx, q.ID, q.Lines)
		return err
	}
	return fmt.Errorf("%q cannot be asked, want start, stop, list or logs", q.Do)
}
