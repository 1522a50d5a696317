package source

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"goodstate.dev/goodstate/backup/repository"
	"goodstate.dev/goodstate/backup/source/files"
	"goodstate.dev/goodstate/internal/real"
)

// on runs statements on a server, and returns the text of the last one's row.
func on(t *testing.T, url string, statements ...string) (text string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }() // what was done is done
	for _, s := range statements {
		err := conn.QueryRow(t.Context(), s).Scan(&text)
		if err != nil && !errors.Is(err, pgx.ErrNoRows) {
			t.Fatal(s, err)
		}
	}
	return text
}

func copyServer(t *testing.T, s Source, j *Job) Copied {
	t.Helper()
	made, err := s.Backup(t.Context(), *j)
	if err != nil || !made.Complete {
		t.Fatalf("%+v, %v", made, err)
	}
	all := points(t, j)
	j.Parent = &all[len(all)-1]
	return made
}

func points(t *testing.T, j *Job) []repository.Snapshot {
	t.Helper()
	all, err := j.Repo.Snapshots(t.Context())
	if err != nil || len(all) == 0 {
		t.Fatal(len(all), err)
	}
	return all
}

// recovered is how many orders there are at a moment.
func recovered(t *testing.T, s Source, j *Job, until Until) (int, string) {
	t.Helper()
	snap, err := until.Covering(points(t, j))
	if err != nil {
		t.Fatal(err)
	}
	to, done, err := s.Scratch(t.Context(), *j)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := done(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	to.Until = until
	back, err := s.Restore(t.Context(), *j, snap, to)
	if err != nil {
		t.Fatal(err)
	}
	return rows(t, to.URL), back.Ended
}

func TestAServerIsRecoveredToAnyMoment(t *testing.T) {
	url := real.Postgres(t)
	if url == "" {
		return
	}
	j := jobOn(t, map[string]string{"db": url})
	j.State = t.TempDir()
	s := build(t, "postgres_server", map[string]any{"url": map[string]any{"secret": "db"}})
	on(t, url, "CREATE TABLE orders (id int PRIMARY KEY, item text NOT NULL)", "INSERT INTO orders SELECT n, 'tea' FROM generate_series(1, 100) n")
	first := copyServer(t, s, &j)
	on(t, url, "INSERT INTO orders SELECT n, 'tea' FROM generate_series(101, 150) n", "SELECT pg_create_restore_point('before_sale')::text")
	on(t, url, "INSERT INTO orders SELECT n, 'tea' FROM generate_series(151, 200) n")
	place := on(t, url, "SELECT pg_current_wal_lsn()::text")
	moment, err := time.Parse(time.RFC3339Nano, on(t, url, "INSERT INTO orders VALUES (201, 'last')", `SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`))
	if err != nil {
		t.Fatal(err)
	}
	on(t, url, "SELECT pg_switch_wal()::text", "DROP TABLE orders", "SELECT pg_switch_wal()::text")
	second := copyServer(t, s, &j)
	if second.Bytes >= first.Bytes {
		t.Errorf("the second copy read %d bytes, the first %d: the base is read again", second.Bytes, first.Bytes)
	}
	for _, c := range []struct {
		name string
		Until
		want int
		says string
	}{
		{"the second before the table was dropped", Until{Time: moment}, 201, "recovery stopping before commit"},
		{"a place in the log", Until{LSN: place}, 200, "recovery stopping after WAL location"},
		{"a restore point by its name", Until{Name: "before_sale"}, 150, `recovery stopping at restore point "before_sale"`},
	} {
		n, ended := recovered(t, s, &j, c.Until)
		if n != c.want || !strings.Contains(ended, c.says) {
			t.Errorf("%s: %d orders, want %d; it ended with %q, want %q", c.name, n, c.want, ended, c.says)
		}
	}
	if _, err := (Until{Time: time.Now().Add(time.Hour)}).Covering(points(t, &j)); err == nil {
		t.Error("an hour from now can be recovered")
	}
	gap(t, s, &j, moment)
}

// gap takes a segment out of the log: recovery goes up to it and no further.
func gap(t *testing.T, s Source, j *Job, moment time.Time) {
	last := points(t, j)[len(points(t, j))-1]
	list, err := j.Repo.Folder(t.Context(), last.Tree)
	if err != nil {
		t.Fatal(err)
	}
	c, err := chainOf(t.Context(), j.Repo, last)
	if err != nil {
		t.Fatal(err)
	}
	lost := walFile(c.Timeline, c.First+1, c.Segment)
	keep := slices.DeleteFunc(list.Nodes, func(n repository.Node) bool { return n.Name == lost })
	if _, err := files.Compose(t.Context(), j.Repo, keep, nil, files.Options{Time: last.Time.Add(time.Millisecond)}); err != nil {
		t.Fatal(err)
	}
	broken := points(t, j)[len(points(t, j))-1]
	for _, until := range []Until{{}, {Time: moment.Add(time.Hour)}} {
		_, err = s.Restore(t.Context(), *j, broken, Place{Folder: t.TempDir(), Until: until})
		if err == nil || !strings.Contains(err.Error(), "the log has a gap") || !strings.Contains(err.Error(), lost) {
			t.Errorf("recovery past a gap, until %v: %v", until, err)
		}
	}
}

func TestNoMomentLiesBetweenTwoBaseCopies(t *testing.T) {
	url := real.Postgres(t)
	if url == "" {
		return
	}
	j := jobOn(t, map[string]string{"db": url})
	j.State = t.TempDir()
	s := build(t, "postgres_server", map[string]any{"url": map[string]any{"secret": "db"}, "base": "1ms"})
	on(t, url, "CREATE TABLE orders (id int PRIMARY KEY)", "INSERT INTO orders SELECT generate_series(1, 100)")
	copyServer(t, s, &j)
	moment, err := time.Parse(time.RFC3339Nano, on(t, url, "INSERT INTO orders VALUES (101)", `SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`))
	if err != nil {
		t.Fatal(err)
	}
	on(t, url, "TRUNCATE orders")
	copyServer(t, s, &j)
	if n := len(points(t, &j)); n != 3 {
		t.Errorf("%d restore points, want 3: the second base, and the first with its log up to there", n)
	}
	if n, ended := recovered(t, s, &j, Until{Time: moment}); n != 101 {
		t.Errorf("%d orders, want 101: %s", n, ended)
	}
	if n, _ := recovered(t, s, &j, Until{}); n != 0 {
		t.Errorf("%d orders at the end, want none", n)
	}
}

func TestALogThatWasRemovedIsSaidAndBegunAnew(t *testing.T) {
	url := real.Postgres(t)
	if url == "" {
		return
	}
	j := jobOn(t, map[string]string{"db": url})
	j.State = t.TempDir()
	s := build(t, "postgres_server", map[string]any{"url": map[string]any{"secret": "db"}})
	on(t, url, "CREATE TABLE orders (id int PRIMARY KEY)")
	copyServer(t, s, &j)
	on(t, url, "SELECT pg_drop_replication_slot('goodstate_shop')::text", "SELECT pg_switch_wal()::text", "INSERT INTO orders VALUES (1)", "SELECT pg_switch_wal()::text", "INSERT INTO orders VALUES (2)", "CHECKPOINT")
	j.State = t.TempDir() // what was fetched and not yet copied is gone too
	var said []string
	j.Say = func(text string) { said = append(said, text) }
	copyServer(t, s, &j)
	if text := strings.Join(said, "\n"); !strings.Contains(text, "the log has a gap: 0000000") {
		t.Errorf("it said %s", text)
	}
	if n, _ := recovered(t, s, &j, Until{}); n != 2 {
		t.Errorf("%d orders, want 2", n)
	}
}

func TestGapsOfALogAreNamed(t *testing.T) {
	const mib = 16 << 20
	for _, c := range []struct {
		name  string
		files []string
		from  uint64
		want  []string
	}{
		{"whole", []string{"000000010000000000000003", "000000010000000000000004", "000000010000000000000005.partial"}, 3, nil},
		{"over the end of a hundred", []string{"0000000100000000000000FF", "000000010000000100000000"}, 255, nil},
		{"a new timeline", []string{"000000010000000000000003", "00000002.history", "000000020000000000000004"}, 3, nil},
		{"one lacks", []string{"000000010000000000000003", "000000010000000000000005"}, 3, []string{"000000010000000000000004"}},
		{"the first lacks", []string{"000000010000000000000004"}, 3, []string{"000000010000000000000003"}},
		{"none", nil, 3, []string{"000000010000000000000003"}},
	} {
		if got, err := missingWAL(c.files, 1, c.from, mib); err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, %v, want %v", c.name, got, err, c.want)
		}
	}
}

func TestMomentsAreRead(t *testing.T) {
	for text, want := range map[string]Until{
		"": {}, "2026-05-04T12:30:00Z": {Time: time.Date(2026, 5, 4, 12, 30, 0, 0, time.UTC)}, "2026-05-04 12:30:00": {Time: time.Date(2026, 5, 4, 12, 30, 0, 0, time.Local)},
		"0/3000060": {LSN: "0/3000060"}, "before_sale": {Name: "before_sale"},
	} {
		if got, err := ParseUntil(text); err != nil || !got.Time.Equal(want.Time) || got.LSN != want.LSN || got.Name != want.Name {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
	if _, err := ParseUntil("soon' OR 1"); err == nil {
		t.Error("a quote is a moment")
	}
}
