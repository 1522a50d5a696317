package source

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// slotState is how the replication slot stands that keeps the log on the server until it was fetched.
type slotState struct {
	flushed uint64 // up to where it was fetched and is on disk here
	held    int64  // bytes that the server keeps for it
	status  string // wal_status of pg_replication_slots
	safe    int64  // bytes that may be written until the server gives it up; -1: it never does
	most    int64  // max_slot_wal_keep_size in bytes; -1: without bound
	active  bool
}

// ensureSlot makes the slot where there is none, or where the server gave it up. What was before it may be gone then.
func ensureSlot(ctx context.Context, conn *pgx.Conn, slot string) (fresh bool, err error) {
	var status string
	err = conn.QueryRow(ctx, "SELECT coalesce(wal_status, 'lost') FROM pg_replication_slots WHERE slot_name = $1", slot).Scan(&status)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
	case err != nil:
		return false, fmt.Errorf("replication slot %s: %w", slot, err)
	case status != "lost":
		return false, nil
	default:
		if _, err := conn.Exec(ctx, "SELECT pg_drop_replication_slot($1)", slot); err != nil {
			return false, fmt.Errorf("replication slot %s, which the server gave up: %w", slot, err)
		}
	}
	if _, err := conn.Exec(ctx, "SELECT pg_create_physical_replication_slot($1, true)", slot); err != nil {
		return false, fmt.Errorf("make the replication slot %s: %w", slot, err)
	}
	return true, nil
}

func slotOf(ctx context.Context, conn *pgx.Conn, slot string) (s slotState, err error) {
	var flushed string
	row := conn.QueryRow(ctx, `SELECT coalesce(restart_lsn, '0/0')::text, coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn), 0)::bigint, coalesce(wal_status, 'lost'), coalesce(safe_wal_size, -1), active,
		(SELECT CASE WHEN setting::bigint < 0 THEN -1 ELSE setting::bigint * 1024 * 1024 END FROM pg_settings WHERE name = 'max_slot_wal_keep_size') FROM pg_replication_slots WHERE slot_name = $1`, slot)
	if err := row.Scan(&flushed, &s.held, &s.status, &s.safe, &s.active, &s.most); err != nil {
		return s, fmt.Errorf("replication slot %s: %w", slot, err)
	}
	s.flushed, err = parseLSN(flushed)
	return s, err
}

// danger says what may become of the server or of the log because the slot holds much; empty: nothing. Enough is how much it may hold without a word.
func (s slotState) danger(slot string, enough int64) string {
	switch {
	case s.status == "unreserved" || s.most > 0 && s.held > s.most/2:
		return fmt.Sprintf("the server keeps %s of its log for goodstate (slot %s) and gives it up at max_slot_wal_keep_size = %s: then the log has a gap and a new base copy is needed", size(s.held), slot, size(s.most))
	case s.most < 0 && s.held > enough:
		return fmt.Sprintf("the server keeps %s of its log for goodstate (slot %s), and nothing bounds that: its disk may become full. Set max_slot_wal_keep_size there", size(s.held), slot)
	}
	return ""
}

// reached marks the log and waits until all up to the mark is on disk here. False: it is not followed now.
func (s *Stream) reached(ctx context.Context) (moment, bool, error) {
	s.mu.Lock()
	reach := s.reach
	s.mu.Unlock()
	if reach == nil {
		return moment{}, false, nil
	}
	ctx, stop := context.WithTimeout(ctx, reachPatience)
	defer stop()
	m, err := reach(ctx)
	return m, true, err
}

// reachPatience is how long what is marked may take to come.
const reachPatience = 2 * time.Minute
