package migrate

import (
	"strings"
	"testing"
	"time"

	"goodstate.dev/goodstate/core/config"
	"goodstate.dev/goodstate/internal/real"
)

func TestPostgres(t *testing.T) {
	t.Parallel()
	url := real.Postgres(t)
	if url == "" {
		return
	}
	r := &rig{driver: Postgres, url: url}
	for name, test := range map[string]func(*testing.T, *rig){
		"a column that v2 drops is there again with every row":           pgColumnComesBack,
		"a column with constraints leaves the new release in peace":      pgColumnWithConstraints,
		"a dropped table comes back as it was":                           pgTableComesBack,
		"changed types and values and deleted rows come back":            pgValuesComeBack,
		"what a release added goes away and its data is kept":            pgAdditionsGo,
		"contract drops softly and clean removes when keep is over":      pgContractAndClean,
		"a column that something depends on is not dropped":              pgDependents,
		"an index is built concurrently and built anew when interrupted": pgConcurrently,
		"killed after any statement it comes to the same end":            pgWalk,
		"goose's table may be in another schema":                         pgOtherTable,
		"the same release can be tried again after the way back":         pgAgain,
	} {
		t.Run(name, func(t *testing.T) { test(t, r) })
	}
	for name, test := range faults {
		t.Run(name, func(t *testing.T) { test(t, r) })
	}
}

const pgShop = `
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE TABLE team (id int PRIMARY KEY, name text NOT NULL);
CREATE TABLE users (
  id bigserial PRIMARY KEY,
  email varchar(80) NOT NULL UNIQUE,
  nick text NOT NULL COLLATE "C",
  age int DEFAULT 18 CHECK (age > 0),
  mood mood DEFAULT 'ok',
  team_id int REFERENCES team ON DELETE SET NULL,
  price int NOT NULL DEFAULT 5,
  changed timestamptz DEFAULT '2020-01-01'
);
COMMENT ON TABLE users IS 'who buys';
COMMENT ON COLUMN users.nick IS 'how others see it; it''s public';
CREATE INDEX users_nick ON users (lower(nick)) WHERE age > 3;
COMMENT ON INDEX users_nick IS 'for search';
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.changed := clock_timestamp(); RETURN NEW; END $$;
CREATE TRIGGER users_touch BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION touch();
INSERT INTO team SELECT n, 'team ' || n FROM generate_series(1, 3) n;
INSERT INTO users (email, nick, age, team_id, price) SELECT 'u' || n || '@example.org', 'nick' || n, n, n % 3 + 1, n * 10 FROM generate_series(1, 40) n;
`

func pgColumnComesBack(t *testing.T, r *rig) {
	p := r.place(t, pgShop)
	d := p.database()
	before, snap := p.schema(), p.snapshot(d, "users", "team")
	p.migration(1, "-- goodstate: now\nALTER TABLE users DROP COLUMN nick;")
	plan := p.plan(d)
	p.expand(d, plan)
	p.expand(d, plan)
	if strings.Contains(p.rows("SELECT column_name FROM information_schema.columns WHERE table_name = 'users' AND column_name = 'nick'"), "nick") {
		t.Error("the column is still there under its name")
	}
	p.exec("INSERT INTO users (email, age) VALUES ('new1@example.org', 30), ('new2@example.org', 31)")
	report := p.back(d, plan)
	p.same("the schema", p.schema(), before)
	if c := p.unchanged(d, snap); c[0].Added != 2 {
		t.Errorf("%s, want 2 rows that were written since", c[0])
	}
	u := report.Tables[0]
	if u.Meanwhile != 2 || u.Filled != 2 || strings.Join(u.FilledAt, " ") != "41 42" || u.Restored != 40 || report.Lost != 0 || !report.SchemaRestored {
		t.Errorf("the report says %+v", report)
	}
	p.same("the new rows", p.rows("SELECT id, nick FROM users WHERE id > 40 ORDER BY id"), "41|\n42|\n")
	if again := p.back(d, plan); len(again.Tables) != 1 || again.Tables[0].Filled != 2 {
		t.Errorf("asked again the report says %+v", again)
	}
	if v, err := d.Version(t.Context()); v != 0 || err != nil {
		t.Errorf("version %d, %v, want 0", v, err)
	}
}

func pgColumnWithConstraints(t *testing.T, r *rig) {
	p := r.place(t, pgShop+`
ALTER TABLE users ADD code int NOT NULL DEFAULT 7;
UPDATE users SET code = id;
ALTER TABLE users ADD CONSTRAINT users_code UNIQUE (code), ADD CONSTRAINT code_or_age CHECK (code IS NOT NULL AND age < 100);
COMMENT ON CONSTRAINT code_or_age ON users IS 'both';
CREATE UNIQUE INDEX users_odd ON users (email) WHERE code IS NULL;
`)
	d := p.database()
	before, snap := p.schema(), p.snapshot(d, "users", "team")
	p.migration(1, "-- goodstate: now\nALTER TABLE users DROP COLUMN code, DROP COLUMN team_id, DROP COLUMN mood;\n-- goodstate: now\nDROP TABLE team;")
	plan := p.plan(d)
	p.expand(d, plan)
	p.exec("INSERT INTO users (email, nick) VALUES ('n1@example.org', 'n1')")
	p.exec("INSERT INTO users (email, nick) VALUES ('n2@example.org', 'n2')")
	report := p.back(d, plan)
	p.unchanged(d, snap)
	if !strings.Contains(strings.Join(report.Problems, "\n"), "users.code") || report.SchemaRestored {
		t.Errorf("two rows with the same default in a UNIQUE column cannot both be right, and the report says %+v", report)
	}
	p.exec("UPDATE users SET code = id WHERE code IS NULL; ALTER TABLE users ALTER code SET NOT NULL; ALTER TABLE users DROP CONSTRAINT code_or_age; ALTER TABLE users ADD CONSTRAINT code_or_age CHECK (code IS NOT NULL AND age < 100); COMMENT ON CONSTRAINT code_or_age ON users IS 'both'")
	p.same("the schema after the rows were corrected", p.schema(), before)
}

func pgTableComesBack(t *testing.T, r *rig) {
	p := r.place(t, pgShop+"CREATE VIEW teams WITH (security_barrier = true) AS SELECT * FROM team; COMMENT ON VIEW teams IS 'all'; COMMENT ON COLUMN teams.id IS 'its number'; GRANT SELECT ON teams TO PUBLIC; CREATE MATERIALIZED VIEW counted AS SELECT count(*) FROM users; CREATE SEQUENCE numbers START 7; CREATE DOMAIN short AS text CHECK (length(value) < 9)")
	d := p.database()
	before, snap := p.schema(), p.snapshot(d, "users", "team")
	p.migration(1, "-- goodstate: now\n-- +goose Up\nDROP VIEW teams;\nDROP MATERIALIZED VIEW counted;\nDROP SEQUENCE numbers;\nDROP DOMAIN short;\nDROP TABLE IF EXISTS users, nobody;\nDROP TABLE team CASCADE;\nCREATE TABLE users (id int PRIMARY KEY, login text UNIQUE);")
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

func pgValuesComeBack(t *testing.T, r *rig) {
	p := r.place(t, pgShop)
	d := p.database()
	before, snap := p.schema(), p.snapshot(d, "users", "team")
	p.migration(1, `-- goodstate: now
-- +goose Up
ALTER TABLE users ALTER COLUMN price TYPE numeric(10, 2) USING price / 100.0, ALTER age TYPE bigint;
UPDATE users AS u SET email = upper(email), price = price + 1 WHERE u.id <= 20;
ALTER TABLE users ALTER COLUMN email TYPE text, ALTER COLUMN price SET DEFAULT 0.05;
DELETE FROM users WHERE id > 35;
ALTER TABLE users RENAME COLUMN nick TO nickname;
ALTER TABLE users RENAME TO people;
`)
	plan := p.plan(d)
	p.expand(d, plan)
	p.same("a migrated row", p.rows("SELECT email, nickname, price FROM people WHERE id = 3"), "U3@EXAMPLE.ORG|nick3|1.30\n")
	p.exec("INSERT INTO people (email, nickname, price) VALUES ('n@example.org', 'n', 2.6)")
	report := p.back(d, plan)
	p.same("the schema", p.schema(), before)
	p.unchanged(d, snap)
	p.same("the new row", p.rows("SELECT email, nick, price FROM users WHERE id > 40"), "n@example.org|n|3\n")
	if len(report.Problems) > 0 || report.Lost > 0 {
		t.Errorf("the report says %+v", report)
	}
}

func pgAdditionsGo(t *testing.T, r *rig) {
	p := r.place(t, pgShop)
	d := p.database()
	before, snap := p.schema(), p.snapshot(d, "users", "team")
	p.migration(1, `
CREATE TYPE shade AS ENUM ('red');
CREATE TABLE orders (id serial PRIMARY KEY, user_id bigint REFERENCES users, shade shade);
CREATE VIEW buyers AS SELECT u.email FROM users u JOIN orders o ON o.user_id = u.id;
ALTER TABLE users ADD COLUMN phone text, ADD COLUMN credit int NOT NULL DEFAULT 0, ALTER COLUMN age SET DEFAULT 21, ALTER COLUMN price DROP NOT NULL;
UPDATE users SET phone = 'none';
CREATE INDEX ON users (phone);
ALTER TABLE users DROP CONSTRAINT users_age_check;
ALTER TABLE users RENAME CONSTRAINT users_email_key TO one_email;
COMMENT ON COLUMN users.nick IS 'another';
INSERT INTO orders (user_id) VALUES (1);
`)
	plan := p.plan(d)
	p.expand(d, plan)
	if v, err := d.Version(t.Context()); v != 1 || err != nil {
		t.Errorf("version %d, %v, want 1", v, err)
	}
	p.exec("INSERT INTO users (email, nick, phone, credit, price) VALUES ('n@example.org', 'n', '112', 9, 4); INSERT INTO orders (user_id, shade) VALUES (41, 'red')")
	report := p.back(d, plan)
	p.same("the schema", p.schema(), before)
	p.unchanged(d, snap)
	if len(report.Problems) > 0 || len(report.Tables) != 2 {
		t.Errorf("the report says %+v", report)
	}
	p.same("the orders", p.rows("SELECT user_id, shade FROM goodstate_aside_"+plan.ID+"_new.orders ORDER BY id"), "1|NULL\n41|red\n")
}

func pgContractAndClean(t *testing.T, r *rig) {
	p := r.place(t, pgShop)
	d := p.database()
	p.migration(1, "ALTER TABLE users ADD COLUMN alias text;\nUPDATE users SET alias = nick;\nALTER TABLE users DROP COLUMN nick;\nUPDATE users SET price = 1;")
	plan := p.plan(d)
	p.expand(d, plan)
	p.same("the old column", p.rows("SELECT count(nick) FROM users"), "40\n")
	now := time.Now()
	d.now = func() time.Time { return now }
	if cleaned, err := d.Clean(t.Context()); err != nil || len(cleaned) > 0 {
		t.Errorf("cleaned %v, %v, want nothing while the watch is not over", cleaned, err)
	}
	for range 2 {
		if err := d.Contract(t.Context(), plan); err != nil {
			t.Fatal(err)
		}
	}
	if cleaned, err := d.Clean(t.Context()); err != nil || len(cleaned) > 0 {
		t.Errorf("cleaned %v, %v, want nothing before keep is over", cleaned, err)
	}
	p.exec("ALTER TABLE users RENAME TO customers")
	now = now.Add(p.config.Keep.Std() + time.Minute)
	if cleaned, err := d.Clean(t.Context()); err != nil || len(cleaned) != 1 {
		t.Fatalf("cleaned %v, %v, want the plan", cleaned, err)
	}
	if left := p.rows("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'goodstate%' UNION SELECT attname FROM pg_attribute WHERE attname LIKE '\\_goodstate%'"); left != "" {
		t.Errorf("there is still %s", left)
	}
	if cleaned, err := d.Clean(t.Context()); err != nil || len(cleaned) > 0 {
		t.Errorf("cleaned %v, %v again, want nothing", cleaned, err)
	}
	if _, err := d.Back(t.Context(), plan); err == nil || !strings.Contains(err.Error(), "only a restore point") {
		t.Errorf("going back after that: %v", err)
	}
	if again := p.plan(d); !again.Empty() {
		t.Errorf("still pending: %+v", again)
	}
}

func pgDependents(t *testing.T, r *rig) {
	p := r.place(t, pgShop+"CREATE VIEW nicks AS SELECT nick FROM users")
	d := p.database()
	before := p.schema()
	p.migration(1, "-- goodstate: now\nALTER TABLE users\n  DROP COLUMN nick CASCADE;")
	err := d.Expand(t.Context(), p.plan(d))
	if err == nil || !strings.Contains(err.Error(), "view nicks depends on") || !strings.Contains(err.Error(), "00001_change.sql:3") {
		t.Errorf("%v, want that the view depends on the column", err)
	}
	p.same("the schema", p.schema(), before)
}

func pgConcurrently(t *testing.T, r *rig) {
	p := r.place(t, pgShop)
	d := p.database()
	before := p.schema()
	p.migration(1, "-- +goose NO TRANSACTION\n-- +goose Up\nCREATE INDEX CONCURRENTLY users_price ON users (price);")
	plan := p.plan(d)
	holder := p.open(p.address())
	defer holder.Close()
	tx, err := holder.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.ExecContext(t.Context(), "UPDATE users SET price = 2 WHERE id = 1"); err != nil {
		t.Fatal(err)
	}
	d.config.LockTimeout = config.Duration(100 * time.Millisecond)
	if err := d.Expand(t.Context(), plan); err == nil || !strings.Contains(err.Error(), "RowExclusiveLock") || !strings.Contains(err.Error(), "unfinished index users_price is left") {
		t.Errorf("%v, want who holds the lock and what is left", err)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	p.expand(d, plan)
	p.same("the index", p.rows("SELECT indisvalid FROM pg_index WHERE indexrelid = 'users_price'::regclass"), "true\n")
	p.back(d, plan)
	p.same("the schema", p.schema(), before)
}

func pgAgain(t *testing.T, r *rig) {
	p := r.place(t, pgShop)
	d := p.database()
	before, snap := p.schema(), p.snapshot(d, "users")
	p.migration(1, "-- goodstate: now\nDROP TABLE users;\nCREATE TABLE users (id int);\nCREATE TABLE extra (id int);")
	for range 3 {
		plan := p.plan(d)
		p.expand(d, plan)
		p.back(d, plan)
		p.same("the schema", p.schema(), before)
		p.unchanged(d, snap)
	}
	d.now = func() time.Time { return time.Now().Add(24 * time.Hour) }
	if cleaned, err := d.Clean(t.Context()); err != nil || len(cleaned) != 3 {
		t.Errorf("cleaned %v, %v, want the three tries", cleaned, err)
	}
	if left := p.rows("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'goodstate%'"); left != "" {
		t.Errorf("there is still %s", left)
	}
}

func pgWalk(t *testing.T, r *rig) {
	walk(t, r, "CREATE TABLE users (id int PRIMARY KEY, nick text NOT NULL, price int DEFAULT 3); INSERT INTO users VALUES (1, 'a', 1), (2, 'b', 2)",
		`-- goodstate: now
ALTER TABLE users DROP COLUMN nick;
CREATE TABLE orders (id int PRIMARY KEY);
ALTER TABLE users ALTER price TYPE bigint;
UPDATE users SET price = 9;
`)
}

func pgOtherTable(t *testing.T, r *rig) {
	p := r.place(t, "CREATE SCHEMA versions; CREATE TABLE users (id int PRIMARY KEY)")
	p.config.Table = "versions.applied"
	d := p.database()
	p.migration(1, "ALTER TABLE users ADD COLUMN x int;")
	plan := p.plan(d)
	p.expand(d, plan)
	p.same("the versions", p.rows("SELECT version_id FROM versions.applied ORDER BY id"), "0\n1\n")
	p.back(d, plan)
	p.same("the versions", p.rows("SELECT version_id FROM versions.applied ORDER BY id"), "0\n")
}
