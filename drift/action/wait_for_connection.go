package action

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"goodstate.dev/goodstate/core/py"
)

func init() {
	register(Kind{Name: "wait_for_connection", Help: "Wait until tasks can run on the host", Run: runWaitForConnection})
}

func runWaitForConnection(ctx context.Context, t *Task) (*py.Dict, error) {
	if err := t.Only("connect_timeout", "delay", "sleep", "timeout"); err != nil {
		return nil, err
	}
	if t.Check {
		return py.DictOf("skipped", true), nil
	}
	delay, err := t.seconds("delay", 0)
	if err != nil {
		return nil, err
	}
	every, err := t.seconds("sleep", 1)
	if err != nil {
		return nil, err
	}
	within, err := t.seconds("timeout", 600)
	if err != nil {
		return nil, err
	}
	each, err := t.seconds("connect_timeout", 5)
	if err != nil {
		return nil, err
	}
	began := time.Now()
	if err := rest(ctx, delay); err != nil {
		return nil, err
	}
	result := py.DictOf("changed", false)
	if last := t.retry(ctx, within, every, func(ctx context.Context) error { return t.ping(ctx, each) }); last != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		result.Set("failed", true)
		result.Set("msg", py.Unsafe(fmt.Sprintf("timed out waiting for ping module test: %v", last)))
	}
	result.Set("elapsed", int64(time.Since(began).Seconds()))
	return result, nil
}

// ping connects anew and asks whether tasks can run.
func (t *Task) ping(ctx context.Context, within time.Duration) error {
	if err := t.Remote.Reset(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, max(within, time.Second)+10*time.Second) // connecting, and sending the agent
	defer cancel()
	result, err := t.Remote.Module(ctx, "ping", py.NewDict())
	if err != nil {
		return err
	}
	if answer, _ := result.Get("ping"); Text(answer) != "pong" {
		return fmt.Errorf("ping test failed")
	}
	return nil
}

// retry does something until it works or time is up, and returns the last error.
func (t *Task) retry(ctx context.Context, within, every time.Duration, do func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	for {
		err := do(ctx)
		if err == nil {
			return nil
		}
		if rest(ctx, max(every, 10*time.Millisecond)) != nil {
			return err
		}
	}
}

// rest waits, unless ctx ends before.
func rest(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// seconds reads an option that is a number of seconds.
func (t *Task) seconds(name string, otherwise float64) (time.Duration, error) {
	n := otherwise
	if t.has(name) {
		var err error
		if n, err = strconv.ParseFloat(t.Text(name), 64); err != nil || n < 0 || n > 1e7 {
			return 0, fmt.Errorf("%s is %q, want a number of seconds", name, t.Text(name))
		}
	}
	return time.Duration(n * float64(time.Second)), nil
}
