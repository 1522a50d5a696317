package migrate

import (
	"context"
	"fmt"
	"strings"
)

// typeBack gives a column its old type and each row its old value; only what was written meanwhile is converted.
func (p postgres) typeBack(ctx context.Context, s *session, u *undo, before pgTable) error {
	column, _ := before.column(u.Change.Column)
	alter := "ALTER TABLE " + s.name(u.Table) + " ALTER COLUMN " + s.id(column.Name) + " "
	changed := "NOT EXISTS (SELECT FROM " + s.name(u.Aside) + " a WHERE " + s.join(u.Key) + " AND " + same(Postgres, "a."+s.id(became(u.Columns)...), "t."+s.id(column.Name)) + ")"
	var err error
	if u.Result.Meanwhile, err = s.count(ctx, "SELECT count(*) FROM "+s.name(u.Table)+" t WHERE "+changed); err != nil {
		return err
	}
	// A value that was not written meanwhile may not fit the old type at all, so only the others are converted.
	unchanged := s.asideName(u.Change.Seq, "unchanged")
	table := "ALTER TABLE " + s.name(u.Table) + " "
	if err := s.all(ctx,
		table+"ADD COLUMN "+s.id(unchanged)+" boolean",
		"UPDATE "+s.name(u.Table)+" t SET "+s.id(unchanged)+" = true WHERE NOT ("+changed+")",
	); err != nil {
		return err
	}
	if column.NotNull {
		if err := s.all(ctx, alter+"DROP NOT NULL"); err != nil {
			return err
		}
	}
	if err := p.converted(ctx, s, u, column, unchanged); err != nil {
		return err
	}
	n, err := s.exec(ctx, "UPDATE "+s.name(u.Table)+" t SET "+s.id(column.Name)+" = a."+s.id(was(u.Columns)...)+" FROM "+s.name(u.Aside)+" a WHERE t."+s.id(unchanged)+" AND "+s.join(u.Key))
	if err != nil {
		return fmt.Errorf("give back the old values of %s.%s: %w", u.Table, column.Name, err)
	}
	u.Result.Restored = n
	if err := s.all(ctx, table+"DROP COLUMN "+s.id(unchanged), "DROP TABLE "+s.name(u.Aside)); err != nil {
		return err
	}
	return p.loosen(ctx, s, before) // the default was written in the new type
}

// converted changes the type back. When a value that was written meanwhile has no form in the old type, it is put aside.
func (p postgres) converted(ctx context.Context, s *session, u *undo, column pgColumn, unchanged string) error {
	typ, collate, _ := strings.Cut(column.Type, " COLLATE ")
	head := "ALTER TABLE " + s.name(u.Table) + " ALTER COLUMN " + s.id(column.Name)
	text := head + " TYPE " + column.Type + " USING CASE WHEN " + s.id(unchanged) + " THEN NULL ELSE " + s.id(column.Name) + "::text::" + typ + " END"
	if collate == "" {
		text = head + " TYPE " + typ + " USING CASE WHEN " + s.id(unchanged) + " THEN NULL ELSE " + s.id(column.Name) + "::text::" + typ + " END"
	}
	if err := s.all(ctx, head+" DROP DEFAULT", "SAVEPOINT convert"); err != nil {
		return err
	}
	direct := strings.Replace(text, "::text::", "::", 1)
	first := s.all(ctx, direct) // as numbers become numbers; not every pair of types has this
	if first == nil {
		return s.all(ctx, "RELEASE SAVEPOINT convert")
	}
	if err := s.all(ctx, "ROLLBACK TO SAVEPOINT convert"); err != nil {
		return err
	}
	if s.all(ctx, text) == nil {
		return s.all(ctx, "RELEASE SAVEPOINT convert")
	}
	left := Name{s.asideSchema(true), fmt.Sprintf("rows_%d", u.Change.Seq)}
	if err := s.all(ctx,
		"ROLLBACK TO SAVEPOINT convert", "RELEASE SAVEPOINT convert",
		"CREATE SCHEMA IF NOT EXISTS "+s.id(left.Schema),
		"CREATE TABLE "+s.name(left)+" AS SELECT "+s.id(u.Key...)+", "+s.id(column.Name)+" FROM "+s.name(u.Table)+" WHERE "+s.id(unchanged)+" IS NULL",
	); err != nil {
		return err
	}
	var err error
	if u.Result.Kept, err = s.count(ctx, "SELECT count(*) FROM "+s.name(left)); err != nil {
		return err
	}
	u.Left, u.Result.KeptIn = []Name{left}, left.String()
	u.Broken = append(u.Broken, fmt.Sprintf("%d values that were written meanwhile into %s.%s have no form in the old type %s and are NULL now: %v; they are in %s", u.Result.Kept, u.Table, column.Name, column.Type, first, left))
	return s.all(ctx, head+" TYPE "+column.Type+" USING NULL")
}

// valuesBack gives the old values back where there still is what the migration wrote; what users wrote meanwhile stays.
func (p postgres) valuesBack(ctx context.Context, s *session, u *undo) error {
	var set, still []string
	for i, column := range u.Columns {
		as := same(Postgres, "t."+s.id(column), "a."+s.id(became(u.Columns)[i]))
		set = append(set, s.id(column)+" = CASE WHEN "+as+" THEN a."+s.id(was(u.Columns)[i])+" ELSE t."+s.id(column)+" END")
		still = append(still, as)
	}
	both := s.name(u.Table) + " t JOIN " + s.name(u.Aside) + " a ON " + s.join(u.Key)
	var err error
	if u.Result.Meanwhile, err = s.count(ctx, "SELECT count(*) FROM "+both+" WHERE NOT ("+strings.Join(still, " AND ")+")"); err != nil {
		return err
	}
	u.Result.Restored, err = s.exec(ctx, "UPDATE "+s.name(u.Table)+" t SET "+strings.Join(set, ", ")+" FROM "+s.name(u.Aside)+" a WHERE "+s.join(u.Key)+" AND ("+strings.Join(still, " OR ")+")")
	if err != nil {
		return fmt.Errorf("give back the old values of %s: %w", u.Table, err)
	}
	return nil
}

// rowsBack inserts deleted rows again. One whose key is taken by a row that was written meanwhile stays put aside.
func (p postgres) rowsBack(ctx context.Context, s *session, u *undo) error {
	n, err := s.exec(ctx, "INSERT INTO "+s.name(u.Table)+" ("+s.id(u.Columns...)+") OVERRIDING SYSTEM VALUE SELECT "+s.id(u.Columns...)+" FROM "+s.name(u.Aside)+" ON CONFLICT DO NOTHING")
	if err != nil {
		return fmt.Errorf("give back the deleted rows of %s: %w", u.Table, err)
	}
	u.Result.Restored = n
	total, err := s.count(ctx, "SELECT count(*) FROM "+s.name(u.Aside))
	if err != nil {
		return err
	}
	if u.Result.Lost = total - n; u.Result.Lost == 0 {
		return s.all(ctx, "DROP TABLE "+s.name(u.Aside))
	}
	u.Left = []Name{u.Aside}
	u.Broken = append(u.Broken, fmt.Sprintf("%d deleted rows of %s are not there again, because rows that were written meanwhile have their keys; they are in %s", u.Result.Lost, u.Table, u.Aside))
	return nil
}
