package web

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"goodstate.dev/goodstate/core/store"
	"goodstate.dev/goodstate/rollout/analysis"
)

type actionsData struct {
	Open []store.Action
	Done []store.Action
}

// actions is what people have to do after incidents.
func (s *site) actions(r *http.Request) (view, error) {
	all, err := s.Store.Actions(r.Context(), "", false)
	if err != nil {
		return view{}, err
	}
	var d actionsData
	for _, a := range all {
		if a.Done.IsZero() {
			d.Open = append(d.Open, a)
		} else {
			d.Done = append(d.Done, a)
		}
	}
	return view{Page: "actions", Title: "Actions", Command: "goodstate action list --all", Data: d}, nil
}

func (s *site) addAction(r *http.Request, who string) (string, error) {
	day, err := time.ParseInLocation("2006-01-02", r.PostFormValue("due"), time.Local)
	if err != nil {
		return "", fmt.Errorf("%.40q is no date, want year-month-day, such as 2026-12-01", r.PostFormValue("due"))
	}
	run := r.PostFormValue("run")
	_, err = s.Rollouts.AddAction(r.Context(), store.Action{Run: run, Text: r.PostFormValue("text"), Owner: r.PostFormValue("owner"), Due: day.AddDate(0, 0, 1).Add(-time.Second), Who: who})
	if run == "" {
		return "/actions", err
	}
	return "/rollouts/" + url.PathEscape(run), err
}

func (s *site) doneAction(r *http.Request, who string) (string, error) {
	return "/actions", s.Rollouts.DoneAction(r.Context(), r.PathValue("id"), who, strings.TrimSpace(r.PostFormValue("note")))
}

// report reads the analysis of the run that a request names, and answers itself where there is none.
func (s *site) report(w http.ResponseWriter, r *http.Request) (report analysis.Report, ok bool) {
	id := r.PathValue("run")
	_, err := s.Engine.Get(r.Context(), id)
	if err == nil {
		err = s.Store.Document(r.Context(), id, "analysis", &report)
	}
	if err != nil {
		s.failed(w, r, err)
		return report, false
	}
	return report, true
}

// analysisHTML is the analysis as a page to keep. It is offered as a file: its style is in it, which our pages do not allow.
func (s *site) analysisHTML(w http.ResponseWriter, r *http.Request) {
	report, ok := s.report(w, r)
	if !ok {
		return
	}
	text, err := report.HTML()
	if err != nil {
		s.failed(w, r, err)
		return
	}
	download(w, "text/html; charset=utf-8", report.Run+".html", text)
}

func (s *site) analysisMarkdown(w http.ResponseWriter, r *http.Request) {
	if report, ok := s.report(w, r); ok {
		download(w, "text/markdown; charset=utf-8", report.Run+".md", report.Markdown())
	}
}

func download(w http.ResponseWriter, kind, name, text string) {
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", name))
	_, _ = w.Write([]byte(text)) // a reader that is gone needs no answer
}

// late lists what should have been done by now.
func (s *site) late(r *http.Request) ([]trouble, error) {
	open, err := s.Store.Actions(r.Context(), "", true)
	if err != nil {
		return nil, err
	}
	var out []trouble
	for _, a := range open {
		if a.Late(time.Now()) {
			out = append(out, trouble{Text: a.Owner + " has something to do: " + a.Text, Link: "/actions", Do: "Look at it", Since: "since " + ago(a.Due)})
		}
	}
	return out, nil
}

// revert makes the branch; the journal, to which it leads, says which.
func (s *site) revert(r *http.Request, who string) (string, error) {
	id := r.PathValue("run")
	_, err := s.Rollouts.Revert(r.Context(), id, who, r.PostFormValue("push") != "")
	return "/rollouts/" + url.PathEscape(id) + "#timeline", err
}
