package desk

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"goodstate.dev/goodstate/core/py"
	"goodstate.dev/goodstate/core/yaml11"
)

// Template is a playbook with all that a run of it needs.
type Template struct {
	Project     string     `json:"project"`
	Name        string     `json:"name"`
	Playbook    string     `json:"playbook" doc:"path in the project"`
	Inventory   string     `json:"inventory"`
	Credentials []string   `json:"credentials,omitempty"`
	Limit       string     `json:"limit,omitempty"`
	Tags        []string   `json:"tags,omitempty"`
	SkipTags    []string   `json:"skip_tags,omitempty"`
	Vars        string     `json:"vars,omitempty" doc:"extra variables, a YAML mapping"`
	Forks       int        `json:"forks,omitempty" doc:"hosts at a time; 0 is 5"`
	Check       bool       `json:"check,omitempty" doc:"only look, unless somebody launches it otherwise"`
	Become      bool       `json:"become,omitempty"`
	Survey      []Question `json:"survey,omitempty"`
	Labels      []string   `json:"labels,omitempty"`
}

const mostForks = 500

func (t *Template) key() (kind, project, name string) { return kindTemplate, t.Project, t.Name }

func (t *Template) valid() error {
	switch {
	case !filepath.IsLocal(t.Playbook):
		return fmt.Errorf("playbook %.80q, want a path in the project", t.Playbook)
	case t.Inventory == "":
		return errors.New("which inventory? name one of the project")
	case t.Forks < 0 || t.Forks > mostForks:
		return fmt.Errorf("%d hosts at a time, want at most %d", t.Forks, mostForks)
	}
	if _, err := t.vars(); err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, q := range t.Survey {
		if err := q.valid(); err != nil {
			return err
		}
		if seen[q.Variable] {
			return fmt.Errorf("%s is asked twice", q.Variable)
		}
		seen[q.Variable] = true
	}
	return nil
}

// vars are the extra variables of the template's author, which may be templates.
func (t *Template) vars() (*py.Dict, error) {
	if strings.TrimSpace(t.Vars) == "" {
		return py.NewDict(), nil
	}
	v, err := yaml11.Load("variables", []byte(t.Vars), yaml11.Options{})
	if err != nil {
		return nil, fmt.Errorf("variables: %w", err)
	}
	d, ok := v.(*py.Dict)
	if !ok {
		return nil, errors.New("variables: want a YAML mapping, such as name: value")
	}
	return d, nil
}

// Templates lists those of a project; an empty project is all.
func (d *Desk) Templates(ctx context.Context, project string) ([]Template, error) {
	return list[Template](ctx, d, kindTemplate, project)
}

// Template reads one.
func (d *Desk) Template(ctx context.Context, project, name string) (Template, error) {
	return find[Template](ctx, d, kindTemplate, project, name)
}

// PutTemplate adds or changes a template. Its inventory and credentials have to be there.
func (d *Desk) PutTemplate(ctx context.Context, who string, t Template) error {
	if _, err := d.Project(ctx, t.Project); err != nil {
		return err
	}
	if t.Inventory != "" {
		if _, err := d.Inventory(ctx, t.Project, t.Inventory); err != nil {
			return err
		}
	}
	for _, c := range t.Credentials {
		if _, err := find[Credential](ctx, d, kindCredential, t.Project, c); err != nil {
			return err
		}
	}
	if err := d.put(ctx, &t); err != nil {
		return err
	}
	return d.say(ctx, who, "template-changed", t.Project, "template "+t.Name+" of project "+t.Project+" runs "+t.Playbook)
}

// RemoveTemplate forgets a template and its schedules; its runs stay in the record.
func (d *Desk) RemoveTemplate(ctx context.Context, who, project, name string) error {
	all, err := d.Schedules(ctx, project)
	if err != nil {
		return err
	}
	for _, s := range all {
		if s.Template == name {
			if err := d.RemoveSchedule(ctx, who, project, s.Name); err != nil {
				return err
			}
		}
	}
	if err := d.remove(ctx, kindTemplate, project, name); err != nil {
		return err
	}
	return d.say(ctx, who, "template-removed", project, "template "+name+" of project "+project+" is removed")
}
