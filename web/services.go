package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"goodstate.dev/goodstate/backup"
	"goodstate.dev/goodstate/core/good"
	"goodstate.dev/goodstate/core/run"
	"goodstate.dev/goodstate/drift/desk"
	"goodstate.dev/goodstate/rollout"
)

// listedRun is one run in a list.
type listedRun struct {
	run.Info
	Service, Version, Line, Link string
	End                          badge
}

// listRuns makes runs of any kind readable.
func listRuns(all []run.Info) ([]listedRun, error) {
	out := make([]listedRun, 0, len(all))
	for _, r := range all {
		l := listedRun{Info: r, End: ended(r), Service: r.Target, Line: r.Note, Link: "/rollouts/" + r.ID}
		if r.Kind == rollout.Kind {
			var in rollout.Input
			if err := json.Unmarshal(r.Input, &in); err != nil {
				return nil, fmt.Errorf("input of run %s: %w", r.ID, err)
			}
			res, err := rollout.ResultOf(r)
			if err != nil {
				return nil, err
			}
			l.Service, l.Version = in.Service, in.Release.Version
			if res.Why != "" {
				l.Line = res.Why
			}
		} else if backup.IsKind(r.Kind) {
			_, l.Service, _ = strings.Cut(r.Target, "/")
			l.Version, l.Link = r.Kind, "/backup-runs/"+r.ID
			l.End, l.Line = backupEnd(r)
		}
		if r.Kind == desk.KindPlay {
			l.Service, l.Version, l.Link, l.End = strings.TrimPrefix(r.Target, "template/"), "playbook", "/plays/"+url.PathEscape(r.ID), played(r)
		}
		if r.Error != "" {
			l.Line = r.Error
		}
		out = append(out, l)
	}
	return out, nil
}

func (s *site) services(r *http.Request) (view, error) {
	var all []rollout.State
	for _, name := range s.Rollouts.Services.Keys() {
		st, err := s.state(r.Context(), name)
		if err != nil {
			return view{}, err
		}
		all = append(all, st)
	}
	return view{Page: "services", Title: "Services", Command: "goodstate status", Live: true, Data: all}, nil
}

type serviceData struct {
	rollout.State
	Shares []shareLine
	Points []good.Point
	Runs   []listedRun
	Older  int64 // seq to page from; 0: no older ones
}

// shareLine is how much of the traffic one release has.
type shareLine struct {
	Release string
	Weight  int
}

const runsShown = 15

func (s *site) service(r *http.Request) (view, error) {
	name := r.PathValue("service")
	st, err := s.state(r.Context(), name)
	if err != nil {
		return view{}, err
	}
	d := serviceData{State: st}
	for _, in := range st.Instances {
		if w, ok := st.Weights[in.Release]; ok && !contains(d.Shares, in.Release) {
			d.Shares = append(d.Shares, shareLine{in.Release, w})
		}
	}
	if d.Points, err = s.Store.Points(r.Context(), name); err != nil {
		return view{}, err
	}
	d.Points = d.Points[:min(len(d.Points), 10)]
	all, err := s.Engine.List(r.Context(), run.Filter{Target: rollout.Target(name), Limit: runsShown + 1, Before: number(r.FormValue("before"))})
	if err != nil {
		return view{}, err
	}
	if len(all) > runsShown {
		all = all[:runsShown]
		d.Older = all[runsShown-1].Seq
	}
	if d.Runs, err = listRuns(all); err != nil {
		return view{}, err
	}
	phase := "idle"
	if st.Active != nil {
		phase = st.Active.Run
	}
	return view{Page: "service", Title: name, Command: "goodstate status " + name, Live: true, Phase: phase, Data: d}, nil
}

func contains(lines []shareLine, release string) bool {
	for _, l := range lines {
		if l.Release == release {
			return true
		}
	}
	return false
}

type planData struct {
	Service string
	To      string
	Back    bool
	Plan    rollout.Plan
}

// planRollback shows what going back would do, before the button that does it.
func (s *site) planRollback(r *http.Request) (view, error) {
	name, to := r.PathValue("service"), r.FormValue("to")
	plan, err := s.Rollouts.PlanRollback(r.Context(), name, to)
	if err != nil {
		return view{}, err
	}
	return view{Page: "plan", Title: "Roll " + name + " back", Command: plan.Command, Data: planData{name, to, true, plan}}, nil
}

func (s *site) planDeploy(r *http.Request) (view, error) {
	name, version := r.PathValue("service"), strings.TrimSpace(r.FormValue("version"))
	if version == "" {
		return view{}, fmt.Errorf("%s: name the tag, branch or commit to release", name)
	}
	plan, err := s.Rollouts.PlanDeploy(r.Context(), name, version)
	if err != nil {
		return view{}, err
	}
	return view{Page: "plan", Title: "Release " + name + " " + version, Command: plan.Command, Data: planData{name, version, false, plan}}, nil
}

func (s *site) rollBack(r *http.Request, who string) (string, error) {
	info, err := s.Rollouts.Rollback(r.Context(), r.PathValue("service"), r.PostFormValue("to"), who, reason(r))
	return "/rollouts/" + info.ID, err
}

func (s *site) deploy(r *http.Request, who string) (string, error) {
	info, err := s.Rollouts.Deploy(r.Context(), r.PathValue("service"), r.PostFormValue("to"), who, reason(r), false)
	return "/rollouts/" + info.ID, err
}

func (s *site) tell(signal string) func(r *http.Request, who string) (string, error) {
	return func(r *http.Request, who string) (string, error) {
		info, err := s.Rollouts.Tell(r.Context(), r.PathValue("service"), signal, who, reason(r))
		return "/rollouts/" + info.ID, err
	}
}

func (s *site) hold(r *http.Request, who string) (string, error) {
	name := r.PathValue("service")
	version := strings.TrimSpace(r.PostFormValue("version"))
	if version == "" {
		return "", fmt.Errorf("%s: name the version to hold", name)
	}
	return "/services/" + url.PathEscape(name), s.Rollouts.Hold(r.Context(), name, version, who, reason(r))
}

func (s *site) unhold(r *http.Request, who string) (string, error) {
	name := r.PathValue("service")
	return "/services/" + url.PathEscape(name), s.Rollouts.Unhold(r.Context(), name, r.PostFormValue("version"), who, reason(r))
}

func reason(r *http.Request) string {
	if why := strings.TrimSpace(r.PostFormValue("why")); why != "" {
		return why
	}
	return "from the dashboard"
}
