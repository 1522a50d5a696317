package migrate

import (
	"slices"
	"strings"
)

// classify reads what a statement does. What it does not understand for certain is a Run of class Irreversible.
func classify(driver string, s statement) []Change {
	r := s.reader(driver)
	changes := statementKind(r, s)
	for i := range changes {
		c := &changes[i]
		c.File, c.Line = s.file, s.line
		if c.SQL == "" {
			c.SQL = s.sql
		}
		if c.names == nil {
			c.names = s.reader(driver).names()
		}
	}
	return changes
}

func unknown(why string) []Change {
	return []Change{{Op: Run, Class: Irreversible, Why: why}}
}

func statementKind(r *reader, s statement) []Change {
	for _, t := range s.tokens {
		if t.sign("/*!") {
			return unknown("a comment that the database executes cannot be told to be undone")
		}
	}
	switch {
	case r.accept("CREATE"):
		return create(r)
	case r.accept("ALTER", "TABLE"):
		return alterTable(r)
	case r.accept("DROP"):
		return drop(r)
	case r.accept("RENAME", "TABLE") && r.driver == MySQL:
		return renameTables(r)
	case r.accept("UPDATE"):
		return update(r)
	case r.accept("DELETE", "FROM"):
		return deletion(r)
	case r.accept("INSERT", "INTO"):
		return insertion(r)
	case r.accept("COMMENT", "ON"):
		return remark(r)
	}
	if len(s.tokens) == 0 {
		return nil
	}
	return unknown("it cannot be told from outside what " + strings.ToUpper(s.tokens[0].text) + " changes")
}

// remark reads PostgreSQL's COMMENT ON of a table or column; both are part of a table's definition.
func remark(r *reader) []Change {
	c := Change{Op: Alter, Class: Expand, Why: "a comment changes no data and no answer"}
	switch {
	case r.accept("TABLE"):
		if table, ok := r.name(); ok {
			c.Table = table
			return []Change{c}
		}
	case r.accept("COLUMN"):
		table, ok := r.name()
		if ok && table.Schema != "" && r.peek().is("IS") {
			c.Table = Name{Name: table.Schema} // table.column reads like schema.table
			return []Change{c}
		}
		if ok && r.sign(".") {
			c.Table = table
			return []Change{c}
		}
	}
	return unknown("the comment that was there before is not kept")
}

func create(r *reader) []Change {
	if r.accept("OR", "REPLACE") {
		return unknown("CREATE OR REPLACE writes over a definition that is not kept")
	}
	unique := r.accept("UNIQUE")
	_ = r.accept("FULLTEXT") || r.accept("SPATIAL")
	switch {
	case r.accept("INDEX"):
		return createIndex(r, unique)
	case r.accept("TABLE"):
		r.accept("IF", "NOT", "EXISTS")
		name, ok := r.name()
		if !ok {
			break
		}
		return []Change{{Op: CreateTable, Class: Expand, Table: name, Why: "the old release does not know the new table"}}
	}
	for _, kind := range []string{"MATERIALIZED VIEW", "VIEW", "SEQUENCE", "TYPE", "DOMAIN"} {
		if !r.accept(strings.Fields(kind)...) {
			continue
		}
		r.accept("IF", "NOT", "EXISTS")
		if name, ok := r.name(); ok && (r.driver == Postgres || kind == "VIEW") {
			return []Change{{Op: CreateOther, Class: Expand, Kind: kind, Table: name, Why: "the old release does not know the new " + strings.ToLower(kind)}}
		}
	}
	return unknown("it cannot be told what undoes this CREATE")
}

func createIndex(r *reader, unique bool) []Change {
	c := Change{Op: CreateIndex, Class: Expand, Why: "an index changes no data and no answer", Raw: r.accept("CONCURRENTLY")}
	if unique {
		c.Class, c.Why = Contract, "the old release may write what the unique index does not allow"
	}
	r.accept("IF", "NOT", "EXISTS")
	if !r.peek().is("ON") {
		name, ok := r.name()
		if !ok {
			return unknown("the index has no name that can be read")
		}
		c.To = name.Name
	}
	if _, ok := r.find("ON"); !ok {
		return unknown("the index has no table")
	}
	r.accept("ON")
	r.accept("ONLY")
	table, ok := r.name()
	if !ok {
		return unknown("the index has no table")
	}
	c.Table = table
	return []Change{c}
}

func drop(r *reader) []Change {
	switch {
	case r.accept("TABLE"):
		return dropTables(r, DropTable, "TABLE", "the old release reads and writes the table")
	case r.accept("INDEX"):
		raw := r.accept("CONCURRENTLY")
		exists := r.accept("IF", "EXISTS")
		name, ok := r.name()
		if !ok || exists {
			break
		}
		c := Change{Op: DropIndex, Class: Contract, To: name.Name, Raw: raw, Why: "the old release may need the index to be fast enough"}
		if r.driver == MySQL {
			if !r.accept("ON") {
				break
			}
			if c.Table, ok = r.name(); !ok {
				break
			}
		} else {
			c.Table = name // the table is looked up
		}
		if !r.done() && r.driver == Postgres {
			break
		}
		return []Change{c}
	}
	for _, kind := range []string{"MATERIALIZED VIEW", "VIEW", "SEQUENCE", "TYPE", "DOMAIN"} {
		if r.accept(strings.Fields(kind)...) && (r.driver == Postgres || kind == "VIEW") {
			return dropTables(r, DropOther, kind, "the old release may use the "+strings.ToLower(kind))
		}
	}
	return unknown("it cannot be told what brings back what this DROP removes")
}

func dropTables(r *reader, op Op, kind, why string) []Change {
	head := "DROP " + kind + " "
	if r.accept("IF", "EXISTS") {
		head += "IF EXISTS "
	}
	var out []Change
	for {
		name, ok := r.name()
		if !ok {
			return unknown("the names after DROP " + kind + " cannot be read")
		}
		out = append(out, Change{
			Op: op, Class: Contract, Kind: kind, Table: name, Why: why, names: []string{name.Name},
			Aside: strings.ToLower(kind) + " " + name.String(),
		})
		if !r.sign(",") {
			break
		}
	}
	r.accept("CASCADE")
	r.accept("RESTRICT")
	if !r.done() {
		return unknown("the end of DROP " + kind + " cannot be read")
	}
	if len(out) > 1 {
		slices.Reverse(out) // what depends on another is mostly named after it
		for i := range out {
			out[i].SQL = head + quoteName(r.driver, out[i].Table)
		}
	}
	return out
}

func renameTables(r *reader) []Change {
	var out []Change
	for _, p := range r.parts() {
		from, ok := p.name()
		to, ok2 := Name{}, p.accept("TO")
		if ok2 {
			to, ok2 = p.name()
		}
		if !ok || !ok2 || !p.done() || to.Schema != "" {
			return unknown("the names after RENAME TABLE cannot be read")
		}
		out = append(out, Change{
			Op: RenameTable, Class: Contract, Table: from, To: to.Name, Why: "the old release knows the table by its old name",
			SQL: "RENAME TABLE " + quoteName(MySQL, from) + " TO " + quoteName(MySQL, Name{from.Schema, to.Name}),
		})
	}
	return out
}

// quoteIdent writes a name so that the database takes it as it is.
func quoteIdent(driver, name string) string {
	q := `"`
	if driver == MySQL {
		q = "`"
	}
	return q + strings.ReplaceAll(name, q, q+q) + q
}

func quoteName(driver string, n Name) string {
	if n.Schema == "" {
		return quoteIdent(driver, n.Name)
	}
	return quoteIdent(driver, n.Schema) + "." + quoteIdent(driver, n.Name)
}
