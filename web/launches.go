package web

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"goodstate.dev/goodstate/core/auth"
	"goodstate.dev/goodstate/drift/desk"
)

type launchData struct {
	Project desk.Project
	desk.Template
	May        bool // launch it
	Limit, Why string
	Answers    desk.Answers
	Fields     []answerField
	Credential []desk.Credential
}

// answerField is a question with what was typed as its answer; a password is never typed again by us.
type answerField struct {
	desk.Question
	Value  string
	Chosen map[string]bool
}

// launchPage is the form that launches or checks a template.
func (s *site) launchPage(r *http.Request) (view, error) {
	return s.launchForm(r, launchTyped{Limit: r.FormValue("limit")})
}

// launchTyped is what somebody typed into the form.
type launchTyped struct {
	Limit, Why string
	Answers    desk.Answers
}

func (s *site) launchForm(r *http.Request, typed launchTyped) (v view, err error) {
	ctx := r.Context()
	d := launchData{Limit: typed.Limit, Why: typed.Why}
	if d.Template, err = s.Desk.Template(ctx, r.PathValue("project"), r.PathValue("template")); err != nil {
		return v, err
	}
	if d.Project, err = s.Desk.Project(ctx, d.Template.Project); err != nil {
		return v, err
	}
	d.May = s.may(r, d.Project.Name, auth.Launch) == nil
	for _, q := range d.Survey {
		f := answerField{Question: q, Value: q.Default, Chosen: map[string]bool{}}
		chosen := strings.Split(q.Default, "\n")
		if given, ok := typed.Answers[q.Variable]; ok {
			f.Value, chosen = strings.Join(given, "\n"), given
		}
		if q.Kind == desk.Password {
			f.Value = ""
		}
		for _, c := range chosen {
			f.Chosen[c] = true
		}
		d.Fields = append(d.Fields, f)
	}
	words := []string{"goodstate", "template", "launch", d.Project.Name, d.Template.Name, "--check"}
	for _, q := range d.Survey {
		if q.Required && q.Kind != desk.Password {
			words = append(words, "--answer", q.Variable+"=VALUE")
		}
	}
	words = append(words, option("--limit", d.Limit)...)
	return view{Page: "launch", Title: "Launch " + d.Template.Name, Command: sh(words...), Data: d}, nil
}

// launch runs or checks a template with what was answered to its survey. What cannot be launched like this is shown again.
func (s *site) launch(r *http.Request, who string) (string, view, error) {
	project := r.PathValue("project")
	if err := s.may(r, project, auth.Launch); err != nil {
		return "", view{}, err
	}
	t, err := s.Desk.Template(r.Context(), project, r.PathValue("template"))
	if err != nil {
		return "", view{}, err
	}
	typed := launchTyped{Limit: strings.TrimSpace(r.PostFormValue("limit")), Why: strings.TrimSpace(r.PostFormValue("why")), Answers: desk.Answers{}}
	for _, q := range t.Survey {
		typed.Answers[q.Variable] = r.PostForm["answer."+q.Variable]
	}
	info, err := s.Desk.Launch(r.Context(), desk.Launch{
		Project: t.Project, Template: t.Name, Who: who, Why: typed.Why, Check: r.PostFormValue("do") != "launch", Limit: typed.Limit, Answers: typed.Answers,
	})
	if err == nil {
		return "/plays/" + url.PathEscape(info.ID), view{}, nil
	}
	again, pageErr := s.launchForm(r, typed)
	return "", again, errors.Join(err, pageErr)
}
