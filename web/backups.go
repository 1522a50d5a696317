package web

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"goodstate.dev/goodstate/backup"
	"goodstate.dev/goodstate/backup/ledger"
	"goodstate.dev/goodstate/backup/plan"
	"goodstate.dev/goodstate/core/auth"
	"goodstate.dev/goodstate/core/run"
)

// backupPages adds the pages and forms of backups.
func (s *site) backupPages(mux *http.ServeMux) {
	s.read(mux, "GET /backups", s.backups)
	s.read(mux, "GET /backups/{application}", s.backup)
	s.read(mux, "GET /backups/{application}/points/{point}", s.backupPoint)
	s.read(mux, "GET /backups/{application}/restore", s.planRestore)
	s.read(mux, "GET /backup-runs/{run}", s.backupRun)
	s.read(mux, "GET /backup-alerts", s.backupAlerts)
	s.read(mux, "GET /runbook", s.runbook)
	mux.Handle("GET /runbook.html", s.guard.Require(auth.View, http.HandlerFunc(s.runbookFile)))
	mux.Handle("GET /runbook.md", s.guard.Require(auth.View, http.HandlerFunc(s.runbookFile)))
	s.actBackup(mux, "POST /backups/{application}/copy", auth.Copy, s.startBackup(backup.KindCopy, "application"))
	s.actBackup(mux, "POST /backups/{application}/drill", auth.Copy, s.startBackup(backup.KindDrill, "application"))
	s.actBackup(mux, "POST /backups/{application}/forget", auth.Delete, s.startBackup(backup.KindForget, "application"))
	s.actBackup(mux, "POST /backups/{application}/restore", auth.Restore, s.startBackup(backup.KindRestore, "application"))
	s.actBackup(mux, "POST /repositories/{repository}/verify", auth.Copy, s.startBackup(backup.KindVerify, "repository"))
	s.actBackup(mux, "POST /repositories/{repository}/prune", auth.Delete, s.startBackup(backup.KindPrune, "repository"))
	s.actBackup(mux, "POST /repositories/{repository}/unfreeze", auth.Delete, s.unfreeze)
	s.actBackup(mux, "POST /backup-alerts/{id}/close", auth.Restore, s.closeAlert)
	s.actRequest(mux, "POST /backup-requests/{id}/approve", s.approveBackup)
	s.actRequest(mux, "POST /backup-requests/{id}/refuse", s.refuseBackup)
}

// actBackup adds a form's target. Who may use it is what the configuration says about backups.
func (s *site) actBackup(mux *http.ServeMux, pattern string, action auth.Action, do func(r *http.Request, who string) (next string, err error)) {
	mux.Handle(pattern, s.guard.Require(auth.View, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, _ := auth.PrincipalFrom(r.Context()) // Require has seen it
		if !s.Backups.May(p, action) {
			s.refuse(w, r, http.StatusForbidden, fmt.Sprintf("%s is %s and may not %s; backup.roles of goodstate.yaml says who may", p.Name, p.Role, action))
			return
		}
		next, err := do(r, p.Name)
		s.memory.forget()
		var second *backup.SecondPersonError
		if errors.As(err, &second) {
			next, err = "/backups#request-"+second.Request.ID, nil // where it is seen that it waits
		}
		if err != nil {
			s.failed(w, r, err)
			return
		}
		http.Redirect(w, r, next, http.StatusSeeOther)
	})))
}

// mayBackups is what somebody may do with backups; buttons that would be refused are not offered.
type mayBackups struct{ Copy, Restore, Delete bool }

func (s *site) mayBackups(r *http.Request) mayBackups {
	p, _ := auth.PrincipalFrom(r.Context()) // nobody may nothing
	return mayBackups{s.Backups.May(p, auth.Copy), s.Backups.May(p, auth.Restore), s.Backups.May(p, auth.Delete)}
}

type backupsData struct {
	Standings    []backup.Standing
	Bad          int
	Alerts       []ledger.Alert
	Frozen       []ledger.Frozen
	Repositories []string
	Drills       []backupRunLine
	Requests     []backupRequest
	CanDo        mayBackups
}

// backups is the board of all applications: their states, worst first, and the ages of what was last copied, verified and restored.
func (s *site) backups(r *http.Request) (view, error) {
	d := backupsData{CanDo: s.mayBackups(r), Repositories: s.Backups.Configured().Repositories.Keys()}
	all, err := s.standings(r.Context())
	if err != nil {
		return view{}, err
	}
	for _, bad := range []bool{true, false} {
		for _, st := range all {
			if (st.State != plan.Good) == bad {
				d.Standings = append(d.Standings, st)
			}
		}
		if bad {
			d.Bad = len(d.Standings)
		}
	}
	if d.Alerts, err = s.Backups.Alerts(r.Context(), true); err != nil {
		return view{}, err
	}
	if d.Frozen, err = s.Backups.Frozen(r.Context()); err != nil {
		return view{}, err
	}
	drills, err := s.Engine.List(r.Context(), run.Filter{Kind: backup.KindDrill, Limit: 10})
	if err != nil {
		return view{}, err
	}
	d.Drills = backupRunLines(drills)
	if d.Requests, err = s.backupRequests(r); err != nil {
		return view{}, err
	}
	return view{Page: "backups", Title: "Backups", Command: "goodstate backup status", Live: true, Data: d}, nil
}

type backupData struct {
	backup.Standing
	Config backup.Application
	Points []backup.RestorePoint
	Line   *pointLine
	Runs   []backupRunLine
	CanDo  mayBackups
	Frozen string // why nothing of it is deleted
}

// backup is the page of one application: its restore points, what was done, and the way to bring it back.
func (s *site) backup(r *http.Request) (view, error) {
	name := r.PathValue("application")
	conf, ok := s.Backups.Configured().Applications.Get(name)
	if !ok {
		return view{}, fmt.Errorf("%w: backup.applications has no %s", errNoPage, name)
	}
	d := backupData{Config: conf, CanDo: s.mayBackups(r)}
	all, err := s.standings(r.Context())
	if err != nil {
		return view{}, err
	}
	for _, st := range all {
		if st.Application == name {
			d.Standing = st
		}
	}
	d.Points, err = s.restorePoints(r.Context(), name)
	if err != nil {
		d.Do, d.Why = "", d.Why+"; its repository cannot be read: "+err.Error()
		d.State = plan.Failing
	}
	d.Line = lineOf(d.Points, time.Now())
	runs, err := s.Engine.List(r.Context(), run.Filter{Target: backup.Target(name), Limit: 20})
	if err != nil {
		return view{}, err
	}
	d.Runs = backupRunLines(runs)
	frozen, err := s.Backups.Frozen(r.Context())
	for _, f := range frozen {
		if f.Repository == conf.Repository {
			d.Frozen = f.Why
		}
	}
	return view{Page: "backup", Title: "Backup of " + name, Command: "goodstate backup list " + name, Live: true, Phase: fmt.Sprint(len(d.Points), d.Running), Data: d}, err
}

// startBackup starts a run of a form.
func (s *site) startBackup(kind, of string) func(r *http.Request, who string) (string, error) {
	return func(r *http.Request, who string) (string, error) {
		q, err := restoreRequest(r)
		if err != nil {
			return "", err
		}
		if kind == backup.KindVerify {
			q.Part = 1
		}
		info, err := s.Backups.Start(r.Context(), kind, r.PathValue(of), who, reason(r), q)
		return "/backup-runs/" + url.PathEscape(info.ID), err
	}
}

// restoreRequest reads where something is to be restored to, from a form or an address.
func restoreRequest(r *http.Request) (backup.Request, error) {
	q := backup.Request{Snapshot: r.FormValue("point"), Replace: r.FormValue("replace") != ""}
	switch r.FormValue("place") {
	case "original":
		q.InPlace = true
	case "folder":
		if q.Folder = strings.TrimSpace(r.FormValue("folder")); !strings.HasPrefix(q.Folder, "/") {
			return q, fmt.Errorf("%.100q is no folder to restore into, want its whole path on the server, such as /srv/restored", q.Folder)
		}
	case "database":
		q.Database = strings.TrimSpace(r.FormValue("database"))
	}
	return q, nil
}

type restoreData struct {
	backup.RestorePlan
	Form  url.Values
	CanDo mayBackups
}

// planRestore shows what a restore would do; its button does it.
func (s *site) planRestore(r *http.Request) (view, error) {
	name := r.PathValue("application")
	may := s.mayBackups(r)
	if !may.Restore {
		return view{}, fmt.Errorf("you may not restore; backup.roles of goodstate.yaml says who may")
	}
	q, err := restoreRequest(r)
	if err != nil {
		return view{}, err
	}
	p, err := s.Backups.PlanRestore(r.Context(), name, q)
	if err != nil {
		return view{}, err
	}
	form := url.Values{"point": {p.Point}}
	for _, key := range []string{"place", "folder", "database", "replace"} {
		if v := r.FormValue(key); v != "" {
			form.Set(key, v)
		}
	}
	return view{Page: "restore", Title: "Bring " + name + " back", Command: p.Command + " --plan", Data: restoreData{p, form, may}}, nil
}

type pointData struct {
	Application string
	backup.Contents
	Up       string
	Previous string // an older restore point to compare with
	Diff     *backup.Difference
}

// backupPoint shows what a restore point has, a folder at a time, and what changed since the one before.
func (s *site) backupPoint(r *http.Request) (view, error) {
	name, point, path := r.PathValue("application"), r.PathValue("point"), r.FormValue("path")
	d := pointData{Application: name}
	var err error
	if d.Contents, err = s.Backups.Contents(r.Context(), name, point, path, false); err != nil {
		return view{}, err
	}
	if i := strings.LastIndex(d.Path, "/"); d.Path != "/" {
		d.Up = cmp.Or(d.Path[:i], "/")
	}
	points, err := s.Backups.RestorePoints(r.Context(), name, "")
	if err != nil {
		return view{}, err
	}
	for i, p := range points {
		if p.ID == d.Point.ID {
			d.Point = p
			if i+1 < len(points) {
				d.Previous = points[i+1].ID.String()
			}
		}
	}
	command := "goodstate backup show " + name + " " + d.Point.ID.Short()
	if with := r.FormValue("diff"); with != "" {
		diff, err := s.Backups.Diff(r.Context(), name, with, d.Point.ID.String())
		if err != nil {
			return view{}, err
		}
		d.Diff = &diff
		command = "goodstate backup diff " + name + " " + diff.From.Short() + " " + diff.To.Short()
	}
	return view{Page: "point", Title: "Restore point of " + name, Command: command, Data: d}, nil
}

// unprotected lists backups that need a person, for the board.
func (s *site) unprotected(r *http.Request, all []trouble) ([]trouble, error) {
	standings, err := s.standings(r.Context())
	if err != nil {
		return all, err
	}
	for _, st := range standings {
		if st.State != plan.Good {
			t := trouble{Text: "Backup of " + st.Application + " is " + string(st.State) + ": " + st.Why, Link: "/backups/" + st.Application, Do: cmp.Or(st.Do, "Look at it")}
			if !st.Since.IsZero() {
				t.Since = "since " + ago(st.Since)
			}
			all = append(all, t)
		}
	}
	alerts, err := s.Backups.Alerts(r.Context(), true)
	for _, a := range alerts {
		if a.Severity == "critical" {
			all = append(all, trouble{Text: a.Text, Link: "/backup-alerts", Do: "Look at it", Since: "since " + ago(a.At)})
		}
	}
	if err != nil {
		return all, err
	}
	waiting, err := s.Backups.Requests(r.Context(), false)
	for _, q := range waiting {
		all = append(all, trouble{Text: cmp.Or(q.Who, "goodstate.yaml") + " asks to " + q.Text, Link: "/backups#request-" + q.ID, Do: "Agree or refuse", Since: "since " + ago(q.At)})
	}
	return all, err
}
