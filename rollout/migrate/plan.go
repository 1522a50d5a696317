package migrate

import (
	"slices"
	"strings"
)

// Plan is what moving the database to a release would do. It is made once, kept by who carries it out, and given to every
// operation.
type Plan struct {
	ID       string   `json:"id"` // the same for the same files on the same version
	Driver   string   `json:"driver"`
	From     int64    `json:"from"` // version of the schema before
	To       int64    `json:"to"`
	Versions []int64  `json:"versions"` // pending, in order
	Changes  []Change `json:"changes"`
	Needs    bool     `json:"needs_point"`     // a restore point has to be taken before
	Point    string   `json:"point,omitempty"` // the restore point that was taken; set by who took it
	Refused  string   `json:"refused,omitempty"`
	Notes    []string `json:"notes,omitempty"`
}

// Empty says that nothing is pending.
func (p Plan) Empty() bool { return len(p.Versions) == 0 }

// Tables are the tables that exist before and that the plan touches, sorted.
func (p Plan) Tables() []Name {
	created := map[Name]bool{}
	var out []Name
	for _, c := range p.Changes {
		if c.Op == CreateTable {
			created[c.Table] = true
		}
		isTable := c.Table.Name != "" && c.Op != CreateOther && c.Op != DropOther && c.Op != DropIndex
		if isTable && !created[c.Table] && !slices.Contains(out, c.Table) {
			out = append(out, c.Table)
		}
	}
	slices.SortFunc(out, func(a, b Name) int { return strings.Compare(a.String(), b.String()) })
	return out
}
