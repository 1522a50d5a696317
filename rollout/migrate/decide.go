package migrate

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// planFiles decides without the database what is done when. Files are the pending ones, in order.
func planFiles(driver string, from int64, files []file, irreversible string) Plan {
	p := Plan{Driver: driver, From: from, To: from}
	sum := sha256.New()
	fmt.Fprintln(sum, driver, from)
	for _, f := range files {
		fmt.Fprintln(sum, f.version, f.digest)
		p.Versions = append(p.Versions, f.version)
		p.To = max(p.To, f.version)
		p.Changes = append(p.Changes, changesOf(driver, f, &p)...)
	}
	p.ID = hex.EncodeToString(sum.Sum(nil))[:8]
	fresh(p.Changes)
	for i := range p.Changes {
		c := &p.Changes[i]
		c.Seq = i + 1
		if c.Phase == "" {
			c.Phase = Expand
			if c.Class != Expand {
				c.Phase = Contract
			}
		}
	}
	deferred(p.Changes)
	for i := range p.Changes {
		c := &p.Changes[i]
		if c.Class != Irreversible || c.Refused != "" {
			continue
		}
		p.Needs = true
		if irreversible != "allow" {
			c.refuse("it cannot be undone: "+c.Why,
				"say migrations.irreversible: allow, and a restore point is taken before; or write a Down section and `-- goodstate: expand` or `contract` above the statement")
		}
	}
	p.settle()
	return p
}

func (c *Change) refuse(why, do string) { c.Refused, c.Do = why, do }

// settle says in the plan what its changes say.
func (p *Plan) settle() {
	p.Refused = ""
	for _, c := range p.Changes {
		if c.Refused != "" {
			p.Refused = fmt.Sprintf("%s: %s; %s", c.Place(), c.Refused, c.Do)
			return
		}
	}
}

// changesOf reads a file and what people marked in it.
func changesOf(driver string, f file, p *Plan) []Change {
	var out []Change
	vouched := false
	var phase Class
	for _, s := range f.up {
		marks := s.marks
		if len(marks) == 0 {
			marks = f.marks
		}
		changes := classify(driver, s)
		for i := range changes {
			c := &changes[i]
			c.Version = f.version
			c.Raw = c.Raw || f.plain && driver == Postgres && outside(s)
			if c.mark(marks, len(f.down) > 0) {
				vouched, phase = true, c.Phase
			}
		}
		out = append(out, changes...)
	}
	if !vouched {
		return out
	}
	for i := range out { // one Down section undoes all of its file, so nothing else may
		out[i].Op, out[i].Aside, out[i].Phase = Run, "", phase
	}
	for _, s := range f.down {
		out[0].Down = append(out[0].Down, s.sql)
	}
	p.Notes = append(p.Notes, fmt.Sprintf("%s is undone by its Down section, and nothing of it is put aside; what can be put aside wants a file of its own", f.name))
	return out
}

// mark sets what a person wrote above the statement, and says whether the file's Down section has to undo it.
func (c *Change) mark(marks []string, down bool) bool {
	vouched := false
	for _, m := range marks {
		switch class := Class(m); {
		case m == "now":
			c.Phase = Expand
		case class == Irreversible:
			c.Class, c.Why = Irreversible, "it is marked so"
		case c.Class != Irreversible:
			c.Phase = class
		case !down:
			c.refuse(fmt.Sprintf("it is marked %s, but %s, and the file has no Down section", m, c.Why), "write a Down section that undoes the file")
		default:
			c.Class, c.Phase, c.Why, vouched = class, class, "it is marked so, and the Down section undoes it", true
		}
	}
	return vouched
}

// outside says that PostgreSQL refuses the statement in a transaction.
func outside(s statement) bool {
	first := s.tokens[0]
	return first.is("VACUUM") || first.is("REINDEX") || first.is("CLUSTER")
}

// fresh finds what only concerns tables and columns that the same plan adds: they go away with the way back, so nothing has
// to be put aside.
func fresh(changes []Change) {
	added := map[string]bool{}
	for i := range changes {
		c := &changes[i]
		table := c.Table.String()
		isNew := added[table]
		if !isNew && (c.Op == Update || c.Op == Retype) {
			isNew = true
			for _, column := range append([]string{c.Column}, c.Columns...) {
				isNew = isNew && (column == "" || added[table+"\x00"+column])
			}
		}
		switch {
		case c.Op == CreateTable:
			added[table] = true
		case c.Op == AddColumn:
			added[table+"\x00"+c.Column] = true
		case isNew && (c.Op == Insert || c.Op == Update || c.Op == Delete || c.Op == Retype):
			c.Class, c.Aside, c.Why = Expand, "", "it writes only what this plan adds"
		}
	}
}

// deferred moves to the end what needs a change that is itself deferred.
func deferred(changes []Change) {
	for i, late := range changes {
		if late.Phase != Contract {
			continue
		}
		for j := i + 1; j < len(changes); j++ {
			c := &changes[j]
			if c.Phase == Expand && c.needs(late) {
				c.Phase = Contract
				c.Why += "; it waits for " + late.Place()
			}
		}
	}
}

// needs says whether a change names what the earlier one removes, renames or writes.
func (c *Change) needs(earlier Change) bool {
	subjects := append([]string{earlier.Column, earlier.To}, earlier.Columns...)
	if earlier.Op == DropTable || earlier.Op == DropOther || earlier.Op == RenameTable || earlier.Op == CreateTable {
		subjects = []string{earlier.Table.Name, earlier.To}
	} else if !slices.Contains(c.names, earlier.Table.Name) {
		return false
	}
	return slices.ContainsFunc(subjects, func(s string) bool {
		return s != "" && slices.ContainsFunc(c.names, func(n string) bool { return strings.EqualFold(n, s) })
	})
}
