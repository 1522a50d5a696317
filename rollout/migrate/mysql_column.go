package migrate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// holding keeps everybody else away from tables while f runs. Beginning a transaction would let them go, so f's transactions
// begin by themselves.
func (m mariadb) holding(ctx context.Context, s *session, tables []string, f func() error) error {
	texts := []string{stateTable}
	texts = append(texts, tables...)
	if err := s.all(ctx, "SET SESSION autocommit = 0", "LOCK TABLES "+strings.Join(texts, " WRITE, ")+" WRITE"); err != nil {
		return errors.Join(err, s.all(context.WithoutCancel(ctx), "SET SESSION autocommit = 1"))
	}
	s.held = true
	err := f()
	s.held = false
	// A connection that is lost has let go by itself, and its error is there already.
	if over := s.all(context.WithoutCancel(ctx), "COMMIT", "UNLOCK TABLES", "SET SESSION autocommit = 1"); err == nil {
		return over
	}
	return err
}

// columnAway removes a column that the old schema does not have. What was written into it is put aside with the rows' keys.
func (m mariadb) columnAway(ctx context.Context, s *session, r *row, before string) error {
	u := &r.Undo
	now, err := m.look(ctx, s, u.Table)
	if err != nil {
		return err
	}
	line, ok := find(parseTable(now).columns, u.Change.Column)
	if !ok || strings.Contains(strings.ToUpper(line), "GENERATED ALWAYS") {
		return m.restore(ctx, s, u.Table, before, u)
	}
	if u.Key, err = m.key(ctx, s, u.Table); err != nil {
		return err
	}
	columns := slices.Concat(u.Key, []string{u.Change.Column})
	switch {
	case slices.Contains(u.Key, u.Change.Column):
		return m.restore(ctx, s, u.Table, before, u)
	case len(u.Key) == 0:
		if columns, err = m.columns(ctx, s, u.Table); err != nil {
			return err
		}
	}
	plain := "NULL"
	if strings.Contains(definition(line), " DEFAULT ") {
		plain = value(line)
	}
	left := Name{u.Table.Schema, s.asideName(u.Change.Seq, "new_rows")}
	selected := "SELECT " + s.id(columns...) + " FROM " + s.name(u.Table)
	if err := s.all(ctx, "DROP TABLE IF EXISTS "+s.name(left), "CREATE TABLE "+s.name(left)+" ENGINE=InnoDB AS "+selected+" LIMIT 0"); err != nil {
		return fmt.Errorf("put aside the values of %s: %w", u.Change.Column, err)
	}
	err = m.holding(ctx, s, []string{s.name(u.Table), s.name(left)}, func() error {
		u.Result.Kept, err = s.exec(ctx, "INSERT INTO "+s.name(left)+" "+selected+" WHERE NOT ("+s.id(u.Change.Column)+" <=> "+plain+")")
		if err != nil {
			return fmt.Errorf("put aside the values of %s: %w", u.Change.Column, err)
		}
		if u.Result.Kept > 0 {
			u.Left, u.Result.KeptIn = []Name{left}, left.String()
		}
		if err := s.save(ctx, r); err != nil {
			return err
		}
		return m.restore(ctx, s, u.Table, before, u)
	})
	if err != nil || u.Result.Kept > 0 {
		return err
	}
	return s.all(ctx, "DROP TABLE IF EXISTS "+s.name(left))
}

// columnBack gives the put-aside column its name and definition again, and the rows that were written meanwhile a value
// where the old schema wants one.
func (m mariadb) columnBack(ctx context.Context, s *session, r *row, before string) error {
	u := &r.Undo
	columns, err := m.columns(ctx, s, u.Table)
	if err != nil {
		return err
	}
	alter := "ALTER TABLE " + s.name(u.Table) + " "
	if !slices.Contains(columns, u.Column) {
		if slices.Contains(columns, u.Marker) { // it was put aside no further than that
			return s.all(ctx, alter+"DROP COLUMN "+s.id(u.Marker))
		}
		return nil
	}
	line, _ := find(parseTable(before).columns, u.Change.Column)
	marked := " FROM " + s.name(u.Table) + " WHERE " + s.id(u.Marker) + " = 1"
	if u.Result.Meanwhile, err = s.count(ctx, "SELECT count(*)"+marked); err != nil {
		return err
	}
	if u.Result.Restored, err = s.count(ctx, "SELECT count(*) FROM "+s.name(u.Table)); err != nil {
		return err
	}
	u.Result.Restored -= u.Result.Meanwhile
	if strings.Contains(definition(line), " NOT NULL") && !strings.Contains(line, "AUTO_INCREMENT") {
		if err := m.fill(ctx, s, u, line, u.Column); err != nil {
			return err
		}
	}
	if err := s.save(ctx, r); err != nil {
		return err
	}
	change := alter + "CHANGE COLUMN " + s.id(u.Column) + " "
	drop := ", DROP COLUMN " + s.id(u.Marker)
	err = s.all(ctx, change+line+drop)
	if err == nil || !ofRows(err) {
		return err
	}
	def, relaxErr := relaxed(definition(line), true)
	if relaxErr != nil {
		return relaxErr
	}
	u.Broken = append(u.Broken, fmt.Sprintf("%s.%s is not NOT NULL again: %v; give the rows a value, then: %sMODIFY COLUMN %s", u.Table, u.Change.Column, err, alter, line))
	if err := s.save(ctx, r); err != nil {
		return err
	}
	return s.all(ctx, change+s.id(u.Change.Column)+" "+def+drop)
}

// fill gives the rows that have none a value in a column; line is its definition, column its name for now.
func (m mariadb) fill(ctx context.Context, s *session, u *undo, line, column string) (err error) {
	name := backticked(line[1:])
	v := value(line)
	if own, ok := s.config.Fill[u.Table.Name+"."+name]; ok {
		v = own
	}
	if v == "" {
		return nil // the way back says what is missing
	}
	if u.Key, err = m.key(ctx, s, u.Table); err != nil {
		return err
	}
	where := " WHERE " + s.id(column) + " IS NULL"
	if len(u.Key) > 0 {
		at, err := s.strings(ctx, fmt.Sprintf("SELECT concat_ws(', ', %s) FROM %s%s ORDER BY %s LIMIT %d", s.id(u.Key...), s.name(u.Table), where, s.id(u.Key...), mostKeys))
		if err != nil {
			return err
		}
		u.Result.FilledAt = append(u.Result.FilledAt, at...)
	}
	timed, err := m.timed(ctx, s, u.Table)
	if err != nil {
		return err
	}
	set := []string{s.id(column) + " = " + v}
	for _, other := range timed {
		if other != column {
			set = append(set, s.id(other)+" = "+s.id(other))
		}
	}
	n, err := s.exec(ctx, "UPDATE "+s.name(u.Table)+" SET "+strings.Join(set, ", ")+where)
	if err != nil {
		u.Result.FilledAt = nil
		if !ofRows(err) {
			return fmt.Errorf("give the rows that were written meanwhile a value for %s: %w", name, err)
		}
		u.Broken = append(u.Broken, fmt.Sprintf("the rows that were written meanwhile got no value for %s.%s: %v; give them one", u.Table, name, err))
		return nil
	}
	u.Result.Filled += n
	return nil
}
