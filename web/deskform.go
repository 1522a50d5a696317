package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"goodstate.dev/goodstate/core/auth"
	"goodstate.dev/goodstate/core/remote"
	"goodstate.dev/goodstate/drift/desk"
)

// editor is the form of one kind of what a project has: inventories, credentials, templates, schedules.
type editor[T any] struct {
	kind, one string // as addresses and people say it: "inventories", "inventory"
	find      func(ctx context.Context, project, name string) (T, error)
	read      func(r *http.Request, project, name string, old T) (T, error) // what was typed; an error leaves what could be read
	check     func(ctx context.Context, v T) (said any, err error)          // looks without keeping; nil: there is nothing to look at
	put       func(ctx context.Context, r *http.Request, who string, v T) error
	remove    func(ctx context.Context, who, project, name string) error
	more      func(ctx context.Context, project string, v T) (any, error) // what the form chooses from
	command   func(project, name string, v T) string
	forget    func(project, name string) string // the command that removes it
}

// edited is an item as its form shows it.
type edited[T any] struct {
	Project   string
	Name      string
	Kind, One string
	New       bool
	May       bool // change it
	Item      T
	More      any
	Said      any // what a check came to
	Forget    string
}

// Action is where the form is sent to.
func (e edited[T]) Action() string {
	if e.New { // one that was refused has a name, and is not there yet
		return projectPath(e.Project) + "/" + e.Kind + "/"
	}
	return projectPath(e.Project) + "/" + e.Kind + "/" + url.PathEscape(e.Name)
}

func projectPath(project string) string { return "/projects/" + url.PathEscape(project) }

// edits adds the pages and the targets of a kind.
func edits[T any](s *site, mux *http.ServeMux, e editor[T]) {
	s.read(mux, "GET /projects/{project}/add/"+e.kind, func(r *http.Request) (view, error) {
		var none T
		return e.page(s, r, none, true)
	})
	one := "/projects/{project}/" + e.kind + "/{name}"
	s.read(mux, "GET "+one, func(r *http.Request) (view, error) {
		v, err := e.find(r.Context(), r.PathValue("project"), r.PathValue("name"))
		if err != nil {
			return view{}, err
		}
		return e.page(s, r, v, false)
	})
	s.form(mux, "POST "+one, func(r *http.Request, who string) (string, view, error) { return e.save(s, r, who) })
	s.form(mux, "POST /projects/{project}/"+e.kind+"/{$}", func(r *http.Request, who string) (string, view, error) { return e.save(s, r, who) })
	s.form(mux, "POST "+one+"/remove", func(r *http.Request, who string) (string, view, error) {
		project := r.PathValue("project")
		if err := s.may(r, project, auth.Manage); err != nil {
			return "", view{}, err
		}
		return projectPath(project) + "#" + e.kind, view{}, e.remove(r.Context(), who, project, r.PathValue("name"))
	})
}

func (e editor[T]) page(s *site, r *http.Request, v T, fresh bool) (view, error) {
	project, name := r.PathValue("project"), r.PathValue("name")
	if _, err := s.Desk.Project(r.Context(), project); err != nil {
		return view{}, err
	}
	d := edited[T]{Project: project, Name: name, Kind: e.kind, One: e.one, New: fresh, May: s.may(r, project, auth.Manage) == nil, Item: v}
	if !fresh {
		d.Forget = e.forget(project, name)
	}
	if fresh && !d.May {
		return view{}, s.may(r, project, auth.Manage)
	}
	var err error
	if e.more != nil {
		if d.More, err = e.more(r.Context(), project, v); err != nil {
			return view{}, err
		}
	}
	title := "New " + e.one
	if !fresh {
		title = name
	}
	return view{Page: e.one, Title: title, Command: e.command(project, orName(name), v), Data: d}, nil
}

func orName(name string) string {
	if name == "" {
		return "NAME"
	}
	return name
}

// save keeps what was typed, or only looks at it. What is refused is shown again as it was typed.
func (e editor[T]) save(s *site, r *http.Request, who string) (string, view, error) {
	ctx, project, name := r.Context(), r.PathValue("project"), r.PathValue("name")
	if err := s.may(r, project, auth.Manage); err != nil {
		return "", view{}, err
	}
	fresh := name == ""
	if fresh {
		name = strings.TrimSpace(r.PostFormValue("name"))
		r.SetPathValue("name", name)
	}
	old, err := e.find(ctx, project, name)
	switch {
	case err == nil && fresh:
		err = fmt.Errorf("project %s has an %s %s already; choose another name, or change that one", project, e.one, name)
	case errors.Is(err, desk.ErrNone) && fresh:
		err = nil
	}
	if err != nil && !fresh {
		return "", view{}, err
	}
	v, readErr := e.read(r, project, name, old)
	if err == nil {
		err = readErr
	}
	var said any
	do := r.PostFormValue("do")
	switch {
	case err != nil:
	case do == "check" && e.check != nil:
		if said, err = e.check(ctx, v); err != nil {
			said = nil
		}
	case do != "" && do != "save": // the form asks for itself, with more room
	default:
		if err = e.put(ctx, r, who, v); err == nil {
			return projectPath(project) + "#" + e.kind, view{}, nil
		}
	}
	again, pageErr := e.page(s, r, v, fresh)
	if pageErr != nil {
		return "", view{}, errors.Join(err, pageErr)
	}
	d, _ := again.Data.(edited[T]) // page made it
	d.Said = said
	again.Data = d
	return "", again, err
}

// may says why who asks may not do something in a project.
func (s *site) may(r *http.Request, project string, action auth.Action) error {
	p, _ := auth.PrincipalFrom(r.Context()) // the guard has seen it
	return s.Desk.May(r.Context(), p, project, action)
}

// form adds a form's target that is shown again with what was typed where that is refused, or only looked at.
func (s *site) form(mux *http.ServeMux, pattern string, do func(r *http.Request, who string) (next string, again view, err error)) {
	mux.Handle(pattern, s.guard.Require(auth.View, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, _ := auth.PrincipalFrom(r.Context()) // Require has seen it
		next, again, err := do(r, p.Name)
		switch {
		case err != nil && again.Page == "":
			s.failed(w, r, err)
		case err != nil:
			status, why := wrong(err)
			s.render(w, r, status, shown{view: again, Problem: why})
		case again.Page != "":
			s.render(w, r, http.StatusOK, shown{view: again})
		default:
			http.Redirect(w, r, next, http.StatusSeeOther)
		}
	})))
}

// sh is a command line of these words.
func sh(words ...string) string {
	for i, w := range words {
		if w == "" || strings.Trim(w, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_./:=@,+") != "" {
			words[i] = remote.Quote(w)
		}
	}
	return strings.Join(words, " ")
}

// option is a flag and its value, or nothing where there is no value.
func option(flag, value string) []string {
	if value == "" {
		return nil
	}
	return []string{flag, value}
}
