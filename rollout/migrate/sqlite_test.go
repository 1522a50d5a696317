package migrate

import (
	"strings"
	"testing"
	"time"
)

func TestSQLite(t *testing.T) {
	t.Parallel()
	r := &rig{driver: SQLite}
	for name, test := range map[string]func(*testing.T, *rig){
		"everything that was dropped or rewritten comes back": liteComesBack,
		"what a release added goes away and its data is kept": liteAdditionsGo,
		"contract drops softly and clean removes it later":    liteContractAndClean,
		"a syntax error is said with its line":                liteSyntaxError,
		"what cannot be undone needs a restore point":         liteNeedsPoint,
		"a Down section that fails keeps everything":          downFails,
		"a dump brings back every value and proves itself":    dumpAndLoad,
		"from any migration the way back leads to the start":  anyMigration,
		"killed after any statement it comes to the same end": liteWalk,
		"a table without a key is not rewritten":              withoutKey,
		"another release's plan waits for the end":            onePlanAtATime,
	} {
		t.Run(name, func(t *testing.T) { test(t, r) })
	}
}

const liteShop = `
CREATE TABLE team (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE users (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  email TEXT NOT NULL UNIQUE, -- how we reach them
  nick TEXT NOT NULL,
  age INT DEFAULT 18 CHECK (age > 0),
  team_id INT REFERENCES team (id),
  price INT NOT NULL DEFAULT 5,
  changed TEXT DEFAULT 'never'
);
CREATE INDEX users_age ON users (age) WHERE age > 3;
CREATE VIEW rich AS SELECT email FROM users WHERE price > 100;
CREATE TRIGGER users_touch AFTER UPDATE OF price ON users BEGIN UPDATE users SET changed = 'today' WHERE id = NEW.id; END;
INSERT INTO team VALUES (1, 'a'), (2, 'b');
WITH RECURSIVE seq (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM seq WHERE n < 40) INSERT INTO users (email, nick, age, team_id, price) SELECT 'u' || n, 'nick' || n, n, n % 2 + 1, n * 10 FROM seq;
`

// liteShopOn runs the script, whose trigger has semicolons inside.
func liteShopOn(t *testing.T, r *rig) *place {
	p := r.place(t, "")
	if _, err := p.db.ExecContext(t.Context(), liteShop); err != nil {
		t.Fatal(err)
	}
	return p
}

func liteComesBack(t *testing.T, r *rig) {
	p := liteShopOn(t, r)
	d := p.database()
	before, snap := p.schema(), p.snapshot(d, "users", "team")
	p.migration(1, `-- goodstate: now
-- +goose Up
ALTER TABLE users DROP COLUMN nick;
UPDATE users SET price = price + 1 WHERE id < 9;
DELETE FROM users WHERE id > 35;
ALTER TABLE users RENAME COLUMN email TO mail;
DROP VIEW IF EXISTS rich;
ALTER TABLE users RENAME TO people;
DROP TABLE team;
CREATE TABLE team (id INTEGER PRIMARY KEY);
DROP INDEX users_age;
`)
	plan := p.plan(d)
	p.expand(d, plan)
	p.expand(d, plan)
	p.exec("INSERT INTO people (mail, price) VALUES ('n', 3)")
	report := p.back(d, plan)
	p.same("the schema", p.schema(), before)
	p.unchanged(d, snap)
	p.same("the new row", p.rows("SELECT id, email, nick, price FROM users WHERE id > 40"), "41|n||3\n")
	if report.Lost > 0 || len(report.Problems) > 0 {
		t.Errorf("the report says %+v", report)
	}
}

func liteAdditionsGo(t *testing.T, r *rig) {
	p := liteShopOn(t, r)
	d := p.database()
	before, snap := p.schema(), p.snapshot(d, "users", "team")
	p.migration(1, "CREATE TABLE orders (id INTEGER PRIMARY KEY, user_id INT REFERENCES users (id));\nCREATE INDEX of_user ON orders (user_id);\nALTER TABLE users ADD COLUMN phone TEXT DEFAULT 'none';\nUPDATE users SET phone = id;\nCREATE VIEW buyers AS SELECT email, phone FROM users;\nCREATE INDEX phones ON users (phone);")
	plan := p.plan(d)
	p.expand(d, plan)
	p.exec("INSERT INTO orders VALUES (1, 1); INSERT INTO users (email, nick, phone) VALUES ('n', 'n', '112')")
	report := p.back(d, plan)
	p.same("the schema", p.schema(), before)
	p.unchanged(d, snap)
	var kept []string
	for _, table := range report.Tables {
		if table.KeptIn != "" {
			kept = append(kept, strings.TrimSpace(p.rows("SELECT count(*) FROM "+table.KeptIn)))
		}
	}
	if strings.Join(kept, " ") != "1 1" {
		t.Errorf("kept %v, want what was written meanwhile, a value and an order; %+v", kept, report)
	}
}

func liteContractAndClean(t *testing.T, r *rig) {
	p := liteShopOn(t, r)
	d := p.database()
	p.migration(1, "ALTER TABLE users ADD COLUMN alias TEXT;\nALTER TABLE users DROP COLUMN nick;\nDELETE FROM users WHERE id = 3;")
	plan := p.plan(d)
	p.expand(d, plan)
	p.same("the old column", p.rows("SELECT count(nick) FROM users"), "40\n")
	if err := d.Contract(t.Context(), plan); err != nil {
		t.Fatal(err)
	}
	d.now = func() time.Time { return time.Now().Add(2 * p.config.Keep.Std()) }
	if cleaned, err := d.Clean(t.Context()); err != nil || len(cleaned) != 1 {
		t.Fatalf("cleaned %v, %v, want the plan", cleaned, err)
	}
	if left := p.rows("SELECT name FROM sqlite_master WHERE name LIKE '\\_goodstate%' ESCAPE '\\'"); left != "" {
		t.Errorf("there is still %s", left)
	}
}

func liteSyntaxError(t *testing.T, r *rig) {
	p := liteShopOn(t, r)
	d := p.database()
	before := p.schema()
	p.migration(1, "ALTER TABLE users ADD COLUMN x INT;\nCREATE TABLE ok (id INT,, x INT);")
	wants(t, d.Expand(t.Context(), p.plan(d)), "00001_change.sql:3: CREATE TABLE ok (id INT,, x INT)", "syntax error")
	p.same("the schema", p.schema(), before)
}

func liteNeedsPoint(t *testing.T, r *rig) {
	p := liteShopOn(t, r)
	d := p.database()
	p.migration(1, "INSERT INTO team VALUES (3, 'c');")
	wants(t, d.Expand(t.Context(), p.plan(d)), "it cannot be undone: which rows of team it adds")
}

func liteWalk(t *testing.T, r *rig) {
	walk(t, r, "CREATE TABLE users (id int PRIMARY KEY, nick text NOT NULL, price int DEFAULT 3); INSERT INTO users VALUES (1, 'a', 1), (2, 'b', 2)",
		`-- goodstate: now
ALTER TABLE users DROP COLUMN nick;
CREATE TABLE orders (id int PRIMARY KEY);
UPDATE users SET price = 9;
DELETE FROM users WHERE id = 2;
`)
}
