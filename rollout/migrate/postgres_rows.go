package migrate

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// hold keeps other sessions from writing to a table until the transaction ends; they can still read.
func (p postgres) hold(ctx context.Context, s *session, u *undo, c Change) (err error) {
	if err := s.all(ctx, "LOCK TABLE "+s.name(u.Table)+" IN SHARE ROW EXCLUSIVE MODE"); err != nil {
		return err
	}
	if u.Key, err = p.key(ctx, s, u.Table); err != nil {
		return err
	}
	if len(u.Key) == 0 {
		return fmt.Errorf("%s has no primary key, so its rows cannot be told apart; give it one first", u.Table)
	}
	u.Aside = Name{s.asideSchema(false), fmt.Sprintf("rows_%d", c.Seq)}
	return s.all(ctx, "CREATE SCHEMA IF NOT EXISTS "+s.id(u.Aside.Schema))
}

// from is the table with the statement's own alias and condition.
func (s *session) from(u *undo, c Change) string {
	text := " FROM " + s.name(u.Table)
	if c.Alias != "" {
		text += " AS " + s.id(c.Alias)
	}
	if c.Where != "" {
		text += " WHERE " + c.Where
	}
	return text
}

// retype keeps, by key, each old value beside the new one: a row whose value is no longer the new one was written meanwhile.
func (p postgres) retype(ctx context.Context, s *session, c Change, u *undo) error {
	if err := p.hold(ctx, s, u, c); err != nil {
		return err
	}
	using, typ := c.Using, c.Type
	if using == "" {
		using = s.id(c.Column)
	}
	if i := strings.Index(strings.ToUpper(typ), " COLLATE "); i >= 0 {
		typ = typ[:i]
	}
	u.Columns = []string{c.Column}
	return s.all(ctx,
		"CREATE TABLE "+s.name(u.Aside)+" AS SELECT "+s.id(u.Key...)+", "+s.id(c.Column)+" AS "+s.id(was(u.Columns)...)+", ("+using+")::"+typ+" AS "+s.id(became(u.Columns)...)+" FROM "+s.name(u.Table),
		"ALTER TABLE "+s.name(u.Aside)+" ADD PRIMARY KEY ("+s.id(u.Key...)+")",
		c.SQL,
	)
}

func (p postgres) update(ctx context.Context, s *session, c Change, u *undo) error {
	if err := p.hold(ctx, s, u, c); err != nil {
		return err
	}
	if err := p.written(ctx, s, c, u); err != nil {
		return err
	}
	var old []string
	for i, column := range u.Columns {
		old = append(old, s.id(column)+" AS "+s.id(was(u.Columns)[i]), s.id(column)+" AS "+s.id(became(u.Columns)[i]))
	}
	var values, unchanged []string
	for i, column := range u.Columns {
		values = append(values, s.id(became(u.Columns)[i])+" = t."+s.id(column))
		unchanged = append(unchanged, same(Postgres, s.id(was(u.Columns)[i]), s.id(became(u.Columns)[i])))
	}
	return s.all(ctx,
		"CREATE TABLE "+s.name(u.Aside)+" AS SELECT "+s.id(u.Key...)+", "+strings.Join(old, ", ")+s.from(u, c),
		"ALTER TABLE "+s.name(u.Aside)+" ADD PRIMARY KEY ("+s.id(u.Key...)+")",
		c.SQL,
		"UPDATE "+s.name(u.Aside)+" a SET "+strings.Join(values, ", ")+" FROM "+s.name(u.Table)+" t WHERE "+s.join(u.Key),
		"DELETE FROM "+s.name(u.Aside)+" WHERE "+strings.Join(unchanged, " AND "),
	)
}

func (p postgres) remove(ctx context.Context, s *session, c Change, u *undo) error {
	if err := p.hold(ctx, s, u, c); err != nil {
		return err
	}
	columns, err := p.writable(ctx, s, u.Table)
	if err != nil {
		return err
	}
	u.Columns = columns
	return s.all(ctx,
		"CREATE TABLE "+s.name(u.Aside)+" AS SELECT "+s.id(u.Columns...)+s.from(u, c),
		"ALTER TABLE "+s.name(u.Aside)+" ADD PRIMARY KEY ("+s.id(u.Key...)+")",
		c.SQL,
	)
}

// written finds the columns that an UPDATE may change: with triggers on the table, any of them.
func (p postgres) written(ctx context.Context, s *session, c Change, u *undo) error {
	triggers, err := p.triggers(ctx, s, u.Table)
	if u.Columns = c.Columns; err != nil || len(triggers) == 0 {
		return err
	}
	u.Columns, err = p.writable(ctx, s, u.Table)
	u.Columns = slices.DeleteFunc(u.Columns, func(column string) bool { return slices.Contains(u.Key, column) })
	return err
}

// writable are the columns that can be written: all but generated ones.
func (postgres) writable(ctx context.Context, s *session, table Name) ([]string, error) {
	return s.strings(ctx, "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass(?) AND attnum > 0 AND NOT attisdropped AND attgenerated = '' ORDER BY attnum", s.name(table))
}
