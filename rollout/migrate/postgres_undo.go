package migrate

import (
	"context"
	"encoding/json"
	"fmt"
)

// undo brings back what was before a change, in the open transaction.
func (p postgres) undo(ctx context.Context, s *session, r *row) error {
	if err := s.all(ctx, immediate); err != nil {
		return err
	}
	u := &r.Undo
	c := u.Change
	if c.Op == CreateTable || c.Op == AddColumn || c.Op == Retype || c.Op == Update || c.Op == Delete {
		// Nobody may write between counting or copying and what follows.
		if err := s.all(ctx, "LOCK TABLE "+s.name(u.Table)+" IN ACCESS EXCLUSIVE MODE"); err != nil {
			return err
		}
	}
	switch c.Op {
	case Run:
		return s.all(ctx, c.Down...)
	case CreateTable, CreateOther:
		return p.leave(ctx, s, u)
	case DropOther:
		if u.Aside.Name == "" {
			return p.createView(ctx, s, u)
		}
		return p.move(ctx, s, c.Kind, u.Aside, u.Table.Schema)
	}
	var before pgTable
	if err := json.Unmarshal(u.Before, &before); err != nil {
		return fmt.Errorf("read the definition that was kept: %w", err)
	}
	u.Result.Table = u.Table.String()
	err := p.quietly(ctx, s, u, func() error {
		if err := p.data(ctx, s, u, before); err != nil {
			return err
		}
		return p.fillAll(ctx, s, u, before)
	})
	if err != nil {
		return err
	}
	if err := p.tighten(ctx, s, before, u); err != nil {
		return err
	}
	u.Result.Rows, err = s.count(ctx, "SELECT count(*) FROM "+s.name(u.Table))
	return err
}

type pgTrigger struct{ name, enabled string }

// triggers are the table's own triggers that are not disabled.
func (postgres) triggers(ctx context.Context, s *session, table Name) (out []pgTrigger, err error) {
	err = s.each(ctx, func(scan func(...any) error) error {
		var t pgTrigger
		err := scan(&t.name, &t.enabled)
		out = append(out, t)
		return err
	}, "SELECT tgname, tgenabled::text FROM pg_trigger WHERE tgrelid = to_regclass(?) AND NOT tgisinternal AND tgenabled <> 'D' ORDER BY tgname", s.name(table))
	return out, err
}

// quietly keeps the table's triggers from acting on values that are put back: they would write over others, such as the time
// of the last change.
func (p postgres) quietly(ctx context.Context, s *session, u *undo, f func() error) error {
	switch u.Change.Op {
	case DropTable, RenameTable, RenameColumn, AddColumn:
		return f()
	}
	triggers, err := p.triggers(ctx, s, u.Table)
	if err != nil {
		return err
	}
	alter := "ALTER TABLE " + s.name(u.Table) + " "
	var off, on []string
	for _, t := range triggers {
		how := map[string]string{"O": "ENABLE TRIGGER ", "R": "ENABLE REPLICA TRIGGER ", "A": "ENABLE ALWAYS TRIGGER "}[t.enabled]
		off, on = append(off, alter+"DISABLE TRIGGER "+s.id(t.name)), append(on, alter+how+s.id(t.name))
	}
	if err := s.all(ctx, off...); err != nil {
		return err
	}
	if err := f(); err != nil {
		return err
	}
	return s.all(ctx, on...)
}

// data brings back what the rows held, between the taking away and the bringing back of constraints.
func (p postgres) data(ctx context.Context, s *session, u *undo, before pgTable) error {
	c := u.Change
	alter := "ALTER TABLE " + s.name(u.Table) + " "
	switch c.Op {
	case DropTable:
		return p.move(ctx, s, "TABLE", u.Aside, u.Table.Schema)
	case RenameTable:
		return s.all(ctx, "ALTER TABLE "+s.name(Name{u.Table.Schema, c.To})+" RENAME TO "+s.id(u.Table.Name))
	case RenameColumn:
		return s.all(ctx, alter+"RENAME COLUMN "+s.id(c.To)+" TO "+s.id(c.Column))
	case AddColumn:
		if err := p.keepColumn(ctx, s, u); err != nil {
			return err
		}
		return p.loosen(ctx, s, before)
	case DropColumn:
		return p.columnBack(ctx, s, u, before)
	}
	if err := p.loosen(ctx, s, before); err != nil || u.Aside.Name == "" {
		return err
	}
	switch c.Op {
	case Retype:
		return p.typeBack(ctx, s, u, before)
	case Update:
		if err := p.valuesBack(ctx, s, u); err != nil {
			return err
		}
		return s.all(ctx, "DROP TABLE "+s.name(u.Aside))
	case Delete:
		return p.rowsBack(ctx, s, u)
	}
	return nil
}
