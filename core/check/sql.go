package check

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"
	_ "github.com/jackc/pgx/v5/stdlib" // driver pgx
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"goodstate.dev/goodstate/core/config"
	"goodstate.dev/goodstate/core/good"
)

func init() {
	register(Kind{
		Name:    "sql",
		Help:    "ask a database: that it answers, and what",
		Example: "sql: {driver: postgres, dsn: {secret: db}, query: \"SELECT count(*) FROM users\", expect: \"3\"}",
		New: func(decode func(any) error) (Check, error) {
			c := &sqlCheck{}
			return c, decode(c)
		},
	})
}

type sqlCheck struct {
	Driver string       `yaml:"driver" required:"true" enum:"postgres,mysql,sqlite" help:"kind of database"`
	DSN    config.Value `yaml:"dsn" required:"true" help:"how to connect, in the driver's form; with a password in it, {secret: name}"`
	Query  string       `yaml:"query" default:"SELECT 1" help:"what is asked; only the first row and column count"`
	Expect string       `yaml:"expect" help:"the answer that is wanted; without it any row will do"`
}

var drivers = map[string]func(dsn string) (*sql.DB, error){
	"postgres": func(dsn string) (*sql.DB, error) { return sql.Open("pgx", dsn) },
	"mysql":    openMySQL,
	"sqlite":   openSQLite,
}

func openMySQL(dsn string) (*sql.DB, error) {
	settings, err := mysql.ParseDSN(dsn)
	if err != nil {
		return nil, err
	}
	settings.Logger = &mysql.NopLogger{} // what is wrong is in the error
	connector, err := mysql.NewConnector(settings)
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(connector), nil
}

// openSQLite opens a file that is there, and writes nothing into it.
func openSQLite(dsn string) (*sql.DB, error) {
	if dsn == ":memory:" {
		return sql.Open("sqlite", dsn)
	}
	if !strings.HasPrefix(dsn, "file:") {
		dsn = "file:" + (&url.URL{Path: dsn}).EscapedPath()
	}
	join := "?"
	if strings.Contains(dsn, "?") {
		join = "&"
	}
	if !strings.Contains(dsn, "mode=") {
		dsn += join + "mode=rw"
		join = "&"
	}
	return sql.Open("sqlite", dsn+join+"_pragma=query_only(1)")
}

// ask asks in a transaction that can only read. MySQL ends a transaction before it changes a table, so there the whole
// session can only read; SQLite's connection was opened so.
func (c *sqlCheck) ask(ctx context.Context, db *sql.DB) (answer sql.NullString, err error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return answer, err
	}
	defer func() { _ = conn.Close() }() // it has changed nothing
	if c.Driver == "mysql" {
		if _, err := conn.ExecContext(ctx, "SET SESSION TRANSACTION READ ONLY"); err != nil {
			return answer, err
		}
	}
	tx, err := conn.BeginTx(ctx, &sql.TxOptions{ReadOnly: c.Driver == "postgres"})
	if err != nil {
		return answer, err
	}
	defer func() { _ = tx.Rollback() }() // it has changed nothing
	return answer, tx.QueryRowContext(ctx, c.Query).Scan(&answer)
}

// ours is true where the database refused what the check said, which tells nothing about the database: a wrong password, a
// right that is missing, a query that cannot be read or that would write.
func ours(err error) bool {
	var pg *pgconn.PgError
	var my *mysql.MySQLError
	var lite *sqlite.Error
	switch {
	case errors.As(err, &pg):
		return strings.HasPrefix(pg.Code, "28") || slices.Contains([]string{"42601", "42501", "25006"}, pg.Code)
	case errors.As(err, &my):
		return slices.Contains([]uint16{1044, 1045, 1064, 1142, 1290, 1792}, my.Number)
	case errors.As(err, &lite):
		return lite.Code()&0xff == sqlite3.SQLITE_READONLY || strings.Contains(lite.Error(), "syntax error")
	}
	return false
}

// Run asks once, over a connection of its own.
func (c *sqlCheck) Run(ctx context.Context, t Target) good.Finding {
	f := good.Finding{Wanted: "a row", Verdict: good.Fail}
	if c.Expect != "" {
		f.Wanted = fmt.Sprintf("%q", c.Expect)
	}
	dsn, err := t.value(ctx, c.DSN)
	if err != nil {
		return unknown(f.Wanted, err)
	}
	db, err := drivers[c.Driver](dsn)
	if err != nil {
		return unknown(f.Wanted, errors.New("the dsn is not in the form of the driver "+c.Driver)) // the driver's words may hold the password
	}
	defer func() { _ = db.Close() }() // the answer is in; how the connection ends says nothing
	answer, err := c.ask(ctx, db)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		f.Observed = "no row"
	case err != nil && ours(err):
		return unknown(f.Wanted, err)
	case err != nil:
		return unreachable(ctx, f, c.Driver, err)
	case c.Expect != "" && answer.String != c.Expect:
		f.Observed = fmt.Sprintf("%q", answer.String)
	default:
		f.Verdict, f.Observed = good.Pass, fmt.Sprintf("%q", answer.String)
	}
	return f
}
