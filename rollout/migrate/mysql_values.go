package migrate

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// Marks of how far a way back of several statements has come; they are noted in the same transaction.
const (
	emptied = "emptied" // the values that come from the vessel are NULL in the table
	filled  = "filled"  // they are there again
)

// typeBack gives a column its old type and each row its old value; only what was written meanwhile is converted.
func (m mariadb) typeBack(ctx context.Context, s *session, r *row, before string) error {
	u := &r.Undo
	left := Name{u.Table.Schema, s.asideName(u.Change.Seq, "new_rows")}
	if u.Look != filled {
		if err := s.all(ctx, "CREATE TABLE IF NOT EXISTS "+s.name(left)+" ENGINE=InnoDB AS SELECT "+s.id(u.Key...)+", "+s.id(u.Change.Column)+" FROM "+s.name(u.Table)+" LIMIT 0"); err != nil {
			return err
		}
		held := []string{s.name(u.Table), s.name(u.Table) + " AS t", s.name(u.Aside) + " AS a", s.name(left)}
		if err := m.holding(ctx, s, held, func() error { return m.valuesAndType(ctx, s, r, before, left) }); err != nil {
			return err
		}
	}
	if err := m.restore(ctx, s, u.Table, before, u); err != nil {
		return err
	}
	texts := []string{"DROP TABLE IF EXISTS " + s.name(u.Aside)}
	if len(u.Left) == 0 {
		texts = append(texts, "DROP TABLE IF EXISTS "+s.name(left))
	}
	return s.all(ctx, texts...)
}

// valuesAndType does the part of typeBack that nobody may write in between.
func (m mariadb) valuesAndType(ctx context.Context, s *session, r *row, before string, left Name) error {
	u := &r.Undo
	column := s.id(u.Change.Column)
	line, _ := find(parseTable(before).columns, u.Change.Column)
	alter := "ALTER TABLE " + s.name(u.Table) + " MODIFY COLUMN " + column + " "
	loose, err := relaxed(u.Change.Type, false)
	if err != nil {
		return err
	}
	old, err := relaxed(definition(line), false)
	if err != nil {
		return err
	}
	timed, err := m.timed(ctx, s, u.Table)
	if err != nil {
		return err
	}
	still := ""
	for _, t := range timed {
		if t != u.Change.Column {
			still += ", t." + s.id(t) + " = t." + s.id(t)
		}
	}
	joined := s.name(u.Table) + " t JOIN " + s.name(u.Aside) + " a ON " + s.join(u.Key)
	if u.Look != emptied {
		if err := s.all(ctx, alter+loose); err != nil {
			return err
		}
		err := s.within(ctx, func() error {
			equal := same(MySQL, "t."+column, "a."+s.id(became(u.Columns)...))
			if u.Result.Meanwhile, err = s.count(ctx, "SELECT count(*) FROM "+s.name(u.Table)+" t LEFT JOIN "+s.name(u.Aside)+" a ON "+s.join(u.Key)+" AND "+equal+" WHERE a."+s.id(u.Key[0])+" IS NULL"); err != nil {
				return err
			}
			if err := s.all(ctx,
				"DELETE a FROM "+joined+" WHERE NOT ("+equal+")", // its row was written meanwhile
				"UPDATE "+joined+" SET t."+column+" = NULL"+still,
			); err != nil {
				return err
			}
			u.Look = emptied
			return s.save(ctx, r)
		})
		if err != nil {
			return err
		}
	}
	if err := m.converted(ctx, s, r, alter+old, still, left); err != nil {
		return err
	}
	return s.within(ctx, func() error {
		if u.Result.Restored, err = s.count(ctx, "SELECT count(*) FROM "+joined); err != nil {
			return err
		}
		if err := s.all(ctx, "UPDATE "+joined+" SET t."+column+" = a."+s.id(was(u.Columns)...)+still); err != nil {
			return err
		}
		u.Look = filled
		return s.save(ctx, r)
	})
}

// converted changes the type back. When a value that was written meanwhile has no form in the old type, it is put aside.
func (m mariadb) converted(ctx context.Context, s *session, r *row, text, still string, left Name) error {
	u := &r.Undo
	err := s.all(ctx, text)
	if err == nil || !ofRows(err) {
		return err
	}
	column := s.id(u.Change.Column)
	n, copyErr := s.exec(ctx, "INSERT INTO "+s.name(left)+" SELECT "+s.id(u.Key...)+", "+column+" FROM "+s.name(u.Table)+" WHERE "+column+" IS NOT NULL")
	if copyErr != nil {
		return copyErr
	}
	u.Left, u.Result.Kept, u.Result.KeptIn = []Name{left}, n, left.String()
	u.Broken = append(u.Broken, fmt.Sprintf("%d values that were written meanwhile into %s.%s have no form in the old type and are NULL now: %v; they are in %s", n, u.Table, u.Change.Column, err, left))
	err = s.within(ctx, func() error {
		if err := s.save(ctx, r); err != nil {
			return err
		}
		return s.all(ctx, "UPDATE "+s.name(u.Table)+" t SET t."+column+" = NULL"+still)
	})
	if err != nil {
		return err
	}
	return s.all(ctx, text)
}

// rowsBack gives back old values or deleted rows, in one transaction with the note that it is done.
func (m mariadb) rowsBack(ctx context.Context, s *session, r *row) error {
	u := &r.Undo
	if u.Look != filled {
		err := s.within(ctx, func() error {
			work := m.valuesBack
			if u.Change.Op == Delete {
				work = m.deletedBack
			}
			if err := work(ctx, s, u); err != nil {
				return fmt.Errorf("give back the old rows of %s: %w", u.Table, err)
			}
			u.Look = filled
			return s.save(ctx, r)
		})
		if err != nil {
			return err
		}
	}
	if u.Result.Lost > 0 {
		return nil
	}
	return s.all(ctx, "DROP TABLE IF EXISTS "+s.name(u.Aside))
}

func (m mariadb) valuesBack(ctx context.Context, s *session, u *undo) error {
	var set, still []string
	for i, column := range u.Columns {
		as := same(MySQL, "t."+s.id(column), "a."+s.id(became(u.Columns)[i]))
		set = append(set, "t."+s.id(column)+" = IF("+as+", a."+s.id(was(u.Columns)[i])+", t."+s.id(column)+")")
		still = append(still, as)
	}
	timed, err := m.timed(ctx, s, u.Table)
	if err != nil {
		return err
	}
	for _, column := range timed {
		if !slices.Contains(u.Columns, column) {
			set = append(set, "t."+s.id(column)+" = t."+s.id(column))
		}
	}
	joined := s.name(u.Table) + " t JOIN " + s.name(u.Aside) + " a ON " + s.join(u.Key)
	if u.Result.Meanwhile, err = s.count(ctx, "SELECT count(*) FROM "+joined+" WHERE NOT ("+strings.Join(still, " AND ")+")"); err != nil {
		return err
	}
	u.Result.Restored, err = s.exec(ctx, "UPDATE "+joined+" SET "+strings.Join(set, ", ")+" WHERE "+strings.Join(still, " OR "))
	return err
}

func (m mariadb) deletedBack(ctx context.Context, s *session, u *undo) (err error) {
	total, err := s.count(ctx, "SELECT count(*) FROM "+s.name(u.Aside))
	if err != nil {
		return err
	}
	u.Result.Restored, err = s.exec(ctx, "INSERT IGNORE INTO "+s.name(u.Table)+" ("+s.id(u.Columns...)+") SELECT "+s.id(u.Columns...)+" FROM "+s.name(u.Aside))
	if err != nil {
		return err
	}
	if u.Result.Lost = total - u.Result.Restored; u.Result.Lost > 0 {
		u.Left = []Name{u.Aside}
		u.Broken = append(u.Broken, fmt.Sprintf("%d deleted rows of %s are not there again, because rows that were written meanwhile stand in their way; they are in %s", u.Result.Lost, u.Table, u.Aside))
	}
	return nil
}

// clean removes put-aside columns and tables.
func (m mariadb) clean(ctx context.Context, s *session, rows []row) error {
	for _, r := range rows {
		u := r.Undo
		for _, n := range append(u.Left, u.Aside) {
			kind := "TABLE"
			if u.Change.Op == DropOther {
				kind = "VIEW"
			}
			if n.Name == "" {
				continue
			}
			if err := s.all(ctx, "DROP "+kind+" IF EXISTS "+s.name(n)); err != nil {
				return err
			}
		}
		if u.Column == "" || len(u.Left) > 0 {
			continue
		}
		for _, column := range []string{u.Column, u.Marker} {
			var at Name // its table may have another name by now, or be gone
			found, err := s.one(ctx, []any{&at.Schema, &at.Name}, "SELECT table_schema, table_name FROM information_schema.columns WHERE table_schema"+mySchema+"column_name = ? AND table_name NOT LIKE '\\_goodstate\\_%'", u.Table.Schema, column)
			if err != nil {
				return err
			}
			if !found {
				continue
			}
			if err := s.all(ctx, "ALTER TABLE "+s.name(at)+" DROP COLUMN "+s.id(column)); err != nil {
				return err
			}
		}
	}
	return nil
}
