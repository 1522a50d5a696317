package auth

import (
	"database/sql"
	"sync"
	"testing"
	"time"

	"goodstate.dev/goodstate/core/store"
)

// cheap makes tests fast; the parameters that users get are in TestTheDefaultCostIsWhatOWASPAsksFor.
var cheap = Cost{Memory: 64, Passes: 1, Threads: 1}

const goodPassword = "correct horse battery"

// clock is a time that a test moves by hand.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

func newAuth(t *testing.T) (*Auth, *sql.DB, *clock) {
	t.Helper()
	db := openDB(t)
	c := &clock{at: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	a, err := New(Options{DB: db, Cost: cheap, Now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	return a, db, c
}

func openDB(t *testing.T) *sql.DB {
	t.Helper()
	s, err := store.Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s.DB()
}

func addUser(t *testing.T, a *Auth, name string, role Role) {
	t.Helper()
	if err := a.UserAdd(t.Context(), name, role, goodPassword); err != nil {
		t.Fatal(err)
	}
}

func login(t *testing.T, a *Auth, name string) Session {
	t.Helper()
	s, err := a.Login(t.Context(), name, goodPassword, "192.0.2.1")
	if err != nil {
		t.Fatal(err)
	}
	return s
}
