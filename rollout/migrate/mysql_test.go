package migrate

import (
	"strings"
	"testing"
	"time"

	"goodstate.dev/goodstate/internal/real"
)

func TestMariaDB(t *testing.T) {
	t.Parallel()
	dsn := real.MariaDB(t)
	if dsn == "" {
		return
	}
	r := &rig{driver: MySQL, url: dsn}
	for name, test := range map[string]func(*testing.T, *rig){
		"a column that v2 drops is there again with every row": myColumnComesBack,
		"a dropped table comes back as it was":                 myTableComesBack,
		"changed types and values and deleted rows come back":  myValuesComeBack,
		"what a release added goes away and its data is kept":  myAdditionsGo,
		"a failed file is undone by hand where DDL commits":    myFailureIsTakenBack,
		"killed after any statement it comes to the same end":  myWalk,
		"what cannot be looked up is settled by a person":      mySettled,
		"contract drops softly and clean removes it later":     myContractAndClean,
	} {
		t.Run(name, func(t *testing.T) { test(t, r) })
	}
	for name, test := range faults {
		t.Run(name, func(t *testing.T) { test(t, r) })
	}
}

// The trigger's table is quoted because MariaDB quotes it when a table is renamed, there and back.
const myShop = `
CREATE TABLE team (id int PRIMARY KEY, name varchar(40) NOT NULL);
CREATE TABLE users (
  id bigint AUTO_INCREMENT PRIMARY KEY,
  email varchar(80) NOT NULL,
  nick varchar(40) CHARACTER SET latin1 NOT NULL COMMENT 'how others see it; it''s NOT NULL',
  age int DEFAULT 18 CHECK (age > 0),
  team_id int,
  price int NOT NULL DEFAULT 5,
  changed timestamp NOT NULL DEFAULT '2020-01-01 00:00:00' ON UPDATE current_timestamp(),
  code int NOT NULL DEFAULT 7,
  UNIQUE KEY one_email (email),
  KEY nicks (nick, age),
  UNIQUE KEY one_code (code, email),
  CONSTRAINT in_team FOREIGN KEY (team_id) REFERENCES team (id) ON DELETE SET NULL,
  CONSTRAINT sane CHECK (price < 100000)
) COMMENT 'who buys';
CREATE TRIGGER users_insert BEFORE INSERT ON ` + "`users`" + ` FOR EACH ROW SET NEW.email = trim(NEW.email);
INSERT INTO team SELECT seq, concat('team ', seq) FROM seq_1_to_3;
INSERT INTO users (email, nick, age, team_id, price, code) SELECT concat('u', seq, '@example.org'), concat('nick', seq), seq, seq % 3 + 1, seq * 10, seq FROM seq_1_to_40;
`

func myColumnComesBack(t *testing.T, r *rig) {
	p := r.place(t, myShop)
	d := p.database()
	before, snap := p.schema(), p.snapshot(d, "users", "team")
	p.migration(1, "-- goodstate: now\nALTER TABLE users DROP COLUMN nick, DROP COLUMN `code`;")
	plan := p.plan(d)
	p.expand(d, plan)
	p.expand(d, plan)
	p.exec("INSERT INTO users (email, age) VALUES ('new1@example.org', 30), ('new2@example.org', 31)")
	report := p.back(d, plan)
	p.same("the schema", p.schema(), before)
	if c := p.unchanged(d, snap); c[0].Added != 2 {
		t.Errorf("%s, want 2 rows that were written since", c[0])
	}
	u := report.Tables[0]
	if u.Meanwhile != 2 || u.Filled != 4 || report.Lost != 0 || !report.SchemaRestored {
		t.Errorf("the report says %+v", report)
	}
	p.same("the new rows", p.rows("SELECT email, nick, code FROM users WHERE id > 40 ORDER BY id"), "new1@example.org||7\nnew2@example.org||7\n")
	if v, err := d.Version(t.Context()); v != 0 || err != nil {
		t.Errorf("version %d, %v, want 0", v, err)
	}
}

func myTableComesBack(t *testing.T, r *rig) {
	p := r.place(t, myShop+"CREATE VIEW teams AS SELECT * FROM team")
	d := p.database()
	before, snap := p.schema(), p.snapshot(d, "users", "team")
	p.migration(1, "-- goodstate: now\n-- +goose Up\nDROP TABLE team;")
	if err := d.Expand(t.Context(), p.plan(d)); err == nil || !strings.Contains(err.Error(), "users (in_team)") {
		t.Errorf("%v, want that users refers to the table", err)
	}
	p.same("the schema after the refusal", p.schema(), before)
	p.migration(1, "-- goodstate: now\n-- +goose Up\nDROP VIEW teams;\nDROP TABLE IF EXISTS users, nobody;\nDROP TABLE team;\nCREATE TABLE users (id int PRIMARY KEY, login varchar(9) UNIQUE);")
	plan := p.plan(d)
	p.expand(d, plan)
	p.exec("INSERT INTO users VALUES (1, 'new')")
	report := p.back(d, plan)
	p.same("the schema", p.schema(), before)
	p.unchanged(d, snap)
	if report.Tables[0].Kept != 1 || !report.SchemaRestored {
		t.Errorf("the report says %+v, want the new table's row kept", report)
	}
	p.same("what the new release wrote", p.rows("SELECT * FROM "+report.Tables[0].KeptIn), "1|new\n")
}

func myValuesComeBack(t *testing.T, r *rig) {
	p := r.place(t, myShop)
	d := p.database()
	before, snap := p.schema(), p.snapshot(d, "users", "team")
	p.migration(1, `-- goodstate: now
-- +goose Up
ALTER TABLE users MODIFY price varchar(20) NOT NULL DEFAULT 'none' COMMENT 'as text' AFTER id, CHANGE age years bigint;
UPDATE users AS u SET email = upper(email), price = concat('about ', price) WHERE u.id <= 20;
DELETE FROM users WHERE id > 35;
ALTER TABLE users RENAME COLUMN nick TO nickname;
ALTER TABLE users RENAME TO people;
`)
	plan := p.plan(d)
	if plan.Refused != "" {
		t.Fatal(plan.Refused)
	}
	err := d.Expand(t.Context(), plan)
	if err == nil { // the CHECK on price compares a text with a number and stops 'about'
		t.Fatal("want the CHECK to stop the update")
	}
	p.same("the schema after the failure", p.schema(), before)
	p.unchanged(d, snap)
	p.exec("ALTER TABLE users DROP CONSTRAINT sane")
	before = p.schema()
	p.expand(d, plan)
	p.same("a migrated row", p.rows("SELECT email, nickname, price FROM people WHERE id = 3"), "U3@EXAMPLE.ORG|nick3|about 30\n")
	p.exec("INSERT INTO people (email, nickname, price, code) VALUES ('n@example.org', 'n', '26', 99), ('m@example.org', 'm', 'free', 99)")
	report := p.back(d, plan)
	p.unchanged(d, snap)
	p.same("the new row whose price is a number", p.rows("SELECT email, nick FROM users WHERE id > 40 ORDER BY id"), "n@example.org|n\nm@example.org|m\n")
	if len(report.Problems) == 0 || !strings.Contains(report.Problems[0], "have no form in the old type") {
		t.Errorf("the report says %+v, want the value that is no number", report)
	}
	p.exec("UPDATE users SET price = 5, changed = changed WHERE price IS NULL; ALTER TABLE users MODIFY price int(11) NOT NULL DEFAULT 5 AFTER team_id")
	p.same("the schema after the rows were corrected", p.schema(), before)
}

func myAdditionsGo(t *testing.T, r *rig) {
	p := r.place(t, myShop)
	d := p.database()
	before, snap := p.schema(), p.snapshot(d, "users", "team")
	p.migration(1, `
CREATE TABLE orders (id int AUTO_INCREMENT PRIMARY KEY, user_id bigint, FOREIGN KEY (user_id) REFERENCES users (id));
CREATE VIEW buyers AS SELECT u.email FROM users u JOIN orders o ON o.user_id = u.id;
ALTER TABLE users ADD COLUMN phone varchar(20) AFTER email, ADD COLUMN credit int NOT NULL DEFAULT 0, ALTER COLUMN age SET DEFAULT 21;
UPDATE users SET phone = 'none', changed = changed;
`)
	if p.plan(d).Changes[5].Phase != Contract {
		t.Error("changed is an old column, want the update to wait")
	}
	p.migration(1, `
CREATE TABLE orders (id int AUTO_INCREMENT PRIMARY KEY, user_id bigint, FOREIGN KEY (user_id) REFERENCES users (id));
CREATE VIEW buyers AS SELECT u.email FROM users u JOIN orders o ON o.user_id = u.id;
ALTER TABLE users ADD COLUMN phone varchar(20) AFTER email, ADD COLUMN credit int NOT NULL DEFAULT 0, ALTER COLUMN age SET DEFAULT 21;
UPDATE users SET phone = 'none';
CREATE INDEX phones ON users (phone);
ALTER TABLE users DROP CONSTRAINT sane;
ALTER TABLE users ADD KEY prices (price);
INSERT INTO orders (user_id) VALUES (1);
`)
	plan := p.plan(d)
	p.expand(d, plan)
	if v, err := d.Version(t.Context()); v != 1 || err != nil {
		t.Errorf("version %d, %v, want 1", v, err)
	}
	p.exec("INSERT INTO users (email, nick, phone, credit, code) VALUES ('n@example.org', 'n', '112', 9, 50); INSERT INTO orders (user_id) SELECT max(id) FROM users")
	report := p.back(d, plan)
	p.same("the schema", p.schema(), before)
	p.unchanged(d, snap)
	if len(report.Problems) > 0 || len(report.Tables) != 2 {
		t.Errorf("the report says %+v", report)
	}
}

func myFailureIsTakenBack(t *testing.T, r *rig) {
	p := r.place(t, myShop)
	d := p.database()
	before, snap := p.schema(), p.snapshot(d, "users", "team")
	p.migration(1, "-- goodstate: now\n-- +goose Up\nALTER TABLE users ADD phone text;\nALTER TABLE users DROP COLUMN nick;\nUPDATE users SET price = 1;\nALTER TABLE users\n  ADD fax text oops;")
	err := d.Expand(t.Context(), p.plan(d))
	if err == nil || !strings.Contains(err.Error(), "00001_change.sql:7: ALTER TABLE users ADD fax text oops") || !strings.Contains(err.Error(), "the 3 changes of 00001_change.sql before it were undone") {
		t.Errorf("%v, want the line, and that the changes before were undone", err)
	}
	p.same("the schema", p.schema(), before)
	p.unchanged(d, snap)
	p.same("what is noted", p.rows("SELECT seq FROM goodstate_migrations"), "0\n")
}

func myContractAndClean(t *testing.T, r *rig) {
	p := r.place(t, myShop)
	d := p.database()
	p.migration(1, "ALTER TABLE users ADD COLUMN alias text;\nUPDATE users SET alias = nick;\nALTER TABLE users DROP COLUMN nick;\nUPDATE users SET price = 1;\nDELETE FROM users WHERE id = 3;")
	plan := p.plan(d)
	p.expand(d, plan)
	p.same("the old column", p.rows("SELECT count(nick) FROM users"), "40\n")
	for range 2 {
		if err := d.Contract(t.Context(), plan); err != nil {
			t.Fatal(err)
		}
	}
	if cleaned, err := d.Clean(t.Context()); err != nil || len(cleaned) > 0 {
		t.Errorf("cleaned %v, %v, want nothing before keep is over", cleaned, err)
	}
	p.exec("RENAME TABLE users TO customers")
	d.now = func() time.Time { return time.Now().Add(2 * p.config.Keep.Std()) }
	if cleaned, err := d.Clean(t.Context()); err != nil || len(cleaned) != 1 {
		t.Fatalf("cleaned %v, %v, want the plan", cleaned, err)
	}
	left := p.rows("SELECT table_name FROM information_schema.columns WHERE table_schema = database() AND (table_name LIKE '\\_goodstate%' OR column_name LIKE '\\_goodstate%')")
	if left != "" {
		t.Errorf("there is still %s", left)
	}
}

func myWalk(t *testing.T, r *rig) {
	walk(t, r, "CREATE TABLE users (id int PRIMARY KEY, nick varchar(9) NOT NULL, price int DEFAULT 3); CREATE TABLE orders (id int PRIMARY KEY); INSERT INTO users VALUES (1, 'a', 1), (2, 'b', 2)",
		`-- goodstate: now
ALTER TABLE users DROP COLUMN nick;
ALTER TABLE users MODIFY price bigint NOT NULL;
DROP TABLE orders;
UPDATE users SET price = price + 9;
`)
}

func mySettled(t *testing.T, r *rig) {
	p := r.place(t, "CREATE TABLE users (id int PRIMARY KEY)")
	d := p.database()
	p.migration(1, "-- goodstate: expand\n-- +goose Up\nALTER TABLE users COMMENT 'people';\n-- +goose Down\nALTER TABLE users COMMENT '';")
	plan := p.plan(d)
	for n := 1; p.killed(errand{Plan: plan, What: "expand", Kill: n}); n++ {
		if p.rows("SELECT table_name FROM information_schema.tables WHERE table_schema = database() AND table_name = 'goodstate_migrations'") == "" || p.rows("SELECT state FROM goodstate_migrations WHERE seq = 1") == "" {
			continue
		}
		if got := p.rows("SELECT table_comment FROM information_schema.tables WHERE table_schema = database() AND table_name = 'users'"); got == "people\n" {
			break // it happened, and that was not noted
		}
		if err := d.Settle(t.Context(), plan, 1, false); err != nil {
			t.Fatal(err)
		}
		n = 1 // what came before does not come again, so the next but one statement is the migration's
	}
	wants(t, d.Expand(t.Context(), plan), "00001_change.sql:3", "it cannot be told whether it happened")
	_, err := d.Back(t.Context(), plan)
	wants(t, err, "it cannot be told whether it happened")
	if err := d.Settle(t.Context(), plan, 1, true); err != nil {
		t.Fatal(err)
	}
	wants(t, d.Settle(t.Context(), plan, 1, true), "only what was under way can be settled")
	wants(t, d.Settle(t.Context(), plan, 7, true), "it was never begun")
	p.expand(d, plan)
	p.back(d, plan)
	p.same("the comment", p.rows("SELECT table_comment FROM information_schema.tables WHERE table_schema = database() AND table_name = 'users'"), "\n")
}
