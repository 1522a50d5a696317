package store

import (
	"context"
	"errors"
	"time"
)

// Action is something that a person has to do after an incident.
type Action struct {
	ID      string    `json:"id"`
	Run     string    `json:"run,omitempty"` // the rollout that it comes from
	Service string    `json:"service,omitempty"`
	Text    string    `json:"text"`
	Owner   string    `json:"owner"`
	Due     time.Time `json:"due"`
	Who     string    `json:"who"` // who added it
	At      time.Time `json:"at"`
	Done    time.Time `json:"done,omitzero"`
	DoneBy  string    `json:"done_by,omitempty"`
	Note    string    `json:"note,omitempty"` // what was done, in words
}

// Late says that it is not done and should be.
func (a Action) Late(now time.Time) bool { return a.Done.IsZero() && !now.Before(a.Due) }

// PutAction records an action. The same id again changes nothing.
func (s *Store) PutAction(ctx context.Context, a Action) error {
	_, err := s.db.ExecContext(ctx, `INSERT INTO actions (id, run, service, text, owner, due, who, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`,
		a.ID, a.Run, a.Service, a.Text, a.Owner, a.Due.UnixMilli(), a.Who, a.At.UnixMilli())
	return wrap(err, "record action", a.ID)
}

// ErrNoAction says that there is no open action of that id.
var ErrNoAction = errors.New("no open action of that id")

// DoneAction notes that an action is done.
func (s *Store) DoneAction(ctx context.Context, id, who, note string, at time.Time) error {
	res, err := s.db.ExecContext(ctx, `UPDATE actions SET done_at = ?, done_by = ?, note = ? WHERE id = ? AND done_at = 0`, at.UnixMilli(), who, note, id)
	if err != nil {
		return wrap(err, "note as done action", id)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return errors.Join(err, wrap(ErrNoAction, "note as done action", id))
	}
	return nil
}

// Actions lists actions, the open ones first by when they are due; with open only those, and of one run where it is named.
func (s *Store) Actions(ctx context.Context, run string, open bool) ([]Action, error) {
	return list(ctx, s.db, "list actions", func(scan func(...any) error) (Action, error) {
		var a Action
		var due, at, done int64
		err := scan(&a.ID, &a.Run, &a.Service, &a.Text, &a.Owner, &due, &a.Who, &at, &done, &a.DoneBy, &a.Note)
		a.Due, a.At = time.UnixMilli(due), time.UnixMilli(at)
		if done != 0 {
			a.Done = time.UnixMilli(done)
		}
		return a, err
	}, `SELECT id, run, service, text, owner, due, who, at, done_at, done_by, note FROM actions
		WHERE (? = '' OR run = ?) AND (NOT ? OR done_at = 0) ORDER BY done_at <> 0, due, id LIMIT 500`, run, run, open)
}
