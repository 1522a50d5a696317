// Package auth says who somebody is and what they may do: local users with roles, sessions of the web pages, and the owner of the Unix socket.
// It must never keep a password or a session's token in a form that lets a reader of the database use it.
package auth

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"time"
)

// Options configures New.
type Options struct {
	DB   *sql.DB          // with the tables users and sessions
	Cost Cost             // of hashing a password; the zero Cost is DefaultCost
	Log  *slog.Logger     // nil logs nothing
	Now  func() time.Time // nil is time.Now
}

// Auth keeps local users and their sessions. It is safe for use by many goroutines.
type Auth struct {
	db       *sql.DB
	cost     Cost
	log      *slog.Logger
	now      func() time.Time
	throttle *throttle
	hashing  chan struct{} // room for hashes at work: each takes Cost.Memory
	decoy    string        // hash that a login of an unknown user is compared with, so that it takes as long
}

// hashesAtOnce bounds the memory that logins can take together.
const hashesAtOnce = 4

// New returns the users and sessions of a database.
func New(o Options) (*Auth, error) {
	if o.Cost == (Cost{}) {
		o.Cost = DefaultCost
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if err := o.Cost.check(); err != nil {
		return nil, err
	}
	a := &Auth{
		db: o.DB, cost: o.Cost, log: o.Log, now: o.Now,
		throttle: newThrottle(),
		hashing:  make(chan struct{}, hashesAtOnce),
	}
	a.decoy = hashPassword("nobody has this password", a.cost)
	return a, nil
}

// hash waits for room, then hashes.
func (a *Auth) hash(ctx context.Context, password string) (string, error) {
	if err := a.takeRoom(ctx); err != nil {
		return "", err
	}
	defer a.leaveRoom()
	return hashPassword(password, a.cost), nil
}

// verify waits for room, then compares.
func (a *Auth) verify(ctx context.Context, password, hash string) (bool, error) {
	if err := a.takeRoom(ctx); err != nil {
		return false, err
	}
	defer a.leaveRoom()
	return verifyPassword(password, hash)
}

func (a *Auth) takeRoom(ctx context.Context) error {
	select {
	case a.hashing <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("waiting to hash a password: %w", ctx.Err())
	}
}

func (a *Auth) leaveRoom() { <-a.hashing }
