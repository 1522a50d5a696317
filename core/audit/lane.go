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
	lost int64      // dropped since it last had everything
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
		woken := x.source.Woken()
		l.mu.Lock()
		n, err := x.step(ctx, l)
		l.mu.Unlock()
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			x.Log.WarnContext(ctx, "the "+x.called+" is not handed on", slog.String("sink", l.name), slog.Any("error", err), slog.Duration("again in", wait))
			rest(ctx, wait, nil)
			wait = min(2*wait, longest)
			continue
		}
		wait = x.first
		if n == 0 {
			l.lost = 0
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
	if c, err = x.forget(ctx, l, c); err != nil {
		return 0, err
	}
	records, err := x.source.After(ctx, c.seq, x.batch)
	if err != nil || len(records) == 0 {
		return 0, err
	}
	records = upTo(records, batchBytes)
	limited, stop := context.WithTimeout(ctx, sendMost)
	err = l.sink.Send(limited, x.Secrets, records)
	stop()
	if err != nil && ctx.Err() != nil {
		return 0, ctx.Err()
	}
	ctx = context.WithoutCancel(ctx) // what was taken is noted also while the process ends, so that it is not sent again
	if err != nil {
		return 0, errors.Join(err, x.failed(ctx, l, c, err))
	}
	was := c
	c.seq, c.at, c.problem, c.failed = records[len(records)-1].Seq, time.Now(), "", time.Time{}
	if err := x.put(ctx, l.name, c); err != nil {
		return 0, err
	}
	if !l.told.IsZero() && l.told.Equal(was.failed) {
		x.note(ctx, l, "caught-up", fmt.Sprintf("the %s to %s works again, after it failed since %s", x.called, l.name, was.failed.Local().Format("2006-01-02 15:04:05")), was.failed)
	}
	return len(records), nil
}

// forget drops what a sink is too far behind to get, so that a sink that never comes back does not keep a log from being pruned.
func (x *Exporter) forget(ctx context.Context, l *lane, c cursor) (cursor, error) {
	if x.Other == nil || x.Other.Most == 0 {
		return c, nil
	}
	head, err := x.source.Head(ctx)
	if err != nil || head-c.seq <= x.Other.Most {
		return c, err
	}
	gone := head - x.Other.Most - c.seq
	c.seq, c.dropped = c.seq+gone, c.dropped+gone
	if _, err := x.DB.ExecContext(ctx, `UPDATE audit_cursors SET seq = ?, dropped = dropped + ? WHERE sink = ?`, c.seq, gone, x.prefix+l.name); err != nil {
		return c, fmt.Errorf("note what the %s to %s does not get: %w", x.called, l.name, err)
	}
	if l.lost == 0 { // said once for each time that it falls behind
		x.note(ctx, l, "dropped", fmt.Sprintf("the %s to %s is more than %d entries behind: the oldest are dropped, %d so far", x.called, l.name, x.Other.Most, c.dropped), time.Now())
	}
	l.lost += gone
	return c, nil
}

// upTo is as many records as fit, at least one.
func upTo(records []Record, most int) []Record {
	size := 0
	for i, r := range records {
		size += r.size()
		if size > most && i > 0 {
			return records[:i]
		}
	}
	return records
}

// failed keeps why and since when a sink does not take anything, and says it once in the journal when it lasts.
func (x *Exporter) failed(ctx context.Context, l *lane, c cursor, problem error) error {
	c.problem = x.Redact(cut(problem.Error(), problemMost))
	if c.failed.IsZero() {
		c.failed = time.UnixMilli(time.Now().UnixMilli())
	}
	if time.Since(c.failed) > patience && !l.told.Equal(c.failed) {
		l.told = c.failed
		x.note(ctx, l, "behind", fmt.Sprintf("the %s to %s fails since %s: %s", x.called, l.name, c.failed.Local().Format("2006-01-02 15:04:05"), c.problem), c.failed)
	}
	return x.put(ctx, l.name, c)
}

func (x *Exporter) note(ctx context.Context, l *lane, event, text string, since time.Time) {
	if x.Other == nil {
		event = "audit-" + event
	} else {
		event = x.Other.Name + "-log-" + event
		if x.Other.Tell != nil {
			x.Other.Tell(ctx, event, text)
		}
	}
	_, err := x.Journal.Append(ctx, journal.Entry{Event: event, Actor: "goodstate", Text: text, Key: fmt.Sprintf("%s/%s/%d", event, x.prefix+l.name, since.UnixMilli())})
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
	dropped int64
}

func (x *Exporter) cursor(ctx context.Context, sink string) (cursor, error) {
	var c cursor
	var at, failed int64
	err := x.DB.QueryRowContext(ctx, `SELECT seq, at, error, failed, dropped FROM audit_cursors WHERE sink = ?`, x.prefix+sink).Scan(&c.seq, &at, &c.problem, &failed, &c.dropped)
	if errors.Is(err, sql.ErrNoRows) {
		return x.begin(ctx, sink)
	}
	if err != nil {
		return c, fmt.Errorf("how far the %s to %s is: %w", x.called, sink, err)
	}
	if at != 0 {
		c.at = time.UnixMilli(at)
	}
	if failed != 0 {
		c.failed = time.UnixMilli(failed)
	}
	return c, nil
}

// begin is the cursor of a new sink: it gets the whole journal, and of another log what comes from now on.
func (x *Exporter) begin(ctx context.Context, sink string) (c cursor, err error) {
	if x.Other == nil {
		return c, nil
	}
	if c.seq, err = x.source.Head(ctx); err != nil {
		return c, err
	}
	return c, x.put(ctx, sink, c)
}

func (x *Exporter) put(ctx context.Context, sink string, c cursor) error {
	var at, failed int64
	if !c.at.IsZero() {
		at = c.at.UnixMilli()
	}
	if !c.failed.IsZero() {
		failed = c.failed.UnixMilli()
	}
	_, err := x.DB.ExecContext(ctx, `INSERT INTO audit_cursors (sink, seq, at, error, failed, dropped) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT (sink) DO UPDATE SET seq = excluded.seq, at = excluded.at, error = excluded.error, failed = excluded.failed`, // what was dropped only grows, and not only here
		x.prefix+sink, c.seq, at, c.problem, failed, c.dropped)
	if err != nil {
		return fmt.Errorf("note how far the %s to %s is: %w", x.called, sink, err)
	}
	return nil
}

func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return text[:most] + "..."
}
