package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"goodstate.dev/goodstate/core/store"
)

// Journal appends to and reads the record of one data directory. It may be used by several goroutines.
type Journal struct {
	db   *sql.DB
	head string // file with the last entry's number and hash

	mu    sync.Mutex // one append at a time: each needs the hash before
	clean func(string) string
	woken chan struct{} // closed and replaced at each append
}

// New opens the journal of a data directory.
func New(s *store.Store) *Journal {
	return &Journal{
		db: s.DB(), head: filepath.Join(s.Dir(), "journal.head"),
		clean: func(text string) string { return text }, woken: make(chan struct{}),
	}
}

// Redact sets what every text passes through before it is stored; it takes secrets out.
func (j *Journal) Redact(clean func(string) string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.clean = clean
}

// Append adds an entry; Seq, At (when zero), Prev and Hash are filled in. Where the entry has a Key that the journal knows
// already, nothing is added and the earlier entry is returned: a step that runs twice is recorded once.
func (j *Journal) Append(ctx context.Context, e Entry) (Entry, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := e.redact(j.clean); err != nil {
		return Entry{}, err
	}
	if e.At.IsZero() {
		e.At = time.Now()
	}
	e.At = time.UnixMilli(e.At.UnixMilli())
	added, err := j.insert(ctx, &e)
	if err != nil {
		return Entry{}, store.Advise(fmt.Errorf("journal %s: %w", e.Event, err))
	}
	if !added {
		return e, nil
	}
	if err := writeHead(j.head, e.Seq, e.Hash); err != nil {
		return Entry{}, err
	}
	close(j.woken)
	j.woken = make(chan struct{})
	return e, nil
}

const columns = "seq, at, run, step, event, target, actor, text, data, key, prev, hash"

func (j *Journal) insert(ctx context.Context, e *Entry) (added bool, err error) {
	tx, err := j.db.BeginTx(ctx, nil)
	if err != nil {
		return false, err
	}
	defer func() {
		if back := tx.Rollback(); err == nil && !errors.Is(back, sql.ErrTxDone) {
			err = back
		}
	}()
	if e.Key != "" {
		before, err := scan(tx.QueryRowContext(ctx, "SELECT "+columns+" FROM journal WHERE key = ?", e.Key).Scan)
		if err == nil {
			*e = before
			return false, nil
		}
		if !errors.Is(err, sql.ErrNoRows) {
			return false, err
		}
	}
	err = tx.QueryRowContext(ctx, "SELECT seq, hash FROM journal ORDER BY seq DESC LIMIT 1").Scan(&e.Seq, &e.Prev)
	if errors.Is(err, sql.ErrNoRows) {
		e.Seq, e.Prev = 0, ""
	} else if err != nil {
		return false, err
	}
	e.Seq++
	e.Hash = e.digest()
	key := sql.NullString{String: e.Key, Valid: e.Key != ""}
	if _, err = tx.ExecContext(ctx, "INSERT INTO journal ("+columns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		e.Seq, e.At.UnixMilli(), e.Run, e.Step, e.Event, e.Target, e.Actor, e.Text, string(e.Data), key, e.Prev, e.Hash); err != nil {
		return false, err
	}
	return true, tx.Commit()
}

func scan(into func(...any) error) (Entry, error) {
	var e Entry
	var at int64
	var data string
	var key sql.NullString
	err := into(&e.Seq, &at, &e.Run, &e.Step, &e.Event, &e.Target, &e.Actor, &e.Text, &data, &key, &e.Prev, &e.Hash)
	e.At, e.Key = time.UnixMilli(at), key.String
	if data != "" {
		e.Data = []byte(data)
	}
	return e, err
}
