package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"goodstate.dev/goodstate/core/auth"
	"goodstate.dev/goodstate/core/run"
	"goodstate.dev/goodstate/rollout"
)

type approveData struct {
	Run   run.Info
	Input rollout.Input
	Gate  *rollout.Gate
	Plan  rollout.Plan
	Over  string // why nothing is to be approved
}

// approvePage is where the link of a notice leads: it shows what waits, and asks. It never acts.
func (s *site) approvePage(r *http.Request) (view, error) {
	id, step := r.PathValue("run"), r.FormValue("step")
	if s.Links == nil {
		return view{}, errNoPage
	}
	if err := s.Links.Check(r.FormValue("sig"), r.FormValue("until"), time.Now(), "approve", id, step); err != nil {
		return view{}, err
	}
	info, err := s.Engine.Get(r.Context(), id)
	if err != nil {
		return view{}, err
	}
	d := approveData{Run: info}
	if err := json.Unmarshal(info.Input, &d.Input); err != nil {
		return view{}, fmt.Errorf("input of run %s: %w", id, err)
	}
	live, ok := s.Rollouts.Live(id)
	switch {
	case info.State != run.Running:
		d.Over = "the rollout has ended"
	case !ok || live.Gate == nil || live.Gate.Step != step:
		d.Over = "it does not wait for this approval any more"
	default:
		d.Gate = live.Gate
		if d.Plan, err = s.Rollouts.PlanDeploy(r.Context(), d.Input.Service, d.Input.Release.Commit); err != nil {
			d.Plan.Notes = []string{"the plan cannot be shown: " + err.Error()}
		}
	}
	return view{Page: "approve", Title: "Approve " + d.Input.Service + " " + d.Input.Release.Version, Command: "goodstate approve " + id, Data: d}, nil
}

func (s *site) approve(r *http.Request, who string) (string, error) {
	id := r.PathValue("run")
	_, err := s.Rollouts.Approve(r.Context(), id, r.PostFormValue("step"), who, reason(r))
	return "/rollouts/" + url.PathEscape(id), err
}

// ApproveLink is the address of the page that asks for an approval, after the dashboard's own.
func ApproveLink(l *auth.Links, run, step string, until time.Time) string {
	q := url.Values{"step": {step}, "until": {fmt.Sprint(until.Unix())}, "sig": {l.Sign(until, "approve", run, step)}}
	return "approve/" + url.PathEscape(run) + "?" + q.Encode()
}
