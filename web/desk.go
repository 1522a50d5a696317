package web

import (
	"net/http"
	"net/url"

	"goodstate.dev/goodstate/core/auth"
)

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

// desk adds the pages of projects, of what is in them, and of their runs.
func (s *site) desk(mux *http.ServeMux) {
	s.read(mux, "GET /projects", s.projects)
	s.read(mux, "GET /projects/{project}", s.project)
	s.projectForms(mux)
	s.inventories(mux)
	s.credentials(mux)
	s.templates(mux)
	s.schedules(mux)
	s.read(mux, "GET /projects/{project}/templates/{template}/launch", s.launchPage)
	s.form(mux, "POST /projects/{project}/templates/{template}/launch", s.launch)
	s.inDesk(mux, "POST /projects/{project}/pull", func(r *http.Request, who string) (string, error) {
		p, err := s.Desk.Pull(r.Context(), who, r.PathValue("project"))
		return projectPath(p.Name), err
	})
	s.read(mux, "GET /plays", s.plays)
	s.read(mux, "GET /plays/{run}", s.play)
	s.inDesk(mux, "POST /plays/{run}/again", func(r *http.Request, who string) (string, error) {
		info, err := s.Desk.Again(r.Context(), r.PathValue("run"), who, r.PostFormValue("why"))
		return "/plays/" + url.PathEscape(info.ID), err
	})
	s.inDesk(mux, "POST /plays/{run}/cancel", func(r *http.Request, who string) (string, error) {
		id := r.PathValue("run")
		return "/plays/" + url.PathEscape(id), s.Desk.Cancel(r.Context(), id, who, r.PostFormValue("why"))
	})
}
