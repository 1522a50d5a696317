package migrate

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"goodstate.dev/goodstate/core/config"
)

// faults are what every server has to answer for.
var faults = map[string]func(*testing.T, *rig){
	"a syntax error is said with its line and changes nothing":     syntaxError,
	"a lock of another session is said with who holds it":          lockHeld,
	"two controllers never migrate at once":                        twoControllers,
	"a connection lost in the middle leaves nothing half done":     connectionLost,
	"a Down section that fails keeps everything and can be mended": downFails,
	"a user who may only read is told so":                          readOnlyUser,
	"what cannot be undone needs a restore point":                  needsPoint,
	"a table without a key is not rewritten":                       withoutKey,
	"another release's plan waits for the end of the open one":     onePlanAtATime,
	"what a live release writes through it all is there":           writtenMeanwhile,
	"a value that nobody knows is asked for or taken from fill":    unknownValue,
	"from any migration the way back leads to where it began":      anyMigration,
	"a dump brings back every value and proves itself":             dumpAndLoad,
	"a plan that something else has applied is made again":         appliedElsewhere,
}

const people = "CREATE TABLE people (id int PRIMARY KEY, nick varchar(20) NOT NULL, age int); INSERT INTO people VALUES (1, 'a', 1), (2, 'b', 2)"

func wants(t *testing.T, err error, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%v, want %q in it", err, part)
		}
	}
}

func syntaxError(t *testing.T, r *rig) {
	p := r.place(t, people)
	d := p.database()
	before := p.schema()
	p.migration(1, "ALTER TABLE people ADD COLUMN x int;\n-- goodstate: now\nALTER TABLE people DROP COLUMN nick;\n\nCREATE TABLE ok (\n  id int,\n  , x int\n);")
	wants(t, d.Expand(t.Context(), p.plan(d)), "00001_change.sql:8: CREATE TABLE ok ( id int, , x int )", "syntax")
	p.same("the schema", p.schema(), before)
	if v, err := d.Version(t.Context()); v != 0 || err != nil {
		t.Errorf("version %d, %v, want 0", v, err)
	}
	p.migration(1, "ALTER TABLE people ADD COLUMN x int;")
	p.expand(d, p.plan(d)) // a corrected release is not kept from it
}

func lockHeld(t *testing.T, r *rig) {
	p := r.place(t, people)
	d := p.database()
	d.config.LockTimeout = config.Duration(100 * time.Millisecond)
	before := p.schema()
	p.migration(1, "-- goodstate: now\nALTER TABLE people DROP COLUMN nick;")
	plan := p.plan(d)
	tx, err := p.db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.ExecContext(t.Context(), "UPDATE people SET age = 3 WHERE id = 1"); err != nil {
		t.Fatal(err)
	}
	wants(t, d.Expand(t.Context(), plan), "00001_change.sql:3", "tried 3 times", "session ", "end that session or try again later")
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	p.same("the schema", p.schema(), before)
	p.expand(d, plan)
	p.back(d, plan)
	p.same("the schema", p.schema(), before)
}

func twoControllers(t *testing.T, r *rig) {
	p := r.place(t, people)
	one, two := p.database(), p.database()
	p.migration(1, "ALTER TABLE people ADD COLUMN x int;")
	plan := p.plan(one)
	inside, leave := make(chan struct{}), make(chan struct{})
	first := true
	one.after = func() {
		if first {
			first = false
			close(inside)
			<-leave
		}
	}
	ended := make(chan error)
	go func() { ended <- one.Expand(t.Context(), plan) }()
	<-inside
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	wants(t, two.Expand(ctx, plan), "lock the migrations: session ", "deadline exceeded")
	close(leave)
	if err := <-ended; err != nil {
		t.Error(err)
	}
	p.expand(two, plan)
	p.same("the versions", p.rows("SELECT version_id FROM goose_db_version ORDER BY id"), "0\n1\n")
}

func connectionLost(t *testing.T, r *rig) {
	p := r.place(t, people)
	d := p.database()
	before, snap := p.schema(), p.snapshot(d, "people")
	p.migration(1, "-- goodstate: now\n-- +goose Up\nALTER TABLE people ADD COLUMN x int;\nALTER TABLE people DROP COLUMN nick;\nUPDATE people SET age = 7;")
	plan := p.plan(d)
	end := "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'goodstate' AND datname = current_database()"
	n := 0
	d.after = func() {
		if n++; n != 9 {
			return
		}
		if r.driver == MySQL {
			id := strings.TrimSpace(p.rows("SELECT p.id FROM information_schema.processlist p WHERE p.db = database() AND p.id <> connection_id() AND p.id = is_used_lock(concat('" + mariadb{}.lockName(&session{Database: d}) + "', ' ', left(sha2(database(), 256), 16)))"))
			end = "KILL " + id
		}
		if _, err := p.db.ExecContext(t.Context(), end); err != nil {
			t.Error(err)
		}
	}
	wants(t, d.Expand(t.Context(), plan), "the connection was lost", "run it again")
	d.after = nil
	p.expand(d, plan)
	p.same("the rows", p.rows("SELECT age FROM people ORDER BY id"), "7\n7\n")
	p.back(d, plan)
	p.same("the schema", p.schema(), before)
	p.unchanged(d, snap)
}

func downFails(t *testing.T, r *rig) {
	p := r.place(t, people)
	d := p.database()
	before, snap := p.schema(), p.snapshot(d, "people")
	p.migration(1, "-- goodstate: now\nALTER TABLE people DROP COLUMN nick;")
	p.migration(2, "-- goodstate: expand\n-- +goose Up\nINSERT INTO people (id, age) VALUES (9, 9);\n-- +goose Down\nDELETE FROM peeple WHERE id = 9;")
	plan := p.plan(d)
	p.expand(d, plan)
	_, err := d.Back(t.Context(), plan)
	wants(t, err, "go back from plan "+plan.ID, "peeple", "still in force", "everything that was put aside is kept", "call Back again")
	if got := p.rows("SELECT count(*) FROM goodstate_migrations WHERE seq > 0 AND state <> 'undone'"); got != "2\n" {
		t.Errorf("%s changes are noted, want 2", got)
	}
	p.exec("CREATE TABLE peeple (id int)")
	report := p.back(d, plan)
	p.exec("DROP TABLE peeple")
	p.same("the schema", p.schema(), before)
	p.exec("DELETE FROM people WHERE id = 9")
	p.unchanged(d, snap)
	if report.Tables[0].Filled != 1 {
		t.Errorf("the report says %+v", report)
	}
}

func readOnlyUser(t *testing.T, r *rig) {
	p := r.place(t, people)
	reader := "reader_" + p.name
	address := p.address()
	if r.driver == Postgres {
		p.exec("CREATE ROLE " + reader + " LOGIN PASSWORD 'secret-of-reader'; GRANT SELECT ON ALL TABLES IN SCHEMA public TO " + reader)
		address = strings.Replace(address, "goodstate:scratch-password@", reader+":secret-of-reader@", 1)
	} else {
		p.exec("CREATE USER " + reader + " IDENTIFIED BY 'secret-of-reader'; INSERT INTO mysql.db (host, db, user, select_priv) VALUES ('%', '" + p.name + "', '" + reader + "', 'Y'); FLUSH PRIVILEGES")
		address = strings.Replace(address, "goodstate:scratch-password@", reader+":secret-of-reader@", 1)
	}
	p.config.URL = config.PlainValue(address)
	d := p.database()
	p.migration(1, "ALTER TABLE people ADD COLUMN x int;")
	err := d.Expand(t.Context(), p.plan(d))
	wants(t, err, "may not do that", "migrations.url")
	if err != nil && strings.Contains(err.Error(), "secret-of-reader") {
		t.Errorf("the password is in %v", err)
	}
}

func needsPoint(t *testing.T, r *rig) {
	p := r.place(t, people)
	p.migration(1, "ALTER TABLE people ADD COLUMN x int;")
	p.migration(2, "TRUNCATE TABLE people;")
	d := p.database()
	plan := p.plan(d)
	wants(t, d.Expand(t.Context(), plan), "is refused: 00002_change.sql:2: it cannot be undone", "irreversible: allow")
	d.config.Irreversible = "allow"
	plan = p.plan(d)
	wants(t, d.Expand(t.Context(), plan), "no restore point is named; take one of people first")
	plan.Point = "point-7"
	p.expand(d, plan)
	if err := d.Contract(t.Context(), plan); err != nil {
		t.Fatal(err)
	}
	report := p.back(d, plan)
	if report.SchemaRestored || report.Version != 2 || len(report.Problems) != 1 || !strings.Contains(report.Problems[0], "only in the restore point point-7") {
		t.Errorf("the report says %+v", report)
	}
	if got := p.rows("SELECT * FROM people"); got != "" {
		t.Errorf("the rows are %s", got)
	}
}

func withoutKey(t *testing.T, r *rig) {
	p := r.place(t, "CREATE TABLE log (line varchar(20)); INSERT INTO log VALUES ('x')")
	p.migration(1, "UPDATE log SET line = 'y';")
	d := p.database()
	if plan := p.plan(d); !strings.Contains(plan.Refused, "log has no primary key, so its rows cannot be told apart; give the table a primary key first") {
		t.Errorf("refused %q", plan.Refused)
	}
}

func onePlanAtATime(t *testing.T, r *rig) {
	p := r.place(t, people)
	d := p.database()
	p.migration(1, "ALTER TABLE people ADD COLUMN x int;")
	first := p.plan(d)
	p.expand(d, first)
	p.migration(2, "ALTER TABLE people ADD COLUMN y int;")
	if plan := p.plan(d); !strings.Contains(plan.Refused, "the plan "+first.ID+" is still open") {
		t.Errorf("refused %q", plan.Refused)
	}
	lost, open, err := d.Current(t.Context())
	if err != nil || !open || lost.ID != first.ID || len(lost.Changes) != 1 {
		t.Errorf("the open plan is %+v, %v, want the first", lost, err)
	}
	if err := d.Contract(t.Context(), lost); err != nil {
		t.Fatal(err)
	}
	if _, open, err := d.Current(t.Context()); open || err != nil {
		t.Errorf("a plan is open after it ended, %v", err)
	}
	second := p.plan(d)
	p.expand(d, second)
	_, err = d.Back(t.Context(), first)
	wants(t, err, "plan "+second.ID+" came after it; go back from that first")
	if v, err := d.Version(t.Context()); v != 2 || err != nil {
		t.Errorf("version %d, %v, want 2", v, err)
	}
}

func appliedElsewhere(t *testing.T, r *rig) {
	p := r.place(t, people)
	d := p.database()
	p.migration(1, "CREATE TABLE other (id int);")
	p.expand(d, p.plan(d))
	p.migration(2, "ALTER TABLE people ADD COLUMN x int;")
	plan := p.plan(d)
	plan.Refused = "" // it was made before the other was begun
	p.exec("INSERT INTO goose_db_version (version_id, is_applied) VALUES (2, true); DELETE FROM goodstate_migrations")
	wants(t, d.Expand(t.Context(), plan), "version 2 has been applied by something else since; make the plan again")
}

// writtenMeanwhile has a new release that writes all the time, through the migration and the way back: every row whose
// writing it was told to be done has to be there.
func writtenMeanwhile(t *testing.T, r *rig) {
	p := r.place(t, people)
	d := p.database()
	before, snap := p.schema(), p.snapshot(d, "people")
	p.migration(1, "-- goodstate: now\n-- +goose Up\nALTER TABLE people DROP COLUMN nick;\nALTER TABLE people ADD COLUMN extra int;\nUPDATE people SET age = 9;\n")
	plan := p.plan(d)
	p.expand(d, plan)
	extra := 0
	stop, ended := make(chan struct{}), make(chan []int)
	running := make(chan struct{})
	go func() {
		var written []int
		defer func() { ended <- written }()
		for id := 100; ; id++ {
			if id == 120 {
				close(running)
			}
			select {
			case <-stop:
				return
			default:
			}
			_, err := p.db.ExecContext(t.Context(), fmt.Sprintf("INSERT INTO people (id, age, extra) VALUES (%d, 1, %d)", id, id))
			if err == nil {
				extra++
			} else if id >= 120 { // the column goes away first
				_, err = p.db.ExecContext(t.Context(), fmt.Sprintf("INSERT INTO people (id, age) VALUES (%d, 1)", id))
			}
			switch {
			case err == nil:
				written = append(written, id)
			case id < 120:
				t.Errorf("the new release cannot write: %v", err)
			}
		}
	}()
	<-running
	report := p.back(d, plan)
	close(stop)
	written := <-ended
	t.Logf("%d rows were written, %d of them with the new column", len(written), extra)
	p.same("the schema", p.schema(), before)
	p.unchanged(d, snap)
	p.same("rows written meanwhile", p.rows("SELECT count(*) FROM people WHERE id >= 100"), fmt.Sprintf("%d\n", len(written)))
	for _, table := range report.Tables {
		if table.KeptIn != "" {
			p.same("the values of the new column", p.rows("SELECT count(*) FROM "+table.KeptIn), fmt.Sprintf("%d\n", extra))
		}
	}
	if len(report.Problems) > 0 || report.Tables[0].Meanwhile != int64(len(written)) || report.Tables[0].Filled != int64(len(written)) {
		t.Errorf("%d rows were written, and the report says %+v", len(written), report)
	}
}

func unknownValue(t *testing.T, r *rig) {
	column, fill := "uuid NOT NULL", "gen_random_uuid()"
	if r.driver == MySQL {
		column, fill = "enum('x', 'y') NOT NULL", "'y'"
	}
	p := r.place(t, "CREATE TABLE keys_of (id int PRIMARY KEY, secret "+column+")")
	d := p.database()
	before := p.schema()
	p.migration(1, "-- goodstate: now\nALTER TABLE keys_of DROP COLUMN secret;")
	for _, known := range []bool{true, false} {
		if d.config.Fill = nil; known {
			d.config.Fill = map[string]string{"keys_of.secret": fill}
		}
		plan := p.plan(d)
		p.expand(d, plan)
		p.exec("INSERT INTO keys_of (id) VALUES (7)")
		report := p.back(d, plan)
		if known {
			p.same("the schema", p.schema(), before)
			if report.Tables[0].Filled != 1 || len(report.Problems) > 0 {
				t.Errorf("the report says %+v", report)
			}
			p.exec("DELETE FROM keys_of")
			continue
		}
		if report.SchemaRestored || len(report.Problems) != 1 || !strings.Contains(report.Problems[0], "is not NOT NULL again") {
			t.Errorf("the report says %+v, want that nobody knows the value", report)
		}
		p.same("the row", p.rows("SELECT id, secret FROM keys_of"), "7|NULL\n")
	}
}
