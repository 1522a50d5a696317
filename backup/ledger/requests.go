package ledger

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// The states of a request.
const (
	Waiting = "waiting" // for somebody to agree
	Agreed  = "agreed"  // and about to be done
	Done    = "done"
	Refused = "refused"
	Expired = "expired"
	Failed  = "failed"
)

// Request is a deletion that one person asked for and others have to agree to.
type Request struct {
	ID         string          `json:"id"`
	Kind       string          `json:"kind"`
	Repository string          `json:"repository"`
	What       string          `json:"-"`    // equal requests have equal ones
	Text       string          `json:"text"` // what would be done
	Input      json.RawMessage `json:"input"`
	Who        string          `json:"who,omitempty"` // empty: the configuration, which nobody signs
	Why        string          `json:"why,omitempty"`
	At         time.Time       `json:"at"`
	Until      time.Time       `json:"until"`
	Needs      int             `json:"needs"` // persons who have to agree
	State      string          `json:"state"`
	Ended      time.Time       `json:"ended,omitzero"`
	Outcome    string          `json:"outcome,omitempty"` // the run that it became, or why there is none
	Agreed     []Agreement     `json:"agreed,omitempty"`
}

// Agreement is one person's.
type Agreement struct {
	Who string    `json:"who"`
	Why string    `json:"why,omitempty"`
	At  time.Time `json:"at"`
}

// Open says whether something may still come of a request.
func (r Request) Open() bool { return r.State == Waiting || r.State == Agreed }

// Became says whether the outcome of a request that is done is a run.
func (r Request) Became() bool { return r.Kind == "forget" || r.Kind == "prune" }

// ErrNoRequest says that there is no request of that id.
var ErrNoRequest = errors.New("no request of that id; goodstate backup requests lists them")

const requestColumns = `id, kind, repository, what, text, input, who, why, at, until, needs, state, ended_at, outcome`

// Ask records a request.
func (l *Ledger) Ask(ctx context.Context, r Request) error {
	_, err := l.DB.ExecContext(ctx, `INSERT INTO backup_requests (id, kind, repository, what, text, input, who, why, at, until, needs, state) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		r.ID, r.Kind, r.Repository, r.What, r.Text, string(r.Input), r.Who, r.Why, r.At.UnixMilli(), r.Until.UnixMilli(), r.Needs, Waiting)
	return wrap(err, "record request %s", r.ID)
}

// Asked finds the youngest request for something; one without an ID is none.
func (l *Ledger) Asked(ctx context.Context, what string) (Request, error) {
	r, err := scanRequest(l.DB.QueryRowContext(ctx, `SELECT `+requestColumns+` FROM backup_requests WHERE what = ? ORDER BY at DESC, id LIMIT 1`, what).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return Request{}, nil
	}
	return r, wrap(err, "request for %s", what)
}

// Request finds one by the beginning of its id.
func (l *Ledger) Request(ctx context.Context, id string) (Request, error) {
	all, err := l.requests(ctx, `substr(id, 1, ?) = ? ORDER BY at DESC LIMIT 2`, len(id), id)
	switch {
	case err != nil:
		return Request{}, err
	case len(all) == 0 || id == "":
		return Request{}, fmt.Errorf("request %q: %w", id, ErrNoRequest)
	case len(all) > 1:
		return Request{}, fmt.Errorf("several requests begin with %q, say more of the id", id)
	}
	return all[0], nil
}

// Requests lists those that wait, the oldest first, and with all then the others, the youngest first.
func (l *Ledger) Requests(ctx context.Context, all bool) ([]Request, error) {
	open, err := l.requests(ctx, `state IN ('waiting', 'agreed') ORDER BY at, id`)
	if err != nil || !all {
		return open, err
	}
	ended, err := l.requests(ctx, `state NOT IN ('waiting', 'agreed') ORDER BY ended_at DESC, id LIMIT 200`)
	return append(open, ended...), err
}

func (l *Ledger) requests(ctx context.Context, where string, args ...any) ([]Request, error) {
	out, err := l.withoutAgreements(ctx, where, args...)
	if err != nil {
		return nil, wrap(err, "list requests")
	}
	for i := range out {
		if out[i].Agreed, err = l.agreements(ctx, out[i].ID); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (l *Ledger) withoutAgreements(ctx context.Context, where string, args ...any) (out []Request, err error) {
	rows, err := l.DB.QueryContext(ctx, `SELECT `+requestColumns+` FROM backup_requests WHERE `+where, args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		r, err := scanRequest(rows.Scan)
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, rows.Err()
}

func scanRequest(scan func(...any) error) (r Request, err error) {
	var input string
	var at, until, ended int64
	err = scan(&r.ID, &r.Kind, &r.Repository, &r.What, &r.Text, &input, &r.Who, &r.Why, &at, &until, &r.Needs, &r.State, &ended, &r.Outcome)
	r.Input, r.At, r.Until = json.RawMessage(input), time.UnixMilli(at), time.UnixMilli(until)
	if ended != 0 {
		r.Ended = time.UnixMilli(ended)
	}
	return r, err
}

func (l *Ledger) agreements(ctx context.Context, id string) (out []Agreement, err error) {
	rows, err := l.DB.QueryContext(ctx, `SELECT who, why, at FROM backup_agreements WHERE request = ? ORDER BY at, who`, id)
	if err != nil {
		return nil, wrap(err, "who agreed to request %s", id)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var a Agreement
		var at int64
		if err := rows.Scan(&a.Who, &a.Why, &at); err != nil {
			return nil, wrap(err, "who agreed to request %s", id)
		}
		a.At = time.UnixMilli(at)
		out = append(out, a)
	}
	return out, wrap(rows.Err(), "who agreed to request %s", id)
}

// Agree notes that a person agrees, and says how many do now. The same person counts once.
func (l *Ledger) Agree(ctx context.Context, id string, a Agreement) (int, error) {
	_, err := l.DB.ExecContext(ctx, `INSERT INTO backup_agreements (request, who, why, at) VALUES (?, ?, ?, ?) ON CONFLICT (request, who) DO NOTHING`, id, a.Who, a.Why, a.At.UnixMilli())
	if err != nil {
		return 0, wrap(err, "agree to request %s", id)
	}
	n := 0
	err = l.DB.QueryRowContext(ctx, `SELECT count(*) FROM backup_agreements WHERE request = ?`, id).Scan(&n)
	return n, wrap(err, "agree to request %s", id)
}

// Turn brings a request from one state to another and says whether it was in the first: of two who do so at once, one is told so.
func (l *Ledger) Turn(ctx context.Context, id, from, to, outcome string, at time.Time) (bool, error) {
	ended := at.UnixMilli()
	if to == Agreed {
		ended = 0
	}
	res, err := l.DB.ExecContext(ctx, `UPDATE backup_requests SET state = ?, ended_at = ?, outcome = ? WHERE id = ? AND state = ?`, to, ended, outcome, id, from)
	if err != nil {
		return false, wrap(err, "request %s is %s", id, to)
	}
	n, err := res.RowsAffected()
	return n > 0, wrap(err, "request %s is %s", id, to)
}

// Promised reads what is promised of a repository, or of an application in it, and says whether there is anything.
func (l *Ledger) Promised(ctx context.Context, repository, application string, into any) (bool, error) {
	var text string
	err := l.DB.QueryRowContext(ctx, `SELECT json FROM backup_promises WHERE repository = ? AND application = ?`, repository, application).Scan(&text)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err == nil {
		err = json.Unmarshal([]byte(text), into)
	}
	return err == nil, wrap(err, "what is promised of repository %s", repository)
}

// Promise records what is promised; nil takes it back.
func (l *Ledger) Promise(ctx context.Context, repository, application string, v any) error {
	if v == nil {
		_, err := l.DB.ExecContext(ctx, `DELETE FROM backup_promises WHERE repository = ? AND application = ?`, repository, application)
		return wrap(err, "promise of repository %s", repository)
	}
	text, err := json.Marshal(v)
	if err == nil {
		_, err = l.DB.ExecContext(ctx, `INSERT INTO backup_promises (repository, application, json) VALUES (?, ?, ?) ON CONFLICT (repository, application) DO UPDATE SET json = excluded.json`,
			repository, application, string(text))
	}
	return wrap(err, "promise of repository %s", repository)
}
