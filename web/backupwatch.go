package web

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"goodstate.dev/goodstate/backup/ledger"
	"goodstate.dev/goodstate/backup/runbook"
)

type alertsData struct {
	Open, Closed []ledger.Alert
	Frozen       []ledger.Frozen
	CanDo        mayBackups
}

// backupAlerts is what the watch has noticed, and what is frozen.
func (s *site) backupAlerts(r *http.Request) (view, error) {
	d := alertsData{CanDo: s.mayBackups(r)}
	all, err := s.Backups.Alerts(r.Context(), false)
	if err != nil {
		return view{}, err
	}
	for _, a := range all {
		if a.Closed.IsZero() {
			d.Open = append(d.Open, a)
		} else {
			d.Closed = append(d.Closed, a)
		}
	}
	d.Frozen, err = s.Backups.Frozen(r.Context())
	return view{Page: "backupalerts", Title: "Alerts of the backups", Command: "goodstate backup alerts --all", Data: d}, err
}

func (s *site) unfreeze(r *http.Request, who string) (string, error) {
	return "/backup-alerts", s.Backups.Unfreeze(r.Context(), r.PathValue("repository"), who, strings.TrimSpace(r.PostFormValue("why")))
}

func (s *site) closeAlert(r *http.Request, who string) (string, error) {
	return "/backup-alerts", s.Backups.CloseAlert(r.Context(), r.PathValue("id"), who, reason(r))
}

// runbook is the recovery document as a page to read and print.
func (s *site) runbook(r *http.Request) (view, error) {
	book, err := s.book(r)
	command := "goodstate backup runbook"
	if name := r.FormValue("application"); name != "" {
		command += " " + name
	}
	return view{Page: "runbook", Title: "Recovery", Command: command, Data: book}, err
}

func (s *site) book(r *http.Request) (runbook.Book, error) {
	book, err := s.Backups.Runbook(r.Context(), time.Now())
	if name := r.FormValue("application"); err == nil && name != "" {
		only, ok := book.Of(name)
		if !ok {
			return book, fmt.Errorf("%w: backup.applications has no %s", errNoPage, name)
		}
		book = only
	}
	return book, err
}

// runbookFile offers the document as a file: its style is in it, which our pages do not allow.
func (s *site) runbookFile(w http.ResponseWriter, r *http.Request) {
	book, err := s.book(r)
	kind, name, text := "text/markdown; charset=utf-8", "RECOVERY.md", ""
	if err == nil {
		if strings.HasSuffix(r.URL.Path, ".html") {
			kind, name = "text/html; charset=utf-8", "RECOVERY.html"
			text, err = book.HTML()
		} else {
			text, err = book.Markdown()
		}
	}
	if err != nil {
		s.failed(w, r, err)
		return
	}
	download(w, kind, name, text)
}
