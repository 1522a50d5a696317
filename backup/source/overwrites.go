package source

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Overwriter is a source that can say what a restore to a place would write over. It changes nothing there.
type Overwriter interface {
	Overwrites(ctx context.Context, j Job, to Place) ([]string, error)
}

// Overwrites lists the tables and views of the database, which are dropped before they are made anew.
func (s *postgresSource) Overwrites(ctx context.Context, _ Job, to Place) (all []string, err error) {
	conn, err := pgx.Connect(ctx, to.URL)
	if err != nil {
		return nil, fmt.Errorf("database to restore into: %w", err)
	}
	defer func() { _ = conn.Close(ctx) }() // what was only read has nothing to say
	rows, err := conn.Query(ctx, `SELECT n.nspname || '.' || c.relname || CASE WHEN c.relkind = 'r' THEN ' (about ' || greatest(c.reltuples, 0)::bigint || ' rows)' ELSE '' END
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relkind IN ('r','p','v','m') AND n.nspname NOT LIKE 'pg\_%' AND n.nspname <> 'information_schema' ORDER BY 1`)
	if err != nil {
		return nil, fmt.Errorf("tables of the database: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// Overwrites cannot look into what the restore command does.
func (s *commandSource) Overwrites(context.Context, Job, Place) ([]string, error) {
	return []string{"whatever the restore command writes over: " + s.Back}, nil
}
