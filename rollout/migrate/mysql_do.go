package migrate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// do carries out a change. Where it was interrupted before, the row says so and what the table looked like then.
func (m mariadb) do(ctx context.Context, s *session, c Change, r *row) error {
	u := &r.Undo
	again := r.State == doing
	if !again {
		u.Table = c.Table
		before, err := m.look(ctx, s, c.Table)
		if err != nil {
			return fmt.Errorf("look at %s: %w", c.Table, err)
		}
		u.Look = before
		if u.Before, err = json.Marshal(before); err != nil {
			return fmt.Errorf("keep the definition of %s: %w", c.Table, err)
		}
		there := before != ""
		u.None = (c.Op == CreateTable || c.Op == CreateOther) == there && c.Op != Run
		if c.Op == AddColumn || c.Op == DropColumn {
			_, has := find(parseTable(before).columns, c.Column)
			u.None = u.None || has == (c.Op == AddColumn)
		}
	}
	timed, err := m.timed(ctx, s, c.Table)
	if err != nil {
		return fmt.Errorf("look at the columns of %s: %w", c.Table, err)
	}
	switch {
	case c.Op == Run:
		return m.run(ctx, s, c, r, again)
	case u.None:
		_, err := s.exec(ctx, c.SQL)
		return err
	case c.Op == Update && c.Aside == "" && len(timed) > 0: // the server writes into those
		return m.rows(ctx, s, c, r)
	case c.Op == Insert, (c.Op == Update || c.Op == Delete) && c.Aside == "":
		return m.together(ctx, s, r, func() error { return s.all(ctx, c.SQL) })
	case c.Op == DropTable || c.Op == DropOther:
		return m.dropSoftly(ctx, s, c, r)
	case c.Op == DropColumn:
		return m.dropColumnSoftly(ctx, s, c, r)
	case c.Op == Retype && c.Aside != "":
		return m.retype(ctx, s, c, r, again)
	case c.Op == Update || c.Op == Delete:
		return m.rows(ctx, s, c, r)
	}
	if again {
		now, err := m.look(ctx, s, c.Table)
		if err != nil || now != u.Look {
			return err // it happened
		}
	}
	if err := m.intend(ctx, s, r, doing); err != nil {
		return err
	}
	_, err = s.exec(ctx, c.SQL)
	return err
}

// intend notes that a statement is about to be sent.
func (mariadb) intend(ctx context.Context, s *session, r *row, state string) error {
	r.State = state
	return s.save(ctx, r)
}

// together runs data statements in one transaction with the note that they are done.
func (mariadb) together(ctx context.Context, s *session, r *row, f func() error) error {
	return s.within(ctx, func() error {
		if err := f(); err != nil {
			return err
		}
		r.State = done
		return s.save(ctx, r)
	})
}

var errUnsettled = errors.New("the controller ended while this statement ran, and from outside it cannot be told whether it happened; look, and settle it")

// run runs what is not understood. If it was interrupted, only a person can see whether it happened.
func (m mariadb) run(ctx context.Context, s *session, c Change, r *row, again bool) error {
	first := strings.ToUpper(strings.Fields(c.SQL)[0])
	if slices.Contains([]string{"INSERT", "UPDATE", "DELETE", "REPLACE", "WITH"}, first) {
		return m.together(ctx, s, r, func() error { return s.all(ctx, c.SQL) })
	}
	if again {
		return errUnsettled
	}
	if err := m.intend(ctx, s, r, doing); err != nil {
		return err
	}
	_, err := s.exec(ctx, c.SQL)
	return err
}
