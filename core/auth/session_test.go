package auth

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestALoginGivesASessionThatEndsWithTheLogout(t *testing.T) {
	a, db, _ := newAuth(t)
	ctx := t.Context()
	addUser(t, a, "mia", Operator)
	s := login(t, a, "mia")
	p, err := a.Session(ctx, s.Token)
	if err != nil || p != (Principal{Name: "mia", Role: Operator, Via: ViaSession}) {
		t.Fatalf("session is of %+v, %v", p, err)
	}
	var stored string
	if err := db.QueryRow(`SELECT token_hash FROM sessions`).Scan(&stored); err != nil || stored == s.Token || len(stored) != 64 {
		t.Errorf("stored is %q, %v", stored, err)
	}
	if _, err := a.Session(ctx, stored); !errors.Is(err, ErrNoSession) {
		t.Errorf("what is stored works as a token: %v", err)
	}
	if err := a.Logout(ctx, s.Token); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Session(ctx, s.Token); !errors.Is(err, ErrNoSession) {
		t.Errorf("after the logout: %v", err)
	}
	for _, token := range []string{"", "x", strings.Repeat("x", 1000)} {
		if _, err := a.Session(ctx, token); !errors.Is(err, ErrNoSession) {
			t.Errorf("token %.5q: %v", token, err)
		}
	}
}

func TestAWrongPasswordAndAnUnknownNameLookTheSame(t *testing.T) {
	a, _, _ := newAuth(t)
	addUser(t, a, "mia", Operator)
	for _, c := range [][2]string{{"mia", "wrong password"}, {"nobody", goodPassword}, {"mia", ""}, {"mia", strings.Repeat("x", 5000)}, {"nobody", "nobody has this password"}} {
		if _, err := a.Login(t.Context(), c[0], c[1], "192.0.2.1"); !errors.Is(err, ErrBadLogin) || err.Error() != ErrBadLogin.Error() {
			t.Errorf("%s: %v", c[0], err)
		}
	}
}

func TestASessionEndsWhenItIsNotUsed(t *testing.T) {
	a, _, clock := newAuth(t)
	addUser(t, a, "mia", Operator)
	s := login(t, a, "mia")
	for range 3 {
		clock.pass(SessionIdle - time.Minute)
		if _, err := a.Session(t.Context(), s.Token); err != nil {
			t.Fatalf("a session in use ended: %v", err)
		}
	}
	clock.pass(SessionIdle)
	if _, err := a.Session(t.Context(), s.Token); !errors.Is(err, ErrNoSession) {
		t.Errorf("after %s without a request: %v", SessionIdle, err)
	}
}

func TestASessionEndsAfterSevenDaysOfUse(t *testing.T) {
	a, db, clock := newAuth(t)
	addUser(t, a, "mia", Operator)
	s := login(t, a, "mia")
	var used time.Duration
	for ; used < SessionMost-time.Hour; used += time.Hour {
		clock.pass(time.Hour)
		if _, err := a.Session(t.Context(), s.Token); err != nil {
			t.Fatalf("after %s: %v", used, err)
		}
	}
	clock.pass(time.Hour)
	if _, err := a.Session(t.Context(), s.Token); !errors.Is(err, ErrNoSession) {
		t.Errorf("after seven days: %v", err)
	}
	login(t, a, "mia")
	var n int
	if err := db.QueryRow(`SELECT count(*) FROM sessions`).Scan(&n); err != nil || n != 1 {
		t.Errorf("%d sessions are stored, want only the new one (%v)", n, err)
	}
}

func TestChangingThePasswordOrRemovingTheUserEndsAllSessions(t *testing.T) {
	a, _, _ := newAuth(t)
	ctx := t.Context()
	addUser(t, a, "mia", Operator)
	addUser(t, a, "jo", Viewer)
	first, second, other := login(t, a, "mia"), login(t, a, "mia"), login(t, a, "jo")
	if err := a.SetPassword(ctx, "mia", "another good one"); err != nil {
		t.Fatal(err)
	}
	for _, s := range []Session{first, second} {
		if _, err := a.Session(ctx, s.Token); !errors.Is(err, ErrNoSession) {
			t.Errorf("after the change: %v", err)
		}
	}
	if _, err := a.Login(ctx, "mia", goodPassword, "192.0.2.1"); !errors.Is(err, ErrBadLogin) {
		t.Errorf("the old password: %v", err)
	}
	if _, err := a.Session(ctx, other.Token); err != nil {
		t.Errorf("somebody else's session: %v", err)
	}
	if err := a.UserRemove(ctx, "jo"); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Session(ctx, other.Token); !errors.Is(err, ErrNoSession) {
		t.Errorf("after the removal: %v", err)
	}
}

func TestANewRoleCountsInSessionsThatAreOpen(t *testing.T) {
	a, _, _ := newAuth(t)
	addUser(t, a, "mia", Operator)
	s := login(t, a, "mia")
	if err := a.SetRole(t.Context(), "mia", Viewer); err != nil {
		t.Fatal(err)
	}
	if p, err := a.Session(t.Context(), s.Token); err != nil || p.Can(Rollback) {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestALoginDuringAChangeOfThePasswordGivesNoSession(t *testing.T) {
	a, _, _ := newAuth(t)
	ctx := t.Context()
	addUser(t, a, "mia", Operator)
	role, hash, err := a.checkLogin(ctx, "mia", goodPassword)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.SetPassword(ctx, "mia", "another good one"); err != nil {
		t.Fatal(err)
	}
	if _, err := a.begin(ctx, "mia", role, hash); !errors.Is(err, ErrBadLogin) {
		t.Errorf("the session of the old password began: %v", err)
	}
}

func TestThePasswordIsHashedAgainWhenTheCostIsRaised(t *testing.T) {
	a, db, _ := newAuth(t)
	addUser(t, a, "mia", Operator)
	raised, err := New(Options{DB: db, Cost: Cost{Memory: 128, Passes: 2, Threads: 1}})
	if err != nil {
		t.Fatal(err)
	}
	stored := func() (hash string) {
		t.Helper()
		if err := db.QueryRow(`SELECT hash FROM users`).Scan(&hash); err != nil {
			t.Fatal(err)
		}
		return hash
	}
	s := login(t, raised, "mia")
	hash := stored()
	if !strings.Contains(hash, "$m=128,t=2,p=1$") {
		t.Errorf("stored is %s", hash)
	}
	if _, err := raised.Session(t.Context(), s.Token); err != nil {
		t.Errorf("the session of that login: %v", err)
	}
	if login(t, raised, "mia"); stored() != hash {
		t.Error("hashed again although the cost did not change")
	}
	if login(t, a, "mia"); stored() != hash {
		t.Error("a lower cost replaced a higher one")
	}
}

func TestTooManyWrongPasswordsHaveToWait(t *testing.T) {
	a, _, clock := newAuth(t)
	ctx := t.Context()
	addUser(t, a, "mia", Operator)
	addUser(t, a, "jo", Operator)
	guess := func(name, address string) error {
		_, err := a.Login(ctx, name, "wrong password", address)
		return err
	}
	for i := range nameLimit.free {
		if err := guess("mia", fmt.Sprintf("192.0.2.%d", i)); !errors.Is(err, ErrBadLogin) {
			t.Fatalf("guess %d: %v", i, err)
		}
	}
	var throttled *ThrottledError
	_, err := a.Login(ctx, "mia", goodPassword, "198.51.100.1")
	if !errors.As(err, &throttled) || throttled.Wait != time.Second || err.Error() != "too many failed logins; try again in 1s" {
		t.Fatalf("from another address, right password: %v", err)
	}
	if _, err := a.Login(ctx, "jo", goodPassword, "198.51.100.1"); err != nil {
		t.Errorf("somebody else has to wait too: %v", err)
	}
	clock.pass(time.Second)
	login(t, a, "mia")
	if err := guess("mia", "192.0.2.77"); !errors.Is(err, ErrBadLogin) {
		t.Errorf("after a good login guesses are not counted from zero: %v", err)
	}
}

func TestAnAddressThatTriesManyNamesHasToWait(t *testing.T) {
	a, _, clock := newAuth(t)
	ctx := t.Context()
	addUser(t, a, "mia", Operator)
	for i := range addressLimit.free {
		if _, err := a.Login(ctx, fmt.Sprint("user", i), "wrong password", fmt.Sprintf("2001:db8::%x", i+1)); !errors.Is(err, ErrBadLogin) {
			t.Fatalf("guess %d: %v", i, err)
		}
	}
	var throttled *ThrottledError
	if _, err := a.Login(ctx, "mia", goodPassword, "2001:db8::ffff:1"); !errors.As(err, &throttled) {
		t.Fatalf("the same /64 goes on: %v", err)
	}
	if _, err := a.Login(ctx, "mia", goodPassword, "2001:db8:0:1::1"); err != nil {
		t.Errorf("another network has to wait too: %v", err)
	}
	clock.pass(throttleMemory + time.Second)
	if _, err := a.Login(ctx, "mia", goodPassword, "2001:db8::1"); err != nil {
		t.Errorf("an hour later: %v", err)
	}
}

func TestManyGuessesAtTheSameMomentAreAllCounted(t *testing.T) {
	a, _, _ := newAuth(t)
	addUser(t, a, "mia", Operator)
	var mu sync.Mutex
	tried := 0
	var all sync.WaitGroup
	for range 40 {
		all.Go(func() {
			if _, err := a.Login(context.Background(), "mia", "wrong password", "192.0.2.1"); errors.Is(err, ErrBadLogin) {
				mu.Lock()
				tried++
				mu.Unlock()
			}
		})
	}
	all.Wait()
	if tried != nameLimit.free {
		t.Errorf("%d guesses were compared, want %d", tried, nameLimit.free)
	}
}

func TestTheThrottleForgetsTheOldestWhenItIsFull(t *testing.T) {
	throttle, now := newThrottle(), time.Now()
	for i := range throttleSize {
		if err := throttle.begin(fmt.Sprint("user", i), fmt.Sprint("host", i), now); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(throttle.entries); n != throttleSize || throttle.recent.Len() != n {
		t.Errorf("it remembers %d, want %d", n, throttleSize)
	}
}

func TestWaitsDoubleUpToTheMost(t *testing.T) {
	for failures, want := range map[int]time.Duration{0: 0, 4: 0, 5: time.Second, 6: 2 * time.Second, 8: 8 * time.Second, 11: time.Minute, 1 << 30: time.Minute} {
		if got := nameLimit.wait(failures); got != want {
			t.Errorf("after %d failures: %s, want %s", failures, got, want)
		}
	}
}
