package source

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// Scratch makes a database of its own on the same server. Its lock is one of the server's by its name, held by a session.
func (s *mysqlSource) Scratch(ctx context.Context, j Job) (Place, func(context.Context) error, error) {
	if err := s.Sweep(ctx, j); err != nil {
		return Place{}, nil, err
	}
	a, err := s.address(ctx, j)
	if err != nil {
		return Place{}, nil, err
	}
	name, _ := j.scratchDatabase()
	db, err := a.open()
	if err != nil {
		return Place{}, nil, err
	}
	conn, err := db.Conn(ctx)
	if err == nil {
		_, err = holdMySQL(ctx, conn, name)
	}
	if err == nil {
		_, err = conn.ExecContext(ctx, "CREATE DATABASE "+backtick(name))
	}
	if err != nil {
		return Place{}, nil, errors.Join(fmt.Errorf("make a scratch database: %w", err), db.Close())
	}
	done := func(ctx context.Context) error {
		_ = db.Close() // it may have been cut off during a long drill
		return a.with(ctx, func(conn *sql.Conn) error {
			_, err := conn.ExecContext(ctx, "DROP DATABASE "+backtick(name))
			return err
		})
	}
	a.database = name
	return Place{URL: a.url(), Name: name}, done, nil
}

// holdMySQL takes a lock by its name, and says whether it was free.
func holdMySQL(ctx context.Context, conn *sql.Conn, name string) (free bool, err error) {
	var got sql.NullBool
	if err := conn.QueryRowContext(ctx, "SELECT get_lock(?, 0)", name).Scan(&got); err != nil {
		return false, fmt.Errorf("lock of scratch database %s: %w", name, err)
	}
	return got.Valid && got.Bool, nil
}

// Sweep drops the scratch databases of drills that were killed.
func (s *mysqlSource) Sweep(ctx context.Context, j Job) error {
	a, err := s.address(ctx, j)
	if err != nil {
		return err
	}
	_, prefix := j.scratchDatabase()
	return a.with(ctx, func(conn *sql.Conn) error {
		names, err := column(ctx, conn, "SELECT schema_name FROM information_schema.schemata WHERE left(schema_name, ?) = ?", len(prefix), prefix)
		if err != nil {
			return fmt.Errorf("look for scratch databases: %w", err)
		}
		for _, name := range names {
			free, err := holdMySQL(ctx, conn, name)
			if err != nil {
				return err
			}
			if !free {
				continue // its drill lives
			}
			j.Say("drop " + name + ", which a drill that was killed left")
			if _, err := conn.ExecContext(ctx, "DROP DATABASE "+backtick(name)); err != nil {
				return fmt.Errorf("drop what a killed drill left: %w", err)
			}
		}
		return nil
	})
}
