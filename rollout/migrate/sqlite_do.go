package migrate

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// do carries out a change in the open transaction.
func (l lite) do(ctx context.Context, s *session, c Change, r *row) error {
	u := &r.Undo
	before, err := l.master(ctx, s)
	if err != nil {
		return err
	}
	if u.Before, err = json.Marshal(before); err != nil {
		return fmt.Errorf("keep the definitions: %w", err)
	}
	u.Table = Name{Name: c.Table.Name}
	if t, ok := table(before, c.Table.Name); ok {
		u.Table.Name = t.Name
	}
	if i := slices.IndexFunc(before, func(p object) bool { return c.Op == DropIndex && strings.EqualFold(p.Name, c.To) }); i >= 0 {
		u.Table.Name = before[i].Table
	}
	there, err := l.columns(ctx, s, u.Table)
	if err != nil {
		return err
	}
	has := slices.ContainsFunc(there, func(column string) bool { return strings.EqualFold(column, c.Column) })
	switch {
	case c.Op == Run, c.Op == Insert:
		u.None = c.Op == Insert
	case len(there) == 0 && (c.Op == DropTable || c.Op == DropColumn || c.Op == Update || c.Op == Delete), len(there) > 0 && c.Op == CreateTable:
		u.None = true
	case c.Op == DropTable:
		return l.dropTable(ctx, s, c, u, before)
	case c.Op == DropColumn && has:
		return l.dropColumn(ctx, s, c, u)
	case c.Op == Update && c.Aside == "" && slices.ContainsFunc(before, func(p object) bool { return p.Kind == "trigger" && p.Table == u.Table.Name }):
		if u.Key, err = l.key(ctx, s, u.Table); err != nil {
			return err
		}
		if len(u.Key) > 0 {
			return l.update(ctx, s, c, u, true)
		}
	case c.Op == Update && c.Aside != "":
		triggers := slices.ContainsFunc(before, func(p object) bool { return p.Kind == "trigger" && p.Table == u.Table.Name })
		return l.update(ctx, s, c, u, triggers)
	case c.Op == Delete && c.Aside != "":
		if u.Columns, err = l.columns(ctx, s, u.Table); err != nil {
			return err
		}
		return l.keep(ctx, s, c, u, s.id(u.Columns...), s.from(u, c))
	}
	return s.all(ctx, c.SQL)
}

// dropTable renames the table and drops what hangs on it; its words are kept.
func (l lite) dropTable(ctx context.Context, s *session, c Change, u *undo, before []object) error {
	u.Aside = Name{Name: s.asideName(c.Seq, u.Table.Name)}
	texts := []string{"PRAGMA legacy_alter_table = ON", "ALTER TABLE " + s.name(u.Table) + " RENAME TO " + s.name(u.Aside), "PRAGMA legacy_alter_table = OFF"}
	for _, p := range before {
		if p.Kind != "table" && p.Kind != "view" && p.Table == u.Table.Name {
			texts = append([]string{"DROP " + p.Kind + " " + s.id(p.Name)}, texts...)
		}
	}
	return s.all(ctx, texts...)
}

// keep copies rows or values aside and runs the statement.
func (l lite) keep(ctx context.Context, s *session, c Change, u *undo, selected, from string) (err error) {
	if u.Key, err = l.key(ctx, s, u.Table); err != nil {
		return err
	}
	if len(u.Key) == 0 {
		return fmt.Errorf("%s has no primary key, so its rows cannot be told apart; give it one first", u.Table)
	}
	u.Aside = Name{Name: s.asideName(c.Seq, "rows")}
	return s.all(ctx,
		"CREATE TABLE "+s.name(u.Aside)+" AS SELECT "+selected+from,
		"CREATE UNIQUE INDEX "+s.id(u.Aside.Name+"_key")+" ON "+s.name(u.Aside)+" ("+s.id(u.Key...)+")",
		c.SQL,
	)
}

func (l lite) dropColumn(ctx context.Context, s *session, c Change, u *undo) (err error) {
	if u.Key, err = l.key(ctx, s, u.Table); err != nil {
		return err
	}
	u.Columns = []string{c.Column}
	return l.keep(ctx, s, c, u, s.id(u.Key...)+", "+s.id(c.Column)+" AS "+s.id(was(u.Columns)...), " FROM "+s.name(u.Table))
}

func (l lite) update(ctx context.Context, s *session, c Change, u *undo, any bool) (err error) {
	if u.Key, err = l.key(ctx, s, u.Table); err != nil {
		return err
	}
	if u.Columns = c.Columns; any { // triggers may write into other columns
		if u.Columns, err = l.columns(ctx, s, u.Table); err != nil {
			return err
		}
		u.Columns = slices.DeleteFunc(u.Columns, func(column string) bool { return slices.Contains(u.Key, column) })
	}
	selected := s.id(u.Key...)
	var values, unchanged []string
	for i, column := range u.Columns {
		selected += ", " + s.id(column) + " AS " + s.id(was(u.Columns)[i]) + ", " + s.id(column) + " AS " + s.id(became(u.Columns)[i])
		values = append(values, s.id(became(u.Columns)[i])+" = t."+s.id(column))
		unchanged = append(unchanged, same(SQLite, s.id(was(u.Columns)[i]), s.id(became(u.Columns)[i])))
	}
	if err := l.keep(ctx, s, c, u, selected, s.from(u, c)); err != nil {
		return err
	}
	return s.all(ctx,
		"UPDATE "+s.name(u.Aside)+" AS a SET "+strings.Join(values, ", ")+" FROM "+s.name(u.Table)+" AS t WHERE "+s.join(u.Key),
		"DELETE FROM "+s.name(u.Aside)+" WHERE "+strings.Join(unchanged, " AND "),
	)
}
