package backup_test

import (
	"testing"

	"goodstate.dev/goodstate/backup"
	"goodstate.dev/goodstate/core/auth"
)

func TestWhoMayDoWhatWithBackups(t *testing.T) {
	usual := backup.Roles{}
	strict := backup.Roles{Copy: auth.Approver, Restore: auth.Admin, Delete: auth.Admin}
	for _, c := range []struct {
		name   string
		roles  backup.Roles
		role   auth.Role
		action auth.Action
		want   bool
	}{
		{"an operator copies", usual, auth.Operator, auth.Copy, true},
		{"a viewer does not", usual, auth.Viewer, auth.Copy, false},
		{"an operator does not restore", usual, auth.Operator, auth.Restore, false},
		{"an approver restores", usual, auth.Approver, auth.Restore, true},
		{"and does not delete", usual, auth.Approver, auth.Delete, false},
		{"an operator may be kept from copying", strict, auth.Operator, auth.Copy, false},
		{"an approver from restoring", strict, auth.Approver, auth.Restore, false},
		{"an operator may be let restore", backup.Roles{Restore: auth.Operator}, auth.Operator, auth.Restore, true},
		{"nobody may nothing", backup.Roles{Copy: auth.Viewer}, "", auth.Copy, false},
		{"other actions are as everywhere", strict, auth.Operator, auth.Administer, false},
	} {
		b := &backup.Backups{Options: backup.Options{Config: backup.Config{Roles: c.roles}}}
		if got := b.May(auth.Principal{Name: "x", Role: c.role}, c.action); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}
