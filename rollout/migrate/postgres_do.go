package migrate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
)

// immediate checks deferred constraints at once: a table whose checks are still to come cannot be altered.
const immediate = "SET CONSTRAINTS ALL IMMEDIATE"

// do carries out a change in the open transaction.
func (p postgres) do(ctx context.Context, s *session, c Change, r *row) error {
	if c.Raw {
		return p.raw(ctx, s, c, r)
	}
	if err := s.all(ctx, immediate); err != nil {
		return err
	}
	u := &r.Undo
	switch c.Op {
	case Run, Insert:
		u.None = c.Op == Insert
		return p.user(ctx, s, c.SQL)
	case CreateTable, CreateOther:
		there, err := p.there(ctx, s, c)
		u.None, u.Table = there, c.Table
		if err != nil {
			return err
		}
		if err := p.user(ctx, s, c.SQL); err != nil || c.Op == CreateOther {
			return err
		}
		u.Table, _, err = p.resolve(ctx, s, c.Table)
		return err
	case DropTable, DropOther:
		return p.dropSoftly(ctx, s, c, u)
	case DropIndex:
		table, err := p.indexed(ctx, s, c.Table)
		if err != nil || table.Name == "" {
			return errors.Join(err, p.user(ctx, s, c.SQL))
		}
		c.Table = table
	}
	found, _, err := p.resolve(ctx, s, c.Table)
	if err != nil {
		return fmt.Errorf("look for %s: %w", c.Table, err)
	}
	if found.Name == "" { // IF EXISTS, or the database says what is wrong
		u.None = true
		return p.user(ctx, s, c.SQL)
	}
	before, err := p.table(ctx, s, found)
	if err != nil {
		return err
	}
	u.Table = found
	if u.Before, err = json.Marshal(before); err != nil {
		return fmt.Errorf("keep the definition of %s: %w", found, err)
	}
	_, has := before.column(c.Column)
	switch {
	case c.Op == AddColumn && has, c.Op == DropColumn && !has:
		u.None = true
		return p.user(ctx, s, c.SQL)
	case c.Op == DropColumn:
		return p.dropColumnSoftly(ctx, s, c, before, u)
	case c.Op == Retype && c.Aside != "":
		return p.retype(ctx, s, c, u)
	case c.Op == Update:
		triggers, err := p.triggers(ctx, s, found)
		if err != nil {
			return err
		}
		if c.Aside == "" && len(triggers) > 0 { // they may write into other columns than the new ones
			u.Key, err = p.key(ctx, s, found)
			if err != nil || len(u.Key) == 0 {
				return errors.Join(err, p.user(ctx, s, c.SQL))
			}
		} else if c.Aside == "" {
			return p.user(ctx, s, c.SQL)
		}
		return p.update(ctx, s, c, u)
	case c.Op == Delete && c.Aside != "":
		return p.remove(ctx, s, c, u)
	}
	return p.user(ctx, s, c.SQL)
}

// user runs a statement of the release; its words stay as they are.
func (postgres) user(ctx context.Context, s *session, sql string) error {
	_, err := s.exec(ctx, sql)
	return err
}

func (p postgres) there(ctx context.Context, s *session, c Change) (bool, error) {
	query := "SELECT count(*) FROM pg_class WHERE oid = to_regclass(?)"
	if c.Kind == "TYPE" || c.Kind == "DOMAIN" {
		query = "SELECT count(*) FROM pg_type WHERE oid = to_regtype(?)"
	}
	n, err := s.count(ctx, query, s.name(c.Table))
	return n > 0, err
}

// indexed is the table of an index.
func (p postgres) indexed(ctx context.Context, s *session, index Name) (table Name, err error) {
	_, err = s.one(ctx, []any{&table.Schema, &table.Name},
		"SELECT n.nspname, c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE i.indexrelid = to_regclass(?)", s.name(index))
	return table, err
}
