package source

import (
	"context"
	"database/sql"
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"

	"goodstate.dev/goodstate/internal/real"
)

// mariadb starts a server and returns the address of its database.
func mariadb(t *testing.T, options ...string) mysqlAddress {
	t.Helper()
	dsn := real.MariaDBWith(t, options...)
	if dsn == "" {
		return mysqlAddress{}
	}
	c, err := mysql.ParseDSN(dsn)
	if err != nil {
		t.Fatal(err)
	}
	host, port, _ := strings.Cut(c.Addr, ":")
	return mysqlAddress{user: c.User, password: c.Passwd, host: host, port: port, database: c.DBName, tls: "false"}
}

// firstColumn runs a statement, and returns the first column of its first row, if it has rows.
func firstColumn(ctx context.Context, conn *sql.Conn, statement string) (text string, some bool, err error) {
	rows, err := conn.QueryContext(ctx, statement)
	if err != nil {
		return "", false, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	names, err := rows.Columns()
	if err != nil || len(names) == 0 || !rows.Next() {
		return "", false, errors.Join(err, rows.Err())
	}
	into := make([]any, len(names))
	for i := range into {
		into[i] = new(sql.NullString)
	}
	if err := rows.Scan(into...); err != nil {
		return "", false, err
	}
	return into[0].(*sql.NullString).String, true, rows.Err()
}

// at runs statements in a database, and returns the first column of the last one's row.
func (a mysqlAddress) at(t *testing.T, statements ...string) (text string) {
	t.Helper()
	err := a.with(t.Context(), func(conn *sql.Conn) error {
		for _, s := range append([]string{"USE " + backtick(a.database)}, statements...) {
			got, some, err := firstColumn(t.Context(), conn, s)
			if err != nil {
				t.Fatalf("%s: %v", s, err)
			}
			if some {
				text = got
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestADatabaseOfMariaDBComesBackAsItWas(t *testing.T) {
	a := mariadb(t)
	if a.host == "" {
		return
	}
	const odd = `p#a"s's\w /@:%d;`
	a.at(t, "CREATE USER 'odd'@'%' IDENTIFIED BY '"+strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(odd)+"'", "GRANT ALL ON *.* TO 'odd'@'%' WITH GRANT OPTION")
	a.user, a.password = "odd", odd
	a.at(t, "CREATE TABLE orders (id int PRIMARY KEY, item varchar(40) NOT NULL, mark varbinary(9)) CHARACTER SET utf8mb4", "INSERT INTO orders SELECT seq, concat('tea ☕ ', seq), x'000d0a27' FROM seq_1_to_5000",
		"CREATE TABLE counted (n int)", "CREATE TRIGGER counts AFTER INSERT ON orders FOR EACH ROW INSERT INTO counted VALUES (NEW.id)",
		"CREATE FUNCTION twice(n int) RETURNS int DETERMINISTIC RETURN 2 * n", "CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY DO DELETE FROM counted", "CREATE VIEW tea AS SELECT id FROM orders")
	const digest = "SELECT concat(count(*), ' ', sum(crc32(concat(id, item, mark))), ' ', (SELECT count(*) FROM tea), ' ', twice(21)) FROM orders"
	want := a.at(t, digest)
	j := jobOn(t, map[string]string{"db": a.url()})
	s := build(t, "mysql", map[string]any{"url": map[string]any{"secret": "db"}})
	made, err := s.Backup(t.Context(), j)
	if err != nil || !made.Complete || made.Bytes < 50_000 {
		t.Fatalf("%+v, %v", made, err)
	}
	snap, err := j.Repo.FindSnapshot(t.Context(), "latest")
	if err != nil {
		t.Fatal(err)
	}
	to, done, err := s.Scratch(t.Context(), j)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Restore(t.Context(), j, snap, to); err != nil {
		t.Fatal(err)
	}
	drilled, err := parseMySQL(to.URL)
	if err != nil {
		t.Fatal(err)
	}
	if got := drilled.at(t, digest); got != want {
		t.Errorf("the drill has %s, want %s", got, want)
	}
	if got := drilled.at(t, "SELECT status FROM information_schema.events WHERE event_schema = database()"); got != "DISABLED" {
		t.Errorf("the event of a drill is %s", got)
	}
	if got := drilled.at(t, "INSERT INTO orders VALUES (9001, 'more', '')", "SELECT n FROM counted"); got != "9001" {
		t.Errorf("the trigger is not back: %q", got)
	}
	if _, err := s.Restore(t.Context(), j, snap, to); err == nil || !strings.Contains(err.Error(), "want an empty one") {
		t.Errorf("a database with something in it: %v", err)
	}
	if err := done(t.Context()); err != nil {
		t.Errorf("the scratch database stays: %v", err)
	}
	a.at(t, "DELETE FROM orders WHERE id > 10", "DROP FUNCTION twice", "CREATE TABLE younger (n int)")
	original, err := s.Original(t.Context(), j)
	if err != nil {
		t.Fatal(err)
	}
	over, err := s.(Overwriter).Overwrites(t.Context(), j, original)
	if text := strings.Join(over, ", "); err != nil || !strings.Contains(text, "younger (about 0 rows)") || !strings.Contains(text, "nightly (event)") {
		t.Errorf("what is written over: %s, %v", text, err)
	}
	if _, err := s.Restore(t.Context(), j, snap, original); err != nil {
		t.Fatal(err)
	}
	if got := a.at(t, digest); got != want {
		t.Errorf("%s is back, want %s", got, want)
	}
	if n := a.at(t, "SELECT count(*) FROM information_schema.tables WHERE table_schema = database() AND table_name = 'younger'"); n != "0" {
		t.Error("a table that is younger than the restore point is still there")
	}
	if n := a.at(t, "SELECT count(*) FROM information_schema.events WHERE event_schema = database()"); n != "1" {
		t.Errorf("%s events are back, want 1", n)
	}
	if strings.Contains(original.String(), odd) {
		t.Errorf("the place names its password: %s", original)
	}
}

func TestADumpOfMariaDBThatFailsIsNoBackup(t *testing.T) {
	a := mariadb(t)
	if a.host == "" {
		return
	}
	a.at(t, "CREATE TABLE orders (id int)", "CREATE VIEW broken AS SELECT id FROM orders", "DROP TABLE orders")
	j := jobOn(t, map[string]string{"db": a.url()})
	s := build(t, "mysql", map[string]any{"url": map[string]any{"secret": "db"}})
	if _, err := s.Backup(t.Context(), j); err == nil || !strings.Contains(err.Error(), "broken") || strings.Contains(err.Error(), a.password) {
		t.Errorf("a view that cannot be read: %v", err)
	}
	a.password = "no such"
	j.Secret = func(context.Context, string) (string, error) { return a.url(), nil }
	if _, err := s.Backup(t.Context(), j); err == nil || !strings.Contains(err.Error(), "Access denied") || strings.Contains(err.Error(), a.password) {
		t.Errorf("a wrong password: %v", err)
	}
	if all, err := j.Repo.Snapshots(t.Context()); err != nil || len(all) > 0 {
		t.Errorf("%d restore points of failed dumps, %v", len(all), err)
	}
}

func TestAddressesOfMariaDBAreReadOrRefused(t *testing.T) {
	for text, want := range map[string]mysqlAddress{
		"mysql://me:p%40ss@db.example.com/shop":                 {"me", "p@ss", "shop", "db.example.com", "3306", "", "false"},
		"mariadb://me@127.0.0.1:3307/shop?tls=true":             {"me", "", "shop", "127.0.0.1", "3307", "", "true"},
		"mysql://me:x@localhost/shop?socket=/run/m/mysqld.sock": {"me", "x", "shop", "localhost", "3306", "/run/m/mysqld.sock", "false"},
	} {
		got, err := parseMySQL(text)
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
		if again, err := parseMySQL(got.url()); err != nil || again != want {
			t.Errorf("%s is written as %s: %+v, %v", text, got.url(), again, err)
		}
	}
	for i, text := range []string{
		"", "me:hidden@tcp(127.0.0.1:3306)/shop", "mysql://me:hidden@db/", "mysql://:hidden@db/shop", "mysql://me:hidden@db/shop?tls=maybe", "mysql://me:hidden@db/shop?allowAllFiles=true",
		"mysql://me:hidden%0Ainit-command=x@db/shop", "postgres://me:hidden@db/shop", "mysql://me:hidden@db/a/b", "mysql://me:hid den@db:port/shop",
	} {
		if _, err := parseMySQL(text); err == nil || strings.Contains(err.Error(), "hid") {
			t.Error(strconv.Itoa(i)+":", text, err)
		}
	}
}
