package migrate

import (
	"context"
	"fmt"
)

// begin notes that the plan is under way, once.
func (s *session) begin(ctx context.Context, p Plan) (h header, err error) {
	if p.Refused != "" {
		return h, fmt.Errorf("plan %s is refused: %s", p.ID, p.Refused)
	}
	if p.Needs && p.Point == "" {
		return h, fmt.Errorf("plan %s holds changes that cannot be undone and no restore point is named; take one of %s first", p.ID, tableList(p.Tables()))
	}
	s.plan = p.ID
	if err := s.prepare(ctx); err != nil {
		return h, s.explain(ctx, Change{}, err)
	}
	open, err := s.openPlan(ctx)
	if err != nil {
		return h, err
	}
	if open != "" && open != p.ID {
		return h, fmt.Errorf("plan %s cannot begin: plan %s is still open on this database; end that by Contract or Back", p.ID, open)
	}
	h, found, err := s.header(ctx, p.ID)
	if err != nil {
		return h, err
	}
	if found && h.State != planBack {
		s.try = h.Try
		return h, nil
	}
	applied, err := s.applied(ctx)
	if err != nil {
		return h, err
	}
	for _, v := range p.Versions {
		if applied[v] {
			return h, fmt.Errorf("plan %s cannot begin: version %d has been applied by something else since; make the plan again", p.ID, v)
		}
	}
	return s.anew(ctx, p, h, found)
}

// anew writes the plan's row; that of an earlier try which went back is kept under another id until it is cleaned.
func (s *session) anew(ctx context.Context, p Plan, old header, found bool) (header, error) {
	h := header{State: planOpen, Try: 1, Plan: p}
	if there, err := s.hasTable(ctx, s.config.Table); err != nil {
		return h, err
	} else if !there {
		if err := s.goose.CreateVersionTable(ctx, s.conn); err != nil {
			return h, s.explain(ctx, Change{}, fmt.Errorf("create goose's table %s: %w", s.config.Table, err))
		}
	}
	err := s.within(ctx, func() error {
		rows, err := s.goose.ListMigrations(ctx, s.on())
		if err == nil && len(rows) == 0 {
			err = s.noteVersion(ctx, 0, true) // goose expects this row
		}
		if err != nil {
			return err
		}
		if found {
			h.Try = old.Try + 1
			if _, err := s.exec(ctx, "UPDATE "+stateTable+" SET plan = ? WHERE plan = ? AND seq = 0", fmt.Sprintf("%s.%d", p.ID, old.Try), p.ID); err != nil {
				return fmt.Errorf("keep the state of the try before: %w", err)
			}
		}
		s.try = h.Try
		return s.putHeader(ctx, h)
	})
	return h, err
}
