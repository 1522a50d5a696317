package web

import (
	"fmt"
	"net/http"
	"net/url"

	"goodstate.dev/goodstate/backup/ledger"
	"goodstate.dev/goodstate/core/auth"
)

// backupRequest is a deletion that waits for a second person, as the one who looks at it may act on it.
type backupRequest struct {
	ledger.Request
	By                  string // who asks, in words
	MayAgree, MayRefuse bool
	Why                 string // why they may not agree
}

// backupRequests lists what waits for a second person.
func (s *site) backupRequests(r *http.Request) ([]backupRequest, error) {
	all, err := s.Backups.Requests(r.Context(), false)
	p, _ := auth.PrincipalFrom(r.Context()) // nobody may nothing
	var out []backupRequest
	for _, q := range all {
		b := backupRequest{Request: q, By: q.Who}
		if q.Who == "" {
			b.By = "goodstate.yaml"
		}
		agreed := false
		for _, a := range q.Agreed {
			agreed = agreed || a.Who == p.Name
		}
		switch {
		case p.Name == q.Who:
			b.Why = "You asked for it: somebody else has to agree."
		case !p.Can(auth.Approve):
			b.Why = fmt.Sprintf("You are %s: agreeing needs the role approver.", p.Role)
		case agreed && q.State == ledger.Waiting:
			b.Why = "You agree: another person has to, too."
		default:
			b.MayAgree = true
		}
		b.MayRefuse = p.Name == q.Who || p.Can(auth.Approve)
		out = append(out, b)
	}
	return out, err
}

// actRequest adds a form's target; the request's own rules say who may use it.
func (s *site) actRequest(mux *http.ServeMux, pattern string, do func(r *http.Request, p auth.Principal) (next string, err error)) {
	mux.Handle(pattern, s.guard.Require(auth.View, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, _ := auth.PrincipalFrom(r.Context()) // Require has seen it
		next, err := do(r, p)
		s.memory.forget()
		if err != nil {
			s.failed(w, r, err)
			return
		}
		http.Redirect(w, r, next, http.StatusSeeOther)
	})))
}

func (s *site) approveBackup(r *http.Request, p auth.Principal) (string, error) {
	if !p.Can(auth.Approve) {
		return "", fmt.Errorf("%w: %s is %s; agreeing needs the role approver", errForbidden, p.Name, p.Role)
	}
	q, err := s.Backups.Approve(r.Context(), r.PathValue("id"), p.Name, reason(r))
	if err == nil && q.State == ledger.Done && q.Became() {
		return "/backup-runs/" + url.PathEscape(q.Outcome), nil
	}
	return "/backups", err
}

func (s *site) refuseBackup(r *http.Request, p auth.Principal) (string, error) {
	q, err := s.Backups.Ledger.Request(r.Context(), r.PathValue("id"))
	if err != nil {
		return "", err
	}
	if !p.Can(auth.Approve) && p.Name != q.Who {
		return "", fmt.Errorf("%w: %s is %s; refusing what others ask for needs the role approver", errForbidden, p.Name, p.Role)
	}
	_, err = s.Backups.Refuse(r.Context(), q.ID, p.Name, reason(r))
	return "/backups", err
}
