package migrate

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// undo brings back what was before a change, in the open transaction.
func (l lite) undo(ctx context.Context, s *session, r *row) error {
	u := &r.Undo
	c := u.Change
	if c.Op == Run {
		return s.all(ctx, c.Down...)
	}
	var before []object
	if err := json.Unmarshal(u.Before, &before); err != nil {
		return fmt.Errorf("read the definitions that were kept: %w", err)
	}
	u.Result.Table = u.Table.Name
	if c.Op == CreateOther || c.Op == DropOther {
		u.Result.Table = ""
	}
	if err := l.data(ctx, s, u, before); err != nil {
		return err
	}
	if u.Result.Table == "" || c.Op == CreateTable {
		return nil
	}
	var err error
	u.Result.Rows, err = s.count(ctx, "SELECT count(*) FROM "+s.name(u.Table))
	return err
}

func (l lite) data(ctx context.Context, s *session, u *undo, before []object) error {
	c := u.Change
	renamed := map[string]map[string]string{}
	switch c.Op {
	case CreateTable:
		return l.leave(ctx, s, u, before)
	case DropTable:
		p, _ := table(before, u.Table.Name)
		if err := l.rebuild(ctx, s, p, u.Aside, nil); err != nil {
			return err
		}
	case RenameTable:
		if err := s.all(ctx, "ALTER TABLE "+s.id(c.To)+" RENAME TO "+s.name(u.Table)); err != nil {
			return err
		}
	case RenameColumn:
		renamed[u.Table.Name] = map[string]string{c.Column: c.To}
	case AddColumn:
		if err := l.keepColumn(ctx, s, u); err != nil {
			return err
		}
	case DropColumn:
		return l.columnBack(ctx, s, u, before)
	}
	if u.Aside.Name != "" && (c.Op == Update || c.Op == Delete) {
		return l.quietly(ctx, s, u, before, func() error { return l.rowsBack(ctx, s, u) })
	}
	return l.restore(ctx, s, before, renamed)
}

// quietly drops the triggers of the table while values are put back; they are created again with all that was before.
func (l lite) quietly(ctx context.Context, s *session, u *undo, before []object, f func() error) error {
	now, err := l.master(ctx, s)
	if err != nil {
		return err
	}
	for _, p := range now {
		if p.Kind == "trigger" && p.Table == u.Table.Name {
			if err := s.all(ctx, "DROP TRIGGER "+s.id(p.Name)); err != nil {
				return err
			}
		}
	}
	if err := f(); err != nil {
		return err
	}
	return l.restore(ctx, s, before, nil)
}

// leave puts aside what the abandoned release created; its rows are kept.
func (l lite) leave(ctx context.Context, s *session, u *undo, before []object) (err error) {
	left := Name{Name: s.asideName(u.Change.Seq, "new_"+u.Table.Name)}
	if u.Result.Kept, err = s.count(ctx, "SELECT count(*) FROM "+s.name(u.Table)); err != nil {
		return err
	}
	u.Left, u.Result.KeptIn = []Name{left}, left.String()
	now, err := l.master(ctx, s)
	if err != nil {
		return err
	}
	if err := l.dropTable(ctx, s, u.Change, &undo{Table: u.Table}, now); err != nil {
		return err
	}
	if err := s.all(ctx, "ALTER TABLE "+s.id(s.asideName(u.Change.Seq, u.Table.Name))+" RENAME TO "+s.name(left)); err != nil {
		return err
	}
	return l.restore(ctx, s, before, nil)
}

// keepColumn puts aside, with the rows' keys, what was written into a column that the old schema does not have.
func (l lite) keepColumn(ctx context.Context, s *session, u *undo) (err error) {
	if u.Key, err = l.key(ctx, s, u.Table); err != nil {
		return err
	}
	columns := slices.Concat(u.Key, []string{u.Change.Column})
	if len(u.Key) == 0 {
		if columns, err = l.columns(ctx, s, u.Table); err != nil {
			return err
		}
	}
	plain := "NULL"
	if _, err := s.one(ctx, []any{&plain}, "SELECT coalesce(dflt_value, 'NULL') FROM pragma_table_info(?) WHERE name = ?", u.Table.Name, u.Change.Column); err != nil {
		return err
	}
	left := Name{Name: s.asideName(u.Change.Seq, "new_rows")}
	if err := s.all(ctx, "CREATE TABLE "+s.name(left)+" AS SELECT "+s.id(columns...)+" FROM "+s.name(u.Table)+" WHERE "+s.id(u.Change.Column)+" IS NOT ("+plain+")"); err != nil {
		return err
	}
	if u.Result.Kept, err = s.count(ctx, "SELECT count(*) FROM "+s.name(left)); err != nil {
		return err
	}
	if u.Result.Kept == 0 {
		return s.all(ctx, "DROP TABLE "+s.name(left))
	}
	u.Left, u.Result.KeptIn = []Name{left}, left.String()
	return nil
}

// columnBack makes the table anew with the dropped column. Rows that were written meanwhile get its default, or the empty
// value of its type where it is NOT NULL.
func (l lite) columnBack(ctx context.Context, s *session, u *undo, before []object) error {
	live, column := s.name(u.Table), u.Change.Column
	where := " FROM " + live + " AS t WHERE NOT EXISTS (SELECT 1 FROM " + s.name(u.Aside) + " AS a WHERE " + s.join(u.Key) + ")"
	var err error
	if u.Result.Meanwhile, err = s.count(ctx, "SELECT count(*)"+where); err != nil {
		return err
	}
	// The old words say what the column is; an empty table made of them can be asked.
	p, _ := table(before, u.Table.Name)
	if err := s.all(ctx, "PRAGMA legacy_alter_table = ON", "ALTER TABLE "+live+" RENAME TO _goodstate_live", p.SQL); err != nil {
		return err
	}
	var typ, value string
	var strict bool
	if _, err := s.one(ctx, []any{&typ, &strict, &value}, "SELECT upper(type), \"notnull\", coalesce(dflt_value, '') FROM pragma_table_info(?) WHERE name = ? COLLATE NOCASE", u.Table.Name, column); err != nil {
		return err
	}
	if own, ok := s.config.Fill[u.Table.Name+"."+column]; ok {
		value = own
	}
	if value == "" && strict {
		if value = "''"; strings.Contains(typ, "INT") || strings.Contains(typ, "REAL") || strings.Contains(typ, "NUM") || strings.Contains(typ, "DEC") || strings.Contains(typ, "BOOL") {
			value = "0"
		}
	}
	if value == "" {
		value = "NULL"
	}
	others, err := l.columns(ctx, s, Name{Name: "_goodstate_live"})
	if err != nil {
		return err
	}
	if strict && u.Result.Meanwhile > 0 {
		u.Result.Filled = u.Result.Meanwhile
		var parts []string
		for _, k := range u.Key {
			parts = append(parts, "t."+s.id(k))
		}
		u.Result.FilledAt, err = s.strings(ctx, "SELECT "+strings.Join(parts, " || ', ' || ")+strings.Replace(where, live, "_goodstate_live", 1)+fmt.Sprintf(" ORDER BY %s LIMIT %d", strings.Join(parts, ", "), mostKeys))
		if err != nil {
			return err
		}
	}
	if err := s.all(ctx,
		"INSERT INTO "+live+" ("+s.id(others...)+", "+s.id(column)+") SELECT "+s.of("t", others)+", CASE WHEN a.rowid IS NULL THEN ("+value+") ELSE a."+s.id(was(u.Columns)...)+" END FROM _goodstate_live AS t LEFT JOIN "+s.name(u.Aside)+" AS a ON "+s.join(u.Key),
		"DROP TABLE _goodstate_live", "DROP TABLE "+s.name(u.Aside), "PRAGMA legacy_alter_table = OFF",
	); err != nil {
		return fmt.Errorf("give %s its column %s again: %w", u.Table, column, err)
	}
	if u.Result.Restored, err = s.count(ctx, "SELECT count(*) FROM "+live); err != nil {
		return err
	}
	u.Result.Restored -= u.Result.Meanwhile
	return l.restore(ctx, s, before, nil)
}

// rowsBack gives back old values where there still is what the migration wrote, or deleted rows.
func (l lite) rowsBack(ctx context.Context, s *session, u *undo) (err error) {
	if u.Change.Op == Delete {
		u.Result.Restored, err = s.exec(ctx, "INSERT OR IGNORE INTO "+s.name(u.Table)+" ("+s.id(u.Columns...)+") SELECT "+s.id(u.Columns...)+" FROM "+s.name(u.Aside))
		if err != nil {
			return fmt.Errorf("give back the deleted rows of %s: %w", u.Table, err)
		}
		total, err := s.count(ctx, "SELECT count(*) FROM "+s.name(u.Aside))
		if err != nil {
			return err
		}
		if u.Result.Lost = total - u.Result.Restored; u.Result.Lost > 0 {
			u.Left = []Name{u.Aside}
			u.Broken = append(u.Broken, fmt.Sprintf("%d deleted rows of %s are not there again, because rows that were written meanwhile have their keys; they are in %s", u.Result.Lost, u.Table, u.Aside))
			return nil
		}
		return s.all(ctx, "DROP TABLE "+s.name(u.Aside))
	}
	var set, still []string
	for i, column := range u.Columns {
		as := same(SQLite, "t."+s.id(column), "a."+s.id(became(u.Columns)[i]))
		set = append(set, s.id(column)+" = CASE WHEN "+as+" THEN a."+s.id(was(u.Columns)[i])+" ELSE t."+s.id(column)+" END")
		still = append(still, as)
	}
	if u.Result.Meanwhile, err = s.count(ctx, "SELECT count(*) FROM "+s.name(u.Table)+" AS t JOIN "+s.name(u.Aside)+" AS a ON "+s.join(u.Key)+" WHERE NOT ("+strings.Join(still, " AND ")+")"); err != nil {
		return err
	}
	u.Result.Restored, err = s.exec(ctx, "UPDATE "+s.name(u.Table)+" AS t SET "+strings.Join(set, ", ")+" FROM "+s.name(u.Aside)+" AS a WHERE "+s.join(u.Key)+" AND ("+strings.Join(still, " OR ")+")")
	if err != nil {
		return fmt.Errorf("give back the old values of %s: %w", u.Table, err)
	}
	return s.all(ctx, "DROP TABLE "+s.name(u.Aside))
}

// clean removes put-aside tables.
func (l lite) clean(ctx context.Context, s *session, rows []row) error {
	for _, r := range rows {
		for _, n := range append(r.Undo.Left, r.Undo.Aside) {
			if n.Name == "" {
				continue
			}
			if err := s.all(ctx, "DROP TABLE IF EXISTS "+s.name(n)); err != nil {
				return err
			}
		}
	}
	return nil
}
