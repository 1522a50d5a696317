package run

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/dbos-inc/dbos-transact-golang/dbos"
	_ "github.com/dbos-inc/dbos-transact-golang/dbos/driver/sqlite" // the engine's tables are in our SQLite file

	"goodstate.dev/goodstate/core/journal"
	"goodstate.dev/goodstate/core/store"
)

// contract is bumped by hand when the functions of runs change so that runs begun before cannot go on with them.
const contract = "3"

// unlimited is how often a run may be interrupted and continued: a crash is never the run's fault.
const unlimited = 1 << 30

// Options adjust an engine.
type Options struct {
	Logger *slog.Logger
	// OnStep is called at "before NAME" and "after NAME" of each step that is really done, the second with the step's
	// effect done but not yet recorded. Fault tests kill the process in it.
	OnStep func(point string)
}

// Engine carries out the runs of one data directory.
type Engine struct {
	db      *sql.DB
	journal *journal.Journal
	dbos    dbos.Context
	onStep  func(string)
	log     *slog.Logger

	closing context.Context // ends when Close is called
	stop    context.CancelFunc
	begins  sync.WaitGroup // runs that are recorded and wait for the disk to begin

	mu       sync.Mutex
	launched bool
	kinds    map[string]func(ctx dbos.Context, id string) (dbos.WorkflowHandle[string], error)
	active   map[string]context.CancelCauseFunc // runs that this process carries out now
	done     map[string]stepOutcome             // steps that are done and that the disk did not take yet
	woken    chan struct{}
}

// Open prepares an engine. Kinds of runs are registered before Launch.
func Open(ctx context.Context, s *store.Store, j *journal.Journal, o Options) (*Engine, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	if o.OnStep == nil {
		o.OnStep = func(string) {}
	}
	quiet := slog.New(onlyErrors{o.Logger.Handler()})
	own, err := s.Connect() // the library closes it when it shuts down, and the store must live on
	if err != nil {
		return nil, err
	}
	// The library takes the end of its context for a wish to cancel every run for good; only Close ends it.
	d, err := dbos.NewContext(context.WithoutCancel(ctx), dbos.Config{
		AppName: "goodstate", SQLiteSystemDB: own, Logger: quiet, ApplicationVersion: contract, ExecutorID: "goodstate",
	})
	if err != nil {
		return nil, errors.Join(store.Advise(fmt.Errorf("run engine in %s: %w", s.Dir(), err)), own.Close())
	}
	e := &Engine{
		db: s.DB(), journal: j, dbos: d, onStep: o.OnStep, log: o.Logger, woken: make(chan struct{}),
		kinds:  map[string]func(dbos.Context, string) (dbos.WorkflowHandle[string], error){},
		active: map[string]context.CancelCauseFunc{}, done: map[string]stepOutcome{},
	}
	e.closing, e.stop = context.WithCancel(context.WithoutCancel(ctx))
	return e, nil
}

// onlyErrors keeps the library's chatter out of our log: what a person must know is in the run.
type onlyErrors struct{ slog.Handler }

func (h onlyErrors) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= slog.LevelError && h.Handler.Enabled(ctx, l)
}

func (h onlyErrors) WithAttrs(a []slog.Attr) slog.Handler { return onlyErrors{h.Handler.WithAttrs(a)} }

func (h onlyErrors) WithGroup(g string) slog.Handler { return onlyErrors{h.Handler.WithGroup(g)} }

func (e *Engine) point(p string) { e.onStep(p) }

// named tells the library one kind from another: it knows workflows by their function, which is one for all kinds.
type named string

// ConfigName is the kind.
func (n named) ConfigName() string { return string(n) }

// Register tells the engine how runs of a kind are carried out. It is called before Launch, once a kind.
func Register[I, O any](e *Engine, kind string, fn func(r *Run, in I) (O, error)) {
	workflow := func(ctx dbos.Context, id string) (string, error) {
		return "", e.carry(ctx, id, func(r *Run) (json.RawMessage, error) {
			var in I
			if err := json.Unmarshal(r.info.Input, &in); err != nil {
				return nil, fmt.Errorf("input of run %s: %w", id, err)
			}
			out, err := fn(r, in)
			result, bad := json.Marshal(out)
			if bad != nil {
				return nil, errors.Join(err, fmt.Errorf("result of run %s: %w", id, bad))
			}
			return result, err
		})
	}
	dbos.RegisterWorkflow(e.dbos, workflow, dbos.WithWorkflowName(kind), dbos.WithInstance(named(kind)), dbos.WithMaxRecoveryAttempts(unlimited))
	e.mu.Lock()
	defer e.mu.Unlock()
	e.kinds[kind] = func(ctx dbos.Context, id string) (dbos.WorkflowHandle[string], error) {
		return dbos.RunWorkflow(ctx, workflow, id, dbos.WithWorkflowID(id), dbos.WithRunInstance(named(kind)))
	}
}

// Launch continues the runs that were under way when the last process ended, and frees the leases of runs that are over.
func (e *Engine) Launch(ctx context.Context) error {
	if _, err := e.db.ExecContext(ctx, "DELETE FROM leases WHERE run NOT IN (SELECT id FROM runs WHERE state = ?)", string(Running)); err != nil {
		return store.Advise(fmt.Errorf("sweep leases: %w", err))
	}
	open, err := e.List(ctx, Filter{State: Running})
	if err != nil {
		return err
	}
	if err := e.dbos.Launch(); err != nil {
		return store.Advise(fmt.Errorf("launch the run engine: %w", err))
	}
	e.mu.Lock()
	e.launched = true
	e.mu.Unlock()
	for _, info := range open {
		if err := e.settle(ctx, info); err != nil {
			return err
		}
	}
	return nil
}

// settle sees to it that an open run goes on, or says why it cannot. The library continues what it knows by itself.
func (e *Engine) settle(ctx context.Context, info Info) error {
	known, err := dbos.ListWorkflows(e.dbos, dbos.WithFilterWorkflowIDs(info.ID))
	switch {
	case err != nil:
		return fmt.Errorf("continue run %s: %w", info.ID, err)
	case len(known) > 0 && known[0].ApplicationVersion != contract:
		return e.finish(ctx, info, Failed, fmt.Sprintf("begun by a goodstate whose runs have contract %s, this one continues contract %s; start it again", known[0].ApplicationVersion, contract))
	case len(known) > 0:
		return nil
	}
	if _, ok := e.kind(info.Kind); !ok {
		e.log.WarnContext(ctx, "run waits for a program that knows its kind", "run", info.ID, "kind", info.Kind)
		return nil
	}
	e.begin(info) // the last process died between recording it and beginning it
	return nil
}

func (e *Engine) kind(name string) (func(dbos.Context, string) (dbos.WorkflowHandle[string], error), bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	start, ok := e.kinds[name]
	return start, ok && e.launched
}

// begin hands a recorded run to the library. It was accepted when it was recorded, so a disk that does not take it now is
// asked again until it does.
func (e *Engine) begin(info Info) {
	start, _ := e.kind(info.Kind)
	if _, err := start(e.dbos, info.ID); err == nil {
		return
	}
	e.begins.Go(func() {
		for attempt := range patience(e.closing) {
			_, err := start(e.dbos, info.ID)
			if err == nil {
				return
			}
			e.log.ErrorContext(e.closing, "run cannot begin yet", "run", info.ID, "attempt", attempt, "error", store.Advise(err))
		}
	})
}

// grace is how long Close waits for steps under way to notice that they have to end.
const grace = 20 * time.Second

// Close stops carrying out runs, and waits for steps under way until ctx ends, at most 20 seconds. Open runs stay open and
// go on at the next Launch.
func (e *Engine) Close(ctx context.Context) error {
	e.stop()
	e.begins.Wait()
	limit := grace
	if deadline, ok := ctx.Deadline(); ok {
		limit = max(time.Millisecond, min(limit, time.Until(deadline)))
	}
	if err := dbos.Shutdown(e.dbos, limit); err != nil {
		return fmt.Errorf("close the run engine: %w", err)
	}
	return nil
}

// newID makes an id that sorts by time: kind, target, second, and a few random letters.
func newID(kind, target string) (string, error) {
	random := make([]byte, 3)
	if _, err := rand.Read(random); err != nil {
		return "", fmt.Errorf("id of a run: %w", err)
	}
	name := target[strings.LastIndex(target, "/")+1:]
	return fmt.Sprintf("%s-%s-%s-%s", kind, name, time.Now().UTC().Format("20060102-150405"), hex.EncodeToString(random)), nil
}
