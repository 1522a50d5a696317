package backup

import (
	"goodstate.dev/goodstate/core/auth"
)

// Roles are the lowest roles that may do something with backups.
type Roles struct {
	Copy    auth.Role `yaml:"copy" json:"copy,omitempty" default:"operator" help:"who may copy, verify and drill: viewer, operator, approver or admin"`
	Restore auth.Role `yaml:"restore" json:"restore,omitempty" default:"approver" help:"who may bring back, and close alerts"`
	Delete  auth.Role `yaml:"delete" json:"delete,omitempty" default:"admin" help:"who may let restore points go, prune, and let a frozen repository go"`
}

// Validate refuses roles that are not known.
func (r *Roles) Validate(report func(path, message string)) {
	for _, of := range []struct {
		path string
		role auth.Role
	}{{"copy", r.Copy}, {"restore", r.Restore}, {"delete", r.Delete}} {
		if _, err := auth.ParseRole(string(of.role)); of.role != "" && err != nil {
			report(of.path, err.Error())
		}
	}
}

// May says whether somebody may do an action with backups, as the configuration says it.
func (b *Backups) May(p auth.Principal, action auth.Action) bool {
	need := map[auth.Action]auth.Role{auth.Copy: b.Configured().Roles.Copy, auth.Restore: b.Configured().Roles.Restore, auth.Delete: b.Configured().Roles.Delete}[action]
	if need == "" {
		return p.Can(action)
	}
	return p.Role.AtLeast(need)
}
