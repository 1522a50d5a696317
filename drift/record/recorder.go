package record

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"goodstate.dev/goodstate/core/store"
	"goodstate.dev/goodstate/drift/engine"
)

// Mode is what a run does about differences.
type Mode string

// The modes.
const (
	Detect  Mode = "detect"  // it only looks
	Correct Mode = "correct" // it carries the playbook out
)

// Start is what is known of a run when it begins.
type Start struct {
	ID       string // the durable run's, or one of the caller's
	Playbook string // the name under which hosts are compared over time
	Mode     Mode
	Who, Why string
	Partial  bool   // tags or a start in the middle: what it does not come to is not gone
	Shard    bool   // it is a part of the run: Close settles its hosts, and End the run
	Root     string // folder of the playbook: files in it are known by their path from it, wherever it lies; empty: files are known as the engine names them
	Again    bool   // it looks whether what was corrected a moment ago holds
	Now      func() time.Time
}

// Recorder writes down what one run says. It is the run's engine.Reporter; Close ends it.
type Recorder struct {
	book  *Book
	start Start
	ctx   context.Context //nolint:containedctx // events come without one; it is the run's

	rows chan any
	done chan struct{}
	err  error // of the writer, read after done

	mu      sync.Mutex
	secrets map[string]bool

	// Only the run's goroutine:
	places  map[string][]int // lines of tasks that have everything but the line in common
	hosts   map[string]bool
	trouble map[string]string
	came    map[string]bool // hosts of which there was any result
	cut     bool            // a play ended before its tasks did
}

// Begin records that a run begins. Begun again after a crash, it goes on with the same row.
func (b *Book) Begin(ctx context.Context, s Start) (*Recorder, error) {
	if b.key == nil {
		return nil, errors.New("this record is open for reading only")
	}
	if s.Now == nil {
		s.Now = time.Now
	}
	_, err := b.db.ExecContext(ctx, `INSERT INTO drift_runs (id, playbook, mode, who, why, started_at, ended_at, error, hosts, unreached, good, drifted, pending, flapping, uncheckable, unknown, corrected)
		VALUES (?, ?, ?, ?, ?, ?, 0, '', 0, 0, 0, 0, 0, 0, 0, 0, 0) ON CONFLICT (id) DO NOTHING`, s.ID, s.Playbook, string(s.Mode), s.Who, s.Why, s.Now().UnixMilli())
	if err != nil {
		return nil, store.Advise(fmt.Errorf("record the run %s: %w", s.ID, err))
	}
	r := &Recorder{
		book: b, start: s, ctx: ctx, rows: make(chan any, 1000), done: make(chan struct{}), secrets: map[string]bool{}, places: map[string][]int{},
		hosts: map[string]bool{}, trouble: map[string]string{}, came: map[string]bool{},
	}
	go r.write()
	return r, nil
}

// Event takes what happened. It waits for the disk only when a thousand results are waiting already.
func (r *Recorder) Event(e engine.Event) {
	switch e.Kind {
	case engine.PlayStart:
		if e.Play == nil {
			return
		}
		var fresh begun
		for _, h := range e.Play.Hosts {
			if !r.hosts[h] {
				r.hosts[h] = true
				fresh = append(fresh, h)
			}
		}
		r.rows <- fresh
	case engine.NoHostsLeft:
		r.cut = true
	case engine.OK, engine.FailedTask, engine.Skipped, engine.UnreachableHost:
		if e.Task == nil || e.Result == nil {
			return
		}
		r.hosts[e.Host], r.came[e.Host] = true, true
		at := r.start.Now()
		for _, l := range r.looks(e) {
			l.observed.At = at
			r.rows <- l
			if (e.Kind == engine.UnreachableHost || e.Kind == engine.FailedTask) && !e.Ignored && !e.Rescued && r.trouble[e.Host] == "" {
				r.trouble[e.Host] = strings.TrimSpace(l.outcome + " at " + l.task + ": " + l.text)
			}
		}
	}
}

// begun are hosts on which a play begins.
type begun []string

// ordinal tells tasks apart that have the same name in a file: the first line that was come to is 0.
func (r *Recorder) ordinal(e engine.Event) int {
	play := ""
	if e.Play != nil {
		play = e.Play.Name
	}
	key := strings.Join([]string{play, r.file(e.Task.Path), e.Task.Role, e.Task.Name, e.Task.Action}, "\x00")
	for i, line := range r.places[key] {
		if line == e.Task.Line {
			return i
		}
	}
	r.places[key] = append(r.places[key], e.Task.Line)
	return len(r.places[key]) - 1
}

// Close waits for what is still to be written, settles the hosts that the plays began on, and closes the run's row unless this was a shard. failure is why the run could not be carried out; nil: it was.
func (r *Recorder) Close(failure error) error {
	close(r.rows)
	<-r.done
	if r.err != nil {
		return r.err
	}
	return r.finish(context.WithoutCancel(r.ctx), failure)
}

// file is a file of the playbook as it is known.
func (r *Recorder) file(path string) string { return FileIn(r.start.Root, path) }

// FileIn is a file by its path from a folder, if it is in it and there is a folder.
func FileIn(root, path string) string {
	if root == "" {
		return path
	}
	if rel, err := filepath.Rel(root, path); err == nil && filepath.IsLocal(rel) {
		return filepath.ToSlash(rel)
	}
	return path
}
