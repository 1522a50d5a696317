package migrate

import (
	"context"
	"database/sql"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// postgres changes structure and data in one transaction: a change is done with its note, or not at all.
type postgres struct{}

func openPostgres(dsn string) (engine, *sql.DB, error) {
	c, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, nil, errForm(Postgres)
	}
	c.RuntimeParams["application_name"] = "goodstate"
	// A statement prepared before a table changed cannot be used after it.
	c.DefaultQueryExecMode = pgx.QueryExecModeExec
	return postgres{}, stdlib.OpenDB(*c), nil
}

func (postgres) settings(c Config) []string {
	return []string{
		fmt.Sprintf("SET lock_timeout = %d", c.LockTimeout.Std().Milliseconds()),
		fmt.Sprintf("SET statement_timeout = %d", c.StatementTimeout.Std().Milliseconds()),
		"SET client_min_messages = warning",
	}
}

func (postgres) transactional() bool { return true }

// lockKey is the same for everybody who migrates this database with this table of versions.
func lockKey(c Config) int64 {
	h := fnv.New64a()
	h.Write([]byte("goodstate migrations " + c.Table))
	return int64(h.Sum64() >> 1)
}

func (postgres) tryLock(ctx context.Context, s *session) (string, error) {
	var got bool
	key := lockKey(s.config)
	if _, err := s.one(ctx, []any{&got}, "SELECT pg_try_advisory_lock(?)", key); err != nil || got {
		return "", err
	}
	who := "another session"
	_, err := s.one(ctx, []any{&who}, `SELECT format('session %s (%s, %s)', a.pid, a.usename, coalesce(nullif(a.application_name, ''), 'no name'))
FROM pg_locks l JOIN pg_stat_activity a USING (pid)
WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND l.classid::bigint = ?::bigint AND l.objid::bigint = ?::bigint`, key>>32, key&0xffffffff)
	return who, err
}

func (postgres) unlock(ctx context.Context, s *session) error {
	var ok bool
	_, err := s.one(ctx, []any{&ok}, "SELECT pg_advisory_unlock(?)", lockKey(s.config))
	return err
}

// resolve finds a table, view or sequence where the connection looks for it; the name is empty where there is none.
func (postgres) resolve(ctx context.Context, s *session, n Name) (found Name, kind string, err error) {
	_, err = s.one(ctx, []any{&found.Schema, &found.Name, &kind},
		"SELECT n.nspname, c.relname, c.relkind::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = to_regclass(?)", s.name(n))
	return found, kind, err
}

func (postgres) key(ctx context.Context, s *session, table Name) ([]string, error) {
	return s.strings(ctx, `SELECT a.attname FROM pg_index i, unnest(i.indkey) WITH ORDINALITY k(attnum, n), pg_attribute a
WHERE i.indrelid = to_regclass(?) AND i.indisprimary AND a.attrelid = i.indrelid AND a.attnum = k.attnum ORDER BY k.n`, s.name(table))
}

func (postgres) columns(ctx context.Context, s *session, table Name) ([]string, error) {
	return s.strings(ctx, "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass(?) AND attnum > 0 AND NOT attisdropped ORDER BY attnum", s.name(table))
}

func (p postgres) refuse(ctx context.Context, s *session, c Change) (why, do string, err error) {
	if c.Op == DropOther {
		return "", "", nil
	}
	table, kind, err := p.resolve(ctx, s, c.Table)
	if err != nil || table.Name == "" {
		return "", "", err // it may come to be by an earlier change; otherwise the database says so in time
	}
	if kind != "r" {
		return fmt.Sprintf("%s is not an ordinary table (partitioned, foreign or a view)", c.Table), "migrate it by migrations.command", nil
	}
	if n, err := s.count(ctx, "SELECT count(*) FROM pg_inherits WHERE to_regclass(?) IN (inhparent, inhrelid)", s.name(table)); err != nil || n > 0 {
		return fmt.Sprintf("%s is a partition, or inherits from another table or another from it", c.Table), "migrate it by migrations.command", err
	}
	key, err := p.key(ctx, s, table)
	if err != nil {
		return "", "", err
	}
	if c.Op == DropColumn {
		if slices.Contains(key, c.Column) {
			return fmt.Sprintf("%s is part of the primary key of %s", c.Column, c.Table), "add the new key first and drop the old one in a later release", nil
		}
		return "", "", nil
	}
	if c.Op == DropTable {
		return "", "", nil
	}
	if len(key) == 0 {
		return fmt.Sprintf("%s has no primary key, so its rows cannot be told apart", c.Table), "give the table a primary key first", nil
	}
	if slices.Contains(key, c.Column) || slices.ContainsFunc(c.Columns, func(col string) bool { return slices.Contains(key, col) }) {
		return fmt.Sprintf("it changes the primary key of %s, by which its rows are told apart", c.Table), "write the new key into a column of its own first", nil
	}
	return "", "", nil
}

func (p postgres) holders(ctx context.Context, s *session, table Name) string {
	found, err := s.strings(ctx, `SELECT DISTINCT format('session %s (%s%s) holds %s since %s with: %s', a.pid, a.usename, coalesce(' ' || nullif(a.application_name, ''), ''),
  l.mode, date_trunc('second', clock_timestamp() - a.xact_start), left(regexp_replace(a.query, '\s+', ' ', 'g'), 100))
FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE l.relation = to_regclass(?) AND l.granted AND l.pid <> pg_backend_pid()`, s.name(table))
	if err != nil || len(found) == 0 {
		return "who held the lock cannot be seen any more"
	}
	return strings.Join(found, "; ")
}
