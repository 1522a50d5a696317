package web

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"

	"goodstate.dev/goodstate/backup/ledger"
	"goodstate.dev/goodstate/core/auth"
	"goodstate.dev/goodstate/core/run"
	"goodstate.dev/goodstate/core/store"
	"goodstate.dev/goodstate/drift/desk"
	"goodstate.dev/goodstate/rollout"
	"goodstate.dev/goodstate/rollout/feedback"
)

// view is one page: what its template shows.
type view struct {
	Page    string // template
	Title   string
	Command string // the equal command line
	Live    bool   // the page's moving part is streamed
	Phase   string // when it changes, the whole page is asked for again: its buttons are others now
	Data    any
}

// shown is a view as the templates see it.
type shown struct {
	view
	User           auth.Principal
	CSRF           string
	Styles, Script string
	Path           string
	Status         int
	Problem        string
}

// May says whether the user may do an action: a button that would be refused is not offered.
func (s shown) May(action string) bool { return s.User.Can(auth.Action(action)) }

// Here says whether a place of the navigation is where the page is.
func (s shown) Here(prefix string) bool {
	return s.Path == prefix || prefix != "/" && strings.HasPrefix(s.Path, prefix)
}

// read adds a page that everybody who is logged in may see.
func (s *site) read(mux *http.ServeMux, pattern string, page func(r *http.Request) (view, error)) {
	mux.Handle(pattern, s.guard.Require(auth.View, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.Header.Get("Accept"), "text/event-stream") {
			s.stream(w, r, page)
			return
		}
		v, err := page(r)
		if err != nil {
			s.failed(w, r, err)
			return
		}
		s.render(w, r, http.StatusOK, shown{view: v})
	})))
}

// act adds a form's target. It answers with the page to see next.
func (s *site) act(mux *http.ServeMux, pattern string, action auth.Action, do func(r *http.Request, who string) (next string, err error)) {
	mux.Handle(pattern, s.guard.Require(action, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, _ := auth.PrincipalFrom(r.Context()) // Require has seen it
		next, err := do(r, p.Name)
		if err != nil {
			s.failed(w, r, err)
			return
		}
		s.changed(r.PathValue("service"))
		http.Redirect(w, r, next, http.StatusSeeOther)
	})))
}

// render writes a page. It is made in memory first, so that a broken template is an error and not half a page.
func (s *site) render(w http.ResponseWriter, r *http.Request, status int, page shown) {
	page = s.complete(r, page)
	page.Status = status
	var text bytes.Buffer
	if err := s.pages[page.Page].ExecuteTemplate(&text, "layout.html", page); err != nil {
		s.Log.ErrorContext(r.Context(), "page not made", slog.String("page", page.Page), slog.Any("error", err))
		http.Error(w, "the page could not be made; the server's log says why", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = text.WriteTo(w) // a reader that is gone needs no answer
}

func (s *site) complete(r *http.Request, page shown) shown {
	page.User, _ = auth.PrincipalFrom(r.Context()) // nobody on the login page
	page.CSRF = auth.CSRFToken(r.Context())
	page.Styles, page.Script, page.Path = s.styles, s.script, r.URL.Path
	return page
}

// refuse answers with a page that says why not.
func (s *site) refuse(w http.ResponseWriter, r *http.Request, status int, why string) {
	s.render(w, r, status, shown{view: view{Page: "refused", Title: http.StatusText(status)}, Problem: why})
}

// denied is what the guard answers. Programs get text, people a page; who is not logged in comes back here after the login.
func (s *site) denied(w http.ResponseWriter, r *http.Request, status int, why string) {
	switch {
	case strings.HasPrefix(r.URL.Path, "/api/") || !strings.Contains(r.Header.Get("Accept"), "text/html"):
		http.Error(w, why, status)
	case status == http.StatusUnauthorized && r.Method == http.MethodGet:
		http.Redirect(w, r, "/login?next="+escape(r.URL.RequestURI()), http.StatusSeeOther)
	default:
		s.refuse(w, r, status, why)
	}
}

// failed answers with what went wrong, and its hint.
func (s *site) failed(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, context.Canceled) && r.Context().Err() != nil {
		return
	}
	status, why := wrong(err)
	s.refuse(w, r, status, why)
}

// wrong is the status and the words of an error, with its hint.
func wrong(err error) (status int, why string) {
	var held *rollout.HeldError
	var leased *run.LeaseError
	var forbidden *desk.ForbiddenError
	var unknown *rollout.UnknownServiceError
	status = http.StatusUnprocessableEntity
	switch {
	case errors.As(err, &forbidden), errors.Is(err, errForbidden):
		status = http.StatusForbidden
	case errors.As(err, &held), errors.As(err, &leased), errors.Is(err, rollout.ErrNothing):
		status = http.StatusConflict
	case errors.As(err, &unknown), errors.Is(err, run.ErrNoRun), errors.Is(err, store.ErrNoDocument), errors.Is(err, errNoPage), errors.Is(err, feedback.ErrNoGroup), errors.Is(err, desk.ErrNone), errors.Is(err, ledger.ErrNoRequest):
		status = http.StatusNotFound
	}
	why = err.Error()
	var hinted interface{ Hint() string }
	if errors.As(err, &hinted) && hinted.Hint() != "" {
		why += "\n" + hinted.Hint()
	}
	return status, why
}

// errForbidden says that somebody may not see or do what an address is for.
var errForbidden = errors.New("not allowed")

// errNoPage says that what an address names is not there.
var errNoPage = errors.New("no such page")
