package migrate

import (
	"context"
	"fmt"
	"slices"
)

// leave puts aside what the abandoned release created; its rows are kept.
func (p postgres) leave(ctx context.Context, s *session, u *undo) error {
	c := u.Change
	kind := "TABLE"
	if c.Op == CreateOther {
		if kind = c.Kind; kind == "VIEW" { // it holds nothing, and would stand in the way of what it reads
			return s.all(ctx, "DROP VIEW "+s.name(u.Table))
		}
	} else {
		now, err := p.table(ctx, s, u.Table)
		if err != nil {
			return err
		}
		if err := p.letGo(ctx, s, now); err != nil {
			return err
		}
		u.Result.Table, u.Result.KeptIn = u.Table.String(), Name{s.asideSchema(true), u.Table.Name}.String()
		if u.Result.Kept, err = s.count(ctx, "SELECT count(*) FROM "+s.name(u.Table)); err != nil {
			return err
		}
	}
	u.Left = []Name{{s.asideSchema(true), u.Table.Name}}
	return p.move(ctx, s, kind, u.Table, s.asideSchema(true))
}

// keepColumn puts aside, with the rows' keys, what was written into a column that the old schema does not have.
func (p postgres) keepColumn(ctx context.Context, s *session, u *undo) error {
	now, err := p.table(ctx, s, u.Table)
	if err != nil {
		return err
	}
	if u.Key, err = p.key(ctx, s, u.Table); err != nil {
		return err
	}
	column, ok := now.column(u.Change.Column)
	if !ok {
		return nil
	}
	if !slices.Contains(u.Key, column.Name) && !column.Automatic {
		columns := slices.Concat(u.Key, []string{column.Name})
		if len(u.Key) == 0 {
			columns = nil
			for _, c := range now.Columns {
				columns = append(columns, c.Name)
			}
		}
		plain := "NULL"
		if column.Default != "" {
			plain = "(" + column.Default + ")"
		}
		left := Name{s.asideSchema(true), fmt.Sprintf("rows_%d", u.Change.Seq)}
		if err := s.all(ctx, "CREATE SCHEMA IF NOT EXISTS "+s.id(left.Schema)); err != nil {
			return err
		}
		if _, err := s.exec(ctx, "CREATE TABLE "+s.name(left)+" AS SELECT "+s.id(columns...)+" FROM "+s.name(u.Table)+" WHERE "+s.id(column.Name)+" IS DISTINCT FROM "+plain); err != nil {
			return fmt.Errorf("put aside the values of %s: %w", column.Name, err)
		}
		if u.Result.Kept, err = s.count(ctx, "SELECT count(*) FROM "+s.name(left)); err != nil {
			return err
		}
		if u.Result.KeptIn = left.String(); u.Result.Kept == 0 {
			u.Result.KeptIn = ""
			err = s.all(ctx, "DROP TABLE "+s.name(left))
		} else {
			u.Left = []Name{left}
		}
		if err != nil {
			return err
		}
	}
	return s.all(ctx, "ALTER TABLE "+s.name(u.Table)+" DROP COLUMN "+s.id(column.Name))
}
