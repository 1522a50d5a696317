package record

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"goodstate.dev/goodstate/core/store"
)

// CorrectionState is what became of a host that a run was to correct.
type CorrectionState string

// The states of a correction. Those that were not reached when a run ended are "left", and one that was under way then is "unknown".
const (
	Waiting   CorrectionState = "waiting"
	Begun     CorrectionState = "begun"
	Done      CorrectionState = "corrected" // and looked at again
	NotDone   CorrectionState = "failed"
	Left      CorrectionState = "left"    // nothing was done there
	Uncertain CorrectionState = "unknown" // the run ended in the middle
)

// Correction is one host of a run that corrects.
type Correction struct {
	Host  string          `json:"host"`
	State CorrectionState `json:"state"`
	Why   string          `json:"why,omitempty"`
	At    time.Time       `json:"at"`
}

// SetCorrections notes how hosts of a run are.
func (b *Book) SetCorrections(ctx context.Context, run string, all []Correction) (err error) {
	tx, err := b.db.BeginTx(ctx, nil)
	if err != nil {
		return store.Advise(fmt.Errorf("note the corrections of run %s: %w", run, err))
	}
	for _, c := range all {
		if err := setCorrection(ctx, tx, run, c); err != nil {
			return store.Advise(fmt.Errorf("note the correction of %s in run %s: %w", c.Host, run, errors.Join(err, tx.Rollback())))
		}
	}
	return store.Advise(tx.Commit())
}

func setCorrection(ctx context.Context, tx *sql.Tx, run string, c Correction) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO drift_corrections (run, host, state, why, at) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (run, host) DO UPDATE SET state = excluded.state, why = excluded.why, at = excluded.at`, run, c.Host, string(c.State), c.Why, c.At.UnixMilli())
	return err
}

// Corrections are the hosts that a run corrects, by name. Of a run that is over, nothing is waiting or under way.
func (b *Book) Corrections(ctx context.Context, run string) ([]Correction, error) {
	return read(ctx, b.db, "corrections of run "+run, func(scan func(...any) error) (Correction, error) {
		var c Correction
		var at int64
		var over int
		err := scan(&c.Host, &c.State, &c.Why, &at, &over)
		c.At = moment(at)
		return c.over(over == 1), err
	}, `SELECT c.host, c.state, c.why, c.at, CASE WHEN r.state = 'running' THEN 0 ELSE 1 END FROM drift_corrections c LEFT JOIN runs r ON r.id = c.run WHERE c.run = ? ORDER BY c.host`, run)
}

// over is how the correction is when its run is over.
func (c Correction) over(over bool) Correction {
	switch {
	case over && c.State == Waiting:
		c.State, c.Why = Left, "the run ended before it came to this host"
	case over && c.State == Begun:
		c.State, c.Why = Uncertain, "the run ended while this host was being corrected; the next look says how it is"
	}
	return c
}
