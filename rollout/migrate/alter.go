package migrate

import "strings"

// alterTable cuts ALTER TABLE into its actions.
func alterTable(r *reader) []Change {
	r.accept("IF", "EXISTS")
	only := r.accept("ONLY")
	table, ok := r.name()
	if !ok {
		return unknown("ALTER TABLE names no table that can be read")
	}
	r.sign("*")
	head := "ALTER TABLE "
	if only {
		head += "ONLY "
	}
	head += quoteName(r.driver, table) + " "
	parts := r.parts()
	var out []Change
	for _, p := range parts {
		if p.done() {
			return unknown("the actions of ALTER TABLE cannot be read")
		}
		sql := head + p.from()
		changes := action(p, table)
		for i := range changes {
			c := &changes[i]
			c.Table = table
			if len(parts) > 1 && c.SQL == "" {
				c.SQL = sql
			}
			c.SQL = strings.Replace(c.SQL, "\x00", head, 1)
			c.names = append(p.names(), table.Name)
		}
		out = append(out, changes...)
	}
	for _, c := range out {
		if c.Op == Run { // actions that are not understood stay with their neighbours, as they were written
			out = []Change{{Op: Run, Class: Irreversible, Table: table, Why: c.Why}}
			break
		}
	}
	return out
}

func action(r *reader, table Name) []Change {
	switch {
	case r.accept("ADD"):
		return add(r)
	case r.accept("DROP"):
		return dropAction(r, table)
	case r.accept("RENAME"):
		return renameAction(r)
	case r.driver == MySQL && (r.accept("MODIFY", "COLUMN") || r.accept("MODIFY")):
		r.accept("IF", "EXISTS")
		column, ok := r.ident()
		if !ok || r.done() {
			break
		}
		return []Change{retype(column, r.from(), "")}
	case r.driver == MySQL && (r.accept("CHANGE", "COLUMN") || r.accept("CHANGE")):
		return changeColumn(r)
	case r.accept("ALTER", "COLUMN"), r.accept("ALTER"):
		return alterColumn(r)
	case r.accept("VALIDATE", "CONSTRAINT"):
		return []Change{{Op: Alter, Class: Contract, Why: "rows of the old release are held to the constraint"}}
	}
	return unknown("it cannot be told what undoes this action of ALTER TABLE")
}

func retype(column, definition, using string) Change {
	return Change{
		Op: Retype, Class: Contract, Column: column, Type: definition, Using: using, Aside: "the values of column " + column,
		Why: "the old release expects the old type of " + column,
	}
}

// constraints begin so; anything else after ADD is a column.
var constraintWords = []string{"CONSTRAINT", "PRIMARY", "UNIQUE", "FOREIGN", "CHECK", "EXCLUDE"}

func add(r *reader) []Change {
	for _, w := range constraintWords {
		if r.peek().is(w) {
			return []Change{{Op: Alter, Class: Contract, Why: "the old release may write what the constraint does not allow"}}
		}
	}
	if r.driver == MySQL {
		if r.peek().is("FULLTEXT") || r.peek().is("SPATIAL") || r.peek().is("INDEX") || r.peek().is("KEY") {
			return []Change{{Op: Alter, Class: Expand, Why: "an index changes no data and no answer"}}
		}
	}
	r.accept("COLUMN")
	r.accept("IF", "NOT", "EXISTS")
	if r.peek().sign("(") {
		return unknown("columns in parentheses cannot be told apart; write ADD COLUMN for each")
	}
	column, ok := r.ident()
	if !ok {
		return unknown("ADD names no column that can be read")
	}
	c := Change{Op: AddColumn, Class: Expand, Column: column, Why: "the old release does not know the new column"}
	automatic := r.has("DEFAULT") || r.has("GENERATED") || r.has("AUTO_INCREMENT") || r.has("AS")
	for _, serial := range []string{"SERIAL", "BIGSERIAL", "SMALLSERIAL"} {
		automatic = automatic || r.has(serial)
	}
	strict := r.has("PRIMARY")
	for rest := (&reader{driver: r.driver, sql: r.sql, toks: r.toks, i: r.i}); !rest.done(); rest.i++ {
		strict = strict || rest.accept("NOT", "NULL")
	}
	if strict && !automatic {
		c.Class, c.Why = Contract, "the old release inserts rows without the new column, which is NOT NULL and has no default"
	}
	return []Change{c}
}

func dropAction(r *reader, table Name) []Change {
	switch {
	case r.accept("CONSTRAINT"), r.accept("FOREIGN", "KEY"):
		return []Change{{Op: Alter, Class: Expand, Why: "the old release works without the constraint; what breaks it is named on the way back"}}
	case r.accept("PRIMARY", "KEY"):
		return unknown("without its primary key the rows of " + table.String() + " cannot be told apart")
	case r.driver == MySQL && (r.accept("INDEX") || r.accept("KEY")):
		return []Change{{Op: Alter, Class: Contract, Why: "the old release may need the index to be fast enough"}}
	}
	r.accept("COLUMN")
	r.accept("IF", "EXISTS")
	column, ok := r.ident()
	if !ok {
		return unknown("DROP names no column that can be read")
	}
	return []Change{{
		Op: DropColumn, Class: Contract, Column: column, Why: "the old release reads and writes the column",
		Aside: "column " + table.String() + "." + column,
	}}
}

func renameAction(r *reader) []Change {
	if r.accept("TO") || r.driver == MySQL && r.accept("AS") {
		to, ok := r.ident()
		if !ok {
			return unknown("RENAME TO names nothing that can be read")
		}
		return []Change{{Op: RenameTable, Class: Contract, To: to, Why: "the old release knows the table by its old name"}}
	}
	for _, other := range []string{"CONSTRAINT", "INDEX", "KEY"} {
		if r.accept(other) {
			return []Change{{Op: Alter, Class: Expand, Why: "names of constraints and indexes change no data and no answer"}}
		}
	}
	r.accept("COLUMN")
	from, ok := r.ident()
	if !ok || !r.accept("TO") {
		return unknown("RENAME names nothing that can be read")
	}
	to, ok := r.ident()
	if !ok {
		return unknown("RENAME names nothing that can be read")
	}
	return []Change{{Op: RenameColumn, Class: Contract, Column: from, To: to, Why: "the old release knows the column by its old name"}}
}

// changeColumn cuts MySQL's CHANGE into a new name and a new definition.
func changeColumn(r *reader) []Change {
	r.accept("IF", "EXISTS")
	from, ok := r.ident()
	to, ok2 := r.ident()
	if !ok || !ok2 || r.done() {
		return unknown("CHANGE names nothing that can be read")
	}
	change := retype(to, r.from(), "")
	change.SQL = "\x00MODIFY " + quoteIdent(MySQL, to) + " " + r.from()
	if strings.EqualFold(from, to) {
		return []Change{change}
	}
	return []Change{{
		Op: RenameColumn, Class: Contract, Column: from, To: to, Why: "the old release knows the column by its old name",
		SQL: "\x00RENAME COLUMN " + quoteIdent(MySQL, from) + " TO " + quoteIdent(MySQL, to),
	}, change}
}

func alterColumn(r *reader) []Change {
	column, ok := r.ident()
	if !ok {
		return unknown("ALTER COLUMN names no column that can be read")
	}
	alter := func(class Class, why string) []Change {
		return []Change{{Op: Alter, Class: class, Column: column, Why: why}}
	}
	switch {
	case r.accept("SET", "NOT", "NULL"):
		return alter(Contract, "the old release may write rows without "+column)
	case r.accept("DROP", "NOT", "NULL"):
		return alter(Expand, "the old release goes on writing values; rows without one are named on the way back")
	case r.accept("SET", "DEFAULT"), r.accept("DROP", "DEFAULT"):
		return alter(Expand, "a default only matters to rows that are written without the column")
	case r.accept("SET", "STATISTICS"), r.accept("SET", "STORAGE"):
		return unknown("the setting that was there before is not kept")
	case r.accept("TYPE"), r.accept("SET", "DATA", "TYPE"):
		at := r.i
		definition := r.from()
		using := ""
		if t, ok := r.find("USING"); ok {
			definition = strings.TrimSpace(r.sql[r.toks[at].at:t.at])
			r.accept("USING")
			using = r.from()
		}
		return []Change{retype(column, definition, using)}
	}
	return unknown("it cannot be told what undoes this action of ALTER COLUMN")
}
