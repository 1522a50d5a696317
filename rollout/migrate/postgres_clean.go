package migrate

import (
	"context"
	"strings"
)

// clean removes put-aside columns and objects. Nothing is dropped along the way: what somebody built on top of put-aside data
// makes it fail, with the database's words.
func (p postgres) clean(ctx context.Context, s *session, rows []row) error {
	var tables []string
	kinds := map[string][]string{}
	schemas := []string{s.asideSchema(false), s.asideSchema(true)}
	for _, r := range rows {
		u := r.Undo
		for _, n := range append(u.Left, u.Aside) {
			if n.Name == "" {
				continue
			}
			if u.Change.Op == CreateOther || u.Change.Op == DropOther {
				kinds[u.Change.Kind] = append(kinds[u.Change.Kind], s.name(n))
			} else if found, _, err := p.resolve(ctx, s, n); err != nil {
				return err
			} else if found.Name != "" {
				tables = append(tables, s.name(n))
			}
		}
		if u.Column == "" || len(u.Left) > 0 {
			continue
		}
		var at Name // its table may have another name by now, or be gone
		found, err := s.one(ctx, []any{&at.Schema, &at.Name}, `SELECT n.nspname, c.relname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE a.attname = ? AND NOT a.attisdropped AND c.relkind = 'r' AND n.nspname NOT LIKE 'goodstate\_aside\_%'`, u.Column)
		if err != nil {
			return err
		}
		if !found {
			continue
		}
		alter := "ALTER TABLE " + s.name(at) + " "
		if err := s.all(ctx, alter+"DROP COLUMN IF EXISTS "+s.id(u.Column), alter+"DROP COLUMN IF EXISTS "+s.id(u.Marker)); err != nil {
			return err
		}
	}
	for _, kind := range []string{"VIEW", "MATERIALIZED VIEW"} { // they stand on tables
		if len(kinds[kind]) > 0 {
			if err := s.all(ctx, "DROP "+kind+" IF EXISTS "+strings.Join(kinds[kind], ", ")); err != nil {
				return err
			}
		}
	}
	if len(tables) > 0 {
		if err := s.all(ctx, "DROP TABLE IF EXISTS "+strings.Join(tables, ", ")); err != nil {
			return err
		}
	}
	for _, kind := range []string{"SEQUENCE", "DOMAIN", "TYPE"} {
		if len(kinds[kind]) > 0 {
			if err := s.all(ctx, "DROP "+kind+" IF EXISTS "+strings.Join(kinds[kind], ", ")); err != nil {
				return err
			}
		}
	}
	for _, schema := range schemas {
		if err := s.all(ctx, "DROP SCHEMA IF EXISTS "+s.id(schema)); err != nil {
			return err
		}
	}
	return nil
}
