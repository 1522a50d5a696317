package alert

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// Store is the record of alerts, in goodstate's own database.
type Store struct{ DB *sql.DB }

// mostKept bounds the alerts of a service that are kept, the newest ones.
const mostKept = 5000

// Put records an alert; fresh says that it changed something: it is new, or is resolved now.
func (s *Store) Put(ctx context.Context, a Alert, now time.Time) (fresh bool, err error) {
	ends := int64(0)
	if !a.Firing() {
		ends = a.Ends.UnixMilli()
	}
	res, err := s.DB.ExecContext(ctx, `INSERT INTO alerts (service, fingerprint, starts_at, ends_at, name, release, severity, summary, receiver, seen_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (service, fingerprint, starts_at) DO UPDATE SET ends_at = excluded.ends_at, summary = excluded.summary, seen_at = excluded.seen_at WHERE (alerts.ends_at = 0) <> (excluded.ends_at = 0)`,
		a.Service, a.Fingerprint, a.Starts.UnixMilli(), ends, a.Name, a.Release, a.Severity, a.Summary, a.Receiver, now.UnixMilli())
	if err != nil {
		return false, fmt.Errorf("record alert %s: %w", a.Name, err)
	}
	n, err := res.RowsAffected()
	if err != nil || n == 0 {
		return false, err
	}
	_, err = s.DB.ExecContext(ctx, `DELETE FROM alerts WHERE service = ? AND ends_at > 0 AND starts_at < (SELECT starts_at FROM alerts WHERE service = ? ORDER BY starts_at DESC LIMIT 1 OFFSET ?)`, a.Service, a.Service, mostKept)
	return true, err
}

// Since lists the alerts of a service that began at a moment or later, oldest first.
func (s *Store) Since(ctx context.Context, service string, from time.Time) (out []Alert, err error) {
	rows, err := s.DB.QueryContext(ctx, `SELECT service, fingerprint, starts_at, ends_at, name, release, severity, summary, receiver FROM alerts WHERE service = ? AND starts_at >= ? ORDER BY starts_at, fingerprint LIMIT 200`, service, from.UnixMilli())
	if err != nil {
		return nil, fmt.Errorf("list alerts of %s: %w", service, err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var a Alert
		var starts, ends int64
		if err := rows.Scan(&a.Service, &a.Fingerprint, &starts, &ends, &a.Name, &a.Release, &a.Severity, &a.Summary, &a.Receiver); err != nil {
			return nil, fmt.Errorf("list alerts of %s: %w", service, err)
		}
		a.Starts = time.UnixMilli(starts)
		if ends > 0 {
			a.Ends = time.UnixMilli(ends)
		}
		out = append(out, a)
	}
	return out, rows.Err()
}
