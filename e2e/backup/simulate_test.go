package backup

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"goodstate.dev/goodstate/internal/real"
)

var verdict = regexp.MustCompile(`restore point [0-9a-f]+ is (restored|proven) after \w+: back in \S+`)

// simulates loses something on scratch copies, and reports how long it took to have it back.
func (s *site) simulates(kind string, more ...string) {
	s.t.Helper()
	out := s.run(append([]string{"backup", "drill", "shop", "--simulate", kind}, more...)...)
	said := verdict.FindString(out)
	if said == "" {
		s.t.Errorf("%s: it does not say that it is back:\n%s", kind, out)
	}
	s.t.Logf("%s: %s", kind, said)
	if book := s.run("backup", "runbook", "shop"); !strings.Contains(book, kind) {
		s.t.Errorf("the runbook does not tell of %s:\n%s", kind, book)
	}
}

func TestALostHostALostSiteAndADamagedPackAreSimulatedBesideTheOriginal(t *testing.T) {
	s := newSite(t, uploads, "      checks: {teapot: {command: {run: \"grep -rq teapot $GOODSTATE_SCRATCH\"}}}\n")
	text := strings.Repeat("a picture of a teapot\n", 10_000)
	s.write("uploads/teapot.txt", text)
	s.run("backup", "run", "shop")
	for _, kind := range []string{"lost_host", "lost_site", "corrupted_pack"} {
		s.simulates(kind)
	}
	s.wants("uploads/teapot.txt", text)
	s.run("backup", "verify", "main") // nothing was damaged but what was read
	out, code := s.try("backup", "drill", "shop", "--simulate", "dropped_table")
	if code == 0 || !strings.Contains(out, "it can simulate corrupted_pack, lost_host, lost_site") {
		t.Errorf("exit code %d, want to be told what can be simulated:\n%s", code, out)
	}
	if left, err := filepath.Glob(s.path("data/drills/*")); err != nil || len(left) > 0 {
		t.Errorf("drills leave %v, %v", left, err)
	}
}

func TestALostDatabaseAndADroppedTableAreSimulatedBesideTheOriginal(t *testing.T) {
	url := real.Postgres(t)
	if url == "" {
		return
	}
	for _, source := range []string{"{postgres: {url: {secret: db}}}", "{postgres_server: {url: {secret: db}}}"} {
		s := newSite(t, source)
		s.write("db.url", url)
		tmp := s.temporary()
		want := s.database("DROP TABLE IF EXISTS orders", "CREATE TABLE orders (id int PRIMARY KEY, item text)", "INSERT INTO orders SELECT n, 'tea' FROM generate_series(1, 20000) n")
		s.run("backup", "run", "shop")
		for _, kind := range []string{"lost_database", "dropped_table", "lost_host", "corrupted_pack"} {
			s.simulates(kind)
		}
		if got := s.database(); got != want {
			t.Errorf("the orders of the original add up to %d, want %d", got, want)
		}
		if left := s.scratchDatabases(); len(left) > 0 {
			t.Errorf("drills leave %v", left)
		}
		if left, err := filepath.Glob(filepath.Join(tmp, "*")); err != nil || len(left) > 0 {
			t.Errorf("drills leave %v, %v", left, err)
		}
	}
}

func TestALostControlPlaneIsSimulatedBesideTheOriginal(t *testing.T) {
	e := real.StartEtcd(t)
	if e == nil {
		return
	}
	c, err := clientv3.New(clientv3.Config{Endpoints: []string{e.Address}, DialTimeout: time.Minute, Context: t.Context(), Logger: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }() // all was said by then
	for i := range 100 {
		if _, err := c.Put(t.Context(), fmt.Sprintf("/shop/%d", i), "tea"); err != nil {
			t.Fatal(err)
		}
	}
	s := newSite(t, "{etcd: {endpoints: [\""+e.Address+"\"]}}")
	s.run("backup", "run", "shop")
	s.simulates("lost_control_plane")
	if got, err := c.Get(t.Context(), "/shop/", clientv3.WithPrefix(), clientv3.WithCountOnly()); err != nil || got.Count != 100 {
		t.Errorf("the original has %v keys, %v, want 100", got, err)
	}
}
