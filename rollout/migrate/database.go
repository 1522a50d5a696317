package migrate

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/pressly/goose/v3/database"

	"goodstate.dev/goodstate/core/config"
)

// Database is a service's database with the migrations of one release. It is safe for use by one goroutine at a time; other
// controllers are kept out by a lock inside the database.
type Database struct {
	config Config
	files  []file
	db     *sql.DB
	engine engine
	goose  database.Store
	now    func() time.Time
	after  func() // called after each statement; tests kill themselves here
}

// engine is what differs between databases. Its methods run on the session's connection.
type engine interface {
	// settings are the statements that a connection begins with.
	settings(c Config) []string
	// tryLock takes the lock of this database's migrations, or says who has it.
	tryLock(ctx context.Context, s *session) (holder string, err error)
	unlock(ctx context.Context, s *session) error
	// transactional says that structure and data change in one transaction.
	transactional() bool
	// refuse looks whether the database lets the change be undone, and says why not and what to do.
	refuse(ctx context.Context, s *session, c Change) (why, do string, err error)
	// do carries out a change and writes into the row how it is undone. It is called again after it was interrupted.
	do(ctx context.Context, s *session, c Change, r *row) error
	// undo brings back what was before do. It is called again after it was interrupted.
	undo(ctx context.Context, s *session, r *row) error
	// clean removes what was put aside by the changes of a plan.
	clean(ctx context.Context, s *session, rows []row) error
	// holders says who holds a lock on the table, in words.
	holders(ctx context.Context, s *session, table Name) string
	// key is the table's primary key, in order; columns are all its columns, in order.
	key(ctx context.Context, s *session, table Name) ([]string, error)
	columns(ctx context.Context, s *session, table Name) ([]string, error)
}

// Open connects to the database and reads the migrations in the release's folder. The secret getter is only asked where the
// address is a secret.
func Open(ctx context.Context, c Config, release string, secret func(ctx context.Context, name string) (string, error)) (*Database, error) {
	files, err := readFiles(release, c.Dir, c.Driver)
	if err != nil {
		return nil, err
	}
	dsn, err := address(ctx, c.URL, secret)
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	d := &Database{config: c, files: files, now: time.Now}
	dialect := database.DialectPostgres
	switch c.Driver {
	case Postgres:
		d.engine, d.db, err = openPostgres(dsn)
	case MySQL:
		dialect = database.DialectMySQL
		d.engine, d.db, err = openMySQL(dsn)
	case SQLite:
		dialect = database.DialectSQLite3
		d.engine, d.db, err = openSQLite(dsn)
	default:
		return nil, fmt.Errorf("open the database: unknown driver %q, want postgres, mysql or sqlite", c.Driver)
	}
	if err != nil {
		return nil, err
	}
	if d.goose, err = database.NewStore(dialect, c.Table); err != nil {
		return nil, errors.Join(fmt.Errorf("open the database: %w", err), d.db.Close())
	}
	return d, nil
}

// Close ends the connections.
func (d *Database) Close() error { return d.db.Close() }

func address(ctx context.Context, v config.Value, secret func(context.Context, string) (string, error)) (string, error) {
	plain, ok := v.Plain()
	if ok {
		return plain, nil
	}
	named, _ := v.Secret()
	if secret == nil {
		return "", fmt.Errorf("its address is the secret %s, and secrets cannot be had here", named.Name())
	}
	return secret(ctx, named.Name())
}

// errForm hides a driver's words about an address: they may hold the password.
func errForm(driver string) error {
	return fmt.Errorf("open the database: the url is not in the form of the driver %s", driver)
}

// Version is the newest applied version, 0 where none is.
func (d *Database) Version(ctx context.Context) (version int64, err error) {
	err = d.session(ctx, false, func(s *session) error {
		applied, err := s.applied(ctx)
		for v := range applied {
			version = max(version, v)
		}
		return err
	})
	return version, err
}

// Plan says what Expand and Contract would do. It changes nothing.
func (d *Database) Plan(ctx context.Context) (p Plan, err error) {
	err = d.session(ctx, false, func(s *session) error {
		applied, err := s.applied(ctx)
		if err != nil {
			return err
		}
		from := int64(0)
		for v := range applied {
			from = max(from, v)
		}
		pending := slices.DeleteFunc(slices.Clone(d.files), func(f file) bool { return applied[f.version] })
		p = planFiles(d.config.Driver, from, pending, d.config.Irreversible)
		if err := s.inspect(ctx, &p); err != nil {
			return err
		}
		p.settle()
		for _, f := range pending {
			if f.version < from && p.Refused == "" {
				p.Refused = fmt.Sprintf("%s is older than version %d, which is applied already; give it a number above", f.name, from)
			}
		}
		open, err := s.openPlan(ctx)
		if err == nil && open != "" && open != p.ID {
			p.Refused = fmt.Sprintf("the plan %s is still open on this database; end it by Contract or Back first", open)
		}
		return err
	})
	return p, err
}

// inspect asks the database about each change that puts something aside.
func (s *session) inspect(ctx context.Context, p *Plan) error {
	created := map[Name]bool{}
	for i := range p.Changes {
		c := &p.Changes[i]
		if c.Op == CreateTable || c.Op == RenameTable {
			created[c.Table] = true
			created[Name{c.Table.Schema, c.To}] = true
		}
		if c.Refused != "" || c.Aside == "" || created[c.Table] {
			continue
		}
		why, do, err := s.engine.refuse(ctx, s, *c)
		if err != nil {
			return fmt.Errorf("look at %s for %s: %w", c.Table, c.Place(), err)
		}
		if why == "" {
			continue
		}
		c.Class, c.Aside, c.Op = Irreversible, "", Run
		p.Needs = true
		if c.Why = why; s.config.Irreversible != "allow" {
			c.refuse("it cannot be undone: "+why, do)
		}
	}
	return nil
}
