package auth

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// How long a session lasts.
const (
	SessionIdle = 12 * time.Hour     // since the last request
	SessionMost = 7 * 24 * time.Hour // since the login
	slideEvery  = 5 * time.Minute    // how often the end of a session in use is moved
)

// Errors of logins and sessions.
var (
	ErrBadLogin  = errors.New("name or password is wrong") // never says which
	ErrNoSession = errors.New("not logged in, or the session has ended")
)

// Session is what a login gives. The token is for the browser only; it cannot be had a second time.
type Session struct {
	Token string
	User  string
	Role  Role
	Ends  time.Time // if it is not used
}

// Login checks a password and begins a session. The error is ErrBadLogin for a wrong name or password alike, in the same time,
// and *ThrottledError after too many wrong ones of the name or of the address.
func (a *Auth) Login(ctx context.Context, name, password, address string) (Session, error) {
	if err := a.throttle.begin(name, address, a.now()); err != nil {
		a.log.WarnContext(ctx, "login refused", slog.String("user", name), slog.String("address", address), slog.String("why", err.Error()))
		return Session{}, err
	}
	role, hash, err := a.checkLogin(ctx, name, password)
	if errors.Is(err, ErrBadLogin) {
		a.log.WarnContext(ctx, "login failed", slog.String("user", name), slog.String("address", address))
		return Session{}, ErrBadLogin
	}
	if err != nil {
		return Session{}, fmt.Errorf("login of %s: %w", name, err)
	}
	a.throttle.forgive(name, address, a.now())
	s, err := a.begin(ctx, name, role, a.renew(ctx, name, password, hash))
	if err != nil && !errors.Is(err, ErrBadLogin) {
		return Session{}, fmt.Errorf("login of %s: %w", name, err)
	}
	return s, err
}

// checkLogin compares the password, for an unknown user with the decoy.
func (a *Auth) checkLogin(ctx context.Context, name, password string) (Role, string, error) {
	var role Role
	var hash string
	err := a.db.QueryRowContext(ctx, `SELECT role, hash FROM users WHERE name = $1`, name).Scan(&role, &hash)
	known := err == nil
	switch {
	case errors.Is(err, sql.ErrNoRows):
		hash = a.decoy
	case err != nil:
		return "", "", err
	}
	if len(password) > longestPassword {
		password = "" // no user has it, and hashing stays cheap
	}
	ok, err := a.verify(ctx, password, hash)
	if err != nil {
		return "", "", err
	}
	if !ok || !known {
		return "", "", ErrBadLogin
	}
	return role, hash, nil
}

// renew hashes the password again if the cost was raised since, and returns the hash that is stored now. The login goes on without it if that fails.
func (a *Auth) renew(ctx context.Context, name, password, hash string) string {
	c, _, _, err := parseHash(hash)
	if err != nil || !c.below(a.cost) {
		return hash
	}
	renewed, err := a.hash(ctx, password)
	if err == nil {
		var done bool
		if done, err = a.changed(ctx, a.db, `UPDATE users SET hash = $3 WHERE name = $1 AND hash = $2`, name, hash, renewed); done {
			return renewed
		}
	}
	a.log.WarnContext(ctx, "password not hashed again at the raised cost; the next login tries once more", slog.String("user", name), slog.Any("error", err))
	return hash
}

// begin stores a session, unless the password was changed or the user removed while it was compared.
func (a *Auth) begin(ctx context.Context, name string, role Role, hash string) (Session, error) {
	now := a.now()
	if _, err := a.db.ExecContext(ctx, `DELETE FROM sessions WHERE expires_at <= $1`, now.UnixMilli()); err != nil {
		return Session{}, fmt.Errorf("forget ended sessions: %w", err)
	}
	s := Session{Token: newToken(), User: name, Role: role, Ends: now.Add(SessionIdle)}
	done, err := a.changed(ctx, a.db, `INSERT INTO sessions (token_hash, "user", created_at, expires_at)
		SELECT $1, name, $2, $3 FROM users WHERE name = $4 AND hash = $5`, hashToken(s.Token), now.UnixMilli(), s.Ends.UnixMilli(), name, hash)
	if err != nil {
		return Session{}, fmt.Errorf("store the session: %w", err)
	}
	if !done {
		return Session{}, ErrBadLogin
	}
	return s, nil
}

// Session returns whose session a token is, with the role that the user has now, and keeps the session alive. The error is ErrNoSession
// if there is none or it has ended.
func (a *Auth) Session(ctx context.Context, token string) (Principal, error) {
	if token == "" || len(token) > 128 {
		return Principal{}, ErrNoSession
	}
	key, now := hashToken(token), a.now()
	p := Principal{Via: ViaSession}
	var created, expires int64
	err := a.db.QueryRowContext(ctx, `SELECT u.name, u.role, s.created_at, s.expires_at FROM sessions s JOIN users u ON u.name = s."user" WHERE s.token_hash = $1`, key).
		Scan(&p.Name, &p.Role, &created, &expires)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return Principal{}, ErrNoSession
	case err != nil:
		return Principal{}, fmt.Errorf("look up a session: %w", err)
	case expires <= now.UnixMilli():
		return Principal{}, ErrNoSession
	}
	ends := min(now.Add(SessionIdle).UnixMilli(), created+SessionMost.Milliseconds())
	if ends-expires >= slideEvery.Milliseconds() {
		if _, err := a.db.ExecContext(ctx, `UPDATE sessions SET expires_at = $2 WHERE token_hash = $1`, key, ends); err != nil {
			return Principal{}, fmt.Errorf("keep a session alive: %w", err)
		}
	}
	return p, nil
}

// Logout ends a session; ending one that has ended is no error.
func (a *Auth) Logout(ctx context.Context, token string) error {
	if _, err := a.db.ExecContext(ctx, `DELETE FROM sessions WHERE token_hash = $1`, hashToken(token)); err != nil {
		return fmt.Errorf("log out: %w", err)
	}
	return nil
}

// newToken returns 256 random bits.
func newToken() string {
	b := make([]byte, 32)
	rand.Read(b) // never fails: the runtime ends the process instead
	return base64.RawURLEncoding.EncodeToString(b)
}

// hashToken is what is stored of a token. It is random, so a plain hash keeps it.
func hashToken(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// csrfToken belongs to a session and does not tell the session's token.
func csrfToken(token string) string {
	mac := hmac.New(sha256.New, []byte(token))
	mac.Write([]byte("goodstate form"))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}
