package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"goodstate.dev/goodstate/drift/desk"
)

// templateChoice is what a template's form chooses from.
type templateChoice struct {
	Playbooks   []string
	Inventories []desk.Inventory
	Credentials []desk.Credential
	Chosen      map[string]bool // credentials
	Kinds       []desk.Kind
	Rows        []questionRow // the survey's questions, and room for one more
	File        string        // the template as the command line reads it
}

// questionRow is a question with the number of its fields.
type questionRow struct {
	N int
	desk.Question
	Lines    string // choices, one a line
	Min, Max string
}

// mostQuestions bounds a survey, and how many fields of a form are looked at.
const mostQuestions = 100

func (s *site) templates(mux *http.ServeMux) {
	edits(s, mux, editor[desk.Template]{
		kind: "templates", one: "template", find: s.Desk.Template, remove: s.Desk.RemoveTemplate, read: readTemplate, more: s.templateChoice,
		put: func(ctx context.Context, _ *http.Request, who string, t desk.Template) error {
			return s.Desk.PutTemplate(ctx, who, t)
		},
		command: func(project, name string, _ desk.Template) string {
			return sh("goodstate", "template", "set", project, name, "--from", "FILE")
		},
		forget: func(project, name string) string { return sh("goodstate", "template", "remove", project, name) },
	})
}

func (s *site) templateChoice(ctx context.Context, project string, t desk.Template) (any, error) {
	c := templateChoice{Chosen: map[string]bool{}, Kinds: desk.Kinds}
	var err error
	if c.Playbooks, err = s.Desk.Playbooks(ctx, project); err != nil {
		return nil, err
	}
	if c.Inventories, err = s.Desk.Inventories(ctx, project); err != nil {
		return nil, err
	}
	if c.Credentials, err = s.Desk.Credentials(ctx, project); err != nil {
		return nil, err
	}
	for _, name := range t.Credentials {
		c.Chosen[name] = true
	}
	for i, q := range append(t.Survey[:len(t.Survey):len(t.Survey)], desk.Question{Kind: desk.Text}) {
		c.Rows = append(c.Rows, questionRow{i, q, strings.Join(q.Choices, "\n"), bound(q.Min), bound(q.Max)})
	}
	t.Project, t.Name = "", ""
	text, err := json.MarshalIndent(t, "", "  ")
	c.File = string(text)
	return c, err
}

func bound(n *float64) string {
	if n == nil {
		return ""
	}
	return strconv.FormatFloat(*n, 'g', -1, 64)
}

// readTemplate reads the form of a template.
func readTemplate(r *http.Request, project, name string, old desk.Template) (desk.Template, error) {
	value := func(field string) string { return strings.TrimSpace(r.PostFormValue(field)) }
	t := desk.Template{
		Project: project, Name: name, Playbook: value("playbook"), Inventory: value("inventory"), Credentials: r.PostForm["credential"], Limit: value("limit"),
		Tags: separate(value("tags")), SkipTags: separate(value("skip_tags")), Labels: old.Labels, Vars: strings.ReplaceAll(r.PostFormValue("vars"), "\r\n", "\n"),
		Check: value("check") != "", Become: value("become") != "",
	}
	var errs []error
	if forks := value("forks"); forks != "" {
		n, err := strconv.Atoi(forks)
		if err != nil {
			errs = append(errs, fmt.Errorf("hosts at a time: %.20q is no number", forks))
		}
		t.Forks = n
	}
	for i := range mostQuestions {
		field := func(name string) string { return r.PostFormValue(fmt.Sprintf("q%d.%s", i, name)) }
		if strings.TrimSpace(field("variable")) == "" {
			continue // a row without a variable is no question
		}
		q := desk.Question{
			Variable: strings.TrimSpace(field("variable")), Ask: strings.TrimSpace(field("ask")), Help: strings.TrimSpace(field("help")), Kind: desk.Kind(field("kind")),
			Required: field("required") != "", Default: strings.ReplaceAll(field("default"), "\r\n", "\n"), Choices: lines(field("choices")),
		}
		for _, b := range []struct {
			name string
			into **float64
		}{{"min", &q.Min}, {"max", &q.Max}} {
			if text := strings.TrimSpace(field(b.name)); text != "" {
				n, err := strconv.ParseFloat(text, 64)
				if err != nil || n-n != 0 {
					errs = append(errs, fmt.Errorf("%s: %s %.20q is no number", q.Variable, b.name, text))
					continue
				}
				*b.into = &n
			}
		}
		t.Survey = append(t.Survey, q)
	}
	return t, errors.Join(errs...)
}

// separate are the words of a text between commas and blanks.
func separate(text string) []string {
	return strings.FieldsFunc(text, func(c rune) bool { return c == ',' || c == ' ' || c == '\n' || c == '\r' || c == '\t' })
}

// lines are a text's lines that say something.
func lines(text string) (out []string) {
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			out = append(out, line)
		}
	}
	return out
}
