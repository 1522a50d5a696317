package migrate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// pgTable is the definition of a table as far as a change can alter it.
type pgTable struct {
	Name        Name       `json:"name"`
	Comment     string     `json:"comment,omitempty"`
	Columns     []pgColumn `json:"columns"`
	Constraints []pgObject `json:"constraints,omitempty"`
	Indexes     []pgObject `json:"indexes,omitempty"` // those that belong to no constraint
}

type pgColumn struct {
	Name      string `json:"name"`
	Type      string `json:"type"` // with its collation
	NotNull   bool   `json:"not_null,omitempty"`
	Default   string `json:"default,omitempty"`
	Automatic bool   `json:"automatic,omitempty"` // identity or generated
	Category  string `json:"category"`            // pg_type.typcategory
	Comment   string `json:"comment,omitempty"`
}

type pgObject struct {
	Name    string   `json:"name"`
	Def     string   `json:"def"`
	Comment string   `json:"comment,omitempty"`
	Kind    string   `json:"kind"` // pg_constraint.contype; of indexes u, or empty
	Columns []string `json:"columns,omitempty"`
	Simple  bool     `json:"simple,omitempty"` // of indexes: only columns, no condition, NULLs are distinct
}

func (t pgTable) column(name string) (pgColumn, bool) {
	i := slices.IndexFunc(t.Columns, func(c pgColumn) bool { return c.Name == name })
	if i < 0 {
		return pgColumn{}, false
	}
	return t.Columns[i], true
}

const pgColumnsQuery = `SELECT a.attname, format_type(a.atttypid, a.atttypmod) || CASE WHEN a.attcollation <> t.typcollation THEN
  (SELECT format(' COLLATE %I.%I', cn.nspname, co.collname) FROM pg_collation co JOIN pg_namespace cn ON cn.oid = co.collnamespace WHERE co.oid = a.attcollation) ELSE '' END,
  a.attnotnull, coalesce(pg_get_expr(d.adbin, d.adrelid), ''), a.attidentity <> '' OR a.attgenerated <> '', t.typcategory::text, coalesce(col_description(a.attrelid, a.attnum), '')
FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = to_regclass(?) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum`

const pgConstraintsQuery = `SELECT c.conname, pg_get_constraintdef(c.oid), coalesce(obj_description(c.oid, 'pg_constraint'), ''), c.contype::text,
  coalesce((SELECT json_agg(a.attname) FROM pg_attribute a WHERE a.attrelid = c.conrelid AND a.attnum = ANY (c.conkey)), '[]')::text, i.indexrelid IS NULL OR NOT i.indnullsnotdistinct
FROM pg_constraint c LEFT JOIN pg_index i ON i.indexrelid = c.conindid AND c.contype IN ('p', 'u')
WHERE c.conrelid = to_regclass(?) AND c.contype IN ('p', 'u', 'c', 'f', 'x') AND c.conislocal ORDER BY c.contype = 'f', c.conname`

const pgIndexesQuery = `SELECT c.relname, pg_get_indexdef(i.indexrelid), coalesce(obj_description(i.indexrelid, 'pg_class'), ''), CASE WHEN i.indisunique THEN 'u' ELSE '' END,
  coalesce((SELECT json_agg(DISTINCT a.attname) FROM pg_depend d JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
    WHERE d.classid = 'pg_class'::regclass AND d.objid = i.indexrelid AND d.refobjid = i.indrelid AND d.refobjsubid > 0), '[]')::text,
  i.indexprs IS NULL AND i.indpred IS NULL AND NOT i.indnullsnotdistinct
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE i.indrelid = to_regclass(?) AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid AND k.conrelid = i.indrelid AND k.contype IN ('p', 'u', 'x')) ORDER BY 1`

// indnullsnotdistinct came with PostgreSQL 15.
func (s *session) pgObjects(ctx context.Context, query string, table Name, into *[]pgObject) error {
	var version int
	if _, err := s.one(ctx, []any{&version}, "SELECT current_setting('server_version_num')::int"); err != nil {
		return err
	}
	if version < 150000 {
		query = strings.ReplaceAll(query, "i.indnullsnotdistinct", "false")
	}
	return s.each(ctx, func(scan func(...any) error) error {
		var o pgObject
		var columns string
		if err := scan(&o.Name, &o.Def, &o.Comment, &o.Kind, &columns, &o.Simple); err != nil {
			return err
		}
		*into = append(*into, o)
		return json.Unmarshal([]byte(columns), &(*into)[len(*into)-1].Columns)
	}, query, s.name(table))
}

// table reads a table's definition.
func (p postgres) table(ctx context.Context, s *session, n Name) (t pgTable, err error) {
	found, _, err := p.resolve(ctx, s, n)
	if err != nil {
		return t, fmt.Errorf("look for %s: %w", n, err)
	}
	if found.Name == "" {
		return t, fmt.Errorf("there is no table %s", n)
	}
	t.Name = found
	err = s.each(ctx, func(scan func(...any) error) error {
		var c pgColumn
		err := scan(&c.Name, &c.Type, &c.NotNull, &c.Default, &c.Automatic, &c.Category, &c.Comment)
		t.Columns = append(t.Columns, c)
		return err
	}, pgColumnsQuery, s.name(found))
	if err == nil {
		err = s.pgObjects(ctx, pgConstraintsQuery, found, &t.Constraints)
	}
	if err == nil {
		err = s.pgObjects(ctx, pgIndexesQuery, found, &t.Indexes)
	}
	if err == nil {
		_, err = s.one(ctx, []any{&t.Comment}, "SELECT coalesce(obj_description(to_regclass(?), 'pg_class'), '')", s.name(found))
	}
	if err != nil {
		return t, fmt.Errorf("read the definition of %s: %w", found, err)
	}
	return t, nil
}

// loosen takes away what was added to a table since: constraints, indexes, defaults; NOT NULL where there was none.
func (p postgres) loosen(ctx context.Context, s *session, before pgTable) error {
	now, err := p.table(ctx, s, before.Name)
	if err != nil {
		return err
	}
	alter := "ALTER TABLE " + s.name(before.Name) + " "
	var texts []string
	for _, o := range slices.Backward(now.Constraints) {
		if !before.has(before.Constraints, o) {
			texts = append(texts, alter+"DROP CONSTRAINT "+s.id(o.Name))
		}
	}
	for _, o := range now.Indexes {
		if !before.has(before.Indexes, o) {
			texts = append(texts, "DROP INDEX "+s.name(Name{before.Name.Schema, o.Name}))
		}
	}
	for _, c := range now.Columns {
		old, ok := before.column(c.Name)
		if !ok || c.Automatic {
			continue
		}
		if c.NotNull && !old.NotNull {
			texts = append(texts, alter+"ALTER COLUMN "+s.id(c.Name)+" DROP NOT NULL")
		}
		if c.Default != old.Default && c.Type == old.Type {
			text := "DROP DEFAULT"
			if old.Default != "" {
				text = "SET DEFAULT " + old.Default
			}
			texts = append(texts, alter+"ALTER COLUMN "+s.id(c.Name)+" "+text)
		}
	}
	return s.all(ctx, texts...)
}

func (pgTable) has(objects []pgObject, o pgObject) bool {
	return slices.ContainsFunc(objects, func(x pgObject) bool { return x.Name == o.Name && x.Def == o.Def })
}

// tighten brings back what was taken from a table since. What the rows that were written meanwhile do not allow is said in
// the row's Broken, and is there again for new rows where the database can do that.
func (p postgres) tighten(ctx context.Context, s *session, before pgTable, u *undo) error {
	now, err := p.table(ctx, s, before.Name)
	if err != nil {
		return err
	}
	alter := "ALTER TABLE " + s.name(before.Name) + " "
	for _, c := range before.Columns {
		current, ok := now.column(c.Name)
		if ok && c.NotNull && !current.NotNull {
			if err := s.attempt(ctx, u, before.Name.String()+"."+c.Name+" is not NOT NULL again", alter+"ALTER COLUMN "+s.id(c.Name)+" SET NOT NULL", ""); err != nil {
				return err
			}
		}
		if ok && c.Comment != current.Comment {
			if err := s.all(ctx, "COMMENT ON COLUMN "+s.name(before.Name)+"."+s.id(c.Name)+" IS "+pgText(c.Comment)); err != nil {
				return err
			}
		}
	}
	for _, o := range before.Indexes {
		if now.has(now.Indexes, o) {
			continue
		}
		comment := "COMMENT ON INDEX " + s.name(Name{before.Name.Schema, o.Name}) + " IS " + pgText(o.Comment)
		if err := s.attempt(ctx, u, "the index "+o.Name+" is not there again", o.Def, "", comment); err != nil {
			return err
		}
	}
	for _, o := range before.Constraints {
		if now.has(now.Constraints, o) {
			continue
		}
		text, weaker := alter+"ADD CONSTRAINT "+s.id(o.Name)+" "+o.Def, ""
		if (o.Kind == "c" || o.Kind == "f") && !strings.HasSuffix(o.Def, " NOT VALID") {
			weaker = text + " NOT VALID"
		}
		comment := "COMMENT ON CONSTRAINT " + s.id(o.Name) + " ON " + s.name(before.Name) + " IS " + pgText(o.Comment)
		if err := s.attempt(ctx, u, "the constraint "+o.Name+" of "+before.Name.String()+" does not hold for all rows", text, weaker, comment); err != nil {
			return err
		}
	}
	if before.Comment != now.Comment {
		return s.all(ctx, "COMMENT ON TABLE "+s.name(before.Name)+" IS "+pgText(before.Comment))
	}
	return nil
}

// attempt runs a statement that the rows may not allow. Then the weaker one is run, and the problem is noted.
func (s *session) attempt(ctx context.Context, u *undo, problem, text, weaker string, then ...string) error {
	if err := s.all(ctx, "SAVEPOINT attempt"); err != nil {
		return err
	}
	err := s.all(ctx, text)
	if err == nil {
		for _, t := range then {
			if !strings.HasSuffix(t, " IS NULL") {
				err = errors.Join(err, s.all(ctx, t))
			}
		}
		return errors.Join(err, s.all(ctx, "RELEASE SAVEPOINT attempt"))
	}
	if pg, _ := code(err); !strings.HasPrefix(pg, "23") { // something else than the rows is in the way
		return err
	}
	if rollback := s.all(ctx, "ROLLBACK TO SAVEPOINT attempt", "RELEASE SAVEPOINT attempt"); rollback != nil {
		return errors.Join(err, rollback)
	}
	u.Broken = append(u.Broken, fmt.Sprintf("%s: %v; correct the rows, then: %s", problem, err, text))
	if weaker != "" {
		return s.all(ctx, weaker)
	}
	return nil
}

func pgText(text string) string {
	if text == "" {
		return "NULL"
	}
	return "'" + strings.ReplaceAll(text, "'", "''") + "'"
}
