package source

import (
	"context"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"goodstate.dev/goodstate/backup/repository"
	"goodstate.dev/goodstate/backup/storage"
	"goodstate.dev/goodstate/core/config"
	"goodstate.dev/goodstate/internal/real"
)

func build(t *testing.T, kind string, settings map[string]any) Source {
	t.Helper()
	c, err := config.Choose[Source](kind, settings)
	if err != nil {
		t.Fatal(err)
	}
	s, err := c.New()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func jobOn(t *testing.T, secrets map[string]string) Job {
	t.Helper()
	repo, err := repository.InitWith(t.Context(), storage.NewFolder(t.TempDir()), "a long and random password", repository.Cost{N: 2, R: 1, P: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := repo.Close(); err != nil {
			t.Error(err)
		}
	})
	return Job{
		Repo: repo, Application: "shop", Base: t.TempDir(), Scratch: t.TempDir(), Say: func(string) {},
		Secret: func(_ context.Context, name string) (string, error) { return secrets[name], nil },
	}
}

// rows counts the orders of a database.
func rows(t *testing.T, url string) (n int) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }() // it was only read
	if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM orders").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestADatabaseComesBackAsItWas(t *testing.T) {
	url := real.Postgres(t)
	if url == "" {
		return
	}
	c, err := pgx.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{
		"CREATE TABLE orders (id int PRIMARY KEY, item text NOT NULL)", "INSERT INTO orders SELECT n, 'tea ' || n FROM generate_series(1, 5000) n",
	} {
		if err := onPostgres(t.Context(), c, statement); err != nil {
			t.Fatal(err)
		}
	}
	j := jobOn(t, map[string]string{"db": url})
	s := build(t, "postgres", map[string]any{"url": map[string]any{"secret": "db"}})
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
	if n := rows(t, to.URL); n != 5000 {
		t.Errorf("the drill has %d orders", n)
	}
	if _, err := s.Restore(t.Context(), j, snap, to); err == nil || !strings.Contains(err.Error(), "want an empty one") {
		t.Errorf("a database with something in it: %v", err)
	}
	if err := done(t.Context()); err != nil {
		t.Errorf("the scratch database stays: %v", err)
	}
	if err := onPostgres(t.Context(), c, "DELETE FROM orders WHERE id > 10"); err != nil {
		t.Fatal(err)
	}
	original, err := s.Original(t.Context(), j)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Restore(t.Context(), j, snap, original); err != nil {
		t.Fatal(err)
	}
	if n := rows(t, url); n != 5000 {
		t.Errorf("%d orders are back, want 5000", n)
	}
	if strings.Contains(original.String(), "@") {
		t.Errorf("the place names its password: %s", original)
	}
}

func TestADumpThatFailsAtItsEndIsNoBackup(t *testing.T) {
	j := jobOn(t, nil)
	s := build(t, "command", map[string]any{"dump": "echo half of it; echo no room >&2; exit 3"})
	if _, err := s.Backup(t.Context(), j); err == nil || !strings.Contains(err.Error(), "no room") {
		t.Errorf("it ended with %v", err)
	}
	if all, err := j.Repo.Snapshots(t.Context()); err != nil || len(all) > 0 {
		t.Errorf("%d restore points of a failed dump, %v", len(all), err)
	}
}

func TestACommandGetsBackWhatTheOtherWrote(t *testing.T) {
	j := jobOn(t, nil)
	s := build(t, "command", map[string]any{"dump": "seq 100000", "restore": `cat > "$GOODSTATE_SCRATCH/back" && seq 100000 | cmp - "$GOODSTATE_SCRATCH/back"`})
	if _, err := s.Backup(t.Context(), j); err != nil {
		t.Fatal(err)
	}
	snap, err := j.Repo.FindSnapshot(t.Context(), "latest")
	if err != nil {
		t.Fatal(err)
	}
	to, _, err := s.Scratch(t.Context(), j)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Restore(t.Context(), j, snap, to); err != nil {
		t.Error(err)
	}
}
