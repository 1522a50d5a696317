package api

import (
	"context"
	"net/http"
	"net/url"

	"github.com/danielgtaylor/huma/v2"

	"goodstate.dev/goodstate/core/auth"
	"goodstate.dev/goodstate/core/run"
	"goodstate.dev/goodstate/drift/desk"
)

type projectName struct {
	Project string `path:"project"`
}

type inProject struct {
	Project string `path:"project"`
	Name    string `path:"name"`
}

// PlayRun is a run that was launched from the desk, as programs see it: without its sealed answers.
type PlayRun struct {
	run.Info
	Order   desk.Order     `json:"order"`
	Outcome desk.Outcome   `json:"outcome"`
	Tally   map[string]int `json:"tally"`
}

// SetCredential is a credential with the values to set. What is empty stays as it is.
type SetCredential struct {
	desk.Credential
	Values desk.Values `json:"values"`
}

type resultsOf struct {
	Run    string `path:"run"`
	State  string `query:"state"`
	Host   string `query:"host"`
	Task   string `query:"task"`
	Search string `query:"search"`
	After  int64  `query:"after"`
	Limit  int    `query:"limit" default:"500" minimum:"1" maximum:"5000"`
}

type reason struct {
	Run  string `path:"run"`
	Body struct {
		Why string `json:"why,omitempty"`
	}
}

// inDesk adds an operation that needs a permission in a project; the project says which that is.
func inDesk[I, O any](s *server, a huma.API, method, path, id, summary string, action auth.Action, project func(*I) string, fn func(ctx context.Context, in *I, who string) (O, error)) {
	handle(a, method, path, id, summary, auth.View, func(ctx context.Context, in *I, p auth.Principal) (out O, err error) {
		if err := s.Desk.May(ctx, p, project(in), action); err != nil {
			return out, err
		}
		return fn(ctx, in, p.Name)
	})
}

func (s *server) desk(a huma.API) {
	of := func(in *projectName) string { return in.Project }
	item := func(in *inProject) string { return in.Project }
	get(a, "/projects", "list-projects", "Projects of playbooks", func(ctx context.Context, _ *struct{}) ([]desk.Project, error) { return s.Desk.Projects(ctx) })
	type putProject struct {
		Project string `path:"project"`
		Body    desk.Project
	}
	handle(a, http.MethodPut, "/projects/{project}", "put-project", "Add or change a project", auth.Administer, func(ctx context.Context, in *putProject, p auth.Principal) (desk.Project, error) {
		in.Body.Name = in.Project
		if err := s.Desk.PutProject(ctx, p.Name, in.Body); err != nil {
			return in.Body, err
		}
		return s.Desk.Project(ctx, in.Project)
	})
	handle(a, http.MethodDelete, "/projects/{project}", "remove-project", "Remove a project with all that is in it", auth.Administer, func(ctx context.Context, in *projectName, p auth.Principal) (struct{}, error) {
		return struct{}{}, s.Desk.RemoveProject(ctx, p.Name, in.Project)
	})
	inDesk(s, a, http.MethodPost, "/projects/{project}/pull", "pull-project", "Fetch a project's newest commit", auth.Launch, of, func(ctx context.Context, in *projectName, who string) (desk.Project, error) {
		return s.Desk.Pull(ctx, who, in.Project)
	})
	get(a, "/projects/{project}/playbooks", "list-playbooks", "Files of a project that may be playbooks", func(ctx context.Context, in *projectName) ([]string, error) { return s.Desk.Playbooks(ctx, in.Project) })
	get(a, "/projects/{project}/inventories", "list-inventories", "Inventories of a project", func(ctx context.Context, in *projectName) ([]desk.Inventory, error) {
		return s.Desk.Inventories(ctx, in.Project)
	})
	get(a, "/projects/{project}/credentials", "list-credentials", "Credentials of a project, without their values", func(ctx context.Context, in *projectName) ([]desk.Credential, error) {
		return s.Desk.Credentials(ctx, in.Project)
	})
	get(a, "/projects/{project}/templates", "list-templates", "Templates of a project", func(ctx context.Context, in *projectName) ([]desk.Template, error) {
		return s.Desk.Templates(ctx, in.Project)
	})
	get(a, "/projects/{project}/schedules", "list-schedules", "Schedules of a project", func(ctx context.Context, in *projectName) ([]desk.Schedule, error) {
		return s.Desk.Schedules(ctx, in.Project)
	})
	s.deskChanges(a)
	for _, r := range []struct {
		what   string
		remove func(ctx context.Context, who, project, name string) error
	}{{"inventories", s.Desk.RemoveInventory}, {"credentials", s.Desk.RemoveCredential}, {"templates", s.Desk.RemoveTemplate}, {"schedules", s.Desk.RemoveSchedule}} {
		inDesk(s, a, http.MethodDelete, "/projects/{project}/"+r.what+"/{name}", "remove-"+r.what, "Remove one of the "+r.what, auth.Manage, item, func(ctx context.Context, in *inProject, who string) (struct{}, error) {
			return struct{}{}, r.remove(ctx, who, in.Project, in.Name)
		})
	}
	s.plays(a)
}

// put is how an inventory, a credential, a template or a schedule is sent.
type put[T any] struct {
	Project string `path:"project"`
	Name    string `path:"name"`
	Body    T
}

func (s *server) deskChanges(a huma.API) {
	const path = "/projects/{project}/"
	inDesk(s, a, http.MethodPut, path+"inventories/{name}", "put-inventory", "Add or change an inventory", auth.Manage, func(in *put[desk.Inventory]) string { return in.Project },
		func(ctx context.Context, in *put[desk.Inventory], who string) (struct{}, error) {
			in.Body.Project, in.Body.Name = in.Project, in.Name
			return struct{}{}, s.Desk.PutInventory(ctx, who, in.Body)
		})
	inDesk(s, a, http.MethodPut, path+"credentials/{name}", "put-credential", "Add or change a credential", auth.Manage, func(in *put[SetCredential]) string { return in.Project },
		func(ctx context.Context, in *put[SetCredential], who string) (struct{}, error) {
			in.Body.Project, in.Body.Name = in.Project, in.Name
			return struct{}{}, s.Desk.PutCredential(ctx, who, in.Body.Credential, in.Body.Values)
		})
	inDesk(s, a, http.MethodPut, path+"templates/{name}", "put-template", "Add or change a template", auth.Manage, func(in *put[desk.Template]) string { return in.Project },
		func(ctx context.Context, in *put[desk.Template], who string) (struct{}, error) {
			in.Body.Project, in.Body.Name = in.Project, in.Name
			return struct{}{}, s.Desk.PutTemplate(ctx, who, in.Body)
		})
	inDesk(s, a, http.MethodPut, path+"schedules/{name}", "put-schedule", "Add or change a schedule", auth.Manage, func(in *put[desk.Schedule]) string { return in.Project },
		func(ctx context.Context, in *put[desk.Schedule], who string) (struct{}, error) {
			in.Body.Project, in.Body.Name = in.Project, in.Name
			return struct{}{}, s.Desk.PutSchedule(ctx, who, in.Body)
		})
	inDesk(s, a, http.MethodPost, path+"templates/{name}/launch", "launch-template", "Run a template", auth.Launch, func(in *put[desk.Launch]) string { return in.Project },
		func(ctx context.Context, in *put[desk.Launch], who string) (run.Info, error) {
			in.Body.Project, in.Body.Template, in.Body.Who = in.Project, in.Name, who
			return s.Desk.Launch(ctx, in.Body)
		})
}

func (s *server) plays(a huma.API) {
	get(a, "/plays/{run}", "get-play", "A run of a template", func(ctx context.Context, in *struct {
		Run string `path:"run"`
	},
	) (out PlayRun, err error) {
		if out.Info, err = s.Engine.Get(ctx, in.Run); err != nil {
			return out, err
		}
		if out.Order, err = desk.OrderOf(out.Info); err != nil {
			return out, err
		}
		if out.Outcome, err = desk.OutcomeOf(out.Info); err != nil {
			return out, err
		}
		out.Input, out.Result, out.Order.Hidden = nil, nil, nil
		out.Tally, err = s.Desk.Tally(ctx, in.Run)
		return out, err
	})
	get(a, "/plays/{run}/results", "list-results", "What came of the tasks of a run, by pages", func(ctx context.Context, in *resultsOf) ([]desk.Result, error) {
		return s.Desk.Results(ctx, in.Run, desk.Filter{State: in.State, Host: in.Host, Task: in.Task, Search: in.Search, After: in.After, Limit: in.Limit})
	})
	handle(a, http.MethodPost, "/plays/{run}/again", "run-again", "Run again for the hosts that failed", auth.View, func(ctx context.Context, in *reason, p auth.Principal) (run.Info, error) {
		if err := s.Desk.MayRun(ctx, p, in.Run); err != nil {
			return run.Info{}, err
		}
		return s.Desk.Again(ctx, in.Run, p.Name, in.Body.Why)
	})
	handle(a, http.MethodPost, "/plays/{run}/cancel", "cancel-play", "End a run where it is", auth.View, func(ctx context.Context, in *reason, p auth.Principal) (struct{}, error) {
		if err := s.Desk.MayRun(ctx, p, in.Run); err != nil {
			return struct{}{}, err
		}
		return struct{}{}, s.Desk.Cancel(ctx, in.Run, p.Name, in.Body.Why)
	})
}

func inside(project string, rest ...string) string {
	path := "/projects/" + url.PathEscape(project)
	for _, r := range rest {
		path += "/" + url.PathEscape(r)
	}
	return path
}

// Projects lists the projects of playbooks.
func (c *Client) Projects(ctx context.Context) (out []desk.Project, err error) {
	return out, c.call(ctx, http.MethodGet, "/projects", nil, &out)
}

// PutProject adds or changes a project.
func (c *Client) PutProject(ctx context.Context, p desk.Project) (out desk.Project, err error) {
	return out, c.call(ctx, http.MethodPut, inside(p.Name), p, &out)
}

// RemoveProject removes a project with all that is in it.
func (c *Client) RemoveProject(ctx context.Context, name string) error {
	return c.call(ctx, http.MethodDelete, inside(name), nil, nil)
}

// PullProject fetches a project's newest commit.
func (c *Client) PullProject(ctx context.Context, name string) (out desk.Project, err error) {
	return out, c.call(ctx, http.MethodPost, inside(name, "pull"), struct{}{}, &out)
}

// InProject lists what a project has of a kind: inventories, credentials, templates, schedules, playbooks.
func (c *Client) InProject(ctx context.Context, project, what string, out any) error {
	return c.call(ctx, http.MethodGet, inside(project, what), nil, out)
}

// PutInProject adds or changes one of them.
func (c *Client) PutInProject(ctx context.Context, project, what, name string, v any) error {
	return c.call(ctx, http.MethodPut, inside(project, what, name), v, nil)
}

// RemoveFromProject removes one of them.
func (c *Client) RemoveFromProject(ctx context.Context, project, what, name string) error {
	return c.call(ctx, http.MethodDelete, inside(project, what, name), nil, nil)
}

// LaunchTemplate runs a template.
func (c *Client) LaunchTemplate(ctx context.Context, l desk.Launch) (out run.Info, err error) {
	return out, c.call(ctx, http.MethodPost, inside(l.Project, "templates", l.Template, "launch"), l, &out)
}

// Play tells about a run of a template.
func (c *Client) Play(ctx context.Context, id string) (out PlayRun, err error) {
	return out, c.call(ctx, http.MethodGet, "/plays/"+url.PathEscape(id), nil, &out)
}

// PlayResults lists what came of a run's tasks.
func (c *Client) PlayResults(ctx context.Context, id string, f desk.Filter) (out []desk.Result, err error) {
	q := url.Values{"state": {f.State}, "host": {f.Host}, "task": {f.Task}, "search": {f.Search}}
	return out, c.call(ctx, http.MethodGet, "/plays/"+url.PathEscape(id)+"/results?"+q.Encode(), nil, &out)
}

// RunAgain runs again for the hosts that failed.
func (c *Client) RunAgain(ctx context.Context, id, why string) (out run.Info, err error) {
	return out, c.call(ctx, http.MethodPost, "/plays/"+url.PathEscape(id)+"/again", map[string]string{"why": why}, &out)
}

// CancelPlay ends a run where it is.
func (c *Client) CancelPlay(ctx context.Context, id, why string) error {
	return c.call(ctx, http.MethodPost, "/plays/"+url.PathEscape(id)+"/cancel", map[string]string{"why": why}, nil)
}
