package auth

import (
	"errors"
	"strings"
	"testing"
)

func TestWhoMayDoWhat(t *testing.T) {
	for _, c := range []struct {
		role   Role
		action Action
		want   bool
	}{
		{Viewer, View, true},
		{Viewer, Deploy, false},
		{Viewer, Rollback, false},
		{Operator, View, true},
		{Operator, Deploy, true},
		{Operator, Rollback, true},
		{Operator, Promote, true},
		{Operator, Pause, true},
		{Operator, Hold, true},
		{Operator, Administer, false},
		{Admin, Administer, true},
		{Admin, Rollback, true},
		{"root", View, false},
		{"", View, false},
		{Admin, "explode", false},
	} {
		if got := Can(c.role, c.action); got != c.want {
			t.Errorf("%s may %s: %v, want %v", c.role, c.action, got, c.want)
		}
	}
	if (Principal{}).Can(View) {
		t.Error("nobody may look")
	}
}

func TestUsersAreAddedListedChangedAndRemoved(t *testing.T) {
	a, _, clock := newAuth(t)
	ctx := t.Context()
	addUser(t, a, "mia", Operator)
	addUser(t, a, "jo@example.org", Viewer)
	users, err := a.UserList(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if len(users) != 2 || users[0].Name != "jo@example.org" || users[1].Role != Operator || !users[1].Created.Equal(clock.now()) {
		t.Errorf("users are %+v", users)
	}
	if err := a.SetRole(ctx, "jo@example.org", Operator); err != nil {
		t.Fatal(err)
	}
	if err := a.UserRemove(ctx, "mia"); err != nil {
		t.Fatal(err)
	}
	if users, err = a.UserList(ctx); err != nil || len(users) != 1 || users[0].Role != Operator {
		t.Errorf("users are %+v, %v", users, err)
	}
}

func TestWhatIsWrongWithAUserIsSaid(t *testing.T) {
	a, _, _ := newAuth(t)
	ctx := t.Context()
	addUser(t, a, "mia", Admin)
	addUser(t, a, "superviser-2", Viewer)
	for _, c := range []struct {
		why  string
		err  error
		want string
	}{
		{"twice", a.UserAdd(ctx, "mia", Viewer, goodPassword), "exists already"},
		{"upper case", a.UserAdd(ctx, "Mia", Viewer, goodPassword), "want a name"},
		{"a line break", a.UserAdd(ctx, "mia\n", Viewer, goodPassword), "want a name"},
		{"unknown role", a.UserAdd(ctx, "jo", "boss", goodPassword), "want one of viewer, operator, approver, admin"},
		{"short password", a.UserAdd(ctx, "jo", Viewer, "kurz"), "it has 4 characters, want at least 10"},
		{"long password", a.UserAdd(ctx, "jo", Viewer, strings.Repeat("x", 257)), "want at most 256"},
		{"own name", a.SetPassword(ctx, "superviser-2", "Superviser-2"), "it is the user's name"},
		{"not text", a.UserAdd(ctx, "jo", Viewer, "\xff\xfe0123456789"), "not valid UTF-8"},
		{"remove a stranger", a.UserRemove(ctx, "jo"), "no such user"},
		{"role of a stranger", a.SetRole(ctx, "jo", Admin), "no such user"},
		{"password of a stranger", a.SetPassword(ctx, "jo", goodPassword), "no such user"},
		{"an unknown role later", a.SetRole(ctx, "mia", "boss"), "want one of"},
		{"the last admin goes", a.UserRemove(ctx, "mia"), "last admin stays"},
		{"the last admin steps down", a.SetRole(ctx, "mia", Viewer), "last admin stays"},
	} {
		if c.err == nil || !strings.Contains(c.err.Error(), c.want) {
			t.Errorf("%s: error is %v, want one with %q", c.why, c.err, c.want)
		}
	}
	if err := a.SetRole(ctx, "superviser-2", Admin); err != nil {
		t.Fatal(err)
	}
	if err := a.UserRemove(ctx, "mia"); err != nil {
		t.Errorf("an admin beside another one cannot be removed: %v", err)
	}
	if err := a.UserRemove(ctx, "superviser-2"); !errors.Is(err, ErrLastAdmin) {
		t.Errorf("removing the last admin gave %v", err)
	}
}
