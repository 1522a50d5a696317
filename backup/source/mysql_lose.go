package source

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// Losses are what can happen to a database.
func (s *mysqlSource) Losses() []string { return []string{LostDatabase, DroppedTable} }

// byRows lists the tables of a database, the largest first.
const byRows = "SELECT table_name FROM information_schema.tables WHERE table_schema = ? AND table_type = 'BASE TABLE' ORDER BY data_length + index_length DESC, 1"

// Census counts the rows of each table.
func (s *mysqlSource) Census(ctx context.Context, to Place) (map[string]int64, error) {
	a, err := parseMySQL(to.URL)
	if err != nil {
		return nil, err
	}
	all := map[string]int64{}
	return all, a.with(ctx, func(conn *sql.Conn) error {
		names, err := column(ctx, conn, byRows, a.database)
		for _, name := range names {
			var n int64
			if err := conn.QueryRowContext(ctx, "SELECT count(*) FROM "+backtick(a.database)+"."+backtick(name)).Scan(&n); err != nil {
				return fmt.Errorf("count the rows of %s: %w", name, err)
			}
			all[name] = n
		}
		return err
	})
}

// Lose drops the scratch database, which is made again empty, or its largest table.
func (s *mysqlSource) Lose(ctx context.Context, _ Job, kind string, to Place) (l Loss, err error) {
	a, err := parseMySQL(to.URL)
	if err != nil {
		return l, err
	}
	l.To = to
	err = a.with(ctx, func(conn *sql.Conn) error {
		statements := []string{"DROP DATABASE " + backtick(a.database), "CREATE DATABASE " + backtick(a.database)}
		l.Said = "database " + a.database + " was dropped"
		if kind == DroppedTable {
			names, err := column(ctx, conn, byRows, a.database)
			if err == nil && len(names) == 0 {
				err = errors.New("the restore point has no table that could be dropped")
			}
			if err != nil {
				return err
			}
			l.Said, l.To.Replace = "table "+names[0]+" was dropped", true
			statements = []string{"SET SESSION foreign_key_checks = 0", "DROP TABLE " + backtick(a.database) + "." + backtick(names[0])}
		}
		for _, statement := range statements {
			if _, err := conn.ExecContext(ctx, statement); err != nil {
				return fmt.Errorf("lose a part of the scratch database: %w", err)
			}
		}
		return nil
	})
	return l, err
}
