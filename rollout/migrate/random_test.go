package migrate

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// wild writes a migration of several statements that mostly fit each other.
type wild struct {
	*rand.Rand
	driver  string
	table   string
	columns []string // besides id
	n       int
}

func (w *wild) fresh(prefix string) string {
	w.n++
	return fmt.Sprintf("%s%d", prefix, w.n)
}

func (w *wild) column() string {
	if len(w.columns) == 0 {
		return "id"
	}
	return w.columns[w.IntN(len(w.columns))]
}

func (w *wild) swap(from, to string) {
	w.columns = slices.DeleteFunc(w.columns, func(c string) bool { return c == from })
	if to != "" {
		w.columns = append(w.columns, to)
	}
}

func (w *wild) statement() string {
	column, table := w.column(), w.table
	alter := "ALTER TABLE " + table + " "
	switch w.IntN(14) {
	case 0:
		w.columns = append(w.columns, w.fresh("n"))
		return alter + "ADD COLUMN " + w.columns[len(w.columns)-1] + " int"
	case 1:
		w.columns = append(w.columns, w.fresh("s"))
		return alter + "ADD COLUMN " + w.columns[len(w.columns)-1] + " varchar(20) NOT NULL DEFAULT 'x'"
	case 2, 3:
		w.swap(column, "")
		return alter + "DROP COLUMN " + column
	case 4:
		to := w.fresh("r")
		w.swap(column, to)
		return alter + "RENAME COLUMN " + column + " TO " + to
	case 5:
		w.table = w.fresh("t")
		return alter + "RENAME TO " + w.table
	case 6:
		return fmt.Sprintf("UPDATE %s SET %s = 7 WHERE id %% 3 = %d", table, column, w.IntN(3))
	case 7:
		return fmt.Sprintf("DELETE FROM %s WHERE id %% 5 = %d", table, w.IntN(5))
	case 8:
		return "CREATE INDEX " + w.fresh("i") + " ON " + table + " (" + column + ")"
	case 9:
		return "CREATE TABLE " + w.fresh("new") + " (id int PRIMARY KEY, x int)"
	case 10:
		return "CREATE VIEW " + w.fresh("v") + " AS SELECT id FROM " + table
	case 11:
		if w.driver == Postgres {
			return alter + "ALTER COLUMN " + column + " TYPE text"
		}
		if w.driver == MySQL {
			return alter + "MODIFY COLUMN " + column + " varchar(30)"
		}
		return "DROP TABLE team"
	case 12:
		if w.driver == SQLite {
			return "DROP VIEW IF EXISTS names"
		}
		return alter + "ALTER COLUMN " + column + " SET DEFAULT 5"
	default:
		return "DROP TABLE team"
	}
}

// anyMigration runs wild migrations: those that fail leave nothing behind, and from the others the way back leads to where
// it began, with what was written meanwhile.
func anyMigration(t *testing.T, r *rig) {
	p := r.place(t, "CREATE TABLE users (id int PRIMARY KEY, a int NOT NULL DEFAULT 1, b varchar(20) NOT NULL, c int, d varchar(20) DEFAULT 'd')")
	p.exec("CREATE INDEX users_c ON users (c, b); CREATE UNIQUE INDEX users_b ON users (b, id); CREATE TABLE team (id int PRIMARY KEY, name varchar(20) NOT NULL); INSERT INTO team VALUES (1, 'x')")
	for id := range 20 {
		p.exec(fmt.Sprintf("INSERT INTO users VALUES (%d, %d, 'b%d', %d, NULL)", id, id, id, id*2))
	}
	d := p.database()
	before, snap := p.schema(), p.snapshot(d, "users", "team")
	rounds, failed := 12, 0 // run with more seeds when something about the way back changes
	if r.driver == SQLite {
		rounds = 40
	}
	for seed := range rounds {
		w := &wild{Rand: rand.New(rand.NewPCG(uint64(seed), 3)), driver: r.driver, table: "users", columns: []string{"a", "b", "c", "d"}}
		var script []string
		for range 1 + w.IntN(6) {
			script = append(script, w.statement()+";")
		}
		text := "-- goodstate: now\n-- +goose Up\n" + strings.Join(script, "\n")
		p.migration(1, text)
		plan := p.plan(d)
		if plan.Refused != "" {
			t.Fatalf("%s\nrefused: %s", text, plan.Refused)
		}
		if err := d.Expand(t.Context(), plan); err != nil {
			failed++
			t.Logf("seed %d: %v", seed, err)
			p.same(fmt.Sprintf("seed %d, after it failed:\n%s\n", seed, text), p.schema(), before)
			p.unchanged(d, snap)
			continue
		}
		if _, err := p.db.ExecContext(t.Context(), "INSERT INTO "+w.table+" (id) VALUES (1000)"); err != nil && !slices.Contains(w.columns, "b") && !strings.Contains(text, "b TO") {
			t.Errorf("seed %d: the new release cannot write: %v\n%s", seed, err, text)
		}
		report, err := d.Back(t.Context(), plan)
		if err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, text)
		}
		if len(report.Problems) > 0 || report.Lost > 0 {
			t.Errorf("seed %d: %+v\n%s", seed, report, text)
		}
		p.same(fmt.Sprintf("seed %d:\n%s\n", seed, text), p.schema(), before)
		p.unchanged(d, snap)
		p.exec("DELETE FROM users WHERE id = 1000")
		if t.Failed() {
			t.Fatal(text)
		}
	}
	if failed > rounds/2 {
		t.Errorf("%d of %d migrations failed, so too little was tried", failed, rounds)
	}
}
