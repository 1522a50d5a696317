package e2e

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"goodstate.dev/goodstate/core/good"
	"goodstate.dev/goodstate/core/journal"
	"goodstate.dev/goodstate/internal/real"
	"goodstate.dev/goodstate/rollout"
)

// engine is one kind of database that a service may have.
type engine struct {
	name, driver string // in goodstate.yaml, and in database/sql
	start        func(t testing.TB) string
	columns      string // asks for the columns of the table orders
}

var engines = []engine{
	{"postgres", "pgx", real.Postgres, `SELECT column_name FROM information_schema.columns WHERE table_name = 'orders' AND table_schema = current_schema() ORDER BY ordinal_position`},
	{"mysql", "mysql", real.MariaDB, `SELECT column_name FROM information_schema.columns WHERE table_name = 'orders' AND table_schema = database() ORDER BY ordinal_position`},
}

const databaseURL = "E2E_DATABASE_URL"

// shop is a site whose releases from v2 on take a column of the table of orders away and add another.
type shop struct {
	*site
	engine
	url string
	db  *sql.DB
}

func newShop(t *testing.T, e engine) *shop {
	t.Helper()
	url := e.start(t)
	if url == "" {
		return nil
	}
	s := &shop{site: newSite(t, canary), engine: e, url: url}
	repo := filepath.Join(s.dir, "repo")
	s.git(repo, "checkout", "-q", "--orphan", "with-database")
	first := "-- +goose Up\nCREATE TABLE orders (id INT PRIMARY KEY, item VARCHAR(40) NOT NULL, note VARCHAR(80) NOT NULL);\n-- +goose Down\nDROP TABLE orders;\n"
	second := "-- +goose Up\nALTER TABLE orders DROP COLUMN note;\nALTER TABLE orders ADD COLUMN currency VARCHAR(3) NOT NULL DEFAULT 'EUR';\n-- +goose Down\nALTER TABLE orders DROP COLUMN currency;\n"
	s.must(os.MkdirAll(filepath.Join(repo, "migrations"), 0o755))
	s.must(os.WriteFile(filepath.Join(repo, "migrations", "00001_orders.sql"), []byte(first), 0o600))
	for _, r := range []struct{ tag, release string }{{"v1", "good"}, {"v2", "bad"}, {"v4", "fine"}} {
		s.must(os.WriteFile(filepath.Join(repo, "release"), []byte(r.release+"\n"), 0o600))
		if r.tag != "v1" {
			s.must(os.WriteFile(filepath.Join(repo, "migrations", "00002_currency.sql"), []byte(second), 0o600))
		}
		s.git(repo, "add", ".")
		s.git(repo, "commit", "-q", "-m", "release "+r.tag)
		s.git(repo, "tag", "-f", r.tag)
	}
	text, err := os.ReadFile(s.file)
	s.must(err)
	changed := strings.Replace(string(text), "services:", "secrets: {db: {env: "+databaseURL+"}}\nservices:", 1)
	changed = strings.Replace(changed, "    checks:", fmt.Sprintf("    migrations: {driver: %s, url: {secret: db}, fill: {orders.note: \"''\"}}\n    checks:", e.name), 1)
	s.must(os.WriteFile(s.file, []byte(changed), 0o600))
	s.env = append(s.env, databaseURL+"="+url)
	s.db, err = sql.Open(e.driver, url)
	s.must(err)
	t.Cleanup(func() { _ = s.db.Close() }) // the server ends with the test
	return s
}

// order writes an order as v1 does, or without what v2 has taken away.
func (s *shop) order(id int, item, note string) {
	s.t.Helper()
	_, err := s.db.Exec(fmt.Sprintf("INSERT INTO orders (id, item, note) VALUES (%d, '%s', '%s')", id, item, note))
	s.must(err)
}

// orders are all rows as v1 sees them.
func (s *shop) orders() []string {
	s.t.Helper()
	rows, err := s.db.Query("SELECT id, item, note FROM orders ORDER BY id")
	s.must(err)
	defer rows.Close()
	var all []string
	for rows.Next() {
		var id int
		var item, note string
		s.must(rows.Scan(&id, &item, &note))
		all = append(all, fmt.Sprintf("%d %s %q", id, item, note))
	}
	s.must(rows.Err())
	return all
}

func (s *shop) schema() string {
	s.t.Helper()
	rows, err := s.db.Query(s.columns)
	s.must(err)
	defer rows.Close()
	var all []string
	for rows.Next() {
		var name string
		s.must(rows.Scan(&name))
		all = append(all, name)
	}
	s.must(rows.Err())
	return strings.Join(all, " ")
}

func TestABadReleaseTakesItsSchemaBackWithIt(t *testing.T) {
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			s := newShop(t, e)
			if s == nil {
				return
			}
			leave := s.visitors()
			if res := s.control("v1", ""); res.Outcome != rollout.Promoted || res.Release.Schema != "1" {
				t.Fatalf("v1: %s with schema %q: %s", res.Outcome, res.Release.Schema, res.Why)
			}
			s.order(1, "tea", "no milk")
			s.order(2, "cake", "with candles")
			if out, code := s.goodstate("plan", "web", "v2"); code != 0 || !strings.Contains(out, "note") || !strings.Contains(out, "prove that v1 works with the new schema") {
				t.Errorf("the plan ended with %d and does not tell of the schema:\n%s", code, out)
			}
			s.control("v2", "before judge-0")
			if got, want := s.schema(), "id item note currency"; got != want {
				t.Fatalf("while v2 is judged the table has %s, want %s: both releases work with it", got, want)
			}
			s.order(3, "milk", "written meanwhile")
			res := s.control("v2", "")
			s.isWell(res, rollout.RolledBack, "v1")
			if len(res.Schema) != 1 || res.Schema[0].Verdict != good.Pass {
				t.Errorf("the schema is told as %v, want it to be back", res.Schema)
			}
			if got, want := s.schema(), "id item note"; got != want {
				t.Errorf("afterwards the table has %s, want %s", got, want)
			}
			if got, want := strings.Join(s.orders(), "; "), `1 tea "no milk"; 2 cake "with candles"; 3 milk "written meanwhile"`; got != want {
				t.Errorf("the orders are %s, want %s", got, want)
			}
			if requests, lost := leave(); lost > 0 {
				t.Errorf("%d of %d requests were lost", lost, requests)
			}
		})
	}
}

func TestARollbackLongAfterPromotionBringsTheDroppedColumnBackWithItsData(t *testing.T) {
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			s := newShop(t, e)
			if s == nil {
				return
			}
			leave := s.visitors()
			defer leave()
			if res := s.control("v1", ""); res.Outcome != rollout.Promoted {
				t.Fatalf("v1: %s: %s", res.Outcome, res.Why)
			}
			s.order(1, "tea", "no milk")
			if res := s.control("v4", ""); res.Outcome != rollout.Promoted || res.Release.Schema != "2" {
				t.Fatalf("v4: %s with schema %q: %s", res.Outcome, res.Release.Schema, res.Why)
			}
			if got := s.schema(); strings.Contains(" "+got+" ", " note ") {
				t.Fatalf("after the watch the table has %s, want the column note to be gone", got)
			}
			_, err := s.db.Exec("INSERT INTO orders (id, item, currency) VALUES (2, 'cake', 'USD')")
			s.must(err)
			out, code := s.goodstate("rollback", "web", "-m", "the tea is cold")
			if code != 4 {
				t.Fatalf("rollback ended with %d:\n%s", code, out)
			}
			if got, want := s.schema(), "id item note"; got != want {
				t.Fatalf("afterwards the table has %s, want %s\n%s", got, want, out)
			}
			if got, want := strings.Join(s.orders(), "; "), `1 tea "no milk"; 2 cake ""`; got != want {
				t.Errorf("the orders are %s, want %s", got, want)
			}
		})
	}
}

func TestAMigrationThatFailsReleasesNothingAndLeavesTheSchema(t *testing.T) {
	s := newShop(t, engines[0])
	if s == nil {
		return
	}
	leave := s.visitors()
	if res := s.control("v1", ""); res.Outcome != rollout.Promoted {
		t.Fatalf("v1: %s: %s", res.Outcome, res.Why)
	}
	s.order(1, "tea", "no milk")
	repo := filepath.Join(s.dir, "repo")
	for tag, text := range map[string]string{
		"typo":  "-- +goose Up\nALTER TABLE orders ADD COLUMN a INT;\nALTER TABLE ordres ADD COLUMN b INT;\n-- +goose Down\nSELECT 1;\n",
		"wipes": "-- +goose Up\nDO $$ BEGIN EXECUTE 'TRUNCATE orders'; END $$;\n",
	} {
		s.must(os.WriteFile(filepath.Join(repo, "migrations", "00002_currency.sql"), []byte(text), 0o600))
		s.git(repo, "commit", "-q", "-a", "-m", tag)
		s.git(repo, "tag", tag)
	}
	for tag, says := range map[string]string{"typo": "00002_currency.sql:3", "wipes": "00002_currency.sql:2"} {
		out, code := s.goodstate("deploy", "web", tag)
		if code != 1 && code != 4 || !strings.Contains(out, says) {
			t.Errorf("deploy %s ended with %d, want it to say %s:\n%s", tag, code, says, out)
		}
		if got, want := s.schema(), "id item note"; got != want {
			t.Errorf("after %s the table has %s, want %s", tag, got, want)
		}
	}
	if got := strings.Join(s.orders(), "; "); got != `1 tea "no milk"` {
		t.Errorf("the orders are %s", got)
	}
	if requests, lost := leave(); lost > 0 {
		t.Errorf("%d of %d requests were lost", lost, requests)
	}
}

// everything is set by make test-all: then the walks kill the controller at every point; else a rollout with migrations is killed after each step that
// is about the database, and one that goes well after each step.
const everything = "E2E_ALL"

func TestAControllerThatIsKilledWhileTheSchemaMovesLeavesTheOldReleaseWithItsData(t *testing.T) {
	if real.Need(t, "postgres", "initdb") == "" {
		return
	}
	walkFrom(t, "v2", func(t *testing.T) (*site, func(rollout.Result)) {
		s := newShop(t, engines[0])
		text, err := os.ReadFile(s.file)
		s.must(err)
		with := strings.Replace(string(text), "    checks:", "    approve: {before: [start, 30%, promote], within: 1h}\n    checks:", 1)
		s.must(os.WriteFile(s.file, []byte(with+"audit: [{to: {file: {path: "+filepath.Join(s.dir, "audit.jsonl")+"}}}]\n"), 0o600))
		return s.site, func(res rollout.Result) {
			s.isWell(res, rollout.RolledBack, "v1")
			s.audited()
			if got, want := s.schema(), "id item note"; got != want {
				t.Errorf("afterwards the table has %s, want %s", got, want)
			}
			s.order(1, "tea", "no milk")
			if got := strings.Join(s.orders(), "; "); got != `1 tea "no milk"` {
				t.Errorf("the orders are %s", got)
			}
		}
	}, func(point string) bool {
		about := strings.Contains(point, "approve") || strings.Contains(point, "schema") || strings.Contains(point, "expand") || strings.Contains(point, "prove")
		return os.Getenv(everything) != "" || about && strings.HasPrefix(point, "after ")
	})
}

// audited wants every entry of the journal in the file that it is handed on to, in order, whatever was killed.
func (s *site) audited() {
	s.t.Helper()
	if out, code := s.goodstate("audit"); code != 0 || !strings.Contains(out, "file: ") { // an Idle look hands nothing on
		s.t.Errorf("audit ended with %d:\n%s", code, out)
	}
	own, code := s.goodstate("history", "--export")
	if code != 0 {
		s.t.Fatal(own)
	}
	text, err := os.ReadFile(filepath.Join(s.dir, "audit.jsonl"))
	s.must(err)
	seen := map[int64]string{}
	for line := range strings.Lines(string(text)) {
		var e journal.Entry
		if json.Unmarshal([]byte(line), &e) == nil {
			seen[e.Seq] = e.Hash
		}
	}
	n := 0
	for line := range strings.Lines(own) {
		var e journal.Entry
		s.must(json.Unmarshal([]byte(line), &e))
		if n++; seen[e.Seq] != e.Hash {
			s.t.Errorf("entry %d (%s) was not handed on", e.Seq, e.Text)
		}
	}
	if n < 20 {
		s.t.Errorf("the journal has only %d entries", n)
	}
}

func TestTheDatabaseDemoLosesNoRow(t *testing.T) {
	for _, e := range append(engines, engine{name: "sqlite", start: func(testing.TB) string { return "in its own folder" }}) {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			url := e.start(t)
			if url == "" {
				return
			}
			cmd := exec.Command(os.Args[0], "demo", "database", "--driver", e.name, "--json")
			if e.name != "sqlite" {
				cmd.Env = append(os.Environ(), "GOODSTATE_DEMO_DATABASE="+url)
			}
			text, err := cmd.Output()
			lines := strings.Split(strings.TrimSpace(string(text)), "\n")
			var out struct {
				RolledBack     bool `json:"rolled_back"`
				SchemaRestored bool `json:"schema_restored"`
				Compared       int  `json:"rows_compared"`
				Lost           int  `json:"rows_lost"`
				Meanwhile      int  `json:"rows_written_meanwhile"`
			}
			if jerr := json.Unmarshal([]byte(lines[len(lines)-1]), &out); err != nil || jerr != nil {
				t.Fatalf("%v %v\n%s", err, jerr, text)
			}
			if !out.RolledBack || !out.SchemaRestored || out.Lost != 0 || out.Meanwhile == 0 || out.Compared <= out.Meanwhile {
				t.Errorf("it came out as %+v", out)
			}
		})
	}
}

func TestWhatCannotBeUndoneHasItsRowsAgainFromTheRestorePoint(t *testing.T) {
	s := newShop(t, engines[0])
	if s == nil {
		return
	}
	leave := s.visitors()
	defer leave()
	text, err := os.ReadFile(s.file)
	s.must(err)
	s.must(os.WriteFile(s.file, []byte(strings.Replace(string(text), "url: {secret: db}", "url: {secret: db}, irreversible: allow", 1)), 0o600))
	if res := s.control("v1", ""); res.Outcome != rollout.Promoted {
		t.Fatalf("v1: %s: %s", res.Outcome, res.Why)
	}
	s.order(1, "tea", "no milk")
	s.order(2, "cake", "with candles")
	repo := filepath.Join(s.dir, "repo")
	s.git(repo, "checkout", "-q", "v2")
	s.must(os.WriteFile(filepath.Join(repo, "migrations", "00002_currency.sql"), []byte("-- goodstate: now\n-- +goose Up\nTRUNCATE orders;\n"), 0o600))
	s.git(repo, "commit", "-q", "-a", "-m", "empties the table")
	s.git(repo, "tag", "empties")
	out, code := s.goodstate("deploy", "web", "empties")
	if code != 4 || !strings.Contains(out, "restore point") {
		t.Fatalf("deploy ended with %d:\n%s", code, out)
	}
	if got, want := strings.Join(s.orders(), "; "), `1 tea "no milk"; 2 cake "with candles"`; got != want {
		t.Errorf("the orders are %s, want %s\n%s", got, want, out)
	}
}

func TestTheDataIsBackedUpBeforeAMigrationThatCannotBeUndone(t *testing.T) {
	s := newShop(t, engines[0])
	if s == nil {
		return
	}
	leave := s.visitors()
	defer leave()
	text, err := os.ReadFile(s.file)
	s.must(err)
	key := filepath.Join(filepath.Dir(s.file), "backup.key")
	s.must(os.WriteFile(key, []byte("correct horse battery staple"), 0o600))
	conf := strings.Replace(string(text), "url: {secret: db}", "url: {secret: db}, irreversible: allow", 1)
	conf = strings.Replace(conf, "secrets: {", "secrets: {backup: {file: "+key+"}, ", 1)
	conf += `backup:
  repositories: {main: {folder: ` + filepath.Join(s.dir, "copies") + `, password: {secret: backup}}}
  applications:
    orders:
      source: {postgres: {url: {secret: db}}}
      repository: main
      services: [web]
      checks: {rows: {command: {run: "test $(psql -Atc 'SELECT count(*) FROM orders' \"$GOODSTATE_DATABASE_URL\") = 2"}}}
`
	s.must(os.WriteFile(s.file, []byte(conf), 0o600))
	if res := s.control("v1", ""); res.Outcome != rollout.Promoted {
		t.Fatalf("v1: %s: %s", res.Outcome, res.Why)
	}
	s.order(1, "tea", "no milk")
	s.order(2, "cake", "with candles")
	repo := filepath.Join(s.dir, "repo")
	s.git(repo, "checkout", "-q", "v4")
	s.must(os.WriteFile(filepath.Join(repo, "migrations", "00002_currency.sql"), []byte("-- goodstate: now\n-- +goose Up\nTRUNCATE orders;\n"), 0o600))
	s.git(repo, "commit", "-q", "-a", "-m", "empties the table")
	s.git(repo, "tag", "empties")
	if out, code := s.goodstate("deploy", "web", "empties"); code == 0 || !strings.Contains(out, "no key") && !strings.Contains(out, "no repository") && !strings.Contains(out, "goodstate backup init") {
		t.Fatalf("without a repository it ends with %d:\n%s", code, out)
	}
	if n := len(s.orders()); n != 2 {
		t.Fatalf("the migration ran without a restore point: %d orders are left", n)
	}
	if out, code := s.goodstate("backup", "init", "main"); code != 0 {
		t.Fatal(out)
	}
	s.goodstate("unhold", "web", "empties") // where the refused one is held
	out, code := s.goodstate("deploy", "web", "empties")
	if code != 0 || !strings.Contains(out, "restore point backup:orders/") {
		t.Fatalf("deploy ended with %d:\n%s", code, out)
	}
	if n := len(s.orders()); n != 0 {
		t.Fatalf("the migration left %d orders", n)
	}
	if out, code := s.goodstate("points", "web"); code != 0 || !strings.Contains(out, "restore point backup:orders/") {
		t.Errorf("the known-good point does not name it (%d):\n%s", code, out)
	}
	if out, code := s.goodstate("backup", "drill", "orders"); code != 0 {
		t.Errorf("the restore point is not proven (%d):\n%s", code, out)
	}
	if out, code := s.goodstate("backup", "restore", "orders", "--in-place", "--plan"); code != 2 || !strings.Contains(out, "over public.orders") {
		t.Errorf("the plan says (%d):\n%s", code, out)
	}
	if out, code := s.goodstate("backup", "restore", "orders", "--in-place"); code != 0 {
		t.Errorf("restore ends with %d:\n%s", code, out)
	}
	if got, want := strings.Join(s.orders(), "; "), `1 tea "no milk"; 2 cake "with candles"`; got != want {
		t.Errorf("the orders are %s, want %s", got, want)
	}
}
