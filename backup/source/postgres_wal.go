package source

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

var (
	walName   = regexp.MustCompile(`^[0-9A-F]{24}(\.partial)?$`)
	otherWAL  = regexp.MustCompile(`^[0-9A-F]{8}\.history$`)
	notInSlot = regexp.MustCompile(`[^a-z0-9_]+`)
)

// walNumber is the place of a WAL segment in the row of all, whatever its timeline: the second and third eight digits of its name, see "WAL Internals" in PostgreSQL's
// documentation.
func walNumber(name string, segment uint64) (uint64, error) {
	if !walName.MatchString(name) || segment == 0 {
		return 0, fmt.Errorf("%q is not the name of a WAL segment", name)
	}
	high, err := strconv.ParseUint(name[8:16], 16, 32)
	if err != nil {
		return 0, err
	}
	low, err := strconv.ParseUint(name[16:24], 16, 32)
	return high*(1<<32/segment) + low, err
}

// walFile is the name of a segment by its timeline and number.
func walFile(timeline, number, segment uint64) string {
	return fmt.Sprintf("%08X%08X%08X", timeline, number/(1<<32/segment), number%(1<<32/segment))
}

// missingWAL names the segments that lack between the first that is needed and the last that is there.
func missingWAL(names []string, timeline, from, segment uint64) ([]string, error) {
	have := map[uint64]bool{}
	last := from
	for _, name := range names {
		if otherWAL.MatchString(name) {
			continue
		}
		n, err := walNumber(name, segment)
		if err != nil {
			return nil, err
		}
		have[n] = true
		last = max(last, n)
	}
	var lacks []string
	for n := from; n <= last && len(lacks) < 1000; n++ {
		if !have[n] {
			lacks = append(lacks, walFile(timeline, n, segment))
		}
	}
	return lacks, nil
}

// moment is where a server's log stood.
type moment struct {
	at       time.Time // by the server's clock
	lsn      uint64
	system   string
	segment  uint64 // bytes
	major    int
	user     string
	database string
	fresh    bool // the slot was made just now: what was before it may be gone
	slot     slotState
}

// LSNs are written as two hexadecimal numbers of 32 bits.
func parseLSN(text string) (uint64, error) {
	high, low, ok := strings.Cut(text, "/")
	h, err := strconv.ParseUint(high, 16, 32)
	l, err2 := strconv.ParseUint(low, 16, 32)
	if err = errors.Join(err, err2); !ok || err != nil {
		return 0, fmt.Errorf("%q is not a place in the log of PostgreSQL, want like 0/3000060", text)
	}
	return h<<32 | l, nil
}

func formatLSN(n uint64) string { return fmt.Sprintf("%X/%X", n>>32, uint32(n)) }

// mark writes a commit into the log, so that a recovery to any time before it ends where it was asked to, and says where the log stands.
func mark(ctx context.Context, url, slot string) (m moment, err error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return m, fmt.Errorf("connect to the server: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	m.user, m.database = conn.Config().User, conn.Config().Database
	var standby bool
	var version int
	row := conn.QueryRow(ctx, `SELECT pg_is_in_recovery(), clock_timestamp(), (SELECT system_identifier::text FROM pg_control_system()),
		(SELECT setting::bigint FROM pg_settings WHERE name = 'wal_segment_size'), current_setting('server_version_num')::int`)
	if err := row.Scan(&standby, &m.at, &m.system, &m.segment, &version); err != nil {
		return m, fmt.Errorf("ask the server where it stands: %w", err)
	}
	m.major = version / 10000
	if standby {
		return m, errors.New("the server is a standby; want the primary, because each copy writes a mark into the log")
	}
	if m.fresh, err = ensureSlot(ctx, conn, slot); err != nil {
		return m, err
	}
	for _, s := range []string{"SET synchronous_commit = local", "SELECT pg_logical_emit_message(true, 'goodstate', 'restore point')"} {
		if _, err := conn.Exec(ctx, s); err != nil {
			return m, fmt.Errorf("mark the server's log: %w", err)
		}
	}
	var text string
	if err := conn.QueryRow(ctx, "SELECT pg_current_wal_flush_lsn()::text").Scan(&text); err != nil {
		return m, fmt.Errorf("end of the server's log: %w", err)
	}
	if m.lsn, err = parseLSN(text); err != nil {
		return m, err
	}
	m.slot, err = slotOf(ctx, conn, slot)
	return m, err
}

// slotName is the name of the replication slot of an application.
func slotName(application string) string {
	return "goodstate_" + notInSlot.ReplaceAllString(strings.ToLower(application), "_")
}

// receive brings the log up to now into the folder, and returns where it ends. The slot keeps the log on the server until it is here, on disk. Where the log is followed
// all the time it only waits until that has come so far.
func (j Job) receive(ctx context.Context, url, folder string) (moment, error) {
	if j.Live != nil {
		if m, ok, err := j.Live.reached(ctx); ok {
			return m, err
		}
	}
	slot := slotName(j.Application)
	m, err := mark(ctx, url, slot)
	if err != nil {
		return m, err
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return m, fmt.Errorf("folder of the log: %w", err)
	}
	env, _, err := postgresEnv(url)
	if err != nil {
		return m, err
	}
	// It ends when what came is beyond the end that is given.
	p := program{argv: []string{"pg_receivewal", "--directory=" + folder, "--slot=" + slot, "--endpos=" + formatLSN(m.lsn-1), "--no-loop", "--no-password", "--synchronous"}, env: append(env, "LC_ALL=C")}
	cmd, said := p.command(ctx)
	if err := cmd.Run(); err != nil {
		return m, p.failed(err, said)
	}
	return m, nil
}

// walIn lists the files of the log in a folder.
func walIn(folder string) ([]string, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, fmt.Errorf("folder of the log: %w", err)
	}
	var names []string
	for _, e := range entries {
		if walName.MatchString(e.Name()) || otherWAL.MatchString(e.Name()) {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// tidyWAL removes whole segments, which are in the repository by now, but for the last: pg_receivewal goes on from it.
func tidyWAL(folder string) error {
	names, err := walIn(folder)
	if err != nil {
		return err
	}
	names = slices.DeleteFunc(names, func(name string) bool { return !walName.MatchString(name) || strings.HasSuffix(name, ".partial") })
	slices.Sort(names)
	var errs []error
	for _, name := range names[:max(0, len(names)-1)] {
		if err := os.Remove(filepath.Join(folder, name)); err != nil {
			errs = append(errs, fmt.Errorf("remove a part of the log that is in the repository: %w", err))
		}
	}
	return errors.Join(errs...)
}
