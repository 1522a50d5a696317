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
const contract = "1"

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

	mu    sync.Mutex
	kinds map[string]func(ctx dbos.Context, id string) (dbos.WorkflowHandle[string], error)
	woken chan struct{}
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
	d, err := dbos.NewContext(ctx, dbos.Config{
		AppName: "goodstate", SQLiteSystemDB: s.DB(), Logger: quiet, ApplicationVersion: contract, ExecutorID: "goodstate",
	})
	if err != nil {
		return nil, fmt.Errorf("run engine in %s: %w", s.Dir(), err)
	}
	return &Engine{
		db: s.DB(), journal: j, dbos: d, onStep: o.OnStep, log: o.Logger, woken: make(chan struct{}),
		kinds: map[string]func(dbos.Context, string) (dbos.WorkflowHandle[string], error){},
	}, nil
}

// onlyErrors keeps the library's chatter out of our log: what a person must know is in the run.
type onlyErrors struct{ slog.Handler }

func (h onlyErrors) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= slog.LevelError && h.Handler.Enabled(ctx, l)
}

func (h onlyErrors) WithAttrs(a []slog.Attr) slog.Handler { return onlyErrors{h.Handler.WithAttrs(a)} }
func (h onlyErrors) WithGroup(g string) slog.Handler      { return onlyErrors{h.Handler.WithGroup(g)} }

func (e *Engine) point(p string) { e.onStep(p) }

// Register tells the engine how runs of a kind are carried out. It is called before Launch, once a kind.
func Register[I, O any](e *Engine, kind string, fn func(r *Run, in I) (O, error)) {
	workflow := func(ctx dbos.Context, id string) (string, error) {
		info, err := e.Get(ctx, id)
		if err != nil {
			return "", err
		}
		var in I
		if err = json.Unmarshal(info.Input, &in); err == nil {
			var out O
			out, err = fn(&Run{engine: e, ctx: ctx, info: info}, in)
			if ctx.Err() != nil {
				return "", context.Cause(ctx) // the engine closes: the run is not over
			}
			if text, bad := json.Marshal(out); bad != nil {
				err = errors.Join(err, bad)
			} else {
				info.Result = text
			}
		}
		return "", e.end(context.WithoutCancel(ctx), info, err)
	}
	dbos.RegisterWorkflow(e.dbos, workflow, dbos.WithWorkflowName(kind), dbos.WithMaxRecoveryAttempts(unlimited))
	e.mu.Lock()
	defer e.mu.Unlock()
	e.kinds[kind] = func(ctx dbos.Context, id string) (dbos.WorkflowHandle[string], error) {
		return dbos.RunWorkflow(ctx, workflow, id, dbos.WithWorkflowID(id))
	}
}

// Launch continues the runs that were under way when the last process ended, and frees the leases of runs that are over.
func (e *Engine) Launch(ctx context.Context) error {
	if _, err := e.db.ExecContext(ctx, "DELETE FROM leases WHERE run NOT IN (SELECT id FROM runs WHERE state = ?)", string(Running)); err != nil {
		return fmt.Errorf("sweep leases: %w", err)
	}
	if err := e.dbos.Launch(); err != nil {
		return fmt.Errorf("launch the run engine: %w", err)
	}
	// A process that died between recording a run and handing it over left it without a workflow.
	open, err := e.List(ctx, Filter{State: Running})
	if err != nil {
		return err
	}
	for _, info := range open {
		known, err := dbos.ListWorkflows(e.dbos, dbos.WithFilterWorkflowIDs(info.ID))
		if err != nil {
			return fmt.Errorf("continue run %s: %w", info.ID, err)
		}
		if len(known) == 0 {
			if err := e.hand(info); err != nil {
				return err
			}
		}
	}
	return nil
}

func (e *Engine) hand(info Info) error {
	e.mu.Lock()
	start, ok := e.kinds[info.Kind]
	e.mu.Unlock()
	if !ok {
		return fmt.Errorf("run %s is of kind %q, which this program does not know", info.ID, info.Kind)
	}
	if _, err := start(e.dbos, info.ID); err != nil {
		return fmt.Errorf("start run %s: %w", info.ID, err)
	}
	return nil
}

// closing is how long Close waits for steps under way to notice that they have to end.
const closing = 20 * time.Second

// Close stops carrying out runs. Those under way stay open and go on at the next Launch.
func (e *Engine) Close(context.Context) error {
	if err := dbos.Shutdown(e.dbos, closing); err != nil {
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
