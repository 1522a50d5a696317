package check

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	_ "github.com/go-sql-driver/mysql" // a database that checks can ask
	_ "github.com/jackc/pgx/v5/stdlib" // a database that checks can ask
	_ "modernc.org/sqlite"             // a database that checks can ask

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

var drivers = map[string]string{"postgres": "pgx", "mysql": "mysql", "sqlite": "sqlite"}

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
	db, err := sql.Open(drivers[c.Driver], dsn)
	if err != nil {
		return unknown(f.Wanted, errors.New("the dsn is not in the form of the driver "+c.Driver)) // the driver's words may hold the password
	}
	defer func() { _ = db.Close() }() // the answer is in; how the connection ends says nothing
	var answer sql.NullString
	err = db.QueryRowContext(ctx, c.Query).Scan(&answer)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		f.Observed = "no row"
	case err != nil:
		return unreachable(ctx, f, c.Driver, err)
	case c.Expect != "" && answer.String != c.Expect:
		f.Observed = fmt.Sprintf("%q", answer.String)
	default:
		f.Verdict, f.Observed = good.Pass, fmt.Sprintf("%q", answer.String)
	}
	return f
}
