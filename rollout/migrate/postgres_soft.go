package migrate

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// rehearse runs the real statement, with what was put aside before really gone, and takes it back: what depends on the thing
// that is dropped makes it fail now and not when the put-aside data is removed.
func (p postgres) rehearse(ctx context.Context, s *session, sql string) error {
	if err := s.all(ctx, "SAVEPOINT rehearsal", "DROP SCHEMA IF EXISTS "+s.id(s.asideSchema(false))+" CASCADE"); err != nil {
		return err
	}
	if err := p.user(ctx, s, sql); err != nil {
		return err
	}
	return s.all(ctx, "ROLLBACK TO SAVEPOINT rehearsal", "RELEASE SAVEPOINT rehearsal")
}

// restricted is the statement without CASCADE: what that would drop along the way has no name, so nobody could bring it back.
func restricted(c Change) string {
	if strings.HasSuffix(strings.ToUpper(c.SQL), "CASCADE") {
		return c.SQL[:len(c.SQL)-len("CASCADE")]
	}
	return c.SQL
}

func (p postgres) dropSoftly(ctx context.Context, s *session, c Change, u *undo) error {
	there, err := p.there(ctx, s, c)
	if err != nil {
		return err
	}
	if !there {
		u.None = true
		return p.user(ctx, s, c.SQL)
	}
	query, catalog := "to_regclass(?)", "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = "
	if c.Kind == "TYPE" || c.Kind == "DOMAIN" {
		query, catalog = "to_regtype(?)", "SELECT n.nspname, c.typname FROM pg_type c JOIN pg_namespace n ON n.oid = c.typnamespace WHERE c.oid = "
	}
	if _, err := s.one(ctx, []any{&u.Table.Schema, &u.Table.Name}, catalog+query, s.name(c.Table)); err != nil {
		return err
	}
	if c.Kind == "VIEW" {
		if dropped, err := p.dropView(ctx, s, c, u); dropped || err != nil {
			return err
		}
	}
	if err := p.rehearse(ctx, s, restricted(c)); err != nil {
		return err
	}
	u.Aside = Name{s.asideSchema(false), u.Table.Name}
	if c.Op == DropTable {
		before, err := p.table(ctx, s, u.Table)
		if err != nil {
			return err
		}
		if u.Before, err = json.Marshal(before); err != nil {
			return fmt.Errorf("keep the definition of %s: %w", u.Table, err)
		}
		if err := p.letGo(ctx, s, before); err != nil {
			return err
		}
	}
	return p.move(ctx, s, c.Kind, u.Table, u.Aside.Schema)
}

// letGo removes a table's foreign keys: put aside, it must not forbid the live tables anything.
func (p postgres) letGo(ctx context.Context, s *session, t pgTable) error {
	for _, o := range t.Constraints {
		if o.Kind == "f" {
			if err := s.all(ctx, "ALTER TABLE "+s.name(t.Name)+" DROP CONSTRAINT "+s.id(o.Name)); err != nil {
				return err
			}
		}
	}
	return nil
}

// move puts an object into another schema, with all that belongs to it.
func (p postgres) move(ctx context.Context, s *session, kind string, n Name, schema string) error {
	return s.all(ctx, "CREATE SCHEMA IF NOT EXISTS "+s.id(schema), "ALTER "+kind+" "+s.name(n)+" SET SCHEMA "+s.id(schema))
}

func (p postgres) dropColumnSoftly(ctx context.Context, s *session, c Change, before pgTable, u *undo) error {
	if err := p.rehearse(ctx, s, restricted(c)); err != nil {
		return err
	}
	column, _ := before.column(c.Column)
	u.Column, u.Marker = s.asideName(c.Seq, c.Column), s.asideName(c.Seq, "meanwhile")
	alter := "ALTER TABLE " + s.name(u.Table) + " "
	texts := []string{alter + "RENAME COLUMN " + s.id(c.Column) + " TO " + s.id(u.Column)}
	unique := false
	for _, o := range before.Constraints {
		if !slices.Contains(o.Columns, c.Column) {
			continue
		}
		switch {
		case o.Kind == "p":
			return fmt.Errorf("%s is part of the primary key of %s; add the new key first and drop the old one in a later release", c.Column, u.Table)
		case o.Kind == "u" && o.Simple:
			unique = true
		default: // it would hold the new release's rows to a column that is gone for it
			texts = append(texts, alter+"DROP CONSTRAINT "+s.id(o.Name))
		}
	}
	for _, o := range before.Indexes {
		if o.Kind != "u" || !slices.Contains(o.Columns, c.Column) {
			continue
		}
		if unique = unique || o.Simple; !o.Simple {
			texts = append(texts, "DROP INDEX "+s.name(Name{u.Table.Schema, o.Name}))
		}
	}
	if unique && column.Default != "" { // the same default twice would be refused
		texts = append(texts, alter+"ALTER COLUMN "+s.id(u.Column)+" DROP DEFAULT")
	}
	if column.NotNull && !column.Automatic {
		texts = append(texts, alter+"ALTER COLUMN "+s.id(u.Column)+" DROP NOT NULL")
	}
	return s.all(ctx, append(texts,
		alter+"ADD COLUMN "+s.id(u.Marker)+" boolean",            // NULL in the rows that are there, and
		alter+"ALTER COLUMN "+s.id(u.Marker)+" SET DEFAULT true", // true in those that come
	)...)
}
