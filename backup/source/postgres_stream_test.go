package source

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"goodstate.dev/goodstate/backup/repository"
	"goodstate.dev/goodstate/backup/source/pgserver"
	"goodstate.dev/goodstate/internal/real"
)

// streaming is a log that is followed in a test.
type streaming struct {
	*Stream
	wanted atomic.Int64 // copies that it asked for
	broken atomic.Bool  // the repository cannot be opened
	stop   func()

	mu  sync.Mutex
	bad map[string]string
}

// stream follows the log of a source until stop, or the test's end.
func stream(t *testing.T, s Source, j *Job) *streaming {
	t.Helper()
	f := &streaming{bad: map[string]string{}}
	f.Stream = &Stream{
		Job: *j, Places: []string{"main"},
		Open: func(ctx context.Context, _ string) (*repository.Repository, error) {
			if f.broken.Load() {
				return nil, errors.New("the disk of the repository is not mounted")
			}
			return repository.Open(ctx, j.Repo.Storage(), "a long and random password")
		},
		Want: func(context.Context, string) error { f.wanted.Add(1); return nil },
		Notice: func(_ context.Context, n Notice) {
			f.mu.Lock()
			defer f.mu.Unlock()
			delete(f.bad, n.Kind)
			if n.Bad {
				f.bad[n.Kind] = n.Text
			}
		},
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := s.(Streamer).Stream(ctx, f.Stream); err != nil {
			t.Error(err)
		}
	})
	f.stop = func() {
		cancel()
		running.Wait()
		j.Live = nil
	}
	t.Cleanup(f.stop)
	j.Live = f.Stream
	return f
}

func (f *streaming) says(kind string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.bad[kind]
}

const aWhile = 2 * time.Minute

// now is the server's clock, after the statements were done.
func (f *streaming) now(t *testing.T, url string, statements ...string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339Nano, on(t, url, append(statements, `SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`)...))
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// covers waits until the streamed log is whole up to a moment.
func (f *streaming) covers(t *testing.T, at time.Time) {
	t.Helper()
	real.Eventually(t, aWhile, "the streamed log reaches "+at.String(), func() bool { st := f.State(); return st.At.After(at) && st.Gap == "" })
}

// streamed is how many orders come back at a moment from the youngest restore point and what was streamed since.
func streamed(t *testing.T, s Source, j *Job, until Until) int {
	t.Helper()
	all := points(t, j)
	to, done, err := s.Scratch(t.Context(), *j)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := done(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	to.Until, to.Onward = until, true
	if _, err := s.Restore(t.Context(), *j, all[len(all)-1], to); err != nil {
		t.Fatal(err)
	}
	return rows(t, to.URL)
}

func serverApp(t *testing.T, url string) (Source, *Job) {
	t.Helper()
	j := jobOn(t, map[string]string{"db": url})
	j.State = t.TempDir()
	return build(t, "postgres_server", map[string]any{"url": map[string]any{"secret": "db"}, "stream": "100ms"}), &j
}

func TestWhatWasDoneSecondsBeforeComesBackThoughNoCopyWasMadeSince(t *testing.T) {
	url := real.Postgres(t)
	if url == "" {
		return
	}
	s, j := serverApp(t, url)
	on(t, url, "CREATE TABLE orders (id int PRIMARY KEY, item text NOT NULL)", "INSERT INTO orders SELECT n, 'tea' FROM generate_series(1, 100) n")
	copyServer(t, s, j)
	f := stream(t, s, j)
	moment := f.now(t, url, "INSERT INTO orders SELECT n, repeat(md5(n::text), 30) FROM generate_series(101, 40000) n", "SELECT pg_switch_wal()::text", "INSERT INTO orders VALUES (40001, 'last')")
	after := f.now(t, url, "DROP TABLE orders", "CREATE TABLE orders (id int)")
	f.covers(t, after)
	if n := streamed(t, s, j, Until{Time: moment}); n != 40001 {
		t.Errorf("%d orders of the second before, want 40001", n)
	}
	if n := streamed(t, s, j, Until{}); n != 0 {
		t.Errorf("%d orders at the end of the log, want none", n)
	}
	if end, err := s.(Streamer).LogEnd(t.Context(), *j, points(t, j)[0]); err != nil || end.Before(after) {
		t.Errorf("the log ends at %s, %v; want after %s", end, err, after)
	}
	// A copy under way takes over what was streamed, and the log goes on from it.
	copyServer(t, s, j)
	if err := s.(Streamer).TrimLog(t.Context(), *j, points(t, j)[len(points(t, j))-1]); err != nil {
		t.Fatal(err)
	}
	f.covers(t, f.now(t, url, "INSERT INTO orders VALUES (7)"))
	if n := streamed(t, s, j, Until{}); n != 1 {
		t.Errorf("%d orders after a copy, want 1", n)
	}
	if n, _ := recovered(t, s, j, Until{Time: moment}); n != 40001 {
		t.Errorf("%d orders of the moment before the copy, want 40001", n)
	}
}

func TestALogGoesOnAfterARepositoryThatCouldNotBeReached(t *testing.T) {
	url := real.Postgres(t)
	if url == "" {
		return
	}
	s, j := serverApp(t, url)
	on(t, url, "CREATE TABLE orders (id int PRIMARY KEY)")
	copyServer(t, s, j)
	f := stream(t, s, j)
	f.covers(t, f.now(t, url, "INSERT INTO orders VALUES (1)"))
	f.stop()
	g := stream(t, s, j) // in a process that began anew
	g.broken.Store(true)
	real.Eventually(t, aWhile, "it is said that the repository cannot be reached", func() bool { return strings.Contains(g.says("log-stopped"), "not mounted") })
	late := g.now(t, url, "INSERT INTO orders VALUES (2)", "SELECT pg_switch_wal()::text", "INSERT INTO orders VALUES (3)")
	g.broken.Store(false)
	g.covers(t, late)
	if why := g.says("log-stopped"); why != "" {
		t.Errorf("it is still said: %s", why)
	}
	if n := streamed(t, s, j, Until{}); n != 3 {
		t.Errorf("%d orders, want 3", n)
	}
}

func TestALogWhoseSlotWasRemovedIsSaidAndACopyMendsIt(t *testing.T) {
	url := real.Postgres(t)
	if url == "" {
		return
	}
	s, j := serverApp(t, url)
	on(t, url, "CREATE TABLE orders (id int PRIMARY KEY)")
	copyServer(t, s, j)
	on(t, url, "SELECT pg_drop_replication_slot('goodstate_shop')::text", "SELECT pg_switch_wal()::text", "INSERT INTO orders VALUES (1)", "SELECT pg_switch_wal()::text", "INSERT INTO orders VALUES (2)", "CHECKPOINT")
	f := stream(t, s, j)
	real.Eventually(t, aWhile, "a copy is asked for because of a gap", func() bool { return f.wanted.Load() > 0 && f.State().Gap != "" })
	copyServer(t, s, j)
	f.Taken()
	f.covers(t, f.now(t, url, "INSERT INTO orders VALUES (3)"))
	if n := streamed(t, s, j, Until{}); n != 3 {
		t.Errorf("%d orders, want 3", n)
	}
}

// ownServer is a server that the test may stop and start.
type ownServer struct {
	t            *testing.T
	data, socket string
	server       *pgserver.Server
	url          string
}

func newOwnServer(t *testing.T) *ownServer {
	t.Helper()
	if real.Need(t, "postgres", "initdb") == "" {
		return nil
	}
	dir, err := os.MkdirTemp("", "own")
	if err == nil {
		err = os.Chmod(dir, 0o711)
	}
	if err != nil {
		t.Fatal(err)
	}
	o := &ownServer{t: t, data: filepath.Join(dir, "data")}
	t.Cleanup(func() {
		o.end()
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := pgserver.Init(t.Context(), o.data); err != nil {
		t.Fatal(err)
	}
	o.begin()
	return o
}

// begin starts the server on a socket of another name, or of the old one where it is given again.
func (o *ownServer) begin() {
	o.t.Helper()
	var err error
	dir := filepath.Dir(o.data)
	if o.socket == "" {
		o.socket = filepath.Join(dir, "socket")
	}
	if _, err = pgserver.SocketIn(dir); err == nil {
		o.server, err = pgserver.Start(o.data, o.socket, 0, map[string]string{"shared_buffers": "16MB", "fsync": "off"})
	}
	o.url = pgserver.URL(o.socket, "goodstate", "postgres")
	if err == nil {
		err = o.server.Ready(o.t.Context(), o.url)
	}
	if err != nil {
		o.t.Fatal(err)
	}
}

func (o *ownServer) end() {
	if o.server == nil {
		return
	}
	if err := o.server.Stop(); err != nil {
		o.t.Error(err)
	}
	o.server = nil
}

func TestALogGoesOnAfterTheServerWasStartedAgainAndOnANewTimeline(t *testing.T) {
	o := newOwnServer(t)
	if o == nil {
		return
	}
	s, j := serverApp(t, o.url)
	on(t, o.url, "CREATE TABLE orders (id int PRIMARY KEY)")
	copyServer(t, s, j)
	f := stream(t, s, j)
	f.covers(t, f.now(t, o.url, "INSERT INTO orders VALUES (1)"))
	o.end()
	real.Eventually(t, aWhile, "it is said that the log does not come", func() bool { return f.says("log-stopped") != "" })
	o.begin()
	f.covers(t, f.now(t, o.url, "INSERT INTO orders VALUES (2)"))
	if why := f.says("log-gap"); why != "" {
		t.Errorf("a server that was started again is a gap: %s", why)
	}
	o.end()
	if err := os.WriteFile(filepath.Join(o.data, "standby.signal"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := pgserver.Own(o.data); err != nil {
		t.Fatal(err)
	}
	o.begin()
	on(t, o.url, "SELECT pg_promote()::text")
	f.covers(t, f.now(t, o.url, "INSERT INTO orders VALUES (3)"))
	f.covers(t, f.now(t, o.url, "INSERT INTO orders VALUES (4)"))
	if n := streamed(t, s, j, Until{}); n != 4 {
		t.Errorf("%d orders over two timelines, want 4", n)
	}
}

func TestTheServersDiskIsThoughtOf(t *testing.T) {
	const gib = 1 << 30
	for _, c := range []struct {
		name string
		slotState
		says string
	}{
		{"little is held", slotState{held: 1 << 20, most: -1, status: "reserved", safe: -1}, ""},
		{"much is held, without bound", slotState{held: 5 * gib, most: -1, status: "extended", safe: -1}, "its disk may become full"},
		{"much is held, within a bound that is far", slotState{held: 5 * gib, most: 100 * gib, status: "extended", safe: 95 * gib}, ""},
		{"the bound is near", slotState{held: 6 * gib, most: 10 * gib, status: "extended", safe: 4 * gib}, "gives it up at max_slot_wal_keep_size"},
		{"the bound is passed", slotState{held: 11 * gib, most: 10 * gib, status: "unreserved", safe: -gib}, "gives it up at max_slot_wal_keep_size"},
	} {
		if got := c.danger("goodstate_shop", 4*gib); c.says == "" && got != "" || !strings.Contains(got, c.says) {
			t.Errorf("%s: %q, want %q in it", c.name, got, c.says)
		}
	}
}

func TestAStreamedLogEndsAtItsFirstGap(t *testing.T) {
	const mib = 1 << 20
	const a, b, c = "000000010000000000000003", "000000010000000000000004", "000000020000000000000004"
	for _, k := range []struct {
		name string
		all  []piece
		from uint64
		use  int
		gap  bool
	}{
		{"nothing was streamed", nil, 3 * mib, 0, false},
		{"what the restore point has is passed over", []piece{{file: a, from: 0, to: 10}, {file: a, from: 10, to: 20}}, 3*mib + 10, 1, false},
		{"over the end of a segment", []piece{{file: a, from: 5, to: mib}, {file: b, from: 0, to: 9}}, 3*mib + 10, 2, false},
		{"a piece lacks", []piece{{file: a, from: 5, to: 10}, {file: a, from: 11, to: 20}}, 3*mib + 5, 1, true},
		{"a segment lacks", []piece{{file: b, from: 0, to: 10}}, 3*mib + 5, 0, true},
		{"a new timeline begins with what the old one had", []piece{{file: b, from: 0, to: 10}, {file: "00000002.history", from: 0, to: 5}, {file: c, from: 0, to: 20}}, 4 * mib, 3, false},
	} {
		use, gap := onward(k.all, k.from, 1, mib)
		if len(use) != k.use || (gap != "") != k.gap {
			t.Errorf("%s: %d pieces, gap %q, want %d", k.name, len(use), gap, k.use)
		}
	}
}
