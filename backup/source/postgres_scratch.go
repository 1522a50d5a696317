package source

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// The lock of a scratch database is an advisory one of its name, held by a session in the database that is copied.
const (
	holdPostgres = "SELECT pg_try_advisory_lock(hashtextextended($1, 0))"
	findPostgres = "SELECT datname FROM pg_database WHERE left(datname, length($1)) = $1 ORDER BY 1"
)

// Scratch makes a database of its own on the same server.
func (s *postgresSource) Scratch(ctx context.Context, j Job) (Place, func(context.Context) error, error) {
	if err := s.Sweep(ctx, j); err != nil {
		return Place{}, nil, err
	}
	conn, err := s.maintain(ctx, j)
	if err != nil {
		return Place{}, nil, err
	}
	name, _ := j.scratchDatabase()
	var held bool
	if err = conn.QueryRow(ctx, holdPostgres, name).Scan(&held); err == nil {
		_, err = conn.Exec(ctx, "CREATE DATABASE "+name+" TEMPLATE template0")
	}
	if err != nil {
		return Place{}, nil, errors.Join(fmt.Errorf("make a scratch database: %w", err), conn.Close(ctx))
	}
	done := func(ctx context.Context) error {
		_ = conn.Close(ctx) // it may have been cut off during a long drill
		return onPostgres(ctx, conn.Config(), "DROP DATABASE "+name+" WITH (FORCE)")
	}
	url, err := s.address(ctx, j)
	if err == nil {
		url, err = withDatabase(url, name)
	}
	if err != nil {
		return Place{}, nil, errors.Join(err, done(context.WithoutCancel(ctx)))
	}
	return Place{URL: url, Name: name}, done, nil
}

// maintain connects to the database that is copied.
func (s *postgresSource) maintain(ctx context.Context, j Job) (*pgx.Conn, error) {
	url, err := s.address(ctx, j)
	if err != nil {
		return nil, err
	}
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return nil, fmt.Errorf("connect to the database: %w", err)
	}
	return conn, nil
}

// Sweep drops the scratch databases of drills that were killed.
func (s *postgresSource) Sweep(ctx context.Context, j Job) (err error) {
	conn, err := s.maintain(ctx, j)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }() // and its locks
	_, prefix := j.scratchDatabase()
	rows, err := conn.Query(ctx, findPostgres, prefix)
	if err != nil {
		return fmt.Errorf("look for scratch databases: %w", err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("look for scratch databases: %w", err)
	}
	for _, name := range names {
		var free bool
		if err := conn.QueryRow(ctx, holdPostgres, name).Scan(&free); err != nil {
			return fmt.Errorf("scratch database %s: %w", name, err)
		}
		if !free {
			continue // its drill lives
		}
		j.Say("drop " + name + ", which a drill that was killed left")
		if _, err := conn.Exec(ctx, "DROP DATABASE "+pgx.Identifier{name}.Sanitize()+" WITH (FORCE)"); err != nil {
			return fmt.Errorf("drop what a killed drill left: %w", err)
		}
	}
	return nil
}
