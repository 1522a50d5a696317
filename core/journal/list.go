package journal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"time"
)

// Filter chooses entries. Empty fields choose all; After and Before are sequence numbers, for paging.
type Filter struct {
	Run, Target, Event, Actor string
	After, Before             int64
	Since, Until              time.Time
	Limit                     int  // 0: no limit
	Newest                    bool // newest first
}

func (f Filter) where() (string, []any) {
	var terms []string
	var args []any
	add := func(term string, arg any) { terms, args = append(terms, term), append(args, arg) }
	for _, t := range []struct{ column, want string }{{"run", f.Run}, {"target", f.Target}, {"event", f.Event}, {"actor", f.Actor}} {
		if t.want != "" {
			add(t.column+" = ?", t.want)
		}
	}
	if f.After > 0 {
		add("seq > ?", f.After)
	}
	if f.Before > 0 {
		add("seq < ?", f.Before)
	}
	if !f.Since.IsZero() {
		add("at >= ?", f.Since.UnixMilli())
	}
	if !f.Until.IsZero() {
		add("at < ?", f.Until.UnixMilli())
	}
	order, where := "seq", ""
	if f.Newest {
		order = "seq DESC"
	}
	if len(terms) > 0 {
		where = " WHERE " + strings.Join(terms, " AND ")
	}
	q := where + " ORDER BY " + order
	if f.Limit > 0 {
		q += fmt.Sprintf(" LIMIT %d", f.Limit)
	}
	return q, args
}

// List returns the entries that the filter chooses, oldest first unless it says otherwise.
func (j *Journal) List(ctx context.Context, f Filter) (out []Entry, err error) {
	for e, err := range j.each(ctx, f) {
		if err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return out, nil
}

func (j *Journal) each(ctx context.Context, f Filter) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		where, args := f.where()
		rows, err := j.db.QueryContext(ctx, "SELECT "+columns+" FROM journal"+where, args...)
		if err != nil {
			yield(Entry{}, fmt.Errorf("read the journal: %w", err))
			return
		}
		defer func() { _ = rows.Close() }() // below, unless the caller's loop panics
		stopped := false
		for rows.Next() && !stopped {
			e, err := scan(rows.Scan)
			stopped = !yield(e, err) || err != nil
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil && !stopped {
			yield(Entry{}, fmt.Errorf("read the journal: %w", err))
		}
	}
}

// Known says whether there is an entry with the key.
func (j *Journal) Known(ctx context.Context, key string) (bool, error) {
	var n int
	if err := j.db.QueryRowContext(ctx, "SELECT count(*) FROM journal WHERE key = ?", key).Scan(&n); err != nil {
		return false, fmt.Errorf("read the journal: %w", err)
	}
	return n > 0, nil
}

// Export writes the chosen entries as JSON lines.
func (j *Journal) Export(ctx context.Context, w io.Writer, f Filter) error {
	out := json.NewEncoder(w)
	for e, err := range j.each(ctx, f) {
		if err != nil {
			return err
		}
		if err := out.Encode(e); err != nil {
			return fmt.Errorf("export journal entry %d: %w", e.Seq, err)
		}
	}
	return nil
}

// poll is how often Follow looks for what other processes wrote.
const poll = time.Second

// Woken is closed at the next append of this process. Who waits for entries takes it before looking for them.
func (j *Journal) Woken() <-chan struct{} {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.woken
}

// Follow returns the entries after a sequence number, and then new ones as they come, until ctx ends or the caller stops.
func (j *Journal) Follow(ctx context.Context, after int64) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		tick := time.NewTicker(poll)
		defer tick.Stop()
		for {
			j.mu.Lock()
			woken := j.woken
			j.mu.Unlock()
			entries, err := j.List(ctx, Filter{After: after, Limit: 500})
			if ctx.Err() != nil {
				return
			}
			if err != nil {
				yield(Entry{}, err)
				return
			}
			for _, e := range entries {
				after = e.Seq
				if !yield(e, nil) {
					return
				}
			}
			if len(entries) > 0 {
				continue
			}
			select {
			case <-ctx.Done():
				return
			case <-woken:
			case <-tick.C:
			}
		}
	}
}
