package web

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"goodstate.dev/goodstate/core/auth"
	"goodstate.dev/goodstate/core/run"
	"goodstate.dev/goodstate/drift/desk"
)

// runsOfProject is how many of its last runs a project's page has.
const runsOfProject = 15

type projectsData struct {
	All []desk.Project
	May bool // add one
}

// projects lists the projects of playbooks.
func (s *site) projects(r *http.Request) (view, error) {
	all, err := s.Desk.Projects(r.Context())
	p, _ := auth.PrincipalFrom(r.Context()) // the guard has seen it
	return view{Page: "projects", Title: "Playbooks", Command: "goodstate project list", Data: projectsData{all, p.Can(auth.Administer)}}, err
}

type projectData struct {
	Project     desk.Project
	Role        auth.Role
	Operates    bool // launches and pulls
	Manages     bool // changes what is in it
	Administers bool // changes the project itself
	Templates   []desk.Template
	Inventories []desk.Inventory
	Credentials []desk.Credential
	Schedules   []desk.Schedule
	Roles       []roleRow
	Runs        []run.Info
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
	d.Operates, d.Manages, d.Administers = auth.Can(d.Role, auth.Launch), auth.Can(d.Role, auth.Manage), who.Can(auth.Administer)
	if d.Templates, err = s.Desk.Templates(ctx, name); err != nil {
		return v, err
	}
	if d.Inventories, err = s.Desk.Inventories(ctx, name); err != nil {
		return v, err
	}
	for i := range d.Inventories {
		d.Inventories[i].Text = "" // the list has none, however long they are
	}
	if d.Credentials, err = s.Desk.Credentials(ctx, name); err != nil {
		return v, err
	}
	if d.Schedules, err = s.Desk.Schedules(ctx, name); err != nil {
		return v, err
	}
	d.Roles = roleRows(d.Project)
	if d.Runs, err = s.runsOf(r, d.Templates); err != nil {
		return v, err
	}
	return view{Page: "project", Title: name, Command: sh("goodstate", "template", "list", name), Data: d}, nil
}

// runsOf are the last runs of some templates.
func (s *site) runsOf(r *http.Request, templates []desk.Template) (all []run.Info, err error) {
	for _, t := range templates {
		runs, err := s.Engine.List(r.Context(), run.Filter{Kind: desk.KindPlay, Target: desk.Target(t.Project, t.Name), Limit: runsOfProject})
		if err != nil {
			return nil, err
		}
		all = append(all, runs...)
	}
	slices.SortFunc(all, func(a, b run.Info) int { return int(b.Seq - a.Seq) })
	return all[:min(len(all), runsOfProject)], nil
}

// roleRow is somebody's role in a project, with the number of its fields.
type roleRow struct {
	N    int
	Who  string
	Role auth.Role
}

func roleRows(p desk.Project) (rows []roleRow) {
	for who, role := range p.Roles {
		rows = append(rows, roleRow{Who: who, Role: role})
	}
	slices.SortFunc(rows, func(a, b roleRow) int { return strings.Compare(a.Who, b.Who) })
	for i := range rows {
		rows[i].N = i
	}
	return rows
}

type projectForm struct {
	Project desk.Project
	New     bool
	Rows    []roleRow // with room for two more
	Users   []auth.User
	Creds   []desk.Credential // that may pull
	Roles   []auth.Role
}

// mostRoles bounds the roles of a project that a form has.
const mostRoles = 200

func (s *site) projectPage(r *http.Request, p desk.Project, fresh bool) (view, error) {
	d := projectForm{Project: p, New: fresh, Rows: roleRows(p), Roles: auth.Roles()}
	for range 2 {
		d.Rows = append(d.Rows, roleRow{N: len(d.Rows)})
	}
	var err error
	if d.Users, err = s.Auth.UserList(r.Context()); err != nil {
		return view{}, err
	}
	if !fresh {
		if d.Creds, err = s.Desk.Credentials(r.Context(), p.Name); err != nil {
			return view{}, err
		}
	}
	title := "New project"
	if !fresh {
		title = "Settings of " + p.Name
	}
	return view{Page: "projectform", Title: title, Command: projectCommand(p), Data: d}, nil
}

// projectCommand is the command line that makes a project what it is.
func projectCommand(p desk.Project) string {
	words := append([]string{"goodstate", "project", "set", orName(p.Name)}, option("--repository", p.Repository)...)
	words = append(words, option("--branch", p.Branch)...)
	words = append(words, option("--credential", p.Credential)...)
	if p.Local {
		words = append(words, "--local")
	}
	if p.KnownHosts != "" {
		words = append(words, "--known-hosts", "FILE")
	}
	for _, row := range roleRows(p) {
		words = append(words, "--role", row.Who+"="+string(row.Role))
	}
	return sh(words...)
}

func readProject(r *http.Request, name string) desk.Project {
	value := func(field string) string { return strings.TrimSpace(r.PostFormValue(field)) }
	p := desk.Project{
		Name: name, Repository: value("repository"), Branch: value("branch"), Credential: value("credential"), Local: value("local") != "",
		KnownHosts: strings.TrimSpace(strings.ReplaceAll(r.PostFormValue("known_hosts"), "\r\n", "\n")), Roles: map[string]auth.Role{},
	}
	for i := range mostRoles {
		who, role := value(fmt.Sprintf("r%d.who", i)), value(fmt.Sprintf("r%d.role", i))
		if who != "" && role != "" {
			p.Roles[who] = auth.Role(role)
		}
	}
	return p
}

func (s *site) projectForms(mux *http.ServeMux) {
	s.read(mux, "GET /add/project", func(r *http.Request) (view, error) {
		if err := s.administers(r); err != nil {
			return view{}, err
		}
		return s.projectPage(r, desk.Project{}, true)
	})
	s.read(mux, "GET /projects/{project}/settings", func(r *http.Request) (view, error) {
		if err := s.administers(r); err != nil {
			return view{}, err
		}
		p, err := s.Desk.Project(r.Context(), r.PathValue("project"))
		if err != nil {
			return view{}, err
		}
		return s.projectPage(r, p, false)
	})
	s.form(mux, "POST /projects", func(r *http.Request, who string) (string, view, error) {
		p := readProject(r, strings.TrimSpace(r.PostFormValue("name")))
		err := s.administers(r)
		if err != nil {
			return "", view{}, err
		}
		if _, there := s.Desk.Project(r.Context(), p.Name); there == nil {
			err = fmt.Errorf("there is a project %s already; choose another name, or change that one", p.Name)
		}
		return s.putProject(r, who, p, true, err)
	})
	s.form(mux, "POST /projects/{project}/settings", func(r *http.Request, who string) (string, view, error) {
		if err := s.administers(r); err != nil {
			return "", view{}, err
		}
		_, err := s.Desk.Project(r.Context(), r.PathValue("project"))
		if err != nil {
			return "", view{}, err
		}
		return s.putProject(r, who, readProject(r, r.PathValue("project")), false, nil)
	})
	s.act(mux, "POST /projects/{project}/remove", auth.Administer, func(r *http.Request, who string) (string, error) {
		return "/projects", s.Desk.RemoveProject(r.Context(), who, r.PathValue("project"))
	})
}

func (s *site) putProject(r *http.Request, who string, p desk.Project, fresh bool, err error) (string, view, error) {
	if err == nil {
		err = s.Desk.PutProject(r.Context(), who, p)
	}
	if err == nil {
		return "/projects/" + url.PathEscape(p.Name), view{}, nil
	}
	again, pageErr := s.projectPage(r, p, fresh)
	if pageErr != nil {
		return "", view{}, pageErr
	}
	return "", again, err
}

// administers says why who asks may not change projects themselves.
func (s *site) administers(r *http.Request) error {
	p, _ := auth.PrincipalFrom(r.Context()) // the guard has seen it
	if !p.Can(auth.Administer) {
		return fmt.Errorf("%w: %s is %s; projects are made and changed by an admin", errForbidden, p.Name, p.Role)
	}
	return nil
}
