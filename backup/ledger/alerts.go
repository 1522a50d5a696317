package ledger

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Alert is something that a person should look at: it looks like an attack on the copies, or a mistake with them.
type Alert struct {
	ID          string          `json:"id"`
	Kind        string          `json:"kind"`
	Repository  string          `json:"repository"`
	Application string          `json:"application,omitempty"`
	Severity    string          `json:"severity"`
	Text        string          `json:"text"`
	Evidence    json.RawMessage `json:"evidence,omitempty"`
	At          time.Time       `json:"at"`
	Closed      time.Time       `json:"closed,omitzero"`
	ClosedBy    string          `json:"closed_by,omitempty"`
	Note        string          `json:"note,omitempty"`
}

// ErrNoAlert says that there is no open alert of that id.
var ErrNoAlert = errors.New("no open alert of that id; goodstate backup alerts lists them")

// Raised records an alert and says whether it is new.
func (l *Ledger) Raised(ctx context.Context, a Alert) (bool, error) {
	if len(a.Evidence) == 0 {
		a.Evidence = json.RawMessage("null")
	}
	res, err := l.DB.ExecContext(ctx, `INSERT INTO backup_alerts (id, kind, repository, application, severity, text, evidence, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`,
		a.ID, a.Kind, a.Repository, a.Application, a.Severity, a.Text, string(a.Evidence), a.At.UnixMilli())
	if err != nil {
		return false, wrap(err, "record alert %s", a.ID)
	}
	n, err := res.RowsAffected()
	return n > 0, wrap(err, "record alert %s", a.ID)
}

// Close notes that a person has looked at an alert.
func (l *Ledger) Close(ctx context.Context, id, who, note string, at time.Time) error {
	res, err := l.DB.ExecContext(ctx, `UPDATE backup_alerts SET closed_at = ?, closed_by = ?, note = ? WHERE id = ? AND closed_at = 0`, at.UnixMilli(), who, note, id)
	if err != nil {
		return wrap(err, "close alert %s", id)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return errors.Join(err, fmt.Errorf("close alert %s: %w", id, ErrNoAlert))
	}
	return nil
}

// Alerts lists alerts, the open ones first and then the newest; with open only those.
func (l *Ledger) Alerts(ctx context.Context, open bool) (out []Alert, err error) {
	rows, err := l.DB.QueryContext(ctx, `SELECT id, kind, repository, application, severity, text, evidence, at, closed_at, closed_by, note FROM backup_alerts
		WHERE (? = 0 OR closed_at = 0) ORDER BY closed_at <> 0, at DESC, id LIMIT 500`, bit(open))
	if err != nil {
		return nil, wrap(err, "list alerts")
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var a Alert
		var evidence string
		var at, closed int64
		if err := rows.Scan(&a.ID, &a.Kind, &a.Repository, &a.Application, &a.Severity, &a.Text, &evidence, &at, &closed, &a.ClosedBy, &a.Note); err != nil {
			return nil, wrap(err, "list alerts")
		}
		a.At, a.Evidence = time.UnixMilli(at), json.RawMessage(evidence)
		if closed != 0 {
			a.Closed = time.UnixMilli(closed)
		}
		out = append(out, a)
	}
	return out, wrap(rows.Err(), "list alerts")
}

// Frozen is a repository of which nothing is deleted.
type Frozen struct {
	Repository string    `json:"repository"`
	Why        string    `json:"why"`
	At         time.Time `json:"at"`
}

// Freeze keeps everything of a repository until Thaw. An earlier reason stays.
func (l *Ledger) Freeze(ctx context.Context, f Frozen) error {
	_, err := l.DB.ExecContext(ctx, `INSERT INTO backup_frozen (repository, why, at) VALUES (?, ?, ?) ON CONFLICT (repository) DO NOTHING`, f.Repository, f.Why, f.At.UnixMilli())
	return wrap(err, "freeze repository %s", f.Repository)
}

// Thaw lets a repository go, and says whether it was frozen.
func (l *Ledger) Thaw(ctx context.Context, repository string) (bool, error) {
	res, err := l.DB.ExecContext(ctx, `DELETE FROM backup_frozen WHERE repository = ?`, repository)
	if err != nil {
		return false, wrap(err, "let repository %s go", repository)
	}
	n, err := res.RowsAffected()
	return n > 0, wrap(err, "let repository %s go", repository)
}

// Frozen lists the frozen repositories.
func (l *Ledger) Frozen(ctx context.Context) (out []Frozen, err error) {
	rows, err := l.DB.QueryContext(ctx, `SELECT repository, why, at FROM backup_frozen ORDER BY repository`)
	if err != nil {
		return nil, wrap(err, "list frozen repositories")
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var f Frozen
		var at int64
		if err := rows.Scan(&f.Repository, &f.Why, &at); err != nil {
			return nil, wrap(err, "list frozen repositories")
		}
		f.At = time.UnixMilli(at)
		out = append(out, f)
	}
	return out, wrap(rows.Err(), "list frozen repositories")
}

// Look reads what was seen last of a repository, and says whether there is anything.
func (l *Ledger) Look(ctx context.Context, repository string, into any) (bool, error) {
	var text string
	err := l.DB.QueryRowContext(ctx, `SELECT json FROM backup_looks WHERE repository = ?`, repository).Scan(&text)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err == nil {
		err = json.Unmarshal([]byte(text), into)
	}
	return err == nil, wrap(err, "what was seen last of repository %s", repository)
}

// Looked keeps what was seen of a repository.
func (l *Ledger) Looked(ctx context.Context, repository string, v any) error {
	text, err := json.Marshal(v)
	if err == nil {
		_, err = l.DB.ExecContext(ctx, `INSERT INTO backup_looks (repository, json) VALUES (?, ?) ON CONFLICT (repository) DO UPDATE SET json = excluded.json`, repository, string(text))
	}
	return wrap(err, "keep what was seen of repository %s", repository)
}
