package source

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"goodstate.dev/goodstate/backup/repository"
	"goodstate.dev/goodstate/backup/source/files"
	"goodstate.dev/goodstate/core/config"
)

func init() {
	register(Kind{
		Name:    "mysql",
		Help:    "one database of MariaDB, as a consistent dump of mariadb-dump with its routines, triggers and events; its client programs must be as new as the server",
		Example: "mysql: {url: {secret: db}}",
		New: func(decode func(any) error) (Source, error) {
			s := &mysqlSource{Base: config.Duration(24 * time.Hour)}
			return s, decode(s)
		},
	})
}

type mysqlSource struct {
	URL  config.Secret   `yaml:"url" required:"true" help:"secret with the URL of the database, mysql://user:password@host/database, with ?tls=true where the server has a certificate to be checked" example:"{secret: db}"`
	Log  bool            `yaml:"log" help:"keep the binary log too, so that any moment can be recovered; the server needs log_bin and binlog_format=ROW"`
	Base config.Duration `yaml:"base" help:"with log: how old the dump may be; a recovery replays the log since then" default:"24h"`
}

const mysqlFile = "database.sql"

func (s *mysqlSource) address(ctx context.Context, j Job) (mysqlAddress, error) {
	text, err := j.Secret(ctx, s.URL.Name())
	if err != nil {
		return mysqlAddress{}, fmt.Errorf("address of the database: %w", err)
	}
	return parseMySQL(text)
}

// dumper is the program that dumps the database as it was at one moment. Tables of engines without transactions are not of that moment.
func (a mysqlAddress) dumper(options string, more ...string) program {
	argv := []string{"mariadb-dump", options, "--single-transaction", "--quick", "--routines", "--triggers", "--events", "--hex-blob", "--default-character-set=utf8mb4"}
	return program{argv: append(append(argv, more...), "--", a.database)}
}

// Backup dumps the database as it was at one moment.
func (s *mysqlSource) Backup(ctx context.Context, j Job) (made Copied, err error) {
	a, err := s.address(ctx, j)
	if err != nil {
		return made, err
	}
	if s.Log {
		return s.backupLog(ctx, j, a)
	}
	err = a.client(func(options string) error {
		made, err = dump(ctx, j, a.dumper(options), mysqlFile)
		return err
	})
	return made, err
}

// Restore fills a database. MariaDB cannot take back the making of tables, so the dump is read from the repository once before anything is dropped.
func (s *mysqlSource) Restore(ctx context.Context, j Job, snap repository.Snapshot, to Place) (res Restored, err error) {
	if to.URL == "" {
		return res, errors.New("a dump of MariaDB comes back in a database; give a secret with its URL with --database")
	}
	a, err := parseMySQL(to.URL)
	if err != nil {
		return res, err
	}
	c, err := mysqlChainOf(ctx, j.Repo, snap)
	if err != nil {
		return res, err
	}
	logs, stop, err := c.replays(to.Until, a.database)
	if err != nil {
		return res, err
	}
	if _, err := files.Cat(ctx, j.Repo, snap, "/"+mysqlFile, io.Discard); err != nil {
		return res, err
	}
	if err := a.clear(ctx, to.Replace); err != nil {
		return res, err
	}
	err = a.client(func(options string) error {
		res, err = feed(ctx, j, snap, mysqlFile, a.loader(options))
		return err
	})
	switch {
	case err == nil && len(logs) > 0:
		var size int64
		size, err = c.replay(ctx, j, snap, a, logs, stop, to.Until)
		res.Bytes += size
		res.Ended = fmt.Sprintf("the binary log was replayed from %s:%d on", c.File, c.Position)
	case err == nil && c.dump.Name != "":
		res.Ended = "the dump of " + c.Base.Format(time.RFC3339) + " alone: its binary log can be replayed into a database of the name " + c.Database + " only"
	}
	if err == nil && strings.HasPrefix(a.database, scratchPrefix) {
		err = a.stopEvents(ctx)
	}
	return res, err
}

// stopEvents keeps the events of a scratch database from doing their work a second time.
func (a mysqlAddress) stopEvents(ctx context.Context) error {
	return a.with(ctx, func(conn *sql.Conn) error {
		names, err := column(ctx, conn, "SELECT event_name FROM information_schema.events WHERE event_schema = ?", a.database)
		for _, name := range names {
			if err == nil {
				_, err = conn.ExecContext(ctx, "ALTER EVENT "+backtick(a.database)+"."+backtick(name)+" DISABLE")
			}
		}
		if err != nil {
			return fmt.Errorf("stop the events of the scratch database: %w", err)
		}
		return nil
	})
}

// loader is the program that runs statements. With --binary-mode those of a repository cannot run commands of the shell.
func (a mysqlAddress) loader(options string) program {
	return program{argv: []string{"mariadb", options, "--batch", "--binary-mode", "--default-character-set=utf8mb4", "--database=" + a.database}}
}

// clear makes sure that the database is there and empty.
func (a mysqlAddress) clear(ctx context.Context, replace bool) error {
	return a.with(ctx, func(conn *sql.Conn) error {
		var charset, collation string
		err := conn.QueryRowContext(ctx, "SELECT default_character_set_name, default_collation_name FROM information_schema.schemata WHERE schema_name = ?", a.database).Scan(&charset, &collation)
		if errors.Is(err, sql.ErrNoRows) {
			return fmt.Errorf("there is no database %s to restore into, or the user may not see it; make it first", a.database)
		}
		if err != nil {
			return fmt.Errorf("database to restore into: %w", err)
		}
		all, err := mysqlHas(ctx, conn, a.database)
		switch {
		case err != nil || len(all) == 0:
			return err
		case !replace:
			return fmt.Errorf("database %s has %d tables, views, routines and events already, want an empty one, or --replace to drop them", a.database, len(all))
		}
		for _, statement := range []string{
			"DROP DATABASE " + backtick(a.database), "CREATE DATABASE " + backtick(a.database) + " CHARACTER SET " + charset + " COLLATE " + collation,
		} {
			if _, err := conn.ExecContext(ctx, statement); err != nil {
				return fmt.Errorf("empty the database %s: %w", a.database, err)
			}
		}
		return nil
	})
}

// Original is the database itself.
func (s *mysqlSource) Original(ctx context.Context, j Job) (Place, error) {
	a, err := s.address(ctx, j)
	return Place{URL: a.url(), Name: a.database, Replace: true}, err
}

// Overwrites lists what the database has, which is dropped before it is made anew.
func (s *mysqlSource) Overwrites(ctx context.Context, _ Job, to Place) (all []string, err error) {
	a, err := parseMySQL(to.URL)
	if err != nil {
		return nil, err
	}
	err = a.with(ctx, func(conn *sql.Conn) error {
		all, err = mysqlHas(ctx, conn, a.database)
		return err
	})
	return all, err
}

// mysqlHas lists the tables, views, routines and events of a database.
func mysqlHas(ctx context.Context, conn *sql.Conn, database string) (all []string, err error) {
	all, err = column(ctx, conn, `
		SELECT concat(table_name, CASE WHEN table_type LIKE '%VIEW' THEN ' (view)' ELSE concat(' (about ', coalesce(table_rows, 0), ' rows)') END) FROM information_schema.tables WHERE table_schema = ?
		UNION ALL SELECT concat(routine_name, ' (', lower(routine_type), ')') FROM information_schema.routines WHERE routine_schema = ?
		UNION ALL SELECT concat(event_name, ' (event)') FROM information_schema.events WHERE event_schema = ? ORDER BY 1`, database, database, database)
	if err != nil {
		return nil, fmt.Errorf("tables of the database: %w", err)
	}
	return all, nil
}

// column is the only column of an answer, as text.
func column(ctx context.Context, conn *sql.Conn, query string, args ...any) (all []string, err error) {
	rows, err := conn.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return nil, err
		}
		all = append(all, text)
	}
	return all, rows.Err()
}
