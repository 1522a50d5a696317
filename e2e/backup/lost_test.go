// Package backup loses things on purpose and brings them back with the command line.
package backup

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"goodstate.dev/goodstate/internal/real"
)

// program builds goodstate once.
var program = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "goodstate-e2e-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "goodstate")
	out, err := exec.Command("go", "build", "-o", path, "../../cmd/goodstate").CombinedOutput()
	if err != nil {
		err = fmt.Errorf("building goodstate: %w\n%s", err, out)
	}
	return path, err
})

func TestMain(m *testing.M) {
	code := m.Run()
	if path, err := program(); err == nil {
		_ = os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

// site is a folder with a goodstate.yaml, a key and two repositories.
type site struct {
	t   *testing.T
	dir string
	env []string // of its commands, more than the test's own
}

// newSite has one application, shop, of a source; more lines of its configuration may follow.
func newSite(t *testing.T, source string, more ...string) *site {
	t.Helper()
	s := &site{t: t, dir: t.TempDir()}
	s.write("backup.key", "a long and random password\n")
	s.write("goodstate.yaml", `data: data
server: {listen: none}
services: {}
secrets: {backup: {file: backup.key}, db: {file: db.url}}
backup:
  repositories: {main: {folder: copies/main, password: {secret: backup}}, away: {folder: copies/away, password: {secret: backup}}}
  applications:
    shop:
      source: `+source+`
      repository: main
      copies: [away]
      rto: 5m
`+strings.Join(more, ""))
	s.run("backup", "init", "main")
	s.run("backup", "init", "away")
	return s
}

func (s *site) path(name string) string { return filepath.Join(s.dir, filepath.FromSlash(name)) }

func (s *site) write(name, text string) {
	s.t.Helper()
	if err := os.MkdirAll(filepath.Dir(s.path(name)), 0o700); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(s.path(name), []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// try returns what the command says, and its exit code.
func (s *site) try(args ...string) (string, int) {
	s.t.Helper()
	bin, err := program()
	if err != nil {
		s.t.Fatal(err)
	}
	cmd := exec.Command(bin, args...)
	cmd.Dir, cmd.Env = s.dir, append(os.Environ(), s.env...)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		s.t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

func (s *site) run(args ...string) string {
	s.t.Helper()
	out, code := s.try(args...)
	if code != 0 {
		s.t.Fatalf("goodstate %s: exit code %d\n%s", strings.Join(args, " "), code, out)
	}
	return out
}

// timed runs a recovery and logs how long it took.
func (s *site) timed(what string, args ...string) {
	s.t.Helper()
	began := time.Now()
	s.run(args...)
	s.t.Logf("%s: back after %s", what, time.Since(began).Round(time.Millisecond))
}

func (s *site) lose(names ...string) {
	s.t.Helper()
	for _, name := range names {
		if err := os.RemoveAll(s.path(name)); err != nil {
			s.t.Fatal(err)
		}
	}
}

func (s *site) wants(name, text string) {
	s.t.Helper()
	if got, err := os.ReadFile(s.path(name)); err != nil || string(got) != text {
		s.t.Errorf("%s has %d bytes, %v; want what was copied, %d bytes", name, len(got), err, len(text))
	}
}

const uploads = "{files: {paths: [uploads]}}"

func TestALostHostComesBackFromItsRepositoryAndItsKey(t *testing.T) {
	s := newSite(t, uploads)
	text := strings.Repeat("a picture of a teapot\n", 10_000)
	s.write("uploads/teapot.txt", text)
	s.write("uploads/more/cup.txt", "a cup\n")
	s.run("backup", "run", "shop")
	s.lose("data", "uploads", "copies/away") // the settings, the key and a repository are all there is
	s.timed("lost host", "backup", "restore", "shop", "--in-place")
	s.wants("uploads/teapot.txt", text)
	s.wants("uploads/more/cup.txt", "a cup\n")
}

func TestALostSiteComesBackFromTheCopy(t *testing.T) {
	s := newSite(t, uploads)
	s.write("uploads/teapot.txt", "a picture of a teapot\n")
	s.run("backup", "run", "shop")
	s.lose("uploads", "copies/main")
	if out, code := s.try("backup", "restore", "shop", "--in-place"); code == 0 {
		t.Errorf("a repository that is gone restored something:\n%s", out)
	}
	if out, code := s.try("backup", "restore", "shop", "--in-place", "--from", "nowhere"); code == 0 || !strings.Contains(out, "away") {
		t.Errorf("exit code %d, want to be told which repositories there are:\n%s", code, out)
	}
	s.run("backup", "drill", "shop", "--from", "away")
	s.timed("lost site", "backup", "restore", "shop", "--in-place", "--from", "away")
	s.wants("uploads/teapot.txt", "a picture of a teapot\n")
}

func TestADamagedPackIsNamedAndTheCopyRestoresWhole(t *testing.T) {
	s := newSite(t, uploads)
	text := strings.Repeat("a picture of a teapot\n", 10_000)
	s.write("uploads/teapot.txt", text)
	s.run("backup", "run", "shop")
	pack := s.damage()
	out, code := s.try("backup", "verify", "main")
	if code == 0 || !strings.Contains(out, pack[:8]) {
		t.Errorf("exit code %d, want one that is not 0 and pack %s named:\n%s", code, pack[:8], out)
	}
	s.lose("uploads")
	if out, code := s.try("backup", "restore", "shop", "--to", s.path("damaged")); code == 0 {
		t.Errorf("a damaged restore point came back as if it were whole:\n%s", out)
	}
	s.timed("damaged pack", "backup", "restore", "shop", "--in-place", "--from", "away")
	s.wants("uploads/teapot.txt", text)
}

// damage changes a byte in the middle of the largest pack, and returns its name.
func (s *site) damage() string {
	s.t.Helper()
	packs, err := filepath.Glob(s.path("copies/main/data/*/*"))
	if err != nil || len(packs) == 0 {
		s.t.Fatal("no packs", err)
	}
	largest, size := "", int64(0)
	for _, path := range packs {
		info, err := os.Stat(path)
		if err != nil {
			s.t.Fatal(err)
		}
		if info.Size() > size {
			largest, size = path, info.Size()
		}
	}
	text, err := os.ReadFile(largest)
	if err != nil {
		s.t.Fatal(err)
	}
	text[len(text)/4] ^= 1 // where contents are, not the pack's own list at its end
	if err := os.Chmod(largest, 0o600); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(largest, text, 0o600); err != nil {
		s.t.Fatal(err)
	}
	return filepath.Base(largest)
}

// database has a table with orders; the site's secret db is its address.
func (s *site) database(statements ...string) (rows int) {
	s.t.Helper()
	url, err := os.ReadFile(s.path("db.url"))
	if err != nil {
		s.t.Fatal(err)
	}
	conn, err := pgx.Connect(s.t.Context(), string(url))
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = conn.Close(s.t.Context()) }() // all was said by then
	for _, statement := range statements {
		if _, err := conn.Exec(s.t.Context(), statement); err != nil {
			s.t.Fatal(err)
		}
	}
	if err := conn.QueryRow(s.t.Context(), "SELECT coalesce(sum(id), 0) FROM orders").Scan(&rows); err != nil {
		rows = -1 // there is no such table
	}
	return rows
}

func TestALostDatabaseAndADroppedTableComeBack(t *testing.T) {
	url := real.Postgres(t)
	if url == "" {
		return
	}
	s := newSite(t, "{postgres: {url: {secret: db}}}")
	s.write("db.url", url)
	want := s.database("CREATE TABLE orders (id int PRIMARY KEY, item text)", "INSERT INTO orders SELECT n, 'tea' FROM generate_series(1, 20000) n")
	s.run("backup", "run", "shop")

	if s.database("DROP TABLE orders") != -1 {
		t.Fatal("the table is still there")
	}
	s.timed("dropped table", "backup", "restore", "shop", "--in-place")
	if got := s.database(); got != want {
		t.Errorf("the orders add up to %d, want %d", got, want)
	}

	s.database("DROP SCHEMA public CASCADE", "CREATE SCHEMA public")
	s.timed("lost database", "backup", "restore", "shop", "--in-place")
	if got := s.database(); got != want {
		t.Errorf("the orders add up to %d, want %d", got, want)
	}
}
