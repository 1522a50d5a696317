package web

import (
	"net/http"
	"net/url"
	"strconv"

	"goodstate.dev/goodstate/core/auth"
	"goodstate.dev/goodstate/core/run"
	"goodstate.dev/goodstate/drift/desk"
)

const resultsShown = 200

type projectData struct {
	Project     desk.Project
	Role        auth.Role
	Operates    bool // launches and pulls
	Templates   []desk.Template
	Inventories []desk.Inventory
	Credentials []desk.Credential
	Schedules   []desk.Schedule
	Runs        []run.Info
}

// projects lists the projects of playbooks.
func (s *site) projects(r *http.Request) (view, error) {
	all, err := s.Desk.Projects(r.Context())
	return view{Page: "projects", Title: "Playbooks", Command: "goodstate project list", Data: all}, err
}

// project is one project with all that is in it; what cannot be done by who looks is not offered.
func (s *site) project(r *http.Request) (v view, err error) {
	ctx, name := r.Context(), r.PathValue("project")
	var d projectData
	if d.Project, err = s.Desk.Project(ctx, name); err != nil {
		return v, err
	}
	who, _ := auth.PrincipalFrom(ctx) // the guard has seen it
	if d.Role, err = s.Desk.Role(ctx, who, name); err != nil {
		return v, err
	}
	d.Operates = auth.Can(d.Role, auth.Launch)
	if d.Templates, err = s.Desk.Templates(ctx, name); err != nil {
		return v, err
	}
	if d.Inventories, err = s.Desk.Inventories(ctx, name); err != nil {
		return v, err
	}
	if d.Credentials, err = s.Desk.Credentials(ctx, name); err != nil {
		return v, err
	}
	if d.Schedules, err = s.Desk.Schedules(ctx, name); err != nil {
		return v, err
	}
	for _, t := range d.Templates {
		runs, err := s.Engine.List(ctx, run.Filter{Target: desk.Target(name, t.Name), Limit: 5})
		if err != nil {
			return v, err
		}
		d.Runs = append(d.Runs, runs...)
	}
	return view{Page: "project", Title: name, Command: "goodstate template list " + name, Data: d}, nil
}

type playData struct {
	Run     run.Info
	Order   desk.Order
	Outcome desk.Outcome
	Tally   map[string]int
	States  []string
	Filter  desk.Filter
	Rows    []desk.Result
	Next    string
	May     bool // launch in its project
}

// play is a run of a template as rows, by pages.
func (s *site) play(r *http.Request) (v view, err error) {
	ctx, q := r.Context(), r.URL.Query()
	d := playData{States: desk.States, Filter: desk.Filter{State: q.Get("state"), Host: q.Get("host"), Search: q.Get("search"), After: number(q.Get("after")), Limit: resultsShown + 1}}
	if d.Run, err = s.Engine.Get(ctx, r.PathValue("run")); err != nil {
		return v, err
	}
	if d.Order, err = desk.OrderOf(d.Run); err != nil {
		return v, err
	}
	if d.Outcome, err = desk.OutcomeOf(d.Run); err != nil {
		return v, err
	}
	who, _ := auth.PrincipalFrom(ctx) // the guard has seen it
	d.May = s.Desk.MayRun(ctx, who, d.Run.ID) == nil
	if d.Tally, err = s.Desk.Tally(ctx, d.Run.ID); err != nil {
		return v, err
	}
	if d.Rows, err = s.Desk.Results(ctx, d.Run.ID, d.Filter); err != nil {
		return v, err
	}
	if len(d.Rows) > resultsShown {
		d.Rows = d.Rows[:resultsShown]
		next := url.Values{"state": {d.Filter.State}, "host": {d.Filter.Host}, "search": {d.Filter.Search}, "after": {strconv.FormatInt(d.Rows[resultsShown-1].Seq, 10)}}
		d.Next = "/plays/" + url.PathEscape(d.Run.ID) + "?" + next.Encode()
	}
	return view{Page: "play", Title: d.Run.ID, Command: "goodstate template results " + d.Run.ID, Live: d.Run.State == run.Running, Phase: string(d.Run.State), Data: d}, nil
}

// inDesk adds a form's target that needs a permission in a project; the project says which that is.
func (s *site) inDesk(mux *http.ServeMux, pattern string, do func(r *http.Request, who string) (string, error)) {
	s.act(mux, pattern, auth.View, func(r *http.Request, who string) (string, error) {
		p, _ := auth.PrincipalFrom(r.Context()) // the guard has seen it
		var err error
		if id := r.PathValue("run"); id != "" {
			err = s.Desk.MayRun(r.Context(), p, id)
		} else {
			err = s.Desk.May(r.Context(), p, r.PathValue("project"), auth.Launch)
		}
		if err != nil {
			return "", err
		}
		return do(r, who)
	})
}

func (s *site) desk(mux *http.ServeMux) {
	s.read(mux, "GET /projects", s.projects)
	s.read(mux, "GET /projects/{project}", s.project)
	s.read(mux, "GET /plays/{run}", s.play)
	s.inDesk(mux, "POST /projects/{project}/pull", func(r *http.Request, who string) (string, error) {
		p, err := s.Desk.Pull(r.Context(), who, r.PathValue("project"))
		return "/projects/" + url.PathEscape(p.Name), err
	})
	s.inDesk(mux, "POST /projects/{project}/templates/{template}/launch", s.launch)
	s.inDesk(mux, "POST /plays/{run}/again", func(r *http.Request, who string) (string, error) {
		info, err := s.Desk.Again(r.Context(), r.PathValue("run"), who, "")
		return "/plays/" + url.PathEscape(info.ID), err
	})
	s.inDesk(mux, "POST /plays/{run}/cancel", func(r *http.Request, who string) (string, error) {
		id := r.PathValue("run")
		return "/plays/" + url.PathEscape(id), s.Desk.Cancel(r.Context(), id, who, r.PostFormValue("why"))
	})
}

// launch runs or checks a template with what was answered to its survey.
func (s *site) launch(r *http.Request, who string) (string, error) {
	t, err := s.Desk.Template(r.Context(), r.PathValue("project"), r.PathValue("template"))
	if err != nil {
		return "", err
	}
	given := desk.Answers{}
	for _, q := range t.Survey {
		given[q.Variable] = r.PostForm["answer."+q.Variable]
	}
	info, err := s.Desk.Launch(r.Context(), desk.Launch{
		Project: t.Project, Template: t.Name, Who: who, Why: r.PostFormValue("why"), Check: r.PostFormValue("do") != "launch", Limit: r.PostFormValue("limit"), Answers: given,
	})
	return "/plays/" + url.PathEscape(info.ID), err
}
