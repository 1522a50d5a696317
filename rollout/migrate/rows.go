package migrate

// update reads UPDATE of one table. The columns it names are put aside with the rows' keys.
func update(r *reader) []Change {
	r.accept("ONLY")
	table, ok := r.name()
	if !ok {
		return unknown("UPDATE names no table that can be read")
	}
	alias := aliasOf(r, "SET")
	if !r.accept("SET") {
		return unknown("UPDATE of more than one table cannot be put aside")
	}
	set := &reader{driver: r.driver, sql: r.sql, toks: r.toks[:len(r.toks)], i: r.i}
	end := len(r.toks)
	if _, ok := r.find("FROM", "RETURNING", "ORDER", "LIMIT"); ok {
		return unknown("UPDATE with FROM, RETURNING, ORDER BY or LIMIT cannot be told which rows it changes; say which by WHERE")
	}
	where := ""
	if _, ok := r.find("WHERE"); ok {
		end = r.i
		r.accept("WHERE")
		where = r.from()
	}
	set.toks = set.toks[:end]
	var columns []string
	for _, p := range set.parts() {
		column, ok := p.ident()
		if ok && p.sign(".") {
			column, ok = p.ident()
		}
		if !ok || !p.sign("=") {
			return unknown("the columns that UPDATE sets cannot be read; write SET column = value for each")
		}
		columns = append(columns, column)
	}
	return []Change{{
		Op: Update, Class: Contract, Table: table, Alias: alias, Where: where, Columns: columns, Why: "it writes over data that the old release wrote",
		Aside: "the old values of " + list(columns) + " in " + table.String() + ", with the rows' keys",
	}}
}

// aliasOf reads the other name of a table, if the next word is not the keyword.
func aliasOf(r *reader, until string) string {
	as := r.accept("AS")
	if t := r.peek(); !as && (r.done() || t.is(until) || t.kind != word && t.kind != quoted) {
		return ""
	}
	alias, _ := r.ident()
	return alias
}

func deletion(r *reader) []Change {
	r.accept("ONLY")
	table, ok := r.name()
	if !ok {
		return unknown("DELETE names no table that can be read")
	}
	alias := aliasOf(r, "WHERE")
	where := ""
	if !r.done() {
		if !r.accept("WHERE") {
			return unknown("DELETE with USING, ORDER BY or LIMIT cannot be told which rows it removes; say which by WHERE")
		}
		where = r.from()
		if _, ok := r.find("RETURNING", "ORDER", "LIMIT"); ok {
			return unknown("DELETE with RETURNING, ORDER BY or LIMIT cannot be told which rows it removes; say which by WHERE")
		}
	}
	return []Change{{
		Op: Delete, Class: Contract, Table: table, Alias: alias, Where: where, Why: "it removes data that the old release wrote",
		Aside: "the rows that are deleted from " + table.String(),
	}}
}

func insertion(r *reader) []Change {
	table, ok := r.name()
	if !ok {
		return unknown("INSERT names no table that can be read")
	}
	return []Change{{Op: Insert, Class: Irreversible, Table: table, Why: "which rows of " + table.String() + " it adds cannot be told from those that others write"}}
}

// list writes names for a sentence.
func list(names []string) string {
	switch len(names) {
	case 0:
		return "nothing"
	case 1:
		return names[0]
	}
	out := names[0]
	for _, n := range names[1 : len(names)-1] {
		out += ", " + n
	}
	return out + " and " + names[len(names)-1]
}
