package record

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"goodstate.dev/goodstate/core/store"
)

// Lease is a host that a run has in hand.
type Lease struct {
	Address string // what is leased: two inventories may have other names for it
	Host    string
	Run     string
	At      time.Time
}

// Lease takes those hosts for a run that no other run under way holds, by address and name, and returns the others with who holds them. What the run itself holds already, it keeps.
func (b *Book) Lease(ctx context.Context, run string, hosts map[string]string, now time.Time) (held []Lease, err error) {
	tx, err := b.db.BeginTx(ctx, nil)
	if err != nil {
		return nil, store.Advise(fmt.Errorf("lease hosts for run %s: %w", run, err))
	}
	defer func() {
		if err != nil {
			err = store.Advise(fmt.Errorf("lease hosts for run %s: %w", run, errors.Join(err, tx.Rollback())))
		}
	}()
	for address, host := range hosts {
		l := Lease{Address: address}
		var at int64
		err := tx.QueryRowContext(ctx, `SELECT l.host, l.run, l.at FROM drift_leases l JOIN runs r ON r.id = l.run WHERE l.address = ? AND l.run <> ? AND r.state = 'running'`, address, run).
			Scan(&l.Host, &l.Run, &at)
		if err == nil {
			l.At = moment(at)
			held = append(held, l)
			continue
		}
		if !errors.Is(err, sql.ErrNoRows) {
			return nil, err
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO drift_leases (address, host, run, at) VALUES (?, ?, ?, ?)
			ON CONFLICT (address) DO UPDATE SET host = excluded.host, run = excluded.run, at = excluded.at`, address, host, run, now.UnixMilli()); err != nil {
			return nil, err
		}
	}
	return held, tx.Commit()
}

// Release gives back what a run holds.
func (b *Book) Release(ctx context.Context, run string) error {
	_, err := b.db.ExecContext(ctx, `DELETE FROM drift_leases WHERE run = ?`, run)
	return store.Advise(err)
}

// Leases are the hosts that runs under way have in hand.
func (b *Book) Leases(ctx context.Context) ([]Lease, error) {
	return read(ctx, b.db, "leases of hosts", func(scan func(...any) error) (Lease, error) {
		var l Lease
		var at int64
		err := scan(&l.Address, &l.Host, &l.Run, &at)
		l.At = moment(at)
		return l, err
	}, `SELECT l.address, l.host, l.run, l.at FROM drift_leases l JOIN runs r ON r.id = l.run WHERE r.state = 'running' ORDER BY l.host`)
}
