package migrate

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// lite is SQLite. It changes structure in transactions but can change little of a table in place, so the way back makes each
// table anew with the very words it was created with, as https://www.sqlite.org/lang_altertable.html (section 7) describes.
type lite struct{}

func openSQLite(dsn string) (engine, *sql.DB, error) {
	if !strings.HasPrefix(dsn, "file:") {
		dsn = "file:" + (&url.URL{Path: dsn}).EscapedPath()
	}
	join := "?"
	if strings.Contains(dsn, "?") {
		join = "&"
	}
	// A transaction takes the right to write when it begins: then nobody else migrates.
	db, err := sql.Open("sqlite", dsn+join+"_txlock=immediate")
	if err != nil {
		return nil, nil, errForm(SQLite)
	}
	return lite{}, db, nil
}

func (lite) settings(c Config) []string {
	return []string{fmt.Sprintf("PRAGMA busy_timeout = %d", c.LockTimeout.Std().Milliseconds()), "PRAGMA foreign_keys = OFF"}
}

func (lite) transactional() bool { return true }

// tryLock has nothing to do: every change is made in one transaction that has the file for itself.
func (lite) tryLock(context.Context, *session) (string, error) { return "", nil }

func (lite) unlock(context.Context, *session) error { return nil }

func isBusy(err error) bool {
	var l *sqlite.Error
	return errors.As(err, &l) && (l.Code()&0xff == sqlite3.SQLITE_BUSY || l.Code()&0xff == sqlite3.SQLITE_LOCKED)
}

func isReadOnly(err error) bool {
	var l *sqlite.Error
	return errors.As(err, &l) && (l.Code()&0xff == sqlite3.SQLITE_READONLY || l.Code()&0xff == sqlite3.SQLITE_PERM)
}

func (lite) holders(context.Context, *session, Name) string {
	return "another process has the file open for writing"
}

func (lite) key(ctx context.Context, s *session, t Name) ([]string, error) {
	return s.strings(ctx, "SELECT name FROM pragma_table_info(?) WHERE pk > 0 ORDER BY pk", t.Name)
}

func (lite) columns(ctx context.Context, s *session, t Name) ([]string, error) {
	return s.strings(ctx, "SELECT name FROM pragma_table_info(?) ORDER BY cid", t.Name)
}

func (l lite) refuse(ctx context.Context, s *session, c Change) (why, do string, err error) {
	if c.Op == DropTable || c.Op == DropOther {
		return "", "", nil
	}
	columns, err := l.columns(ctx, s, c.Table)
	if err != nil || len(columns) == 0 {
		return "", "", err
	}
	key, err := l.key(ctx, s, c.Table)
	inKey := func(column string) bool { return slices.Contains(key, column) }
	switch {
	case err != nil:
		return "", "", err
	case len(key) == 0:
		return fmt.Sprintf("%s has no primary key, so its rows cannot be told apart", c.Table), "give the table a primary key first", nil
	case inKey(c.Column) || slices.ContainsFunc(c.Columns, inKey):
		return fmt.Sprintf("it changes the primary key of %s, by which its rows are told apart", c.Table), "add the new key first and drop the old one in a later release", nil
	}
	return "", "", nil
}

// object is one row of SQLite's own table of what there is.
type object struct {
	Kind  string `json:"kind"`
	Name  string `json:"name"`
	Table string `json:"table"`
	SQL   string `json:"sql"`
}

// master is everything the users of the database made, the oldest first.
func (lite) master(ctx context.Context, s *session) (out []object, err error) {
	err = s.each(ctx, func(scan func(...any) error) error {
		var p object
		err := scan(&p.Kind, &p.Name, &p.Table, &p.SQL)
		out = append(out, p)
		return err
	}, "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND tbl_name NOT LIKE '\\_goodstate\\_%' ESCAPE '\\' AND tbl_name NOT IN (?, ?) ORDER BY rowid",
		stateTable, s.config.Table)
	if err != nil {
		return nil, fmt.Errorf("read the definitions: %w", err)
	}
	return out, nil
}

func table(parts []object, name string) (object, bool) {
	i := slices.IndexFunc(parts, func(p object) bool { return p.Kind == "table" && strings.EqualFold(p.Name, name) })
	if i < 0 {
		return object{}, false
	}
	return parts[i], true
}

// restore makes the database's definitions what they were; the rows stay. Renamed maps old names of columns to those that
// the table has now, by table.
func (l lite) restore(ctx context.Context, s *session, before []object, renamed map[string]map[string]string) error {
	now, err := l.master(ctx, s)
	if err != nil {
		return err
	}
	for _, p := range slices.Backward(now) {
		if p.Kind != "table" && !slices.Contains(before, p) {
			if err := s.all(ctx, "DROP "+p.Kind+" "+s.id(p.Name)); err != nil {
				return err
			}
		}
	}
	for _, p := range before {
		current, ok := table(now, p.Name)
		if p.Kind == "table" && ok && current.SQL != p.SQL {
			if err := l.rebuild(ctx, s, p, Name{Name: current.Name}, renamed[p.Name]); err != nil {
				return err
			}
		}
	}
	if now, err = l.master(ctx, s); err != nil {
		return err
	}
	for _, p := range before {
		if p.Kind != "table" && !slices.Contains(now, p) {
			if err := s.all(ctx, p.SQL); err != nil {
				return err
			}
		}
	}
	return nil
}

// rebuild creates a table with its old words and moves the rows of another into it.
func (l lite) rebuild(ctx context.Context, s *session, p object, from Name, renamed map[string]string) error {
	source := s.id("_goodstate_rebuild")
	if err := s.all(ctx, "PRAGMA legacy_alter_table = ON", // others go on to refer to the name
		"ALTER TABLE "+s.name(from)+" RENAME TO "+source, "PRAGMA legacy_alter_table = OFF", p.SQL); err != nil {
		return err
	}
	have, err := l.columns(ctx, s, Name{Name: "_goodstate_rebuild"})
	if err != nil {
		return err
	}
	want, err := l.columns(ctx, s, Name{Name: p.Name})
	if err != nil {
		return err
	}
	var to, of []string
	for _, column := range want {
		name := column
		if other, ok := renamed[column]; ok {
			name = other
		}
		if slices.Contains(have, name) {
			to, of = append(to, column), append(of, name)
		}
	}
	return s.all(ctx,
		"INSERT INTO "+s.id(p.Name)+" ("+s.id(to...)+") SELECT "+s.id(of...)+" FROM "+source,
		"DROP TABLE "+source,
	)
}
