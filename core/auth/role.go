package auth

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// Role is what a user is trusted with. A higher role may do all that a lower one may.
type Role string

// The roles, lowest first.
const (
	Viewer   Role = "viewer"
	Operator Role = "operator"
	Approver Role = "approver" // agrees to what waits for approval
	Admin    Role = "admin"
)

// ladder has the roles in order; a role's place is its rank.
var ladder = []Role{Viewer, Operator, Approver, Admin}

// Roles lists all, the lowest first.
func Roles() []Role { return slices.Clone(ladder) }

// ParseRole reads the name of a role.
func ParseRole(name string) (Role, error) {
	if !slices.Contains(ladder, Role(name)) {
		return "", fmt.Errorf("role %q is not known; want one of %s", name, strings.Join(roleNames(), ", "))
	}
	return Role(name), nil
}

// Action is something that a person may or may not do.
type Action string

// The actions.
const (
	View       Action = "view"
	Deploy     Action = "deploy"
	Rollback   Action = "rollback"
	Promote    Action = "promote"
	Pause      Action = "pause"
	Hold       Action = "hold"
	Answer     Action = "answer" // what users reported
	Approve    Action = "approve"
	Copy       Action = "back up" // copy, check and drill backups
	Restore    Action = "restore"
	Delete     Action = "delete backups"
	Launch     Action = "launch" // templates of playbooks
	Manage     Action = "manage" // projects, inventories, credentials, templates and schedules of playbooks
	Administer Action = "admin"  // users and settings
)

// lowest is the lowest role that may do an action.
var lowest = map[Action]Role{
	View: Viewer, Deploy: Operator, Rollback: Operator, Promote: Operator, Pause: Operator, Hold: Operator, Answer: Operator, Approve: Approver, Copy: Operator, Restore: Approver, Delete: Admin, Launch: Operator, Manage: Admin, Administer: Admin,
}

// Can says whether a role may do an action. An unknown role may do nothing, and nobody may do an unknown action.
func Can(role Role, action Action) bool {
	need, known := lowest[action]
	rank := slices.Index(ladder, role)
	return known && rank >= 0 && rank >= slices.Index(ladder, need)
}

// AtLeast says whether a role is the other one or a higher one. Unknown roles are neither.
func (r Role) AtLeast(lowest Role) bool {
	rank, need := slices.Index(ladder, r), slices.Index(ladder, lowest)
	return rank >= 0 && need >= 0 && rank >= need
}

func roleNames() []string {
	names := make([]string, len(ladder))
	for i, r := range ladder {
		names[i] = string(r)
	}
	return names
}

// Via is the way on which somebody came.
type Via string

// The ways.
const (
	ViaSession Via = "session" // logged in on the web pages
	ViaSocket  Via = "socket"  // connected to the Unix socket as the owner of the server's process, or as root
)

// Principal is somebody who was recognised.
type Principal struct {
	Name string
	Role Role
	Via  Via
}

// Can says whether the principal may do an action. The zero Principal may do nothing.
func (p Principal) Can(action Action) bool { return Can(p.Role, action) }

type principalKey struct{}

// WithPrincipal returns a context that carries who is asking.
func WithPrincipal(ctx context.Context, p Principal) context.Context {
	return context.WithValue(ctx, principalKey{}, p)
}

// PrincipalFrom returns who is asking, and false if nobody was recognised.
func PrincipalFrom(ctx context.Context) (Principal, bool) {
	p, ok := ctx.Value(principalKey{}).(Principal)
	return p, ok
}
