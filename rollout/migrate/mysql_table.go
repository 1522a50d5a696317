package migrate

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// myTable is what SHOW CREATE TABLE says, line by line. The server's own words are kept and given back to it.
type myTable struct {
	columns, keys, constraints []myLine
	options                    string
}

type myLine struct {
	name string // of columns, keys and constraints; PRIMARY of the primary key
	text string // the whole line without the comma
}

func parseTable(text string) myTable {
	var t myTable
	head, options := cutLast(text, "\n)")
	t.options = strings.TrimSpace(options)
	lines := strings.Split(head, "\n")
	for _, line := range lines[1:] {
		line = strings.TrimSuffix(strings.TrimSpace(line), ",")
		_, after, _ := strings.Cut(line, "`")
		name := backticked(after)
		switch {
		case strings.HasPrefix(line, "`"):
			t.columns = append(t.columns, myLine{name, line})
		case strings.HasPrefix(line, "CONSTRAINT "):
			t.constraints = append(t.constraints, myLine{name, line})
		case strings.HasPrefix(line, "PRIMARY KEY"):
			t.keys = append(t.keys, myLine{"PRIMARY", line})
		default:
			t.keys = append(t.keys, myLine{name, line})
		}
	}
	return t
}

// backticked reads a name up to its closing quote.
func backticked(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '`' {
			if i+1 >= len(text) || text[i+1] != '`' {
				break
			}
			i++
		}
		b.WriteByte(text[i])
	}
	return b.String()
}

func find(lines []myLine, name string) (string, bool) {
	for _, l := range lines {
		if strings.EqualFold(l.name, name) {
			return l.text, true
		}
	}
	return "", false
}

func names(lines []myLine) []string {
	out := make([]string, len(lines))
	for i := range lines {
		out[i] = lines[i].name
	}
	return out
}

// difference are the clauses of ALTER TABLE that turn the table into what it was: first all but what rows may not allow any
// more, then the constraints.
func (now myTable) difference(before myTable) (clauses, constraints []string) {
	q := func(name string) string { return quoteIdent(MySQL, name) }
	for _, c := range now.constraints {
		if text, ok := find(before.constraints, c.name); !ok || text != c.text {
			kind := "DROP CONSTRAINT "
			if strings.Contains(c.text, " FOREIGN KEY ") {
				kind = "DROP FOREIGN KEY "
			}
			clauses = append(clauses, kind+q(c.name))
		}
	}
	for _, k := range now.keys {
		if text, ok := find(before.keys, k.name); !ok || text != k.text {
			if k.name == "PRIMARY" {
				clauses = append(clauses, "DROP PRIMARY KEY")
				continue
			}
			clauses = append(clauses, "DROP KEY "+q(k.name))
		}
	}
	var kept []string
	for _, c := range now.columns {
		if _, ok := find(before.columns, c.name); !ok && strings.HasPrefix(c.name, "_goodstate_") {
			continue // put aside by another change, which brings it back itself
		} else if !ok {
			clauses = append(clauses, "DROP COLUMN "+q(c.name))
			continue
		}
		kept = append(kept, c.name)
	}
	moved := !slices.Equal(kept, names(before.columns))
	for i, c := range before.columns {
		text, ok := find(now.columns, c.name)
		if !ok || text == c.text && !moved {
			continue
		}
		at := ""
		if moved {
			if at = " FIRST"; i > 0 {
				at = " AFTER " + q(before.columns[i-1].name)
			}
		}
		clauses = append(clauses, "MODIFY COLUMN "+c.text+at)
	}
	for _, k := range before.keys {
		if text, ok := find(now.keys, k.name); !ok || text != k.text {
			clauses = append(clauses, "ADD "+k.text)
		}
	}
	if before.options != now.options {
		clauses = append(clauses, before.options)
	}
	for _, c := range before.constraints {
		if text, ok := find(now.constraints, c.name); !ok || text != c.text {
			constraints = append(constraints, "ADD "+c.text)
		}
	}
	return clauses, constraints
}

// restore makes a table's definition what it was. What the rows do not allow any more is noted as broken.
func (m mariadb) restore(ctx context.Context, s *session, table Name, before string, u *undo) error {
	now, err := m.look(ctx, s, table)
	if err != nil {
		return fmt.Errorf("read the definition of %s: %w", table, err)
	}
	if now == "" || now == before {
		return nil
	}
	was, is := parseTable(before), parseTable(now)
	for _, c := range was.columns {
		line, ok := find(is.columns, c.name)
		strict := strings.Contains(definition(c.text), " NOT NULL") && !strings.Contains(c.text, "AUTO_INCREMENT")
		if ok && strict && !strings.Contains(definition(line), " NOT NULL") {
			if err := m.fill(ctx, s, u, c.text, c.name); err != nil {
				return err
			}
		}
	}
	clauses, constraints := is.difference(was)
	alter := "ALTER TABLE " + s.name(table) + " "
	both := slices.Concat(clauses, constraints)
	if len(both) == 0 {
		return nil
	}
	if err = s.all(ctx, alter+strings.Join(both, ", ")); err == nil || !ofRows(err) {
		return err
	}
	// The rows do not allow all of it: each part by itself, as far as they do.
	for _, clause := range both {
		if err := s.all(ctx, alter+clause); err != nil {
			if !ofRows(err) {
				return err
			}
			u.Broken = append(u.Broken, fmt.Sprintf("%s is not as it was: %v; correct the rows, then: %s", table, err, alter+clause))
		}
	}
	return nil
}

// ofRows says that rows stand in the way: no value where one is wanted, the same twice, a check, a missing row of another
// table, a value that does not fit.
func ofRows(err error) bool {
	_, my := code(err)
	return slices.Contains([]uint16{1048, 1062, 1138, 1216, 1217, 1264, 1265, 1292, 1366, 1406, 1451, 1452, 3819, 4025}, my)
}
