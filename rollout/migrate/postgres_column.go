package migrate

import (
	"context"
	"fmt"
	"strings"
)

// columnBack gives the put-aside column its name again, and counts the rows that were written meanwhile.
func (p postgres) columnBack(ctx context.Context, s *session, u *undo, before pgTable) error {
	name := u.Change.Column
	alter := "ALTER TABLE " + s.name(u.Table) + " "
	if err := s.all(ctx, alter+"RENAME COLUMN "+s.id(u.Column)+" TO "+s.id(name)); err != nil {
		return err
	}
	if err := p.loosen(ctx, s, before); err != nil {
		return err
	}
	var err error
	if u.Result.Meanwhile, err = s.count(ctx, "SELECT count(*) FROM "+s.name(u.Table)+" WHERE "+s.id(u.Marker)); err != nil {
		return err
	}
	if err := s.all(ctx, alter+"DROP COLUMN "+s.id(u.Marker)); err != nil {
		return err
	}
	u.Result.Restored, err = s.count(ctx, "SELECT count(*) FROM "+s.name(u.Table))
	u.Result.Restored -= u.Result.Meanwhile
	return err
}

// fillAll gives rows that were written meanwhile a value in columns that are going to be NOT NULL again.
func (p postgres) fillAll(ctx context.Context, s *session, u *undo, before pgTable) error {
	now, err := p.table(ctx, s, u.Table)
	if err != nil {
		return err
	}
	for _, column := range before.Columns {
		if current, ok := now.column(column.Name); ok && column.NotNull && !current.NotNull && !column.Automatic {
			if err := p.fill(ctx, s, u, column); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p postgres) fill(ctx context.Context, s *session, u *undo, column pgColumn) (err error) {
	value := empty(column.Category)
	if column.Default != "" {
		value = "DEFAULT"
	}
	if v, ok := s.config.Fill[u.Table.Name+"."+column.Name]; ok {
		value = v
	}
	if value == "" {
		return nil // tighten says what is missing
	}
	if u.Key, err = p.key(ctx, s, u.Table); err != nil {
		return err
	}
	where := " WHERE " + s.id(column.Name) + " IS NULL"
	if len(u.Key) > 0 {
		var parts []string
		for _, k := range u.Key {
			parts = append(parts, s.id(k)+"::text")
		}
		at, err := s.strings(ctx, fmt.Sprintf("SELECT %s FROM %s%s ORDER BY %s LIMIT %d", strings.Join(parts, " || ', ' || "), s.name(u.Table), where, s.id(u.Key...), mostKeys))
		if err != nil {
			return err
		}
		u.Result.FilledAt = append(u.Result.FilledAt, at...)
	}
	if err := s.all(ctx, "SAVEPOINT fill"); err != nil {
		return err
	}
	n, err := s.exec(ctx, "UPDATE "+s.name(u.Table)+" SET "+s.id(column.Name)+" = "+value+where)
	if err != nil {
		u.Result.FilledAt = nil
		u.Broken = append(u.Broken, fmt.Sprintf("the rows that were written meanwhile got no value for %s.%s: %v; give them one", u.Table, column.Name, err))
		return s.all(ctx, "ROLLBACK TO SAVEPOINT fill", "RELEASE SAVEPOINT fill")
	}
	u.Result.Filled += n
	return s.all(ctx, "RELEASE SAVEPOINT fill")
}
