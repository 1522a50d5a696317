// Package log is what every task said on every host, searchable: it reads the results that runs have recorded (drift/record), keeps an index of their words, hands
// them on to where logs are kept, and removes old ones. It never writes a result, and nothing that a record leaves out, such as a secret, can be in it.
package log

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"goodstate.dev/goodstate/core/store"
)

// Log is the log of a data directory.
type Log struct{ db *sql.DB }

// Open is for the owner of the data directory: it makes the index of words if there is none.
func Open(ctx context.Context, s *store.Store) (*Log, error) {
	l := &Log{db: s.DB()}
	return l, l.prepare(ctx)
}

// Entry is what a task said on a host.
type Entry struct {
	Seq      int64     `json:"seq"`
	At       time.Time `json:"at"`
	Run      string    `json:"run"`
	Playbook string    `json:"playbook"`
	Mode     string    `json:"mode"` // detect, correct
	Who      string    `json:"who,omitempty"`
	Host     string    `json:"host"`
	Play     string    `json:"play,omitempty"`
	Task     string    `json:"task"`
	Action   string    `json:"action"`
	Item     string    `json:"item,omitempty"`
	Status   string    `json:"status"` // ok, changed, failed, ignored, skipped, uncheckable, unreachable
	Text     string    `json:"text,omitempty"`
	Diff     string    `json:"diff,omitempty"`
}

// Statuses are all, the worst first.
var Statuses = []string{"unreachable", "failed", "ignored", "changed", "uncheckable", "ok", "skipped"}

// Filter chooses entries; empty fields choose all. With After, entries come the oldest first, for who follows the log; else the newest first, before Before.
type Filter struct {
	Query         string // words that are in the host, play, task, item, text or difference; see Match
	Host, Run     string
	Playbook      string
	Task          string // a part of its name, in whatever case
	Status        string
	Since, Until  time.Time
	Before, After int64
	Limit         int // 0: 100
}

// Page is a part of the log.
type Page struct {
	Entries []Entry `json:"entries"`
	Before  int64   `json:"before,omitempty"` // where the next page begins; 0: this is the last
	Behind  int64   `json:"behind,omitempty"` // entries whose words are not in the index yet, so that a search did not look at them
}

// most is how many entries a page has at most.
const most = 5000

// columns are read by entry; the run may have been removed.
const columns = `r.seq, r.at, r.run, COALESCE(u.playbook, ''), COALESCE(u.mode, ''), COALESCE(u.who, ''), r.host, r.play, r.task, r.action, r.item, r.outcome, r.text, COALESCE(c.diff, '')`

const joins = ` LEFT JOIN drift_runs u ON u.id = r.run LEFT JOIN drift_causes c ON c.cause = r.cause`

func entry(scan func(...any) error) (e Entry, err error) {
	var at int64
	err = scan(&e.Seq, &at, &e.Run, &e.Playbook, &e.Mode, &e.Who, &e.Host, &e.Play, &e.Task, &e.Action, &e.Item, &e.Status, &e.Text, &e.Diff)
	e.At = time.UnixMilli(at)
	return e, err
}

// where says a filter in SQL, without the words.
func (f Filter) where() (terms []string, args []any) {
	add := func(term string, a ...any) { terms, args = append(terms, term), append(args, a...) }
	for _, t := range []struct{ term, want string }{{"r.host = ?", f.Host}, {"r.run = ?", f.Run}, {"r.outcome = ?", f.Status}, {"r.run IN (SELECT id FROM drift_runs WHERE playbook = ?)", f.Playbook}} {
		if t.want != "" {
			add(t.term, t.want)
		}
	}
	if f.Task != "" {
		add(`LOWER(r.task) LIKE ? ESCAPE '\'`, "%"+strings.NewReplacer(`\`, `\\`, "%", `\%`, "_", `\_`).Replace(strings.ToLower(f.Task))+"%")
	}
	if !f.Since.IsZero() {
		add("r.at >= ?", f.Since.UnixMilli())
	}
	if !f.Until.IsZero() {
		add("r.at < ?", f.Until.UnixMilli())
	}
	if f.Before > 0 {
		add("r.seq < ?", f.Before)
	}
	if f.After > 0 {
		add("r.seq > ?", f.After)
	}
	return terms, args
}

// Search returns a page of the log.
func (l *Log) Search(ctx context.Context, f Filter) (p Page, err error) {
	p.Entries = []Entry{}
	if f.Limit <= 0 {
		f.Limit = 100
	}
	f.Limit = min(f.Limit, most)
	from := "drift_results r"
	terms, args := f.where()
	if f.Query != "" {
		if p.Behind, err = l.catchUp(ctx, searchWait); err != nil {
			return p, err
		}
		words, err := Match(f.Query)
		if err != nil {
			return p, err
		}
		from, terms, args = "drift_log w JOIN drift_results r ON r.seq = w.rowid", append(terms, "drift_log MATCH ?"), append(args, words)
	}
	q := "SELECT " + columns + " FROM " + from + joins
	if len(terms) > 0 {
		q += " WHERE " + strings.Join(terms, " AND ")
	}
	order := " DESC"
	if f.After > 0 {
		order = ""
	}
	q += " ORDER BY r.seq" + order + " LIMIT ?"
	p.Entries, err = l.read(ctx, q, append(args, f.Limit+1)...)
	if len(p.Entries) > f.Limit {
		p.Entries = p.Entries[:f.Limit]
		p.Before = p.Entries[f.Limit-1].Seq
	}
	return p, err
}

func (l *Log) read(ctx context.Context, query string, args ...any) (out []Entry, err error) {
	rows, err := l.db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, store.Advise(fmt.Errorf("read the log of results: %w", err))
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	out = []Entry{}
	for rows.Next() {
		e, err := entry(rows.Scan)
		if err != nil {
			return nil, fmt.Errorf("read the log of results: %w", err)
		}
		out = append(out, e)
	}
	if err := rows.Err(); err != nil {
		return nil, store.Advise(fmt.Errorf("read the log of results: %w", err))
	}
	return out, nil
}

// Head is the number of the newest entry; 0: there is none.
func (l *Log) Head(ctx context.Context) (seq int64, err error) {
	if err := l.db.QueryRowContext(ctx, `SELECT COALESCE(MAX(seq), 0) FROM drift_results`).Scan(&seq); err != nil {
		return 0, store.Advise(fmt.Errorf("read the log of results: %w", err))
	}
	return seq, nil
}
