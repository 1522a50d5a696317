package migrate

import (
	"fmt"
	"strings"
)

// Words says the plan to people, a line for each change.
func (p Plan) Words() []string {
	if p.Empty() {
		return []string{fmt.Sprintf("the schema is at version %d and nothing is pending", p.From)}
	}
	out := []string{fmt.Sprintf("schema %d to %d, changes: %d", p.From, p.To, len(p.Changes))}
	if p.Needs && p.Refused == "" {
		of := tableList(p.Tables())
		if p.Blind() {
			of = "all tables, because it cannot be told which ones are touched"
		}
		out = append(out, "before anything: a restore point of "+of)
	}
	for _, phase := range []Class{Expand, Contract} {
		when := "before any traffic"
		if phase == Contract {
			when = "when the watch is over"
		}
		for _, c := range p.Changes {
			if c.Phase != phase {
				continue
			}
			line := fmt.Sprintf("%s: %s (%s): %s", when, c.excerpt(), c.Place(), c.Why)
			if c.Aside != "" {
				line += "; put aside, not destroyed: " + c.Aside
			}
			if c.Refused != "" {
				line = fmt.Sprintf("refused: %s (%s): %s; %s", c.excerpt(), c.Place(), c.Refused, c.Do)
			}
			if c.Class == Contract && phase == Expand {
				line += "; the old release may fail from then on"
			}
			out = append(out, line)
		}
	}
	return append(out, p.Notes...)
}

func tableList(names []Name) string {
	var out []string
	for _, n := range names {
		out = append(out, n.String())
	}
	return list(out)
}

// excerpt is the start of the statement, on one line.
func (c Change) excerpt() string { return excerpt(c.SQL) }

func excerpt(sql string) string {
	text := []rune(strings.Join(strings.Fields(sql), " "))
	if len(text) > 80 {
		return string(text[:77]) + "..."
	}
	return string(text)
}
