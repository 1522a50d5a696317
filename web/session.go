package web

import (
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"goodstate.dev/goodstate/core/auth"
	"goodstate.dev/goodstate/core/journal"
)

type loginData struct{ Name, Next string }

func (s *site) loginPage(w http.ResponseWriter, r *http.Request) {
	if _, in := auth.PrincipalFrom(r.Context()); in {
		http.Redirect(w, r, local(r.FormValue("next")), http.StatusSeeOther)
		return
	}
	s.render(w, r, http.StatusOK, shown{view: view{Page: "login", Title: "Log in", Data: loginData{Next: local(r.FormValue("next"))}}})
}

func (s *site) login(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 16<<10)
	name, next := r.PostFormValue("name"), local(r.PostFormValue("next"))
	session, err := s.Auth.Login(r.Context(), name, r.PostFormValue("password"), s.guard.ClientAddress(r))
	if err != nil {
		status := http.StatusUnauthorized
		if !errors.Is(err, auth.ErrBadLogin) {
			status = http.StatusTooManyRequests
			s.Log.WarnContext(r.Context(), "login refused", slog.Any("error", err))
		}
		s.render(w, r, status, shown{view: view{Page: "login", Title: "Log in", Data: loginData{name, next}}, Problem: err.Error()})
		return
	}
	if _, err := s.Journal.Append(r.Context(), journal.Entry{Event: "login", Actor: name, Text: name + " logged in"}); err != nil {
		s.Log.ErrorContext(r.Context(), "login not journaled", slog.Any("error", err))
	}
	s.guard.SetCookie(w, r, session)
	http.Redirect(w, r, next, http.StatusSeeOther)
}

func (s *site) logout(w http.ResponseWriter, r *http.Request) {
	if err := s.guard.Logout(w, r); err != nil {
		s.failed(w, r, err)
		return
	}
	http.Redirect(w, r, "/login", http.StatusSeeOther)
}

// local lets a redirect lead to a page here and nowhere else.
func local(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.IsAbs() || u.Host != "" || !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") || strings.ContainsAny(next, "\\\r\n\t") {
		return "/"
	}
	return next
}

func escape(text string) string { return url.QueryEscape(text) }
