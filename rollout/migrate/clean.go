package migrate

import (
	"context"
	"fmt"
	"time"
)

// Clean removes what was put aside by plans that ended longer ago than the configuration keeps it, and says by which. It
// removes nothing of a plan whose watch is not over.
func (d *Database) Clean(ctx context.Context) (cleaned []string, err error) {
	err = d.session(ctx, true, func(s *session) error {
		if there, err := s.hasTable(ctx, stateTable); err != nil || !there {
			return err
		}
		before := d.now().Add(-d.config.Keep.Std())
		due, err := s.strings(ctx, "SELECT plan FROM "+stateTable+" WHERE seq = 0 AND state <> ? AND at < ? ORDER BY at", planOpen, before.Unix())
		if err != nil {
			return fmt.Errorf("look for what has been put aside since before %s: %w", before.Format(time.RFC3339), err)
		}
		for _, id := range due {
			done, err := s.cleanPlan(ctx, id)
			if err != nil {
				return fmt.Errorf("remove what plan %s put aside: %w", id, s.explain(ctx, Change{}, err))
			}
			if done {
				cleaned = append(cleaned, id)
			}
		}
		return nil
	})
	return cleaned, err
}

func (s *session) cleanPlan(ctx context.Context, id string) (bool, error) {
	h, found, err := s.header(ctx, id)
	if err != nil || !found || h.Clean {
		return false, err
	}
	s.plan, s.try = h.Plan.ID, h.Try
	var rows []row
	if h.State == planOver {
		if rows, err = s.rows(ctx); err != nil {
			return false, err
		}
	}
	for i, u := range h.Rows {
		rows = append(rows, row{Seq: -i, Undo: u})
	}
	work := func() error {
		if err := s.engine.clean(ctx, s, rows); err != nil {
			return err
		}
		return s.within(ctx, func() error {
			if h.State == planOver {
				if _, err := s.exec(ctx, "DELETE FROM "+stateTable+" WHERE plan = ? AND seq > 0", s.plan); err != nil {
					return err
				}
			}
			h.Clean, h.Rows = true, nil
			return s.put(ctx, id, 0, h.State, "", h)
		})
	}
	once := work
	if s.engine.transactional() {
		once = func() error { return s.within(ctx, work) }
	}
	return true, s.patiently(ctx, once)
}
