package desk

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"goodstate.dev/goodstate/core/py"
	"goodstate.dev/goodstate/core/run"
	"goodstate.dev/goodstate/drift/action"
	"goodstate.dev/goodstate/drift/engine"
	"goodstate.dev/goodstate/drift/output"
)

// recorder writes what the engine tells into rows, many at a time, and at least every second so that pages are fresh.
type recorder struct {
	d    *Desk
	r    *run.Run
	hide func(string) string

	mu      sync.Mutex
	play    string
	pending []Result
	seq     int64
	failure error // of the disk; the run ends with it
}

const (
	rowsAtOnce = 200
	keptEvery  = time.Second
	longest    = 16 << 10 // bytes of a text or a diff that are kept of one result
)

func newRecorder(d *Desk, r *run.Run, hide func(string) string) *recorder {
	return &recorder{d: d, r: r, hide: hide}
}

// begin writes rows from now on; the function it returns writes the last ones and says what was not written.
func (c *recorder) begin(ctx context.Context) (end func() error) {
	ctx = context.WithoutCancel(ctx) // what happened is kept although the run is cancelled
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(keptEvery)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				c.flush(ctx)
			}
		}
	}()
	return func() error {
		close(done)
		<-ended
		c.flush(ctx)
		return c.failure
	}
}

func (c *recorder) flush(ctx context.Context) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.write(ctx)
}

func (c *recorder) write(ctx context.Context) {
	if c.failure != nil {
		return
	}
	if c.failure = c.d.keep(ctx, c.r.ID(), c.pending); c.failure == nil {
		c.pending = c.pending[:0]
	}
}

// Event takes a result.
func (c *recorder) Event(e engine.Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch e.Kind {
	case engine.PlayStart:
		c.play = e.Play.Name
	case engine.TaskStart, engine.HandlerStart:
		c.r.Note(c.hide(e.Task.Name))
	case engine.Problem, engine.Warning:
		c.add(Result{State: StateIgnored, Action: "goodstate", Task: "(not a task)", Text: e.Text})
	}
	if state := stateOf(e); state != "" {
		c.add(resultOf(e, c.play, state))
	}
	if len(c.pending) >= rowsAtOnce {
		c.write(context.Background()) // the engine waits for it, so that no more is in memory
	}
}

func (c *recorder) add(r Result) {
	c.seq++
	r.Seq, r.At = c.seq, time.Now()
	for _, text := range []*string{&r.Task, &r.Play, &r.Item, &r.Text, &r.Diff} {
		*text = short(c.hide(*text))
	}
	c.pending = append(c.pending, r)
}

func short(text string) string {
	text = strings.ToValidUTF8(strings.TrimRight(text, "\n"), "�")
	if len(text) <= longest {
		return text
	}
	return strings.ToValidUTF8(text[:longest], "") + fmt.Sprintf("\n... and %d more bytes", len(text)-longest)
}

// stateOf is empty for what is no result, and for loops whose items had results of their own.
func stateOf(e engine.Event) string {
	if e.Task == nil || e.Result == nil {
		return ""
	}
	if parts, ok := e.Result.Get("results"); ok && e.Task.Loop && e.Kind != engine.UnreachableHost {
		if l, ok := parts.(*py.List); ok && len(l.Items) > 0 {
			return ""
		}
	}
	switch e.Kind {
	case engine.OK, engine.ItemOK, engine.AsyncOK:
		if action.Is(e.Result, "changed") {
			return StateChanged
		}
		return StateOK
	case engine.FailedTask, engine.ItemFailed, engine.AsyncFailed:
		if e.Ignored || action.Is(e.Result, "_ansible_ignore_errors") {
			return StateIgnored
		}
		return StateFailed
	case engine.Skipped, engine.ItemSkipped:
		return StateSkipped
	case engine.UnreachableHost:
		return StateUnreachable
	}
	return ""
}

func resultOf(e engine.Event, play, state string) Result {
	r := Result{Play: play, Task: e.Task.Name, Action: e.Task.Action, Host: e.Host, State: state}
	if e.Task.Path != "" {
		r.Place = fmt.Sprintf("%s:%d", inProject(e.Task.Path), e.Task.Line)
	}
	shown := output.Shown(e)
	if label, ok := e.Result.Get("_ansible_item_label"); ok && !shown.Has("censored") {
		r.Item = py.Str(label)
	}
	if diff, ok := shown.Get("diff"); ok {
		r.Diff = output.Differences(diff)
	}
	for _, key := range []string{"censored", "msg", "message", "stderr", "stdout", "skip_reason", "reason"} {
		if v, ok := shown.Get(key); ok && py.Str(v) != "" {
			r.Text = py.Str(v)
			break
		}
	}
	return r
}

// inProject is a path as the project has it, without the folder of the run.
func inProject(path string) string {
	parts := strings.SplitN(path, string(filepath.Separator)+"files"+string(filepath.Separator), 2)
	return parts[len(parts)-1]
}

// nobody is who sits before a run: pauses that want an answer go on without one.
type nobody struct{ c *recorder }

// Display says what a terminal would show.
func (n nobody) Display(text string) { n.c.r.Note(n.c.hide(text)) }

// Warn becomes a row.
func (n nobody) Warn(text string) { n.c.Event(engine.Event{Kind: engine.Warning, Text: text}) }

// Interactive is false.
func (nobody) Interactive() bool { return false }

// Ask has no answer.
func (nobody) Ask(context.Context, string, bool) (answer string, ok bool, err error) {
	return "", false, nil
}
