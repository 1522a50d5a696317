package report

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"goodstate.dev/goodstate/core/config"
	"goodstate.dev/goodstate/core/journal"
	"goodstate.dev/goodstate/core/notify"
	"goodstate.dev/goodstate/core/store"
	"goodstate.dev/goodstate/drift/record"
)

// Made is the event of the journal that says which files were made.
const Made = "drift-report-made"

// File is a file of a report, as the journal knows it.
type File struct {
	Name   string `json:"name"`
	SHA256 string `json:"sha256"`
	Bytes  int    `json:"bytes"`
}

// Options are the parts that scheduled reports stand on.
type Options struct {
	Plans   config.Map[Plan]
	DB      *sql.DB // with the table drift_report_sent
	Book    *record.Book
	Journal *journal.Journal
	Notify  *notify.Notifier
	Signer  *Signer
	Members func(ctx context.Context, playbook, group string) ([]string, error) // hosts of a group
	Page    func(path string) string
	Log     *slog.Logger
}

// Sender makes reports when they are due and hands them to who is told things.
type Sender struct{ Options }

// NewSender returns the sender of these plans. It does no I/O.
func NewSender(o Options) *Sender { return &Sender{o} }

// ErrUnknown says that the configuration has no such report.
var ErrUnknown = errors.New("no such report")

// clockTick is how often it is looked what is due.
const clockTick = 5 * time.Second

// Clock sends what is due until ctx ends.
func (s *Sender) Clock(ctx context.Context) {
	tick := time.NewTicker(clockTick)
	defer tick.Stop()
	for {
		if err := s.Due(ctx, time.Now()); err != nil && ctx.Err() == nil {
			s.Log.WarnContext(ctx, "reports of drift", slog.Any("error", err))
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Due sends what is due by now. A report that was missed several times is sent once; a new one is due for the first time after now.
func (s *Sender) Due(ctx context.Context, now time.Time) error {
	var errs []error
	for name, p := range s.Plans.All() {
		last, known, err := s.last(ctx, name)
		if err != nil {
			return err
		}
		if !known || last.After(now) { // a clock that was set back
			errs = append(errs, s.note(ctx, name, now, ""))
			continue
		}
		next := p.next(last)
		if next.IsZero() || next.After(now) {
			continue
		}
		said := "sent"
		if _, err := s.send(ctx, name, p, fmt.Sprintf("%d", next.Unix()), "schedule", now); err != nil {
			said = "not sent: " + err.Error()
			errs = append(errs, fmt.Errorf("report %s: %w", name, err))
		}
		errs = append(errs, s.note(ctx, name, now, said))
	}
	return errors.Join(errs...)
}

// Send makes a report now and sends it.
func (s *Sender) Send(ctx context.Context, name, who string, now time.Time) ([]File, error) {
	p, ok := s.Plans.Get(name)
	if !ok {
		return nil, fmt.Errorf("report %q: %w; goodstate.yaml has %s under drift.reports", name, ErrUnknown, strings.Join(s.Plans.Keys(), ", "))
	}
	return s.send(ctx, name, p, "now-"+fmt.Sprint(now.UnixNano()), who, now)
}

// send makes the files, journals their digests, and enqueues the notice. The id makes that a report which is sent again after a crash is told once.
func (s *Sender) send(ctx context.Context, name string, p Plan, id, who string, now time.Time) ([]File, error) {
	sc := Scope{Playbook: p.Playbook, Hosts: p.Hosts, Controls: p.Controls, Group: p.Group}
	if p.Group != "" {
		hosts, err := s.Members(ctx, p.Playbook, p.Group)
		if err != nil {
			return nil, err
		}
		sc.Members = map[string]bool{}
		for _, h := range hosts {
			sc.Members[h] = true
		}
	}
	r, err := Of(ctx, s.Book, sc, now)
	if err != nil {
		return nil, err
	}
	e := r.notice(name)
	e.ID, e.At = "drift-report/"+name+"/"+id, now
	if s.Page != nil {
		e.URL = s.Page("drift")
	}
	var files []File
	for _, format := range p.Formats {
		text, err := r.file(ctx, format, s.Book, s.Signer)
		if err != nil {
			return nil, err
		}
		f := notify.File{Name: fmt.Sprintf("drift-%s-%s.%s", name, now.UTC().Format("2006-01-02"), Extension(format)), Type: mimeOf(format), Data: text}
		digest := sha256.Sum256(text)
		e.Files, files = append(e.Files, f), append(files, File{f.Name, hex.EncodeToString(digest[:]), len(text)})
	}
	data, err := json.Marshal(map[string]any{"files": files, "id": id})
	if err != nil {
		return nil, err
	}
	if _, err := s.Journal.Append(ctx, journal.Entry{Event: Made, Target: "report/" + name, Actor: who, Text: e.Title, Data: data, Key: Made + "/" + name + "/" + id}); err != nil {
		return nil, err
	}
	return files, s.Notify.Send(ctx, e)
}

// file is the report in a format.
func (r Report) file(ctx context.Context, format string, b *record.Book, signer *Signer) ([]byte, error) {
	if format == "evidence" {
		return signer.Seal(r)
	}
	var out bytes.Buffer
	err := r.Write(ctx, &out, format, b)
	return out.Bytes(), err
}

func mimeOf(format string) string {
	switch format {
	case "html":
		return "text/html; charset=utf-8"
	case "csv":
		return "text/csv; charset=utf-8"
	case "json", "evidence":
		return "application/json"
	}
	return "text/markdown; charset=utf-8"
}

// noticeMost is how many differences and controls a notice names.
const noticeMost = 10

// notice is the report in a few lines.
func (r Report) notice(name string) notify.Event {
	e := notify.Event{Type: "drift.report." + name, Phase: notify.End, Severity: notify.Info}
	c := r.Fleet.Resources
	if c.Differing() > 0 || c.Unknown > 0 {
		e.Severity = notify.Warning
	}
	e.Title = fmt.Sprintf("drift report %s: %s; %d %% looked at", name, counts(c), r.Fleet.Coverage)
	lines := []string{r.scope()}
	for i, d := range r.Differences {
		if i == noticeMost {
			lines = append(lines, fmt.Sprintf("and %d more differences", len(r.Differences)-noticeMost))
			break
		}
		line := fmt.Sprintf("%s: %s (%s)", d.Hosts, d.Task, counts(d.States))
		if d.Ignored != "" {
			line += ", may stay: " + d.Ignored
		}
		lines = append(lines, line)
	}
	results := map[string]int{}
	for _, p := range r.Proofs {
		results[p.Result]++
	}
	if len(r.Proofs) > 0 {
		lines = append(lines, fmt.Sprintf("controls: %d passed, %d failed, %d excepted, %d unknown", results["passed"], results["failed"], results["excepted"], results["unknown"]))
	}
	e.Text = strings.Join(lines, "\n")
	return e
}

func (s *Sender) last(ctx context.Context, name string) (at time.Time, known bool, err error) {
	var ms int64
	err = s.DB.QueryRowContext(ctx, `SELECT last_at FROM drift_report_sent WHERE name = ?`, name).Scan(&ms)
	if errors.Is(err, sql.ErrNoRows) {
		return at, false, nil
	}
	return time.UnixMilli(ms), err == nil, store.Advise(err)
}

func (s *Sender) note(ctx context.Context, name string, at time.Time, said string) error {
	_, err := s.DB.ExecContext(ctx, `INSERT INTO drift_report_sent (name, last_at, said) VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE SET last_at = excluded.last_at, said = excluded.said`, name, at.UnixMilli(), said)
	return store.Advise(err)
}
