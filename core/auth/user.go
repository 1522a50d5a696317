package auth

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"time"
)

// User is a local user; what is stored of the password never leaves this package.
type User struct {
	Name    string
	Role    Role
	Created time.Time
}

// Errors of the user calls.
var (
	ErrUserExists  = errors.New("user exists already")
	ErrUnknownUser = errors.New("no such user")
	ErrLastAdmin   = errors.New("the last admin stays; make somebody else admin first")
)

var userName = regexp.MustCompile(`^[a-z0-9][a-z0-9._@+-]{0,63}$`)

// UserAdd creates a user. Names are lower case.
func (a *Auth) UserAdd(ctx context.Context, name string, role Role, password string) error {
	if !userName.MatchString(name) {
		return fmt.Errorf("user %q: want a name of up to 64 characters from a-z, 0-9 and ._@+-, beginning with a letter or digit", name)
	}
	if _, err := ParseRole(string(role)); err != nil {
		return fmt.Errorf("user %s: %w", name, err)
	}
	if err := checkPassword(name, password); err != nil {
		return fmt.Errorf("user %s: %w", name, err)
	}
	hash, err := a.hash(ctx, password)
	if err != nil {
		return fmt.Errorf("user %s: %w", name, err)
	}
	done, err := a.changed(ctx, a.db, `INSERT INTO users (name, role, hash, created_at) VALUES ($1, $2, $3, $4) ON CONFLICT (name) DO NOTHING`,
		name, string(role), hash, a.now().UnixMilli())
	if err != nil {
		return fmt.Errorf("add user %s: %w", name, err)
	}
	if !done {
		return fmt.Errorf("user %s: %w", name, ErrUserExists)
	}
	return nil
}

// UserList returns all users by name.
func (a *Auth) UserList(ctx context.Context) ([]User, error) {
	rows, err := a.db.QueryContext(ctx, `SELECT name, role, created_at FROM users ORDER BY name`)
	if err != nil {
		return nil, fmt.Errorf("list users: %w", err)
	}
	defer rows.Close()
	var users []User
	for rows.Next() {
		var u User
		var created int64
		if err := rows.Scan(&u.Name, &u.Role, &created); err != nil {
			return nil, fmt.Errorf("list users: %w", err)
		}
		u.Created = time.UnixMilli(created)
		users = append(users, u)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("list users: %w", err)
	}
	return users, nil
}

// RoleOf is what a user is now; ErrUnknownUser if there is none of that name.
func (a *Auth) RoleOf(ctx context.Context, name string) (Role, error) {
	var role Role
	err := a.db.QueryRowContext(ctx, `SELECT role FROM users WHERE name = $1`, name).Scan(&role)
	if errors.Is(err, sql.ErrNoRows) {
		return "", fmt.Errorf("%s: %w", name, ErrUnknownUser)
	}
	if err != nil {
		return "", fmt.Errorf("role of %s: %w", name, err)
	}
	return role, nil
}

// UserRemove deletes a user and ends their sessions. The last admin cannot be removed.
func (a *Auth) UserRemove(ctx context.Context, name string) error {
	return a.inTx(ctx, "remove user "+name, func(tx *sql.Tx) error {
		if err := a.endSessions(ctx, tx, name); err != nil {
			return err
		}
		done, err := a.changed(ctx, tx, `DELETE FROM users WHERE name = $1`+keepsAnAdmin, name)
		return a.refused(ctx, tx, name, done, err)
	})
}

// SetPassword changes a password and ends all sessions of the user.
func (a *Auth) SetPassword(ctx context.Context, name, password string) error {
	if err := checkPassword(name, password); err != nil {
		return fmt.Errorf("user %s: %w", name, err)
	}
	hash, err := a.hash(ctx, password)
	if err != nil {
		return fmt.Errorf("user %s: %w", name, err)
	}
	return a.inTx(ctx, "set password of user "+name, func(tx *sql.Tx) error {
		if err := a.endSessions(ctx, tx, name); err != nil {
			return err
		}
		done, err := a.changed(ctx, tx, `UPDATE users SET hash = $2 WHERE name = $1`, name, hash)
		return a.refused(ctx, tx, name, done, err)
	})
}

// SetRole changes a role; it counts from the user's next request on. The last admin stays admin.
func (a *Auth) SetRole(ctx context.Context, name string, role Role) error {
	if _, err := ParseRole(string(role)); err != nil {
		return fmt.Errorf("user %s: %w", name, err)
	}
	return a.inTx(ctx, "set role of user "+name, func(tx *sql.Tx) error {
		guard := keepsAnAdmin
		if role == Admin {
			guard = ""
		}
		done, err := a.changed(ctx, tx, `UPDATE users SET role = $2 WHERE name = $1`+guard, name, string(role))
		return a.refused(ctx, tx, name, done, err)
	})
}

// keepsAnAdmin narrows a change of user $1 so that it cannot touch the only admin.
const keepsAnAdmin = ` AND (role <> 'admin' OR EXISTS (SELECT 1 FROM users AS other WHERE other.role = 'admin' AND other.name <> $1))`

// refused says why a change touched no row.
func (a *Auth) refused(ctx context.Context, tx *sql.Tx, name string, done bool, err error) error {
	if err != nil || done {
		return err
	}
	var found int
	switch err := tx.QueryRowContext(ctx, `SELECT 1 FROM users WHERE name = $1`, name).Scan(&found); {
	case errors.Is(err, sql.ErrNoRows):
		return ErrUnknownUser
	case err != nil:
		return err
	}
	return ErrLastAdmin
}

func (a *Auth) endSessions(ctx context.Context, tx *sql.Tx, name string) error {
	_, err := tx.ExecContext(ctx, `DELETE FROM sessions WHERE "user" = $1`, name)
	return err
}

// execer is a database or a transaction.
type execer interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// changed runs a statement and says whether it touched a row.
func (a *Auth) changed(ctx context.Context, db execer, query string, args ...any) (bool, error) {
	result, err := db.ExecContext(ctx, query, args...)
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	return n > 0, err
}

func (a *Auth) inTx(ctx context.Context, what string, do func(*sql.Tx) error) error {
	tx, err := a.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	if err := do(tx); err != nil {
		return fmt.Errorf("%s: %w", what, errors.Join(err, tx.Rollback()))
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}
