package audit

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"goodstate.dev/goodstate/core/journal"
)

// lane is a sink and its place in the journal.
type lane struct {
	name string
	sink Sink
	mu   sync.Mutex // one hand-over at a time
	told time.Time  // the failure that was journaled last
}

const (
	batchEntries = 200
	batchBytes   = 1 << 20
	sendMost     = 30 * time.Second
	longest      = time.Minute // between attempts
	poll         = time.Second // for what other processes wrote
	problemMost  = 500         // bytes of an error that is kept
)

// serve hands on what comes, and tries again what failed, later each time.
func (x *Exporter) serve(ctx context.Context, l *lane) {
	wait := x.first
	for ctx.Err() == nil {
		woken := x.Journal.Woken()
		l.mu.Lock()
		n, err := x.step(ctx, l)
		l.mu.Unlock()
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			x.Log.WarnContext(ctx, "the journal is not handed on", slog.String("sink", l.name), slog.Any("error", err), slog.Duration("again in", wait))
			rest(ctx, wait, nil)
			wait = min(2*wait, longest)
			continue
		}
		wait = x.first
		if n == 0 {
			rest(ctx, poll, woken)
		}
	}
}

func rest(ctx context.Context, d time.Duration, woken <-chan struct{}) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-woken:
	}
}

// step hands on one batch, and tells of how many entries it was. The cursor moves after the other side has them.
func (x *Exporter) step(ctx context.Context, l *lane) (int, error) {
	c, err := x.cursor(ctx, l.name)
	if err != nil {
		return 0, err
	}
	entries, err := x.Journal.List(ctx, journal.Filter{After: c.seq, Limit: batchEntries})
	if err != nil || len(entries) == 0 {
		return 0, err
	}
	entries = upTo(entries, batchBytes)
	limited, stop := context.WithTimeout(ctx, sendMost)
	err = l.sink.Send(limited, x.Secrets, entries)
	stop()
	if err != nil && ctx.Err() != nil {
		return 0, ctx.Err()
	}
	ctx = context.WithoutCancel(ctx) // what was taken is noted also while the process ends, so that it is not sent again
	if err != nil {
		return 0, errors.Join(err, x.failed(ctx, l, c, err))
	}
	was := c
	c.seq, c.at, c.problem, c.failed = entries[len(entries)-1].Seq, time.Now(), "", time.Time{}
	if err := x.put(ctx, l.name, c); err != nil {
		return 0, err
	}
	if !l.told.IsZero() && l.told.Equal(was.failed) {
		x.note(ctx, l, "audit-caught-up", fmt.Sprintf("the audit to %s works again, after it failed since %s", l.name, was.failed.Local().Format("2006-01-02 15:04:05")), was.failed)
	}
	return len(entries), nil
}

// upTo is as many entries as fit, at least one.
func upTo(entries []journal.Entry, most int) []journal.Entry {
	size := 0
	for i, e := range entries {
		size += len(e.Text) + len(e.Data) + 300
		if size > most && i > 0 {
			return entries[:i]
		}
	}
	return entries
}

// failed keeps why and since when a sink does not take anything, and says it once in the journal when it lasts.
func (x *Exporter) failed(ctx context.Context, l *lane, c cursor, problem error) error {
	c.problem = x.Redact(cut(problem.Error(), problemMost))
	if c.failed.IsZero() {
		c.failed = time.UnixMilli(time.Now().UnixMilli())
	}
	if time.Since(c.failed) > patience && !l.told.Equal(c.failed) {
		l.told = c.failed
		x.note(ctx, l, "audit-behind", fmt.Sprintf("the audit to %s fails since %s: %s", l.name, c.failed.Local().Format("2006-01-02 15:04:05"), c.problem), c.failed)
	}
	return x.put(ctx, l.name, c)
}

func (x *Exporter) note(ctx context.Context, l *lane, event, text string, since time.Time) {
	_, err := x.Journal.Append(ctx, journal.Entry{Event: event, Actor: "goodstate", Text: text, Key: fmt.Sprintf("%s/%s/%d", event, l.name, since.UnixMilli())})
	if err != nil {
		x.Log.ErrorContext(ctx, "not journaled", slog.Any("error", err))
	}
}

// cursor is how far a sink is.
type cursor struct {
	seq     int64
	at      time.Time
	problem string
	failed  time.Time // since when; zero: it works
}

func (x *Exporter) cursor(ctx context.Context, sink string) (cursor, error) {
	var c cursor
	var at, failed int64
	err := x.DB.QueryRowContext(ctx, `SELECT seq, at, error, failed FROM audit_cursors WHERE sink = ?`, sink).Scan(&c.seq, &at, &c.problem, &failed)
	if errors.Is(err, sql.ErrNoRows) {
		return cursor{}, nil
	}
	if err != nil {
		return c, fmt.Errorf("how far the audit to %s is: %w", sink, err)
	}
	if at != 0 {
		c.at = time.UnixMilli(at)
	}
	if failed != 0 {
		c.failed = time.UnixMilli(failed)
	}
	return c, nil
}

func (x *Exporter) put(ctx context.Context, sink string, c cursor) error {
	var at, failed int64
	if !c.at.IsZero() {
		at = c.at.UnixMilli()
	}
	if !c.failed.IsZero() {
		failed = c.failed.UnixMilli()
	}
	_, err := x.DB.ExecContext(ctx, `INSERT INTO audit_cursors (sink, seq, at, error, failed) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (sink) DO UPDATE SET seq = excluded.seq, at = excluded.at, error = excluded.error, failed = excluded.failed`, sink, c.seq, at, c.problem, failed)
	if err != nil {
		return fmt.Errorf("note how far the audit to %s is: %w", sink, err)
	}
	return nil
}

func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return text[:most] + "..."
}
