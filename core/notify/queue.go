package notify

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// The states of a notice.
const (
	waiting   = "waiting"
	delivered = "delivered"
	dead      = "dead"
)

// keep is how long delivered and dead notices stay: as long, an event that comes again is recognised.
const keep = 7 * 24 * time.Hour

// queue is the table of notices. Each channel's notices are in the order of created_at, which never repeats within a channel.
type queue struct{ db *sql.DB }

// row is one notice of the table.
type row struct {
	id       string
	payload  string
	attempts int
	next     time.Time
	created  time.Time
}

// add puts an event into the lines of these channels, in one transaction; an event that is in a line already stays where it is.
func (q queue) add(ctx context.Context, e Event, payload string, channels []string, now time.Time) error {
	tx, err := q.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("store the notice %s: %w", e.ID, err)
	}
	for _, channel := range channels {
		_, err := tx.ExecContext(ctx, `INSERT INTO notices (id, run, channel, payload, state, attempts, next_at, error, created_at)
			SELECT $1, $2, $3, $4, $5, 0, $6, '', CASE WHEN line.last >= $6 THEN line.last + 1 ELSE $6 END
			FROM (SELECT COALESCE(MAX(created_at), 0) AS last FROM notices WHERE channel = $3) AS line WHERE true
			ON CONFLICT (id) DO NOTHING`,
			e.ID+"/"+channel, e.Run, channel, payload, waiting, now.UnixMilli())
		if err != nil {
			return fmt.Errorf("store the notice %s for %s: %w", e.ID, channel, errors.Join(err, tx.Rollback()))
		}
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("store the notice %s: %w", e.ID, err)
	}
	return nil
}

// head returns the first notice that waits for a channel, and false if none does.
func (q queue) head(ctx context.Context, channel string) (row, bool, error) {
	var r row
	var next, created int64
	err := q.db.QueryRowContext(ctx, `SELECT id, payload, attempts, next_at, created_at FROM notices
		WHERE channel = $1 AND state = $2 ORDER BY created_at LIMIT 1`, channel, waiting).Scan(&r.id, &r.payload, &r.attempts, &next, &created)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return row{}, false, nil
	case err != nil:
		return row{}, false, fmt.Errorf("look for notices to %s: %w", channel, err)
	}
	r.next, r.created = time.UnixMilli(next), time.UnixMilli(created)
	return r, true, nil
}

// done records the end of an attempt.
func (q queue) done(ctx context.Context, r row, state, problem string, next time.Time) error {
	_, err := q.db.ExecContext(ctx, `UPDATE notices SET state = $2, attempts = $3, next_at = $4, error = $5 WHERE id = $1`,
		r.id, state, r.attempts, next.UnixMilli(), problem)
	if err != nil {
		return fmt.Errorf("record the notice %s as %s: %w", r.id, state, err)
	}
	return nil
}

// tidy forgets what is over for long, and gives up what has waited too long for a channel that nobody serves any more.
func (q queue) tidy(ctx context.Context, served func(channel string) bool, now time.Time) error {
	if _, err := q.db.ExecContext(ctx, `DELETE FROM notices WHERE state IN ($1, $2) AND created_at < $3`, delivered, dead, now.Add(-keep).UnixMilli()); err != nil {
		return fmt.Errorf("forget old notices: %w", err)
	}
	left, err := q.undelivered(ctx)
	if err != nil {
		return err
	}
	for _, u := range left {
		if u.Dead || served(u.Channel) || now.Sub(u.Created) < oldest {
			continue
		}
		lost := row{id: u.ID, attempts: u.Attempts}
		if err := q.done(ctx, lost, dead, "the channel "+u.Channel+" is not in the configuration any more", now); err != nil {
			return err
		}
	}
	return nil
}

// Undelivered is a notice that did not arrive, or not yet.
type Undelivered struct {
	ID       string    `json:"id"`
	Channel  string    `json:"channel"`
	Type     string    `json:"type"`
	Title    string    `json:"title"`
	Run      string    `json:"run,omitempty"`
	Dead     bool      `json:"dead"` // it was given up
	Attempts int       `json:"attempts"`
	Error    string    `json:"error,omitempty"` // of the last attempt
	Next     time.Time `json:"next,omitzero"`   // when it is tried again
	Created  time.Time `json:"created"`
}

func (q queue) undelivered(ctx context.Context) ([]Undelivered, error) {
	rows, err := q.db.QueryContext(ctx, `SELECT id, channel, payload, run, state, attempts, error, next_at, created_at FROM notices
		WHERE state IN ($1, $2) ORDER BY created_at, id`, waiting, dead)
	if err != nil {
		return nil, fmt.Errorf("list undelivered notices: %w", err)
	}
	defer rows.Close()
	var all []Undelivered
	for rows.Next() {
		var u Undelivered
		var payload, state string
		var next, created int64
		if err := rows.Scan(&u.ID, &u.Channel, &payload, &u.Run, &state, &u.Attempts, &u.Error, &next, &created); err != nil {
			return nil, fmt.Errorf("list undelivered notices: %w", err)
		}
		e, err := decode(payload)
		if err != nil {
			e.Title = "a notice that cannot be read"
		}
		u.Type, u.Title, u.Dead, u.Created = e.Type, e.Title, state == dead, time.UnixMilli(created)
		if !u.Dead {
			u.Next = time.UnixMilli(next)
		}
		all = append(all, u)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("list undelivered notices: %w", err)
	}
	return all, nil
}
