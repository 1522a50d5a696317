package feedback

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// Store is the record of reports, in goodstate's own database.
type Store struct {
	DB     *sql.DB
	Spool  *Spool
	Redact func(string) string // takes secrets out of what users wrote

	mu sync.Mutex // one taker at a time
}

// The states of a group.
const (
	Open     = "open"
	Answered = "answered"
	Closed   = "closed"
)

// Group is reports that say the same.
type Group struct {
	ID      int64     `json:"id"`
	Service string    `json:"service"`
	Text    string    `json:"text"` // of the first report
	Kind    string    `json:"kind"`
	Count   int       `json:"count"`
	State   string    `json:"state"`
	Answer  string    `json:"answer,omitempty"`
	Who     string    `json:"who,omitempty"` // answered or closed it
	First   time.Time `json:"first"`
	Last    time.Time `json:"last"`
	Reports []Report  `json:"reports,omitempty"` // the newest ones, where one group is asked for
}

// ErrNoGroup says that there are no such reports.
var ErrNoGroup = errors.New("no such feedback")

const (
	mostGroups  = 300    // that a new report is compared with, the newest first
	mostReports = 20_000 // that are kept of a service
)

// Take moves what waits in the spool into the record and returns it, oldest first. A report is taken once, whoever dies meanwhile.
func (s *Store) Take(ctx context.Context) ([]Report, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	names, err := s.Spool.waiting()
	if err != nil {
		return nil, fmt.Errorf("reports that wait: %w", err)
	}
	var taken []Report
	for _, name := range names {
		r, err := s.Spool.read(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			// Not ours: it would come again each second.
			if moved := os.Rename(filepath.Join(s.Spool.Dir, name), filepath.Join(s.Spool.Dir, name+".bad")); moved != nil {
				return taken, errors.Join(err, moved)
			}
			continue
		}
		fresh, err := s.add(ctx, &r)
		if err != nil {
			return taken, err
		}
		if fresh {
			taken = append(taken, r)
		}
		if err := ignore(os.Remove(filepath.Join(s.Spool.Dir, name)), fs.ErrNotExist); err != nil {
			return taken, fmt.Errorf("report %s: %w", r.ID, err)
		}
	}
	return taken, nil
}

// add records a report in its group; fresh is false when it is there already.
func (s *Store) add(ctx context.Context, r *Report) (fresh bool, err error) {
	if s.Redact != nil {
		r.Text, r.Page, r.Contact = s.Redact(r.Text), s.Redact(r.Page), s.Redact(r.Contact)
	}
	groups, err := s.groups(ctx, `service = ? AND kind = ? ORDER BY last_at DESC LIMIT ?`, r.Service, r.Kind, mostGroups)
	if err != nil {
		return false, err
	}
	r.Group = nearest(r.Text, groups)
	tx, err := s.DB.BeginTx(ctx, nil)
	if err != nil {
		return false, fmt.Errorf("record report %s: %w", r.ID, err)
	}
	defer func() { err = errors.Join(err, ended(tx.Rollback())) }()
	var there int
	if err := tx.QueryRowContext(ctx, `SELECT count(*) FROM feedback WHERE id = ?`, r.ID).Scan(&there); err != nil || there > 0 {
		return false, err
	}
	at := r.At.UnixMilli()
	if r.Group == 0 {
		res, err := tx.ExecContext(ctx, `INSERT INTO feedback_groups (service, kind, text, count, state, answer, who, first_at, last_at) VALUES (?, ?, ?, 0, 'open', '', '', ?, ?)`, r.Service, r.Kind, r.Text, at, at)
		if err != nil {
			return false, fmt.Errorf("record report %s: %w", r.ID, err)
		}
		if r.Group, err = res.LastInsertId(); err != nil {
			return false, fmt.Errorf("record report %s: %w", r.ID, err)
		}
	}
	// What is said again after it was closed is open again; what was answered stays answered.
	_, err = tx.ExecContext(ctx, `UPDATE feedback_groups SET count = count + 1, last_at = ?, state = CASE state WHEN 'closed' THEN 'open' ELSE state END WHERE id = ?`, at, r.Group)
	if err == nil {
		var res sql.Result
		res, err = tx.ExecContext(ctx, `INSERT INTO feedback (id, service, release, at, kind, text, contact, page, agent, session, source, grp) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			r.ID, r.Service, r.Release, at, r.Kind, r.Text, r.Contact, r.Page, r.Agent, r.Session, r.Source, r.Group)
		if err == nil {
			r.Seq, err = res.LastInsertId()
		}
	}
	if err == nil {
		_, err = tx.ExecContext(ctx, `DELETE FROM feedback WHERE service = ? AND seq <= (SELECT max(seq) FROM feedback WHERE service = ?) - ?`, r.Service, r.Service, mostReports)
	}
	if err == nil {
		err = tx.Commit()
	}
	if err != nil {
		return false, fmt.Errorf("record report %s: %w", r.ID, err)
	}
	return true, nil
}

func ended(err error) error { return ignore(err, sql.ErrTxDone) }

// Since lists reports of a service that arrived after one, oldest first, at most limit.
func (s *Store) Since(ctx context.Context, service string, after int64, from time.Time, limit int) ([]Report, error) {
	return s.reports(ctx, `service = ? AND seq > ? AND at >= ? ORDER BY seq LIMIT ?`, service, after, from.UnixMilli(), limit)
}

// Groups lists the groups of a service, or of all where it is "", those with the newest reports first; a state narrows them.
func (s *Store) Groups(ctx context.Context, service, state string, limit int) ([]Group, error) {
	return s.groups(ctx, `(? = '' OR service = ?) AND (? = '' OR state = ?) ORDER BY last_at DESC, id DESC LIMIT ?`, service, service, state, state, limit)
}

// Group is one group with its newest reports.
func (s *Store) Group(ctx context.Context, id int64) (Group, error) {
	all, err := s.groups(ctx, `id = ?`, id)
	if err != nil {
		return Group{}, err
	}
	if len(all) == 0 {
		return Group{}, fmt.Errorf("%d: %w", id, ErrNoGroup)
	}
	g := all[0]
	g.Reports, err = s.reports(ctx, `grp = ? ORDER BY seq DESC LIMIT 100`, id)
	return g, err
}

// Say answers or closes a group, for all who wrote what is in it. Without a text an earlier answer stays.
func (s *Store) Say(ctx context.Context, id int64, state, text, who string) (Group, error) {
	g, err := s.Group(ctx, id)
	if err != nil {
		return g, err
	}
	if text = strings.TrimSpace(text); text == "" && state == Answered {
		return g, errors.New("the answer is empty")
	}
	if len(text) > mostText {
		return g, fmt.Errorf("the answer has %d bytes, at most %d are shown", len(text), mostText)
	}
	if text == "" {
		text = g.Answer
	}
	g.State, g.Answer, g.Who = state, text, who
	if _, err := s.DB.ExecContext(ctx, `UPDATE feedback_groups SET state = ?, answer = ?, who = ? WHERE id = ?`, g.State, g.Answer, g.Who, id); err != nil {
		return g, fmt.Errorf("answer feedback %d: %w", id, err)
	}
	authors, err := s.reports(ctx, `grp = ? ORDER BY seq DESC LIMIT ?`, id, mostReports)
	if err != nil {
		return g, err
	}
	for _, r := range authors {
		if err := s.Spool.answer(r.ID, Answer{State: g.State, Text: g.Answer, At: time.Now()}); err != nil {
			return g, err
		}
	}
	return g, nil
}

func (s *Store) groups(ctx context.Context, where string, args ...any) (out []Group, err error) {
	rows, err := s.DB.QueryContext(ctx, `SELECT id, service, kind, text, count, state, answer, who, first_at, last_at FROM feedback_groups WHERE `+where, args...)
	if err != nil {
		return nil, fmt.Errorf("list feedback: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var g Group
		var first, last int64
		if err := rows.Scan(&g.ID, &g.Service, &g.Kind, &g.Text, &g.Count, &g.State, &g.Answer, &g.Who, &first, &last); err != nil {
			return nil, fmt.Errorf("list feedback: %w", err)
		}
		g.First, g.Last = time.UnixMilli(first), time.UnixMilli(last)
		out = append(out, g)
	}
	return out, rows.Err()
}

func (s *Store) reports(ctx context.Context, where string, args ...any) (out []Report, err error) {
	rows, err := s.DB.QueryContext(ctx, `SELECT seq, id, service, release, at, kind, text, contact, page, agent, session, source, grp FROM feedback WHERE `+where, args...)
	if err != nil {
		return nil, fmt.Errorf("list reports: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var r Report
		var at int64
		if err := rows.Scan(&r.Seq, &r.ID, &r.Service, &r.Release, &at, &r.Kind, &r.Text, &r.Contact, &r.Page, &r.Agent, &r.Session, &r.Source, &r.Group); err != nil {
			return nil, fmt.Errorf("list reports: %w", err)
		}
		r.At = time.UnixMilli(at)
		out = append(out, r)
	}
	return out, rows.Err()
}
