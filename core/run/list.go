package run

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// ErrNoRun says that there is no run of that id.
var ErrNoRun = errors.New("no such run")

// Filter chooses runs. Empty fields choose all; Before is the Seq of the last one seen, for paging.
type Filter struct {
	Kind, Target string
	State        State
	Before       int64
	Limit        int // 0: no limit
}

const columns = "id, kind, target, who, why, state, error, note, input, result, started_at, ended_at, seq"

type querier interface {
	QueryRowContext(ctx context.Context, q string, args ...any) *sql.Row
}

func get(ctx context.Context, q querier, id string) (Info, error) {
	info, err := scan(q.QueryRowContext(ctx, "SELECT "+columns+" FROM runs WHERE id = ?", id).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return Info{}, fmt.Errorf("run %s: %w", id, ErrNoRun)
	}
	if err != nil {
		return Info{}, fmt.Errorf("run %s: %w", id, err)
	}
	return info, nil
}

func scan(into func(...any) error) (Info, error) {
	var i Info
	var state, input, result string
	var started, ended int64
	err := into(&i.ID, &i.Kind, &i.Target, &i.Who, &i.Why, &state, &i.Error, &i.Note, &input, &result, &started, &ended, &i.Seq)
	i.State, i.Started = State(state), time.UnixMilli(started)
	if ended != 0 {
		i.Ended = time.UnixMilli(ended)
	}
	if input != "" {
		i.Input = json.RawMessage(input)
	}
	if result != "" {
		i.Result = json.RawMessage(result)
	}
	return i, err
}

// Get tells about one run; an unknown id is ErrNoRun.
func (e *Engine) Get(ctx context.Context, id string) (Info, error) { return get(ctx, e.db, id) }

// List tells about runs, newest first.
func (e *Engine) List(ctx context.Context, f Filter) (out []Info, err error) {
	var terms []string
	var args []any
	for _, t := range []struct{ column, want string }{{"kind", f.Kind}, {"target", f.Target}, {"state", string(f.State)}} {
		if t.want != "" {
			terms, args = append(terms, t.column+" = ?"), append(args, t.want)
		}
	}
	if f.Before > 0 {
		terms, args = append(terms, "seq < ?"), append(args, f.Before)
	}
	q := "SELECT " + columns + " FROM runs"
	if len(terms) > 0 {
		q += " WHERE " + strings.Join(terms, " AND ")
	}
	q += " ORDER BY seq DESC"
	if f.Limit > 0 {
		q += fmt.Sprintf(" LIMIT %d", f.Limit)
	}
	rows, err := e.db.QueryContext(ctx, q, args...)
	if err != nil {
		return nil, fmt.Errorf("list runs: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		i, err := scan(rows.Scan)
		if err != nil {
			return nil, fmt.Errorf("list runs: %w", err)
		}
		out = append(out, i)
	}
	return out, rows.Err()
}

// look is how often Wait looks for what another process did.
const look = time.Second

// Wait returns when the run has ended, or when ctx ends.
func (e *Engine) Wait(ctx context.Context, id string) (Info, error) {
	tick := time.NewTicker(look)
	defer tick.Stop()
	for {
		woken := e.wakeup()
		info, err := e.Get(ctx, id)
		if err != nil || info.State != Running {
			return info, err
		}
		select {
		case <-ctx.Done():
			return info, ctx.Err()
		case <-woken:
		case <-tick.C:
		}
	}
}

// note keeps the words for eyes; that they could not be kept is only logged.
func (e *Engine) note(ctx context.Context, id, text string) {
	if _, err := e.db.ExecContext(ctx, "UPDATE runs SET note = ? WHERE id = ?", text, id); err != nil && ctx.Err() == nil {
		e.log.WarnContext(ctx, "note of a run not kept", "run", id, "error", err)
	}
}
