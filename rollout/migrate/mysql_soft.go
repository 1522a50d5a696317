package migrate

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// dropSoftly renames a table or view. Triggers, indexes and rows stay with it; its foreign keys go, so that it forbids the
// live tables nothing.
func (m mariadb) dropSoftly(ctx context.Context, s *session, c Change, r *row) error {
	u := &r.Undo
	if u.Aside.Name == "" {
		users, err := s.strings(ctx, `SELECT DISTINCT concat(table_schema, '.', table_name, ' (', constraint_name, ')') FROM information_schema.key_column_usage
WHERE referenced_table_schema`+mySchema+"referenced_table_name = ? AND NOT (table_schema = referenced_table_schema AND table_name = referenced_table_name) AND table_name NOT LIKE '\\_goodstate\\_%'", c.Table.Schema, c.Table.Name)
		if err != nil {
			return fmt.Errorf("look who refers to %s: %w", c.Table, err)
		}
		if len(users) > 0 {
			return fmt.Errorf("foreign keys of other tables refer to %s: %s; drop those first, by name", c.Table, list(users))
		}
		u.Aside = Name{c.Table.Schema, s.asideName(c.Seq, c.Table.Name)}
		if err := m.intend(ctx, s, r, doing); err != nil {
			return err
		}
	}
	if there, err := m.look(ctx, s, u.Aside); err != nil || there != "" {
		return err
	}
	if err := m.letGo(ctx, s, c.Table); err != nil {
		return err
	}
	return s.all(ctx, "RENAME TABLE "+s.name(c.Table)+" TO "+s.name(u.Aside))
}

// letGo removes a table's foreign keys.
func (m mariadb) letGo(ctx context.Context, s *session, t Name) error {
	now, err := m.look(ctx, s, t)
	if err != nil {
		return fmt.Errorf("look at %s: %w", t, err)
	}
	var clauses []string
	for _, c := range parseTable(now).constraints {
		if strings.Contains(c.text, " FOREIGN KEY ") {
			clauses = append(clauses, "DROP FOREIGN KEY "+s.id(c.name))
		}
	}
	if len(clauses) == 0 {
		return nil
	}
	return s.all(ctx, "ALTER TABLE "+s.name(t)+" "+strings.Join(clauses, ", "))
}

func (m mariadb) dropColumnSoftly(ctx context.Context, s *session, c Change, r *row) error {
	u := &r.Undo
	var before string
	if err := json.Unmarshal(u.Before, &before); err != nil {
		return fmt.Errorf("read the definition that was kept: %w", err)
	}
	t := parseTable(before)
	line, _ := find(t.columns, c.Column)
	name := quoteIdent(MySQL, backticked(line[1:]))
	unique := false
	for _, l := range slices.Concat(t.columns, t.keys, t.constraints) {
		if l.text == line || !strings.Contains(l.text, name) {
			continue
		}
		if !slices.Contains(t.keys, l) || l.name == "PRIMARY" {
			return fmt.Errorf("%s is used by %s; drop that first", name, l.text)
		}
		unique = unique || strings.HasPrefix(l.text, "UNIQUE")
	}
	if u.Column == "" {
		u.Column, u.Marker = s.asideName(c.Seq, c.Column), s.asideName(c.Seq, "meanwhile")
		if err := m.intend(ctx, s, r, doing); err != nil {
			return err
		}
	}
	columns, err := m.columns(ctx, s, c.Table)
	if err != nil || slices.Contains(columns, u.Column) {
		return err
	}
	def := definition(line)
	if words := strings.ToUpper(def); !strings.Contains(words, "AUTO_INCREMENT") && !strings.Contains(words, "GENERATED ALWAYS") {
		if def, err = relaxed(def, !unique); err != nil { // the same default twice would be refused
			return err
		}
	}
	alter := "ALTER TABLE " + s.name(c.Table) + " "
	if !slices.Contains(columns, u.Marker) {
		if err := s.all(ctx, alter+"ADD COLUMN "+s.id(u.Marker)+" tinyint NULL"); err != nil { // NULL in the rows that are there
			return err
		}
	}
	return s.all(ctx, alter+"CHANGE COLUMN "+name+" "+s.id(u.Column)+" "+def+", ALTER COLUMN "+s.id(u.Marker)+" SET DEFAULT 1") // 1 in those that come
}
