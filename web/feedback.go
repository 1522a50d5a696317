package web

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"goodstate.dev/goodstate/rollout/feedback"
)

const feedbackShown = 100

type feedbackData struct {
	Service, State string
	Services       []string
	Groups         []feedback.Group
}

// feedback is the list of what users reported.
func (s *site) feedback(r *http.Request) (view, error) {
	if err := s.Rollouts.TakeFeedback(r.Context()); err != nil {
		return view{}, err
	}
	d := feedbackData{Service: r.FormValue("service"), State: r.FormValue("state"), Services: s.Rollouts.Services.Keys()}
	var err error
	if d.Groups, err = s.Rollouts.Feedback.Groups(r.Context(), d.Service, d.State, feedbackShown); err != nil {
		return view{}, err
	}
	command := strings.TrimSpace("goodstate feedback list " + d.Service)
	if d.State != "" {
		command += " --state " + d.State
	}
	return view{Page: "feedback", Title: "Feedback", Command: command, Live: true, Data: d}, nil
}

// said is one group of reports, with what can be said to them.
func (s *site) said(r *http.Request) (view, error) {
	g, err := s.group(r)
	if err != nil {
		return view{}, err
	}
	return view{Page: "report", Title: "Feedback " + r.PathValue("group"), Command: fmt.Sprintf("goodstate feedback show %d", g.ID), Live: true, Phase: g.State, Data: g}, nil
}

func (s *site) group(r *http.Request) (feedback.Group, error) {
	id, err := strconv.ParseInt(r.PathValue("group"), 10, 64)
	if err != nil {
		return feedback.Group{}, fmt.Errorf("feedback %q: %w", r.PathValue("group"), feedback.ErrNoGroup)
	}
	return s.Rollouts.Feedback.Group(r.Context(), id)
}

// say answers, closes or opens a group again.
func (s *site) say(state string) func(r *http.Request, who string) (string, error) {
	return func(r *http.Request, who string) (string, error) {
		g, err := s.group(r)
		if err != nil {
			return "", err
		}
		_, err = s.Rollouts.SayFeedback(r.Context(), g.ID, state, r.PostFormValue("text"), who)
		return "/feedback/" + strconv.FormatInt(g.ID, 10), err
	}
}

// desks are the forms that goodstate itself offers, for services that are not behind its proxy and for programs. They need no login.
type desks struct {
	site *site
	all  map[string]*feedback.Desk
}

const deskBase = "/report/"

func newDesks(s *site) *desks {
	d := &desks{s, map[string]*feedback.Desk{}}
	for name, conf := range s.Rollouts.Services.All() {
		if conf.Feedback == nil || s.Rollouts.Feedback == nil {
			continue
		}
		d.all[name] = &feedback.Desk{
			Service: name, Base: deskBase + name, Spool: s.Rollouts.Feedback.Spool, Log: s.Log,
			Visitor: func(r *http.Request) feedback.Visitor { return feedback.Visitor{Address: s.guard.ClientAddress(r)} },
			Known:   func(ctx context.Context, release string) bool { return s.kept(ctx, name, release) },
		}
	}
	return d
}

// kept says whether a release of the service is known here.
func (s *site) kept(ctx context.Context, service, release string) bool {
	all, err := s.Store.Releases(ctx, service)
	if err != nil {
		return false
	}
	for _, k := range all {
		if k.Release.ID() == release {
			return true
		}
	}
	return false
}

// ServeHTTP answers /report/SERVICE/feedback and what belongs to it.
func (d *desks) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, deskBase), "/")
	desk := d.all[name]
	if desk == nil {
		http.Error(w, "There is no such page.", http.StatusNotFound)
		return
	}
	conf, _ := d.site.Rollouts.Services.Get(name) // it is among them
	desk.Serve(w, r, *conf.Feedback)
}
