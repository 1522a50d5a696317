package migrate

import (
	"context"
	"database/sql"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/go-sql-driver/mysql"
)

// mariadb is MariaDB and MySQL. A change of structure ends the transaction there, so before each one its row says what the
// table looks like, and after an interruption the table itself says whether it happened.
type mariadb struct{}

func openMySQL(dsn string) (engine, *sql.DB, error) {
	c, err := mysql.ParseDSN(dsn)
	if err != nil {
		return nil, nil, errForm(MySQL)
	}
	c.Logger = &mysql.NopLogger{} // what is wrong is in the error
	c.MultiStatements, c.ParseTime, c.ClientFoundRows = false, true, false
	connector, err := mysql.NewConnector(c)
	if err != nil {
		return nil, nil, errForm(MySQL)
	}
	return mariadb{}, sql.OpenDB(connector), nil
}

func (mariadb) settings(c Config) []string {
	wait := max(1, int64(c.LockTimeout.Std().Seconds()+0.999)) // whole seconds are the least
	return []string{
		// MariaDB limits every statement; MySQL, which takes that part for a comment, does not.
		fmt.Sprintf("SET SESSION /*M! max_statement_time = %f, */ lock_wait_timeout = %d, innodb_lock_wait_timeout = %d, sql_quote_show_create = 1",
			c.StatementTimeout.Std().Seconds(), wait, wait),
	}
}

func (mariadb) transactional() bool { return false }

func (mariadb) lockName(s *session) string { return fmt.Sprintf("goodstate %x", lockKey(s.config)) }

// Names of locks belong to the whole server, so the database's name is part of it.
const myLock = "concat(?, ' ', left(sha2(database(), 256), 16))"

func (m mariadb) tryLock(ctx context.Context, s *session) (string, error) {
	n, err := s.count(ctx, "SELECT coalesce(get_lock("+myLock+", 0), 0)", m.lockName(s))
	if err != nil || n == 1 {
		return "", err
	}
	who := "another session"
	_, err = s.one(ctx, []any{&who}, "SELECT concat('session ', coalesce(is_used_lock("+myLock+"), 'that has just ended'))", m.lockName(s))
	return who, err
}

func (m mariadb) unlock(ctx context.Context, s *session) error {
	_, err := s.count(ctx, "SELECT coalesce(release_lock("+myLock+"), 0)", m.lockName(s))
	return err
}

const mySchema = " = coalesce(nullif(?, ''), database()) AND "

func (mariadb) columns(ctx context.Context, s *session, t Name) ([]string, error) {
	return s.strings(ctx, "SELECT column_name FROM information_schema.columns WHERE table_schema"+mySchema+"table_name = ? ORDER BY ordinal_position", t.Schema, t.Name)
}

func (mariadb) key(ctx context.Context, s *session, t Name) ([]string, error) {
	return s.strings(ctx, "SELECT column_name FROM information_schema.statistics WHERE table_schema"+mySchema+"table_name = ? AND index_name = 'PRIMARY' ORDER BY seq_in_index", t.Schema, t.Name)
}

// writable are the columns that can be written: all but generated ones.
func (mariadb) writable(ctx context.Context, s *session, t Name) ([]string, error) {
	return s.strings(ctx, "SELECT column_name FROM information_schema.columns WHERE table_schema"+mySchema+"table_name = ? AND coalesce(generation_expression, '') = '' ORDER BY ordinal_position", t.Schema, t.Name)
}

// exact says what a column has to be cast to so that its text says all of it: short numbers are rounded, times reformatted.
func (mariadb) exact(ctx context.Context, s *session, t Name) (map[string]string, error) {
	as := map[string]string{"float": "double", "date": "char", "datetime": "char", "timestamp": "char"}
	out := map[string]string{}
	err := s.each(ctx, func(scan func(...any) error) error {
		var column, kind string
		err := scan(&column, &kind)
		out[column] = as[kind]
		return err
	}, "SELECT column_name, lower(data_type) FROM information_schema.columns WHERE table_schema"+mySchema+"table_name = ?", t.Schema, t.Name)
	return out, err
}

// timed are the columns that the server itself writes on every update.
func (mariadb) timed(ctx context.Context, s *session, t Name) ([]string, error) {
	return s.strings(ctx, "SELECT column_name FROM information_schema.columns WHERE table_schema"+mySchema+"table_name = ? AND extra LIKE '%on update%'", t.Schema, t.Name)
}

func (m mariadb) refuse(ctx context.Context, s *session, c Change) (why, do string, err error) {
	if c.Op == DropTable || c.Op == DropOther {
		return "", "", nil
	}
	var kind string
	found, err := s.one(ctx, []any{&kind}, "SELECT coalesce(engine, '') FROM information_schema.tables WHERE table_schema"+mySchema+"table_name = ?", c.Table.Schema, c.Table.Name)
	if err != nil || !found {
		return "", "", err
	}
	if !strings.EqualFold(kind, "InnoDB") {
		return fmt.Sprintf("%s is kept by the engine %q, which has no transactions", c.Table, kind), "turn it into an InnoDB table first", nil
	}
	key, err := m.key(ctx, s, c.Table)
	if err != nil {
		return "", "", err
	}
	inKey := func(column string) bool { return slices.Contains(key, column) }
	switch {
	case inKey(c.Column) || slices.ContainsFunc(c.Columns, inKey):
		return fmt.Sprintf("it changes the primary key of %s", c.Table), "add the new key first and drop the old one in a later release", nil
	case c.Op == DropColumn:
		return "", "", nil
	case len(key) == 0:
		return fmt.Sprintf("%s has no primary key, so its rows cannot be told apart", c.Table), "give the table a primary key first", nil
	}
	triggers, err := s.strings(ctx, "SELECT trigger_name FROM information_schema.triggers WHERE event_object_schema"+mySchema+"event_object_table = ? AND event_manipulation = 'UPDATE'", c.Table.Schema, c.Table.Name)
	if err == nil && len(triggers) > 0 && c.Op != Delete {
		return fmt.Sprintf("nothing keeps the trigger %s of %s from acting on values that are put back", triggers[0], c.Table), "drop the trigger first and create it again afterwards, in releases of their own", nil
	}
	return "", "", err
}

func (mariadb) holders(ctx context.Context, s *session, table Name) string {
	found, err := s.strings(ctx, `SELECT concat('session ', t.trx_mysql_thread_id, ' (', p.user, '@', p.host, ') has a transaction open since ', t.trx_started, ', ',
  if(p.info IS NULL, concat('idle for ', p.time, ' s'), concat('with: ', left(p.info, 100))))
FROM information_schema.innodb_trx t JOIN information_schema.processlist p ON p.id = t.trx_mysql_thread_id WHERE p.id <> connection_id() ORDER BY t.trx_started LIMIT 5`)
	if err != nil || len(found) == 0 {
		return "who held the lock cannot be seen any more"
	}
	return "one of these holds the lock: " + strings.Join(found, "; ")
}

// counter is the next number of a table, which is no part of its definition.
var counter = regexp.MustCompile(` AUTO_INCREMENT=\d+`)

// look is the definition of a table or view as the server writes it, "" where there is none.
func (m mariadb) look(ctx context.Context, s *session, t Name) (string, error) {
	var kind string
	found, err := s.one(ctx, []any{&kind}, "SELECT table_type FROM information_schema.tables WHERE table_schema"+mySchema+"table_name = ?", t.Schema, t.Name)
	if err != nil || !found {
		return "", err
	}
	var name, text, a, b sql.NullString
	if kind == "VIEW" {
		_, err = s.one(ctx, []any{&name, &text, &a, &b}, "SHOW CREATE VIEW "+s.name(t))
		return text.String, err
	}
	_, err = s.one(ctx, []any{&name, &text}, "SHOW CREATE TABLE "+s.name(t))
	head, tail := cutLast(text.String, "\n)")
	return head + "\n)" + counter.ReplaceAllString(tail, ""), err
}

func cutLast(text, sep string) (before, after string) {
	i := strings.LastIndex(text, sep)
	if i < 0 {
		return text, ""
	}
	return text[:i], text[i+len(sep):]
}
