package jinja

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// run is one evaluation with what it may still cost. Templates that its variables hold are evaluated in the same run.
type run struct {
	ctx      context.Context //nolint:containedctx // a run lives as long as one call
	env      *Env
	scope    Scope
	search   []string
	steps    int
	output   int
	deadline time.Time
	depth    int
	current  *scopeOf // the template that is evaluated now, so that lookups can mark its result unsafe
	noLookup bool
	inner    bool // an object is being made a dict
	asText   bool // for the template module: no text becomes a list
}

const deepestTemplates = 100 // variables that hold templates that use variables...

func (e *Env) newRun(ctx context.Context, scope Scope) *run {
	if scope == nil {
		scope = Vars{}
	}
	return &run{ctx: ctx, env: e, scope: scope, steps: e.opt.Steps, output: e.opt.Output}
}

// step pays for one piece of work.
func (r *run) step() error {
	r.steps--
	if r.steps&0xff == 0 {
		return r.check()
	}
	return nil
}

// pay pays for work that grows with n.
func (r *run) pay(n int) error {
	if n < 64 {
		return r.step()
	}
	r.steps -= n / 32
	return r.check()
}

func (r *run) check() error {
	if r.steps < 0 {
		return &LimitError{fmt.Sprintf("the template takes more than %d steps", r.env.opt.Steps)}
	}
	if err := r.ctx.Err(); err != nil {
		return err
	}
	now := time.Now()
	if r.deadline.IsZero() {
		r.deadline = now.Add(r.env.opt.Time)
	} else if now.After(r.deadline) {
		return &LimitError{fmt.Sprintf("the template takes more than %s", r.env.opt.Time)}
	}
	return nil
}

// wrote pays for output, and for text that is made on the way.
func (r *run) wrote(n int) error {
	if r.output -= n; r.output < 0 {
		return &LimitError{fmt.Sprintf("the template makes more than %d bytes of text", r.env.opt.Output)}
	}
	return nil
}

// told makes errors of the insides those that callers know.
func (r *run) told(err error) error {
	var t *typeError
	var w *wrappedError
	if errors.As(err, &t) && !errors.As(err, &w) {
		return fmt.Errorf("Unexpected templating type error occurred: %w", err)
	}
	return err
}
