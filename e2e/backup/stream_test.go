package backup

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"goodstate.dev/goodstate/backup/source/pgserver"
	"goodstate.dev/goodstate/internal/real"
)

// serve starts goodstate serve and waits until it answers.
func (s *site) serve() (kill func()) {
	s.t.Helper()
	kill = s.begin("serve")
	real.Eventually(s.t, 2*time.Minute, "goodstate serve answers", func() bool { return s.there("data/api.sock") })
	return kill
}

// clock is the time of the server of the secret db.
func (s *site) clock() (at time.Time) {
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
	if err := conn.QueryRow(s.t.Context(), "SELECT clock_timestamp()").Scan(&at); err != nil {
		s.t.Fatal(err)
	}
	return at
}

// streamed is the moment up to which the log of shop is in the repository.
func (s *site) streamed() time.Time {
	s.t.Helper()
	out, _ := s.try("backup", "status", "shop", "--json")
	var all []struct {
		Log struct {
			Until time.Time `json:"until"`
		} `json:"log"`
	}
	if err := json.Unmarshal([]byte(out), &all); err != nil || len(all) != 1 {
		s.t.Fatalf("%v\n%s", err, out)
	}
	return all[0].Log.Until
}

func (s *site) reaches(at time.Time) {
	s.t.Helper()
	real.Eventually(s.t, 3*time.Minute, "the log is in the repository up to "+at.String(), func() bool { return s.streamed().After(at) })
}

func TestATableDroppedBetweenTwoCopiesComesBackAsItWasTheSecondBefore(t *testing.T) {
	url := real.Postgres(t)
	if url == "" {
		return
	}
	s := newSite(t, "{postgres_server: {url: {secret: db}, stream: 1s}}")
	s.write("db.url", url)
	tmp := s.temporary()
	s.database("CREATE TABLE orders (id int PRIMARY KEY)", "INSERT INTO orders SELECT generate_series(1, 1000)")
	kill := s.serve()
	s.run("backup", "run", "shop", "--wait")
	s.database("INSERT INTO orders SELECT generate_series(1001, 2000)")
	s.reaches(s.clock())
	kill() // in the middle
	s.database("INSERT INTO orders SELECT generate_series(2001, 3000)")
	s.lose("data/api.sock")
	kill = s.serve()
	want := s.database("INSERT INTO orders VALUES (3001)")
	before := s.clock()
	s.database("DROP TABLE orders")
	out := s.run("backup", "restore", "shop", "--wait", "--until", before.UTC().Format(time.RFC3339Nano), "--to", filepath.Join(tmp, "back"))
	if !strings.Contains(out, "recovery stopping before commit") {
		t.Errorf("it does not say where the recovery ended:\n%s", out)
	}
	if got := sumOn(t, filepath.Join(tmp, "back")); got != want {
		t.Errorf("the orders add up to %d, want %d", got, want)
	}
	kill()
}

// sumOn starts a server on a data directory and adds up the orders in it.
func sumOn(t *testing.T, data string) (sum int) {
	t.Helper()
	socket, err := pgserver.Socket()
	if err != nil {
		t.Fatal(err)
	}
	server, err := pgserver.Start(data, socket, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	}()
	url := pgserver.URL(socket, "goodstate", "postgres")
	if err := server.Ready(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }() // it was only read
	if err := conn.QueryRow(t.Context(), "SELECT coalesce(sum(id), 0) FROM orders").Scan(&sum); err != nil {
		t.Fatal(err)
	}
	return sum
}
