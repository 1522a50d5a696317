package migrate

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
)

// undo brings back what was before a change. Each of its steps looks whether it has been done.
func (m mariadb) undo(ctx context.Context, s *session, r *row) error {
	u := &r.Undo
	c := u.Change
	var before string
	if err := json.Unmarshal(u.Before, &before); err != nil {
		return fmt.Errorf("read the definition that was kept: %w", err)
	}
	if r.State == doing && c.Op == Run {
		return errUnsettled
	}
	if r.State == doing {
		now, err := m.look(ctx, s, c.Table)
		if err != nil {
			return err
		}
		if now == u.Look && u.Column == "" { // it was noted and never happened
			return m.discard(ctx, s, u)
		}
	}
	if c.Op != Run && c.Op != CreateOther && c.Op != DropOther {
		u.Result.Table = u.Table.String()
	}
	if r.State != undoing {
		if err := m.intend(ctx, s, r, undoing); err != nil {
			return err
		}
	}
	if err := m.step(ctx, s, r, before); err != nil {
		return err
	}
	if u.Result.Table == "" || c.Op == CreateTable {
		return nil
	}
	var err error
	u.Result.Rows, err = s.count(ctx, "SELECT count(*) FROM "+s.name(u.Table))
	return err
}

func (m mariadb) discard(ctx context.Context, s *session, u *undo) error {
	if u.Aside.Name == "" || u.Change.Op == DropTable || u.Change.Op == DropOther {
		return nil
	}
	return s.all(ctx, "DROP TABLE IF EXISTS "+s.name(u.Aside))
}

func (m mariadb) step(ctx context.Context, s *session, r *row, before string) error {
	u := &r.Undo
	c := u.Change
	switch c.Op {
	case Run:
		return m.down(ctx, s, r)
	case CreateOther:
		return s.all(ctx, "DROP VIEW IF EXISTS "+s.name(c.Table))
	case CreateTable:
		return m.leave(ctx, s, r)
	case DropTable, DropOther, RenameTable:
		from := u.Aside
		if c.Op == RenameTable {
			from = Name{c.Table.Schema, c.To}
		}
		there, err := m.look(ctx, s, from)
		if err != nil {
			return err
		}
		if there != "" {
			if err := s.all(ctx, "RENAME TABLE "+s.name(from)+" TO "+s.name(u.Table)); err != nil {
				return err
			}
		}
		if c.Op == DropTable {
			return m.restore(ctx, s, u.Table, before, u)
		}
		return nil
	case RenameColumn:
		columns, err := m.columns(ctx, s, u.Table)
		if err != nil || !slices.Contains(columns, c.To) {
			return err
		}
		return s.all(ctx, "ALTER TABLE "+s.name(u.Table)+" RENAME COLUMN "+s.id(c.To)+" TO "+s.id(c.Column))
	case AddColumn:
		return m.columnAway(ctx, s, r, before)
	case DropColumn:
		return m.holding(ctx, s, []string{s.name(u.Table)}, func() error { return m.columnBack(ctx, s, r, before) })
	case Retype:
		if u.Aside.Name != "" {
			return m.typeBack(ctx, s, r, before)
		}
	case Update, Delete:
		if u.Aside.Name == "" {
			return nil
		}
		return m.rowsBack(ctx, s, r)
	case Insert:
		return nil
	}
	return m.restore(ctx, s, u.Table, before, u)
}

// down runs the file's Down section. How far it came is noted after each statement.
func (m mariadb) down(ctx context.Context, s *session, r *row) error {
	u := &r.Undo
	for len(u.Change.Down) > 0 {
		if err := s.all(ctx, u.Change.Down[0]); err != nil {
			return fmt.Errorf("the Down section of %s failed with %d statements to go: %w", u.Change.File, len(u.Change.Down), err)
		}
		u.Change.Down = u.Change.Down[1:]
		if err := s.save(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

// leave puts aside what the abandoned release created; its rows are kept.
func (m mariadb) leave(ctx context.Context, s *session, r *row) (err error) {
	u := &r.Undo
	there, err := m.look(ctx, s, u.Table)
	if err != nil || there == "" {
		return err
	}
	left := Name{u.Table.Schema, s.asideName(u.Change.Seq, "new_"+u.Table.Name)}
	if u.Result.Kept, err = s.count(ctx, "SELECT count(*) FROM "+s.name(u.Table)); err != nil {
		return err
	}
	u.Left, u.Result.KeptIn = []Name{left}, left.String()
	if err := s.save(ctx, r); err != nil {
		return err
	}
	if err := m.letGo(ctx, s, u.Table); err != nil {
		return err
	}
	return s.all(ctx, "RENAME TABLE "+s.name(u.Table)+" TO "+s.name(left))
}
