package migrate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// vessel creates the empty table for put-aside rows or values. Its columns have the types of the table's, and nothing that
// writes or checks by itself. Columns are pairs of a name and the table's column whose type it has.
func (m mariadb) vessel(ctx context.Context, s *session, u *undo, columns [][2]string, more ...string) error {
	var before string
	if err := json.Unmarshal(u.Before, &before); err != nil {
		return fmt.Errorf("read the definition that was kept: %w", err)
	}
	t := parseTable(before)
	var parts []string
	for _, pair := range columns {
		line, ok := find(t.columns, pair[1])
		if !ok {
			return fmt.Errorf("%s has no column %s", u.Table, pair[1])
		}
		def, err := relaxed(definition(line), false)
		if err != nil {
			return err
		}
		if slices.Contains(u.Key, pair[0]) {
			def = strings.TrimSuffix(def, " NULL")
		}
		parts = append(parts, s.id(pair[0])+" "+def)
	}
	parts = append(append(parts, more...), "PRIMARY KEY ("+s.id(u.Key...)+")")
	return s.all(ctx,
		"DROP TABLE IF EXISTS "+s.name(u.Aside), // of a try that was interrupted
		"CREATE TABLE "+s.name(u.Aside)+" ("+strings.Join(parts, ", ")+") ENGINE=InnoDB",
	)
}

// pairs names each column like itself.
func pairs(columns []string) [][2]string {
	out := make([][2]string, len(columns))
	for i, c := range columns {
		out[i] = [2]string{c, c}
	}
	return out
}

func (m mariadb) retype(ctx context.Context, s *session, c Change, r *row, again bool) (err error) {
	u := &r.Undo
	if again {
		now, err := m.look(ctx, s, c.Table)
		if err != nil || now != u.Look {
			return err // it happened
		}
	}
	if u.Key, err = m.key(ctx, s, c.Table); err != nil {
		return err
	}
	if len(u.Key) == 0 {
		return fmt.Errorf("%s has no primary key, so its rows cannot be told apart; give it one first", c.Table)
	}
	u.Columns = []string{c.Column}
	u.Aside = Name{u.Table.Schema, s.asideName(c.Seq, "rows")}
	if err := m.intend(ctx, s, r, doing); err != nil {
		return err
	}
	def, err := relaxed(c.Type, false)
	if err != nil {
		return err
	}
	column := s.id(c.Column)
	if err := m.vessel(ctx, s, u, append(pairs(u.Key), [2]string{was(u.Columns)[0], c.Column}), s.id(became(u.Columns)...)+" "+def); err != nil {
		return err
	}
	if err := s.all(ctx, "LOCK TABLES "+s.name(c.Table)+" WRITE, "+s.name(u.Aside)+" WRITE"); err != nil {
		return err
	}
	err = s.all(ctx,
		"INSERT INTO "+s.name(u.Aside)+" SELECT "+s.id(u.Key...)+", "+column+", "+column+" FROM "+s.name(c.Table), // converted as the ALTER does
		c.SQL,
	)
	unlocked := s.all(context.WithoutCancel(ctx), "UNLOCK TABLES")
	if err != nil {
		return errors.Join(err, s.all(ctx, "DROP TABLE IF EXISTS "+s.name(u.Aside)))
	}
	return unlocked
}

// rows carries out UPDATE and DELETE, in one transaction with putting aside what they change.
func (m mariadb) rows(ctx context.Context, s *session, c Change, r *row) (err error) {
	u := &r.Undo
	if u.Key, err = m.key(ctx, s, c.Table); err != nil {
		return err
	}
	if len(u.Key) == 0 && c.Aside == "" {
		return m.together(ctx, s, r, func() error { return s.all(ctx, c.SQL) })
	}
	if len(u.Key) == 0 {
		return fmt.Errorf("%s has no primary key, so its rows cannot be told apart; give it one first", c.Table)
	}
	var selected []string
	var columns [][2]string
	if c.Op == Delete {
		if u.Columns, err = m.writable(ctx, s, c.Table); err != nil {
			return err
		}
		selected, columns = []string{s.id(u.Columns...)}, pairs(u.Columns)
	} else {
		timed, err := m.timed(ctx, s, c.Table)
		if err != nil {
			return err
		}
		u.Columns = slices.Clone(c.Columns)
		for _, column := range timed {
			if !slices.Contains(u.Columns, column) {
				u.Columns = append(u.Columns, column)
			}
		}
		selected, columns = []string{s.id(u.Key...)}, pairs(u.Key)
		for i, column := range u.Columns {
			selected = append(selected, s.id(column), s.id(column))
			columns = append(columns, [2]string{was(u.Columns)[i], column}, [2]string{became(u.Columns)[i], column})
		}
	}
	all := strings.Join(selected, ", ")
	u.Aside = Name{u.Table.Schema, s.asideName(c.Seq, "rows")}
	if err := m.intend(ctx, s, r, doing); err != nil {
		return err
	}
	if err := m.vessel(ctx, s, u, columns); err != nil {
		return err
	}
	texts := []string{"INSERT INTO " + s.name(u.Aside) + " SELECT " + all + s.from(u, c) + " FOR UPDATE", c.SQL}
	if c.Op == Update {
		var values, unchanged []string
		for i, column := range u.Columns {
			values = append(values, "a."+s.id(became(u.Columns)[i])+" = t."+s.id(column))
			unchanged = append(unchanged, same(MySQL, s.id(was(u.Columns)[i]), s.id(became(u.Columns)[i])))
		}
		texts = append(texts,
			"UPDATE "+s.name(u.Aside)+" a JOIN "+s.name(c.Table)+" t ON "+s.join(u.Key)+" SET "+strings.Join(values, ", "),
			"DELETE FROM "+s.name(u.Aside)+" WHERE "+strings.Join(unchanged, " AND "),
		)
	}
	if err := m.together(ctx, s, r, func() error { return s.all(ctx, texts...) }); err != nil {
		return errors.Join(err, s.all(ctx, "DROP TABLE IF EXISTS "+s.name(u.Aside)))
	}
	return nil
}
