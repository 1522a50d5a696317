// Package report writes what the record of drift knows for people who were not there and for auditors: which tasks were compared with which hosts, when, and
// what came of it. It reads the record only and asks no host.
package report

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"goodstate.dev/goodstate/drift/record"
)

// Report is the state of a fleet at a moment.
type Report struct {
	At          time.Time          `json:"at"`
	Playbook    string             `json:"playbook,omitempty"` // empty: all
	Fleet       record.Fleet       `json:"fleet"`
	Differences []record.Cause     `json:"differences"`
	Controls    []record.Control   `json:"controls"`
	Hosts       []record.HostRow   `json:"hosts"`
	Runs        []record.Run       `json:"runs"`             // the last ones, the newest first
	Hosted      string             `json:"scope,omitempty"`  // which hosts it is about, in words; empty: all
	Trend       []record.Point     `json:"trend,omitempty"`  // of one playbook on all hosts: its last runs, the oldest first
	Proofs      []Proof            `json:"proofs,omitempty"` // of controls, where tags or names of tasks say what they are for
	Exceptions  []record.Exception `json:"exceptions,omitempty"`
}

// runs is how many runs a report lists.
const runs = 50

// Of reads a report of a scope.
func Of(ctx context.Context, b *record.Book, sc Scope, now time.Time) (r Report, err error) {
	playbook := sc.Playbook
	r = Report{At: now, Playbook: playbook, Hosted: sc.words(), Differences: []record.Cause{}, Hosts: []record.HostRow{}}
	if r.Fleet, err = b.Fleet(ctx, playbook); err != nil {
		return r, err
	}
	for after, count := "", 0; ; {
		page, err := b.Causes(ctx, playbook, after, count, 0, now)
		if err != nil {
			return r, err
		}
		if len(page) == 0 {
			break
		}
		r.Differences = append(r.Differences, page...)
		after, count = page[len(page)-1].Key(), page[len(page)-1].Count
	}
	for host, under := "", ""; ; {
		page, err := b.Hosts(ctx, playbook, host, under, 0)
		if err != nil {
			return r, err
		}
		if len(page) == 0 {
			break
		}
		for _, h := range page {
			if sc.has(h.Host) {
				r.Hosts = append(r.Hosts, h)
			}
		}
		host, under = page[len(page)-1].Host, page[len(page)-1].Playbook
	}
	if r.Controls, err = b.Controls(ctx, playbook); err != nil {
		return r, err
	}
	if r.Exceptions, err = b.Exceptions(ctx, playbook); err != nil {
		return r, err
	}
	if r.Runs, err = b.Runs(ctx, playbook, 0, runs); err != nil {
		return r, err
	}
	if of := onlyPlaybook(r.Hosts, playbook); of != "" && !sc.narrow() {
		if r.Trend, err = b.Trend(ctx, of, trendRuns); err != nil {
			return r, err
		}
	}
	return r, r.gather(ctx, b, sc)
}

// trendRuns is how many runs a trend has.
const trendRuns = 60

// onlyPlaybook is the playbook that a report is about, if it is about one.
func onlyPlaybook(hosts []record.HostRow, name string) string {
	for _, h := range hosts {
		if name != "" && h.Playbook != name {
			return ""
		}
		name = h.Playbook
	}
	return name
}

// Formats are the names that Write knows.
func Formats() []string { return []string{"markdown", "html", "json", "csv"} }

// Extension is how names of files of a format end.
func Extension(format string) string {
	switch format {
	case "markdown":
		return "md"
	case "evidence":
		return "evidence.json"
	}
	return format
}

// Write writes the report in a format. CSV has one row for each task on each host, which it reads from the book as it goes; the others are whole.
func (r Report) Write(ctx context.Context, w io.Writer, format string, b *record.Book) error {
	switch format {
	case "markdown":
		_, err := io.WriteString(w, r.Markdown())
		return err
	case "html":
		return r.HTML(w)
	case "json":
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(r)
	case "csv":
		return r.CSV(ctx, w, b)
	}
	return fmt.Errorf("format %q of a report: want one of %v", format, Formats())
}

func clock(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.UTC().Format("2006-01-02 15:04:05Z")
}

// since is the bound of when something became different.
func since(c record.Cause) string {
	if c.GoodAt.IsZero() {
		return "first seen " + clock(c.DiffersAt) + ", never seen otherwise"
	}
	return "after " + clock(c.GoodAt) + " and before " + clock(c.DiffersAt)
}
