package source

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"goodstate.dev/goodstate/backup/repository"
	"goodstate.dev/goodstate/core/config"
)

func init() {
	register(Kind{
		Name:    "postgres",
		Help:    "one PostgreSQL database, as a consistent dump of pg_dump; its client programs must be as new as the server",
		Example: "postgres: {url: {secret: db}}",
		New: func(decode func(any) error) (Source, error) {
			s := &postgresSource{}
			return s, decode(s)
		},
	})
}

type postgresSource struct {
	URL config.Secret `yaml:"url" required:"true" help:"secret with the URL of the database, postgres://user:password@host/database" example:"{secret: db}"`
}

const postgresFile = "database.dump"

func (s *postgresSource) address(ctx context.Context, j Job) (string, error) {
	url, err := j.Secret(ctx, s.URL.Name())
	if err != nil {
		return "", fmt.Errorf("address of the database: %w", err)
	}
	return url, nil
}

// Backup dumps the database as it was at one moment.
func (s *postgresSource) Backup(ctx context.Context, j Job) (Copied, error) {
	url, err := s.address(ctx, j)
	if err != nil {
		return Copied{}, err
	}
	env, _, err := postgresEnv(url)
	if err != nil {
		return Copied{}, err
	}
	return dump(ctx, j, program{argv: []string{"pg_dump", "--format=custom", "--compress=0", "--lock-wait-timeout=60000"}, env: env}, postgresFile)
}

// Restore fills a database, all or nothing.
func (s *postgresSource) Restore(ctx context.Context, j Job, snap repository.Snapshot, to Place) (Restored, error) {
	env, name, err := postgresEnv(to.URL)
	if err != nil {
		return Restored{}, err
	}
	if !to.Replace {
		if err := emptyPostgres(ctx, to.URL); err != nil {
			return Restored{}, err
		}
	}
	argv := []string{"pg_restore", "--exit-on-error", "--single-transaction", "--no-owner", "--dbname=" + name}
	if to.Replace {
		argv = append(argv, "--clean", "--if-exists")
	}
	return feed(ctx, j, snap, postgresFile, program{argv: argv, env: env})
}

func emptyPostgres(ctx context.Context, url string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return fmt.Errorf("database to restore into: %w", err)
	}
	defer func() { _ = conn.Close(ctx) }() // what was only read has nothing to say
	var tables int
	err = conn.QueryRow(ctx, `SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r','p','v','m','S') AND n.nspname NOT LIKE 'pg\_%' AND n.nspname <> 'information_schema'`).Scan(&tables)
	if err == nil && tables > 0 {
		err = fmt.Errorf("database %s has %d tables and views already, want an empty one, or --replace to drop them", conn.Config().Database, tables)
	}
	return err
}

// Original is the database itself.
func (s *postgresSource) Original(ctx context.Context, j Job) (Place, error) {
	url, err := s.address(ctx, j)
	if err != nil {
		return Place{}, err
	}
	_, name, err := postgresEnv(url)
	return Place{URL: url, Name: name, Replace: true}, err
}

func onPostgres(ctx context.Context, c *pgx.ConnConfig, statement string) error {
	conn, err := pgx.ConnectConfig(ctx, c)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }() // what was only read has nothing to say
	_, err = conn.Exec(ctx, statement)
	return err
}
