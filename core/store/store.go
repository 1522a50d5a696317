// Package store keeps what goodstate knows in one data directory: an SQLite database that one process owns at a time.
// Every row that matters is on the disk when a call returns.
package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"syscall"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite" // also registers the driver
)

//go:embed migrations/*.sql
var migrations embed.FS

// File is the name of the database in the data directory.
const File = "goodstate.db"

// Store is an open data directory.
type Store struct {
	dir  string
	db   *sql.DB
	lock *lock // nil for readers
}

// Open makes the data directory if there is none, takes its lock and brings the database up to date. A directory that another
// process owns is an *InUseError.
func Open(ctx context.Context, dir string) (*Store, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("data directory %s: %w", dir, err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, Advise(fmt.Errorf("make the data directory %s: %w", dir, err))
	}
	l, err := take(dir)
	if err != nil {
		return nil, err
	}
	s := &Store{dir: dir, lock: l}
	if s.db, err = connect(dir, "rwc"); err == nil {
		err = migrate(ctx, s.db, dir)
	}
	if err != nil {
		return nil, errors.Join(Advise(err), s.Close())
	}
	return s, nil
}

// OpenReadOnly opens a data directory to read what is recorded, whoever owns it. Nothing is written, migrated or locked.
func OpenReadOnly(ctx context.Context, dir string) (*Store, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("data directory %s: %w", dir, err)
	}
	if _, err := os.Stat(filepath.Join(dir, File)); err != nil {
		return nil, fmt.Errorf("data directory %s: no database in it yet: %w", dir, err)
	}
	db, err := connect(dir, "ro")
	if err != nil {
		return nil, err
	}
	if err := db.PingContext(ctx); err != nil {
		return nil, errors.Join(Advise(fmt.Errorf("database in %s: %w", dir, err)), db.Close())
	}
	return &Store{dir: dir, db: db}, nil
}

func connect(dir, mode string) (*sql.DB, error) {
	q := url.Values{"mode": {mode}, "_txlock": {"immediate"}}
	q["_pragma"] = []string{"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(ON)"}
	if mode == "ro" {
		q["_pragma"] = []string{"busy_timeout(10000)", "query_only(ON)"}
	}
	path := (&url.URL{Scheme: "file", Path: filepath.Join(dir, File), RawQuery: q.Encode()}).String()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	db.SetMaxOpenConns(4)
	return db, nil
}

func migrate(ctx context.Context, db *sql.DB, dir string) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return fmt.Errorf("migrations: %w", err)
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, db, files)
	if err != nil {
		return fmt.Errorf("database in %s: %w", dir, err)
	}
	have, newest, err := p.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("database in %s: %w", dir, err)
	}
	if have > newest {
		return fmt.Errorf("database in %s is of a newer goodstate (schema %d, this program knows %d); run the newer program, or use another data directory", dir, have, newest)
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("bring the database in %s up to date: %w", dir, err)
	}
	return nil
}

// Connect opens one more handle on the database, for a library that closes the handle it is given. The caller closes it.
func (s *Store) Connect() (*sql.DB, error) { return connect(s.dir, "rwc") }

// DB is the database, for packages that keep rows of their own in it.
func (s *Store) DB() *sql.DB { return s.db }

// Dir is the data directory.
func (s *Store) Dir() string { return s.dir }

// Close closes the database and gives the directory free.
func (s *Store) Close() error {
	var errs []error
	if s.db != nil {
		errs = append(errs, s.db.Close())
	}
	if s.lock != nil {
		errs = append(errs, s.lock.release())
	}
	return errors.Join(errs...)
}

// SQLite's result codes that a person can do something about: https://www.sqlite.org/rescode.html
const (
	sqliteReadOnly = 8
	sqliteCorrupt  = 11
	sqliteFull     = 13
	sqliteCantOpen = 14
	sqliteNotADB   = 26
)

// Advise adds to an error of the database or the disk what to do about it; other errors and nil stay as they are.
func Advise(err error) error {
	if err == nil {
		return nil
	}
	var se *sqlite.Error
	code := 0
	if errors.As(err, &se) {
		code = se.Code() & 0xff
	}
	switch {
	case code == sqliteFull, errors.Is(err, syscall.ENOSPC):
		return fmt.Errorf("%w; the disk is full: make room, nothing that was recorded is lost", err)
	case code == sqliteReadOnly, code == sqliteCantOpen, errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w; the folder must be writable for this user", err)
	case code == sqliteCorrupt, code == sqliteNotADB:
		return fmt.Errorf("%w; the file is damaged: put back a copy of %s, or move it away to begin with an empty record", err, File)
	}
	return err
}
