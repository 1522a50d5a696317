package migrate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
)

// raw runs what PostgreSQL refuses in a transaction. Its row is written before, so that after a kill it is looked at what
// became of it.
func (p postgres) raw(ctx context.Context, s *session, c Change, r *row) error {
	if c.Op != CreateIndex && c.Op != DropIndex {
		r.Undo.None = true
		return p.user(ctx, s, c.SQL)
	}
	if c.Op == CreateIndex && c.To == "" {
		return errors.New("an index that is built CONCURRENTLY needs a name of its own, by which it is found when the build was interrupted")
	}
	index := Name{c.Table.Schema, c.To}
	if c.Op == DropIndex {
		index = c.Table
	}
	valid, there := false, false
	look := func() (err error) {
		there, err = s.one(ctx, []any{&valid}, "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(?)", s.name(index))
		return err
	}
	if err := look(); err != nil {
		return err
	}
	if c.Op == CreateIndex && there && !valid { // left by a build that was interrupted
		if err := s.all(ctx, "DROP INDEX "+s.name(index)); err != nil {
			return fmt.Errorf("the unfinished index %s is left and is dropped when this is run again: %w", index, err)
		}
		there = false
	}
	if r.State != doing {
		table := c.Table
		if c.Op == DropIndex {
			var err error
			if table, err = p.indexed(ctx, s, index); err != nil || table.Name == "" {
				return errors.Join(err, p.user(ctx, s, c.SQL))
			}
		}
		before, err := p.table(ctx, s, table)
		if err != nil {
			return err
		}
		r.Undo.Table, r.Undo.None = before.Name, c.Op == CreateIndex && there
		if r.Undo.Before, err = json.Marshal(before); err != nil {
			return fmt.Errorf("keep the definition of %s: %w", table, err)
		}
		r.State = doing
		if err := s.save(ctx, r); err != nil {
			return err
		}
	}
	if c.Op == CreateIndex && there && valid || c.Op == DropIndex && !there {
		return nil
	}
	if err := p.user(ctx, s, c.SQL); err != nil {
		if look() == nil && c.Op == CreateIndex && there && !valid {
			if left := s.all(ctx, "DROP INDEX "+s.name(index)); left != nil {
				return fmt.Errorf("%w; the unfinished index %s is left and is dropped when this is run again", err, index)
			}
		}
		return errors.Join(err, s.forget(ctx, r.Seq))
	}
	return nil
}
