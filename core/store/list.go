package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// wrap says what was attempted on what; nil stays nil.
func wrap(err error, what, on string) error {
	if err == nil {
		return nil
	}
	return Advise(fmt.Errorf("%s %s: %w", what, on, err))
}

// list reads all rows of a query.
func list[T any](ctx context.Context, db *sql.DB, what string, read func(scan func(...any) error) (T, error), query string, args ...any) (out []T, err error) {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, Advise(fmt.Errorf("%s: %w", what, err))
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		v, err := read(rows.Scan)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", what, err)
		}
		out = append(out, v)
	}
	if err := rows.Err(); err != nil {
		return nil, Advise(fmt.Errorf("%s: %w", what, err))
	}
	return out, nil
}
