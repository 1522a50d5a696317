package backup

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"goodstate.dev/goodstate/internal/real"
)

// begin starts a command and returns what kills it at once, if it still runs.
func (s *site) begin(args ...string) (kill func()) {
	s.t.Helper()
	bin, err := program()
	if err != nil {
		s.t.Fatal(err)
	}
	cmd := exec.Command(bin, args...)
	cmd.Dir, cmd.Env = s.dir, append(os.Environ(), s.env...)
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // it is killed
		close(ended)
	}()
	kill = func() {
		_ = cmd.Process.Kill() // it may have ended by itself
		<-ended
	}
	s.t.Cleanup(kill)
	return kill
}

// scratchDatabases lists those that drills have made on the server of the secret db.
func (s *site) scratchDatabases() (names []string) {
	s.t.Helper()
	url, err := os.ReadFile(s.path("db.url"))
	if err != nil {
		s.t.Fatal(err)
	}
	conn, err := pgx.Connect(s.t.Context(), string(url))
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }() // it was only read
	rows, err := conn.Query(s.t.Context(), "SELECT datname FROM pg_database WHERE datname LIKE 'goodstate\\_drill\\_%' ORDER BY 1")
	if err != nil {
		s.t.Fatal(err)
	}
	if names, err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil {
		s.t.Fatal(err)
	}
	return names
}

func (s *site) there(name string) bool {
	_, err := os.Stat(s.path(name))
	return !errors.Is(err, os.ErrNotExist)
}

// A check that waits for as long as there is a file, so that the drill can be killed in the middle.
const waits = `      checks: {waits: {command: {run: "touch reached; while test -e block; do sleep 0.1; done"}}}
`

func TestADrillThatWasKilledIsClearedAwayAndAnothersIsNot(t *testing.T) {
	url := real.Postgres(t)
	if url == "" {
		return
	}
	s := newSite(t, "{postgres: {url: {secret: db}}}", waits)
	s.write("db.url", url)
	const foreign = "goodstate_drill_0123456789abcdef_anothersdrill"
	s.database("CREATE TABLE orders (id int PRIMARY KEY)", "INSERT INTO orders VALUES (1)", "CREATE DATABASE "+foreign)
	s.run("backup", "run", "shop")
	s.write("block", "")
	kill := s.begin("backup", "drill", "shop")
	real.Eventually(t, 2*time.Minute, "the drill comes to its check", func() bool { return s.there("reached") })
	kill()
	left := s.scratchDatabases()
	if len(left) != 2 {
		t.Fatalf("a drill that was killed left %v, want a database of its own beside %s", left, foreign)
	}
	s.lose("block", "reached")
	s.run("backup", "drill", "shop", "--wait")
	if left := s.scratchDatabases(); len(left) != 1 || left[0] != foreign {
		t.Errorf("after the next drill there are %v, want %s only", left, foreign)
	}
}

func TestAServerOfADrillThatWasKilledIsEndedAndRemoved(t *testing.T) {
	url := real.Postgres(t)
	if url == "" {
		return
	}
	s := newSite(t, "{postgres_server: {url: {secret: db}}}", waits)
	s.write("db.url", url)
	tmp := s.temporary()
	foreign := filepath.Join(tmp, "goodstate-drill-0123456789abcdef-1")
	if err := os.Mkdir(foreign, 0o700); err != nil {
		t.Fatal(err)
	}
	s.database("CREATE TABLE orders (id int PRIMARY KEY)", "INSERT INTO orders VALUES (1)")
	s.run("backup", "run", "shop")
	s.write("block", "")
	kill := s.begin("backup", "drill", "shop")
	real.Eventually(t, 2*time.Minute, "the drill comes to its check", func() bool { return s.there("reached") })
	kill()
	s.lose("block", "reached")
	s.run("backup", "drill", "shop", "--wait")
	left, err := filepath.Glob(filepath.Join(tmp, "goodstate-*"))
	if err != nil || len(left) != 1 || left[0] != foreign {
		t.Errorf("after the next drill there are %v, %v, want %s only", left, err, foreign)
	}
	if users := processesIn(t, tmp); len(users) > 0 {
		t.Errorf("servers of drills go on: %v", users)
	}
}

// temporary gives the site's commands a folder for temporary files of their own, into which servers of another account can go.
func (s *site) temporary() string {
	s.t.Helper()
	dir, err := os.MkdirTemp("", "e2e")
	if err == nil {
		err = os.Chmod(dir, 0o711)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			s.t.Error(err)
		}
	})
	s.env = append(s.env, "TMPDIR="+dir)
	return dir
}

// processesIn lists the processes whose own folder lies below one, also where that was deleted.
func processesIn(t *testing.T, dir string) (all []string) {
	t.Helper()
	links, err := filepath.Glob("/proc/[0-9]*/cwd")
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range links {
		if at, err := os.Readlink(link); err == nil && strings.HasPrefix(at, dir) {
			all = append(all, link+" "+at)
		}
	}
	return all
}
