package migrate

import (
	"fmt"
	"strings"
)

// Names of what is put aside say by which plan, so that a person who meets them knows where they come from.

// asideSchema holds what a plan put aside on PostgreSQL; left is what the abandoned release wrote.
func (s *session) asideSchema(left bool) string {
	name := "goodstate_aside_" + s.plan
	if s.try > 1 {
		name += fmt.Sprintf("_%d", s.try)
	}
	if left {
		name += "_new"
	}
	return name
}

// asideName is the name of something that is put aside beside what it belongs to. No database here takes names longer than
// 63 characters; the number keeps cut names apart.
func (s *session) asideName(seq int, name string) string {
	text := fmt.Sprintf("_goodstate_%s_%d_%d_%s", s.plan, s.try, seq, name)
	for len(text) > 63 {
		cut := []rune(text)
		text = string(cut[:len(cut)-1])
	}
	return text
}

// empty is the value for a column that must have one and has no default, by PostgreSQL's category of its type, or "".
func empty(category string) string {
	return map[string]string{"S": "''", "N": "0", "B": "false", "D": "'epoch'", "T": "'0'", "A": "'{}'"}[category]
}

// same compares columns of two tables, where NULL equals NULL.
func same(driver, left, right string) string {
	switch driver {
	case MySQL:
		return left + " <=> " + right
	case SQLite:
		return left + " IS " + right
	}
	return left + " IS NOT DISTINCT FROM " + right
}

// join says that the key columns of the put-aside rows a and of the table t are equal.
func (s *session) join(key []string) string {
	var out []string
	for _, k := range key {
		out = append(out, "a."+s.id(k)+" = t."+s.id(k))
	}
	return strings.Join(out, " AND ")
}

// of writes columns with their table's alias.
func (s *session) of(alias string, columns []string) string {
	var out []string
	for _, c := range columns {
		out = append(out, alias+"."+s.id(c))
	}
	return strings.Join(out, ", ")
}

func was(columns []string) []string { return prefixed("was_", columns) }

func became(columns []string) []string { return prefixed("became_", columns) }

// prefixed renames columns of a put-aside table so that they cannot meet the key's names.
func prefixed(prefix string, columns []string) []string {
	out := make([]string, len(columns))
	for i := range columns {
		out[i] = fmt.Sprintf("_%s%d", prefix, i+1)
	}
	return out
}
