// Package ledger keeps what goodstate knows of backups beside the repositories: how far each restore point is proven, alerts, and which repositories are frozen. It
// decides nothing. What a repository itself says is never in doubt because of it: the ledger only adds.
package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"goodstate.dev/goodstate/backup/plan"
	"goodstate.dev/goodstate/core/store"
)

// Ledger is the record in a database.
type Ledger struct{ DB *sql.DB }

// Point is what is known of a restore point.
type Point struct {
	Repository  string     `json:"repository"`
	ID          string     `json:"id"`
	Application string     `json:"application"`
	At          time.Time  `json:"at"`
	Bytes       int64      `json:"bytes"`   // read
	Fresh       int64      `json:"fresh"`   // that the repository did not have
	Written     int64      `json:"written"` // that those took
	Files       int64      `json:"files,omitempty"`
	Complete    bool       `json:"complete"`
	Level       plan.Level `json:"level"`
	LevelAt     time.Time  `json:"level_at"`
	Run         string     `json:"run,omitempty"`    // what brought it to the level
	Damage      string     `json:"damage,omitempty"` // what is wrong with it
	Gone        time.Time  `json:"gone,omitzero"`    // when goodstate itself let it go
	GoneBy      string     `json:"gone_by,omitempty"`
}

func wrap(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return store.Advise(fmt.Errorf(format+": %w", append(args, err)...))
}

// Add records a new restore point. The same again changes nothing.
func (l *Ledger) Add(ctx context.Context, p Point) error {
	_, err := l.DB.ExecContext(ctx, `INSERT INTO restore_points (repository, id, application, at, bytes, fresh, written, files, complete, level, level_at, run, damage)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '') ON CONFLICT (repository, id) DO NOTHING`,
		p.Repository, p.ID, p.Application, p.At.UnixMilli(), p.Bytes, p.Fresh, p.Written, p.Files, bit(p.Complete), int(p.Level), p.LevelAt.UnixMilli(), p.Run)
	return wrap(err, "record restore point %s", p.ID)
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Raise notes what a point is proven to be. It never lowers a level that an earlier proof reached: that proof was for the bytes at its time, and damage has a note of
// its own.
func (l *Ledger) Raise(ctx context.Context, repository, id string, level plan.Level, run string, at time.Time) error {
	_, err := l.DB.ExecContext(ctx, `UPDATE restore_points SET level_at = ?, run = ?, damage = '', level = ? WHERE repository = ? AND id = ? AND level <= ?`,
		at.UnixMilli(), run, int(level), repository, id, int(level))
	if err == nil {
		_, err = l.DB.ExecContext(ctx, `UPDATE restore_points SET damage = '' WHERE repository = ? AND id = ? AND level > ? AND ? >= 2`, repository, id, int(level), int(level))
	}
	return wrap(err, "note the proof of restore point %s", id)
}

// Damage notes that a point cannot be restored whole any more: it is worth no more than having been written.
func (l *Ledger) Damage(ctx context.Context, repository, id, what, run string, at time.Time) error {
	_, err := l.DB.ExecContext(ctx, `UPDATE restore_points SET level = 0, level_at = ?, run = ?, damage = ? WHERE repository = ? AND id = ?`, at.UnixMilli(), run, what, repository, id)
	return wrap(err, "note the damage of restore point %s", id)
}

// Gone notes that goodstate let a point go, and by whose rule or wish.
func (l *Ledger) Gone(ctx context.Context, repository, id, by string, at time.Time) error {
	_, err := l.DB.ExecContext(ctx, `UPDATE restore_points SET gone_at = ?, gone_by = ? WHERE repository = ? AND id = ?`, at.UnixMilli(), by, repository, id)
	return wrap(err, "note that restore point %s is let go", id)
}

// Lost notes that a point is not in the repository any more, and goodstate did not let it go.
func (l *Ledger) Lost(ctx context.Context, repository, id string, at time.Time) error {
	_, err := l.DB.ExecContext(ctx, `UPDATE restore_points SET damage = ?, level = 0, gone_at = ?, gone_by = '' WHERE repository = ? AND id = ? AND gone_at = 0`, "it is gone from the repository", at.UnixMilli(), repository, id)
	return wrap(err, "note that restore point %s is lost", id)
}

const columns = "repository, id, application, at, bytes, fresh, written, files, complete, level, level_at, run, damage, gone_at, gone_by"

// Points lists what is known of a repository's restore points, the oldest first; of one application where it is named.
func (l *Ledger) Points(ctx context.Context, repository, application string) (out []Point, err error) {
	rows, err := l.DB.QueryContext(ctx, "SELECT "+columns+" FROM restore_points WHERE repository = ? AND (? = '' OR application = ?) ORDER BY at, id", repository, application, application)
	if err != nil {
		return nil, wrap(err, "list restore points of %s", repository)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		p := Point{}
		var at, levelAt, gone int64
		var complete, level int
		if err := rows.Scan(&p.Repository, &p.ID, &p.Application, &at, &p.Bytes, &p.Fresh, &p.Written, &p.Files, &complete, &level, &levelAt, &p.Run, &p.Damage, &gone, &p.GoneBy); err != nil {
			return nil, wrap(err, "list restore points of %s", repository)
		}
		p.At, p.LevelAt, p.Complete = time.UnixMilli(at), time.UnixMilli(levelAt), complete != 0
		p.Level = plan.Level(max(0, min(level, int(plan.Proven))))
		if gone != 0 {
			p.Gone = time.UnixMilli(gone)
		}
		out = append(out, p)
	}
	return out, wrap(rows.Err(), "list restore points of %s", repository)
}

// Words says the level of a point, and what is wrong with it.
func (p Point) Words() string {
	text := p.Level.String()
	if !p.Complete {
		text += ", incomplete"
	}
	if p.Damage != "" {
		text += ", DAMAGED: " + strings.TrimSpace(p.Damage)
	}
	return text
}
