package record

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"goodstate.dev/goodstate/core/store"
)

// Ask is a correction that waits for an approver: one difference on some hosts, or all that differs on them.
type Ask struct {
	ID       string    `json:"id"`
	Playbook string    `json:"playbook"`
	Cause    string    `json:"cause,omitempty"` // empty: all that differs on the hosts
	Task     string    `json:"task,omitempty"`
	Hosts    []string  `json:"hosts"`
	Why      string    `json:"why"`
	Run      string    `json:"run"`
	At       time.Time `json:"at"`
	Until    time.Time `json:"until"`
	Answer   string    `json:"answer,omitempty"` // approved or rejected; empty: nobody has answered
	Who      string    `json:"who,omitempty"`
	Said     string    `json:"said,omitempty"`
	Answered time.Time `json:"answered,omitzero"`
	Diff     string    `json:"diff,omitempty"`
}

// The answers to an Ask.
const (
	Approved = "approved"
	Rejected = "rejected"
)

// ErrAnswered says that somebody has answered already, or that it is too late.
var ErrAnswered = errors.New("it cannot be answered any more")

// PutAsk records an ask, unless the same is open already: then that one is meant, with the hosts as they are now.
func (b *Book) PutAsk(ctx context.Context, a Ask) (fresh bool, err error) {
	hosts, err := json.Marshal(a.Hosts)
	if err != nil {
		return false, err
	}
	set, err := b.db.ExecContext(ctx, `UPDATE drift_asks SET hosts = ?, why = ?, run = ? WHERE playbook = ? AND cause = ? AND answer = '' AND until > ?`,
		string(hosts), a.Why, a.Run, a.Playbook, a.Cause, a.At.UnixMilli())
	if err != nil {
		return false, store.Advise(fmt.Errorf("record what is asked: %w", err))
	}
	if n, err := set.RowsAffected(); err != nil || n > 0 {
		return false, err
	}
	_, err = b.db.ExecContext(ctx, `INSERT INTO drift_asks (id, playbook, cause, task, hosts, why, run, at, until, answer, who, said, answered_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, '', '', '', 0) ON CONFLICT (id) DO NOTHING`,
		a.ID, a.Playbook, a.Cause, a.Task, string(hosts), a.Why, a.Run, a.At.UnixMilli(), a.Until.UnixMilli())
	return true, store.Advise(err)
}

const askColumns = `a.id, a.playbook, a.cause, a.task, a.hosts, a.why, a.run, a.at, a.until, a.answer, a.who, a.said, a.answered_at, COALESCE(c.diff, '')`

func scanAsk(scan func(...any) error) (a Ask, err error) {
	var hosts string
	var at, until, answered int64
	if err := scan(&a.ID, &a.Playbook, &a.Cause, &a.Task, &hosts, &a.Why, &a.Run, &at, &until, &a.Answer, &a.Who, &a.Said, &answered, &a.Diff); err != nil {
		return a, err
	}
	a.At, a.Until, a.Answered = moment(at), moment(until), moment(answered)
	return a, json.Unmarshal([]byte(hosts), &a.Hosts)
}

// Asks are those that wait for an answer, the oldest first: those whose difference is still there. An empty playbook is all.
func (b *Book) Asks(ctx context.Context, playbook string, now time.Time) ([]Ask, error) {
	return read(ctx, b.db, "what is asked", scanAsk, `SELECT `+askColumns+` FROM drift_asks a LEFT JOIN drift_causes c ON c.cause = a.cause
		WHERE a.answer = '' AND a.until > ? AND (? = '' OR a.playbook = ?) AND (a.cause = '' OR EXISTS (SELECT 1 FROM drift_resources r WHERE r.cause = a.cause AND r.playbook = a.playbook))
		ORDER BY a.at, a.id LIMIT ?`, now.UnixMilli(), playbook, playbook, limit(0))
}

// Ask is one of them; ErrNone if there is none.
func (b *Book) Ask(ctx context.Context, id string) (Ask, error) {
	a, err := scanAsk(b.db.QueryRowContext(ctx, `SELECT `+askColumns+` FROM drift_asks a LEFT JOIN drift_causes c ON c.cause = a.cause WHERE a.id = ?`, id).Scan)
	if err = none(err); err != nil {
		return a, fmt.Errorf("correction that waits for approval %s: %w", id, err)
	}
	return a, nil
}

// Answer records an answer, once.
func (b *Book) Answer(ctx context.Context, id, answer, who, said string, now time.Time) (Ask, error) {
	set, err := b.db.ExecContext(ctx, `UPDATE drift_asks SET answer = ?, who = ?, said = ?, answered_at = ? WHERE id = ? AND answer = '' AND until > ?`, answer, who, said, now.UnixMilli(), id, now.UnixMilli())
	if err != nil {
		return Ask{}, store.Advise(fmt.Errorf("answer %s: %w", id, err))
	}
	a, err := b.Ask(ctx, id)
	if err != nil {
		return a, err
	}
	if n, err := set.RowsAffected(); err != nil || n == 0 {
		if a.Answer != "" {
			return a, errors.Join(err, fmt.Errorf("%s was %s by %s at %s: %w", id, a.Answer, a.Who, a.Answered.Local().Format("2006-01-02 15:04"), ErrAnswered))
		}
		return a, errors.Join(err, fmt.Errorf("%s waited until %s: %w", id, a.Until.Local().Format("2006-01-02 15:04"), ErrAnswered))
	}
	return a, nil
}

// LastDue is when a schedule was due last, and what came of it; the zero time: never.
func (b *Book) LastDue(ctx context.Context, name string) (at time.Time, said string, err error) {
	var ms int64
	err = b.db.QueryRowContext(ctx, `SELECT last_at, said FROM drift_schedules WHERE name = ?`, name).Scan(&ms, &said)
	if errors.Is(err, sql.ErrNoRows) {
		return time.Time{}, "", nil
	}
	return moment(ms), said, store.Advise(err)
}

// SetDue notes that a schedule was due, and what came of it.
func (b *Book) SetDue(ctx context.Context, name string, at time.Time, said string) error {
	_, err := b.db.ExecContext(ctx, `INSERT INTO drift_schedules (name, last_at, said) VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE SET last_at = excluded.last_at, said = excluded.said`, name, at.UnixMilli(), said)
	return store.Advise(err)
}

// Refused says by cause who refused its correction, as long as that counts.
func (b *Book) Refused(ctx context.Context, playbook string, now time.Time) (map[string]string, error) {
	out := map[string]string{}
	_, err := read(ctx, b.db, "refused corrections", func(scan func(...any) error) (string, error) {
		var cause, who, said string
		err := scan(&cause, &who, &said)
		out[cause] = "refused by " + who
		if said != "" {
			out[cause] += ": " + said
		}
		return cause, err
	}, `SELECT cause, who, said FROM drift_asks WHERE playbook = ? AND answer = ? AND until > ? ORDER BY answered_at`, playbook, Rejected, now.UnixMilli())
	return out, err
}
