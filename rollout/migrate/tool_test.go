package migrate

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"goodstate.dev/goodstate/core/config"
)

func TestAToolOfTheUsersOwnGoesThereAndBack(t *testing.T) {
	dir := t.TempDir()
	c := Config{
		StatementTimeout: config.Duration(10 * time.Second), URL: config.SecretValue("db"),
		Command: &Command{Up: "echo $DATABASE_URL > applied", Down: "rm applied", Status: "test -e applied || echo 0001_first"},
	}
	secret := func(_ context.Context, name string) (string, error) { return "address of " + name, nil }
	tool, err := OpenTool(t.Context(), c, dir, secret)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := tool.Plan(t.Context(), "refuse")
	if err != nil || plan.Refused != "" || len(plan.Changes) != 1 {
		t.Fatalf("%+v, %v, want one change", plan, err)
	}
	for range 2 {
		if err := tool.Expand(t.Context(), plan); err != nil {
			t.Fatal(err)
		}
	}
	if data, err := os.ReadFile(filepath.Join(dir, "applied")); err != nil || string(data) != "address of db\n" {
		t.Errorf("%q, %v, want the database's address", data, err)
	}
	for range 2 {
		if report, err := tool.Back(t.Context(), plan); err != nil || !report.SchemaRestored {
			t.Fatalf("%+v, %v", report, err)
		}
	}
	tool.command.Up = "echo it broke at $DATABASE_URL >&2; exit 3"
	err = tool.Expand(t.Context(), plan)
	wants(t, err, "migrations.command.up", "exit status 3", "it broke at (database address)")
	tool.command.Up = "true"
	wants(t, tool.Expand(t.Context(), plan), "1 migrations are still pending", "0001_first")
	tool.command.Down = ""
	plan, err = tool.Plan(t.Context(), "refuse")
	if err != nil || !strings.Contains(plan.Refused, "no down command is given") {
		t.Errorf("refused %q, %v", plan.Refused, err)
	}
}

func TestALinkOutOfTheReleaseIsNotRead(t *testing.T) {
	dir, outside := t.TempDir(), filepath.Join(t.TempDir(), "1_x.sql")
	if err := os.WriteFile(outside, []byte("-- +goose Up\nSELECT 1;"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "migrations"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(dir, "migrations", "1_x.sql")); err != nil {
		t.Fatal(err)
	}
	if _, err := readFiles(dir, "migrations", Postgres); err == nil || !strings.Contains(err.Error(), "escapes") {
		t.Errorf("%v, want it refused", err)
	}
	if _, err := readFiles(dir, "../..", Postgres); err == nil {
		t.Error("a folder outside of the release was read")
	}
	_, err := readFiles(dir, "nowhere", Postgres)
	wants(t, err, `the release has no folder "nowhere"; set migrations.dir`)
}

func TestTwoFilesOfOneVersionAndGoFilesAreRefused(t *testing.T) {
	dir := t.TempDir()
	write := func(name string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("-- +goose Up\nSELECT 1;"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("001_a.sql")
	write("README_1.sql")
	write("1_b.sql")
	_, err := readFiles(dir, ".", Postgres)
	wants(t, err, "have the same version 1")
	write("2_c.go")
	_, err = readFiles(dir, ".", Postgres)
	wants(t, err, `"2_c.go" is written in Go`, "set migrations.command")
}

func TestTheConfigurationIsReadAndChecked(t *testing.T) {
	type form struct {
		Migrations Config `yaml:"migrations"`
	}
	var file form
	if err := config.Parse("goodstate.yaml", []byte("migrations: {driver: postgres, url: {secret: db}}"), &file); err != nil {
		t.Fatal(err)
	}
	c := file.Migrations
	if c.Dir != "migrations" || c.Table != "goose_db_version" || c.LockTimeout.Std() != 2*time.Second || c.StatementTimeout.Std() != 5*time.Minute || c.Keep.Std() != 168*time.Hour || c.Irreversible != "refuse" {
		t.Errorf("defaults %+v", c)
	}
	for text, want := range map[string]string{
		"migrations: {driver: postgres}":                                   "url",
		"migrations: {driver: postgers, url: x}":                           "did you mean postgres",
		"migrations: {driver: mysql, url: x, table: 'a b'}":                "is not the name of a table",
		"migrations: {driver: mysql, url: x, lock_timeout: 0}":             "without a limit",
		"migrations: {driver: mysql, url: x, fill: {nick: ''}}":            "is not table.column",
		"migrations: {command: {up: a}}":                                   "status",
		"migrations: {driver: sqlite, url: x, irreversible: sometimes}":    "irreversible",
		"migrations: {command: {up: a, status: b}, statement_timeout: 0s}": "without a limit",
	} {
		err := config.Parse("goodstate.yaml", []byte(text), &form{})
		wants(t, err, want)
	}
	if err := config.Parse("goodstate.yaml", []byte("migrations: {command: {up: a, status: b}}"), &form{}); err != nil {
		t.Error(err)
	}
}
