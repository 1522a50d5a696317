package migrate

import (
	"context"
	"fmt"
)

// Settle tells what a person has found out about a statement that was under way when the controller ended, on a database
// where that cannot be looked up: that it happened, or that it did not. Seq is the change's number in the plan.
func (d *Database) Settle(ctx context.Context, p Plan, seq int, happened bool) error {
	return d.session(ctx, true, func(s *session) error {
		s.plan = p.ID
		rows, err := s.rows(ctx)
		if err != nil {
			return err
		}
		for _, r := range rows {
			if r.Seq != seq {
				continue
			}
			if r.State != doing {
				return fmt.Errorf("settle change %d of plan %s: it is noted as %s, and only what was under way can be settled", seq, p.ID, r.State)
			}
			if !happened {
				return s.forget(ctx, seq)
			}
			r.State = done
			return s.save(ctx, &r)
		}
		return fmt.Errorf("settle change %d of plan %s: nothing is noted about it, so it was never begun", seq, p.ID)
	})
}
