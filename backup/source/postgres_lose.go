package source

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/jackc/pgx/v5"

	"goodstate.dev/goodstate/backup/source/pgserver"
)

const tablesOfPostgres = `SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
	WHERE c.relkind = 'r' AND n.nspname NOT LIKE 'pg\_%' AND n.nspname <> 'information_schema' ORDER BY pg_total_relation_size(c.oid) DESC, 1`

// censusOfPostgres counts the rows of each table.
func censusOfPostgres(ctx context.Context, url string) (all map[string]int64, err error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return nil, fmt.Errorf("count what is in the scratch database: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	names, err := tables(ctx, conn)
	all = map[string]int64{}
	for _, name := range names {
		var n int64
		if err := conn.QueryRow(ctx, "SELECT count(*) FROM "+name).Scan(&n); err != nil { // the server has quoted it
			return nil, fmt.Errorf("count the rows of %s: %w", name, err)
		}
		all[name] = n
	}
	return all, err
}

func tables(ctx context.Context, conn *pgx.Conn) ([]string, error) {
	rows, err := conn.Query(ctx, tablesOfPostgres)
	if err != nil {
		return nil, fmt.Errorf("tables of the scratch database: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// dropLargest drops the largest table of a scratch database, and says which.
func dropLargest(ctx context.Context, url string) (said string, err error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return "", fmt.Errorf("scratch database: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	names, err := tables(ctx, conn)
	if err == nil && len(names) == 0 {
		err = errors.New("the restore point has no table that could be dropped")
	}
	if err != nil {
		return "", err
	}
	if _, err := conn.Exec(ctx, "DROP TABLE "+names[0]+" CASCADE"); err != nil {
		return "", fmt.Errorf("drop the table %s of the scratch database: %w", names[0], err)
	}
	return "table " + names[0] + " was dropped", nil
}

// Losses are what can happen to a database.
func (s *postgresSource) Losses() []string { return []string{LostDatabase, DroppedTable} }

// Census counts the rows of each table.
func (s *postgresSource) Census(ctx context.Context, to Place) (map[string]int64, error) {
	return censusOfPostgres(ctx, to.URL)
}

// Lose drops the scratch database, which is made again empty, or its largest table.
func (s *postgresSource) Lose(ctx context.Context, j Job, kind string, to Place) (Loss, error) {
	if kind == DroppedTable {
		said, err := dropLargest(ctx, to.URL)
		to.Replace = true
		return Loss{said, to}, err
	}
	url, err := s.address(ctx, j)
	if err != nil {
		return Loss{}, err
	}
	c, err := pgx.ParseConfig(url)
	if err != nil {
		return Loss{}, errPostgresURL
	}
	name := pgx.Identifier{to.Name}.Sanitize()
	for _, statement := range []string{"DROP DATABASE " + name + " WITH (FORCE)", "CREATE DATABASE " + name + " TEMPLATE template0"} {
		if err := onPostgres(ctx, c, statement); err != nil {
			return Loss{}, fmt.Errorf("lose the scratch database: %w", err)
		}
	}
	return Loss{"database " + to.Name + " was dropped", to}, nil
}

// Losses are what can happen to a server.
func (s *serverSource) Losses() []string { return []string{LostDatabase, DroppedTable} }

// Census counts the rows of each table of the database that the address names.
func (s *serverSource) Census(ctx context.Context, to Place) (map[string]int64, error) {
	return censusOfPostgres(ctx, to.URL)
}

// Lose drops the largest table of the scratch server, or kills it. Either way it is recovered anew from the base copy and the log.
func (s *serverSource) Lose(ctx context.Context, _ Job, kind string, to Place) (Loss, error) {
	said := "the server was ended and its data directory removed"
	if kind == DroppedTable {
		var err error
		if said, err = dropLargest(ctx, to.URL); err != nil {
			return Loss{}, err
		}
	}
	if err := errors.Join(pgserver.End(to.Folder), os.RemoveAll(to.Folder)); err != nil {
		return Loss{}, fmt.Errorf("lose the scratch server: %w", err)
	}
	return Loss{said, to}, nil
}
