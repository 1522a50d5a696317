package migrate

import (
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"goodstate.dev/goodstate/core/config"
)

// rig is one server, shared by the tests of a driver; each test has a database of its own.
type rig struct {
	driver, url string
	n           atomic.Int32
}

// place is a database and a release's folder.
type place struct {
	*testing.T
	rig    *rig
	name   string
	config Config
	dir    string
	db     *sql.DB
}

func (r *rig) place(t *testing.T, schema string) *place {
	t.Helper()
	p := &place{T: t, rig: r, name: fmt.Sprintf("t%d", r.n.Add(1)), dir: t.TempDir()}
	p.config = Config{
		Dir: "migrations", Driver: r.driver, Table: "goose_db_version", Irreversible: "refuse",
		LockTimeout: config.Duration(2 * time.Second), StatementTimeout: config.Duration(time.Minute), Keep: config.Duration(time.Hour),
	}
	if err := os.Mkdir(filepath.Join(p.dir, "migrations"), 0o755); err != nil {
		t.Fatal(err)
	}
	if r.driver != SQLite {
		admin := p.open(r.url)
		p.on(admin, "CREATE DATABASE "+p.name)
		admin.Close()
	}
	p.config.URL = config.PlainValue(p.address())
	p.db = p.open(p.address())
	t.Cleanup(func() { p.db.Close() })
	p.exec(schema)
	return p
}

func (p *place) address() string {
	switch p.rig.driver {
	case Postgres:
		u, err := url.Parse(p.rig.url)
		if err != nil {
			p.Fatal(err)
		}
		u.Path = "/" + p.name
		return u.String()
	case MySQL:
		c, err := mysql.ParseDSN(p.rig.url)
		if err != nil {
			p.Fatal(err)
		}
		c.DBName = p.name
		return c.FormatDSN()
	}
	return filepath.Join(p.dir, "data.db")
}

func (p *place) open(dsn string) *sql.DB {
	p.Helper()
	driver := map[string]string{Postgres: "pgx", MySQL: "mysql", SQLite: "sqlite"}[p.rig.driver]
	if p.rig.driver == Postgres {
		dsn += "&default_query_exec_mode=exec" // tables change under the connection
	}
	db, err := sql.Open(driver, dsn)
	if err != nil {
		p.Fatal(err)
	}
	return db
}

// exec runs the statements of a script as the users of the database would.
func (p *place) exec(script string) { p.Helper(); p.on(p.db, script) }

func (p *place) on(db *sql.DB, script string) {
	p.Helper()
	f, err := parseFile(p.rig.driver, "script", "-- +goose Up\n"+strings.TrimRight(strings.TrimSpace(script), ";")+";")
	if err != nil {
		p.Fatal(err)
	}
	for _, s := range f.up {
		if _, err := db.ExecContext(p.Context(), s.sql); err != nil {
			p.Fatalf("%s: %v", s.sql, err)
		}
	}
}

// migration writes a file of the release.
func (p *place) migration(version int, body string) {
	p.Helper()
	if !strings.Contains(body, "+goose Up") {
		body = "-- +goose Up\n" + body
	}
	if err := os.WriteFile(filepath.Join(p.dir, "migrations", fmt.Sprintf("%05d_change.sql", version)), []byte(body), 0o644); err != nil {
		p.Fatal(err)
	}
}

func (p *place) database() *Database {
	p.Helper()
	d, err := Open(p.Context(), p.config, p.dir, nil)
	if err != nil {
		p.Fatal(err)
	}
	p.Cleanup(func() { d.Close() })
	return d
}

// plan reads the release's folder again and plans.
func (p *place) plan(d *Database) Plan {
	p.Helper()
	files, err := readFiles(p.dir, p.config.Dir, p.config.Driver)
	if err != nil {
		p.Fatal(err)
	}
	d.files = files
	plan, err := d.Plan(p.Context())
	if err != nil {
		p.Fatal(err)
	}
	return plan
}

func (p *place) expand(d *Database, plan Plan) {
	p.Helper()
	if err := d.Expand(p.Context(), plan); err != nil {
		p.Fatal(err)
	}
}

func (p *place) back(d *Database, plan Plan) Report {
	p.Helper()
	report, err := d.Back(p.Context(), plan)
	if err != nil {
		p.Fatal(err)
	}
	return report
}

// rows are the answer of a query, a line for each row.
func (p *place) rows(query string) string {
	p.Helper()
	rows, err := p.db.QueryContext(p.Context(), query)
	if err != nil {
		p.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		p.Fatal(err)
	}
	var out strings.Builder
	values := make([]sql.NullString, len(columns))
	into := make([]any, len(columns))
	for i := range values {
		into[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			p.Fatal(err)
		}
		for i, v := range values {
			text := "NULL"
			if v.Valid {
				text = v.String
			}
			if i > 0 {
				text = "|" + text
			}
			out.WriteString(text)
		}
		out.WriteString("\n")
	}
	if err := rows.Err(); err != nil {
		p.Fatal(err)
	}
	return out.String()
}

func (p *place) same(what, got, want string) {
	p.Helper()
	if got == want {
		return
	}
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range max(len(g), len(w)) {
		a, b := "", ""
		if i < len(g) {
			a = g[i]
		}
		if i < len(w) {
			b = w[i]
		}
		if a != b {
			p.Fatalf("%s: line %d is\n\t%q, want\n\t%q\nall of it:\n%s", what, i+1, a, b, got)
		}
	}
}

var noise = regexp.MustCompile(`(?m)^(\\(un)?restrict .*|-- Dump completed.*|-- Host:.*)$| AUTO_INCREMENT=\d+`)

// schema is the database's own dump of its structure, without goodstate's and goose's tables.
func (p *place) schema() string {
	p.Helper()
	var cmd *exec.Cmd
	switch p.rig.driver {
	case Postgres:
		cmd = exec.CommandContext(p.Context(), "pg_dump", "--schema-only", "--exclude-table=goodstate_migrations", "--exclude-table=goose_db_version*", "--exclude-schema=goodstate_aside_*", p.address())
	case MySQL:
		c, err := mysql.ParseDSN(p.address())
		if err != nil {
			p.Fatal(err)
		}
		host, port, _ := strings.Cut(c.Addr, ":")
		args := []string{"--no-data", "--triggers", "--skip-comments", "-h", host, "-P", port, "-u", c.User}
		for _, table := range strings.Fields(p.rows("SELECT table_name FROM information_schema.tables WHERE table_schema = database() AND (table_name LIKE '\\_goodstate%' OR table_name LIKE 'goose%' OR table_name = 'goodstate_migrations')")) {
			args = append(args, "--ignore-table="+p.name+"."+table)
		}
		cmd = exec.CommandContext(p.Context(), "mysqldump", append(args, p.name)...)
		cmd.Env = append(os.Environ(), "MYSQL_PWD="+c.Passwd)
	case SQLite:
		return p.rows("SELECT type, name, tbl_name, sql FROM sqlite_master WHERE name NOT LIKE 'goose%' AND name NOT LIKE 'sqlite%' AND tbl_name NOT LIKE '_goodstate%' AND tbl_name <> 'goodstate_migrations' AND tbl_name NOT LIKE 'goose%' ORDER BY type, name")
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		p.Fatalf("dump the schema: %v\n%s", err, out)
	}
	return noise.ReplaceAllString(string(out), "")
}

func (p *place) snapshot(d *Database, tables ...string) Snapshot {
	p.Helper()
	var names []Name
	for _, t := range tables {
		names = append(names, Name{Name: t})
	}
	snap, err := d.Snapshot(p.Context(), names, 1000)
	if err != nil {
		p.Fatal(err)
	}
	return snap
}

// unchanged wants every row of the snapshot as it was.
func (p *place) unchanged(d *Database, snap Snapshot) []Comparison {
	p.Helper()
	compared, err := d.Compare(p.Context(), snap)
	if err != nil {
		p.Fatal(err)
	}
	for _, c := range compared {
		if c.Same != c.Compared {
			p.Errorf("%s; changed %v, missing %v", c, c.ChangedAt, c.MissingAt)
		}
	}
	return compared
}
