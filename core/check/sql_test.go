package check_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"goodstate.dev/goodstate/core/check"
	"goodstate.dev/goodstate/core/good"
	"goodstate.dev/goodstate/internal/real"
)

func TestPostgresIsAsked(t *testing.T) { asked(t, "postgres", real.Postgres(t)) }
func TestMariaDBIsAsked(t *testing.T)  { asked(t, "mysql", real.MariaDB(t)) }

func asked(t *testing.T, driver, dsn string) {
	t.Helper()
	if dsn == "" {
		return // WITHOUT has it, and the log says so
	}
	target := func(dsn string) check.Target {
		return check.Target{Secret: func(context.Context, string) (string, error) { return dsn, nil }}
	}
	ask := func(query, rest string) string {
		return fmt.Sprintf("sql: {driver: %s, dsn: {secret: db}, query: %q%s}", driver, query, rest)
	}
	right := target(dsn)
	says(t, look(t, ask("SELECT 40 + 2", `, expect: "42"`), right), good.Pass, "42")
	says(t, look(t, ask("SELECT 40 + 2", `, expect: "41"`), right), good.Fail, "42", "41")
	says(t, look(t, ask("SELECT 1 FROM no_such_table", ""), right), good.Fail, "no_such_table")
	says(t, look(t, ask("SELECT 1 WHERE 1 = 0", ""), right), good.Fail, "no row")

	const wrong = "another-password"
	f := look(t, ask("SELECT 1", ""), target(strings.Replace(dsn, "scratch-password", wrong, 1)))
	says(t, f, good.Unknown)
	if all := fmt.Sprint(f); strings.Contains(all, wrong) {
		t.Errorf("the password is in the finding: %s", all)
	}
	says(t, look(t, ask("SELEC 1", ""), right), good.Unknown)

	says(t, look(t, ask("CREATE TABLE made_by_a_check (n INT)", ""), right), good.Unknown)
	says(t, look(t, ask("SELECT 1 FROM made_by_a_check", ""), right), good.Fail, "made_by_a_check")
}

func TestADatabaseFileThatIsNotThereIsNotMade(t *testing.T) {
	path := filepath.Join(t.TempDir(), "shop.db")
	says(t, look(t, fmt.Sprintf("sql: {driver: sqlite, dsn: %q}", path), check.Target{}), good.Fail)
	if _, err := os.Stat(path); err == nil {
		t.Error("looking made the file")
	}
}
