package log

import (
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"goodstate.dev/goodstate/core/store"
)

// yard is a data directory with a log of results.
type yard struct {
	t   testing.TB
	s   *store.Store
	log *Log
}

// morning is when the first result of a yard was recorded; each later one is a second later.
var morning = time.Date(2026, 3, 4, 6, 0, 0, 0, time.UTC)

func newYard(t testing.TB) *yard {
	t.Helper()
	s, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "data"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() }) // the folder goes with the test
	y := &yard{t: t, s: s}
	if y.log, err = Open(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	y.do(`INSERT INTO drift_runs (id, playbook, mode, who, why, started_at, ended_at, error, hosts, unreached, good, drifted, pending, flapping, uncheckable, unknown, corrected)
		VALUES ('look-1', 'site.yml', 'detect', 'ann', '', 0, 0, '', 0, 0, 0, 0, 0, 0, 0, 0, 0)`)
	return y
}

func (y *yard) do(query string, args ...any) {
	y.t.Helper()
	if _, err := y.s.DB().ExecContext(y.t.Context(), query, args...); err != nil {
		y.t.Fatal(err)
	}
}

func (y *yard) add(host, task, status, text string) {
	y.t.Helper()
	y.do(insert, "look-1", at(y.head()), host, "all", task, "service", "", status, text, "")
}

func (y *yard) head() int64 {
	y.t.Helper()
	n, err := y.log.Head(y.t.Context())
	if err != nil {
		y.t.Fatal(err)
	}
	return n
}

const insert = `INSERT INTO drift_results (run, at, host, play, task, action, item, outcome, text, cause, acted) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)`

func at(n int64) int64 { return morning.Add(time.Duration(n) * time.Second).UnixMilli() }

// many adds results in one transaction.
func (y *yard) many(n int) {
	y.t.Helper()
	first := y.head()
	tx, err := y.s.DB().BeginTx(y.t.Context(), nil)
	if err != nil {
		y.t.Fatal(err)
	}
	for i := range n {
		if err := put(tx, i, at(first+int64(i))); err != nil {
			y.t.Fatal(errors.Join(err, tx.Rollback()))
		}
	}
	if err := tx.Commit(); err != nil {
		y.t.Fatal(err)
	}
}

func put(tx *sql.Tx, i int, at int64) error {
	_, err := tx.Exec(insert, "look-1", at, fmt.Sprintf("web%d", i%500), "all", fmt.Sprintf("task %d of the play", i%20), "template", "", "ok", "", "")
	return err
}

func (y *yard) found(f Filter) string {
	y.t.Helper()
	p, err := y.log.Search(y.t.Context(), f)
	if err != nil {
		y.t.Fatalf("%+v: %v", f, err)
	}
	var hosts []string
	for _, e := range p.Entries {
		hosts = append(hosts, e.Host)
	}
	return strings.Join(hosts, " ")
}

func TestResultsAreFoundByTheirWords(t *testing.T) {
	y := newYard(t)
	y.do(`INSERT INTO drift_causes (cause, diff, first_at) VALUES ('c1', '-PermitRootLogin yes
+PermitRootLogin no', 0)`)
	y.add("web1", "restart nginx", "failed", "could not find the unit nginx.service: Permission denied")
	y.add("web10", "restart nginx", "ok", "")
	y.add("db1.example.org", "write /etc/motd", "changed", "Größe 100%")
	y.do(insert, "look-1", at(3), "db2", "all", "harden", "lineinfile", "", "changed", "", "c1")
	for _, c := range []struct{ query, hosts string }{
		{"nginx", "web10 web1"},
		{"NGINX permission", "web1"},
		{`"permission denied"`, "web1"},
		{`"denied permission"`, ""},
		{"nginx -permission", "web10"},
		{"perm*", "db2 web1"}, // also in a difference
		{"host:web1", "web1"},
		{"host:web*", "web10 web1"},
		{"/etc/motd", "db1.example.org"},
		{"db1.example.org", "db1.example.org"},
		{"grosse", ""},
		{"größe", "db1.example.org"},
		{"diff:PermitRootLogin", "db2"},
		{"text:PermitRootLogin", ""},
		{`nginx" OR "motd`, ""},
		{"nginx OR motd", ""}, // OR is a word here
		{"NEAR(nginx", ""},
	} {
		if got := y.found(Filter{Query: c.query}); got != c.hosts {
			t.Errorf("%s: %q, want %q", c.query, got, c.hosts)
		}
	}
	for _, empty := range []string{"-nginx", "---", `""`, "*"} {
		if _, err := y.log.Search(t.Context(), Filter{Query: empty}); err == nil {
			t.Errorf("%q is taken for a search", empty)
		}
	}
	for _, c := range []struct {
		f     Filter
		hosts string
	}{
		{Filter{Status: "changed"}, "db2 db1.example.org"},
		{Filter{Host: "web1"}, "web1"},
		{Filter{Task: "NGINX"}, "web10 web1"},
		{Filter{Task: "%"}, ""},
		{Filter{Playbook: "site.yml", Query: "nginx", Status: "failed"}, "web1"},
		{Filter{Playbook: "other.yml"}, ""},
		{Filter{Since: morning.Add(2 * time.Second)}, "db2 db1.example.org"},
		{Filter{Until: morning.Add(time.Second)}, "web1"},
		{Filter{After: 2}, "db1.example.org db2"},
		{Filter{Before: 3}, "web10 web1"},
	} {
		if got := y.found(c.f); got != c.hosts {
			t.Errorf("%+v: %q, want %q", c.f, got, c.hosts)
		}
	}
	p, err := y.log.Search(t.Context(), Filter{Query: "harden"})
	if err != nil || len(p.Entries) != 1 || !strings.Contains(p.Entries[0].Diff, "PermitRootLogin no") || p.Entries[0].Who != "ann" || p.Entries[0].Playbook != "site.yml" {
		t.Errorf("%+v %v, want the difference and the run with it", p, err)
	}
}

func FuzzMatch(f *testing.F) {
	s, err := store.Open(f.Context(), filepath.Join(f.TempDir(), "data"))
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = s.Close() }) // the folder goes with the test
	l, err := Open(f.Context(), s)
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{`a "b c" -d host:e f*`, `"`, `host:"x`, "a\x00b", `"a""b"`, "NOT a", "^a", "{a b}:c", "-host:*a"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, query string) {
		words, err := Match(query)
		if err != nil {
			return
		}
		if _, err := l.Search(t.Context(), Filter{Query: query}); err != nil {
			t.Errorf("%q is %q: %v", query, words, err)
		}
	})
}

func TestPagesHaveEveryEntryOnce(t *testing.T) {
	y := newYard(t)
	y.many(205)
	for _, query := range []string{"", "play"} {
		seen := map[int64]bool{}
		for before, pages := int64(0), 0; ; pages++ {
			p, err := y.log.Search(t.Context(), Filter{Query: query, Before: before, Limit: 50})
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range p.Entries {
				if seen[e.Seq] {
					t.Fatalf("entry %d is on two pages", e.Seq)
				}
				seen[e.Seq] = true
			}
			if before = p.Before; before == 0 {
				if pages != 4 || len(seen) != 205 {
					t.Errorf("%q: %d entries on %d pages, want 205 on 5", query, len(seen), pages+1)
				}
				break
			}
		}
	}
}

func TestOldResultsAreRemovedWithTheirWords(t *testing.T) {
	y := newYard(t)
	y.add("old1", "restart nginx", "ok", "")
	y.add("old2", "restart nginx", "ok", "")
	if got := y.found(Filter{Query: "nginx"}); got != "old2 old1" {
		t.Fatalf("%q", got)
	}
	y.add("new", "restart nginx", "ok", "")
	n, err := y.log.Prune(t.Context(), time.UnixMilli(at(2)))
	if err != nil || n != 2 {
		t.Fatalf("%d %v, want 2 removed", n, err)
	}
	if got := y.found(Filter{Query: "nginx"}); got != "new" {
		t.Errorf("%q is found, want what is left", got)
	}
	if n, err = y.log.Prune(t.Context(), time.UnixMilli(at(100))); err != nil || n != 1 {
		t.Fatalf("%d %v", n, err)
	}
	y.add("newer", "restart nginx", "ok", "")
	if got := y.found(Filter{Query: "nginx"}); got != "newer" {
		t.Errorf("%q is found after everything was removed and something came", got)
	}
}
