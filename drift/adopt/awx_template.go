package adopt

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"

	"goodstate.dev/goodstate/core/py"
	"goodstate.dev/goodstate/core/yaml11"
	"goodstate.dev/goodstate/drift/desk"
)

// awxTemplate is a job template.
type awxTemplate struct {
	Key       *key   `json:"natural_key"`
	Name      string `json:"name"`
	JobType   string `json:"job_type"` // run, check
	Inventory *key   `json:"inventory"`
	Project   *key   `json:"project"`
	Playbook  string `json:"playbook"`
	Branch    string `json:"scm_branch"`
	Forks     int    `json:"forks"`
	Limit     string `json:"limit"`
	ExtraVars string `json:"extra_vars"`
	Tags      string `json:"job_tags"`
	SkipTags  string `json:"skip_tags"`
	StartAt   string `json:"start_at_task"`
	Slices    int    `json:"job_slice_count"`
	Surveyed  bool   `json:"survey_enabled"`
	Become    bool   `json:"become_enabled"`
	Hook      string `json:"webhook_service"`
	Related   struct {
		Credentials []key         `json:"credentials"`
		Labels      []named       `json:"labels"`
		Survey      awxSurvey     `json:"survey_spec"`
		Schedules   []awxSchedule `json:"schedules"`
	} `json:"related"`
}

type awxSurvey struct {
	Spec []awxQuestion `json:"spec"`
}

// awxQuestion has choices as a list, or as lines of a text; a default is of the kind of its answer.
type awxQuestion struct {
	Ask      string   `json:"question_name"`
	Help     string   `json:"question_description"`
	Required bool     `json:"required"`
	Type     string   `json:"type"`
	Variable string   `json:"variable"`
	Min      *float64 `json:"min"`
	Max      *float64 `json:"max"`
	Default  any      `json:"default"`
	Choices  any      `json:"choices"`
}

// spot is a template that was made, and the inventories and credentials that it was made with.
type spot struct {
	template desk.Template
	of       awxTemplate
}

// templates makes job templates with the inventories and credentials that they use.
func (a *awx) templates() {
	for _, t := range a.in.JobTemplates {
		ours, why := a.jobTemplate(t)
		if why != "" {
			a.left("template", t.Name, "%s", why)
			continue
		}
		if a.template(t.Name, ours) {
			a.spots[t.Key.id()] = append(a.spots[t.Key.id()], spot{ours, t})
		}
	}
}

func (a *awx) jobTemplate(t awxTemplate) (ours desk.Template, why string) {
	project := a.place(t.Project.id(), t.Branch)
	switch {
	case t.Key.id() == "":
		return ours, "it has no natural key"
	case t.Project == nil:
		return ours, "it has no project"
	case project == "":
		return ours, "its project " + shown(t.Project.Name) + " is not taken"
	case t.Inventory == nil:
		return ours, "it has no inventory: AWX asks for one at each launch"
	}
	ours = desk.Template{
		Project: project, Name: a.templateNames.of[t.Key.id()], Playbook: t.Playbook, Limit: t.Limit, Tags: words(t.Tags), SkipTags: words(t.SkipTags), Vars: vars(t.ExtraVars),
		Forks: t.Forks, Check: t.JobType == "check", Become: t.Become,
	}
	i, ok := a.inventories[t.Inventory.id()]
	if !ok {
		return ours, "its inventory " + shown(t.Inventory.Name) + " is not in the export; export inventories too"
	}
	a.used["inventory "+i.Key.id()] = true
	if ours.Inventory, ok = a.hosts(project, i); !ok {
		return ours, "its inventory " + shown(i.Name) + " is not taken"
	}
	if why := a.logins(t, &ours); why != "" {
		return ours, why
	}
	for _, l := range t.Related.Labels {
		ours.Labels = append(ours.Labels, l.Name)
	}
	if t.Surveyed {
		for _, q := range t.Related.Survey.Spec {
			ours.Survey = append(ours.Survey, a.question(t.Name, q))
		}
	}
	a.differs(t)
	return ours, ""
}

// logins makes the credentials of a template.
func (a *awx) logins(t awxTemplate, ours *desk.Template) (why string) {
	for _, k := range t.Related.Credentials {
		c, ok := a.credentials[k.id()]
		if !ok {
			return "its credential " + shown(k.Name) + " is not in the export; export credentials too"
		}
		a.used["credential "+k.id()] = true
		if !c.usable() {
			a.note("template", t.Name, "credential %s is left out: %s", shown(c.Name), c.unusable(""))
			continue
		}
		name, ok := a.login(ours.Project, c)
		if !ok {
			return "its credential " + shown(c.Name) + " is not taken"
		}
		ours.Credentials = append(ours.Credentials, name)
	}
	return ""
}

// differs says what a template does otherwise here.
func (a *awx) differs(t awxTemplate) {
	if t.StartAt != "" {
		a.note("template", t.Name, "it began at task %s; here it begins at its first", shown(t.StartAt))
	}
	if t.Slices > 1 {
		a.note("template", t.Name, "its %d slices are one run here", t.Slices)
	}
	if t.Hook != "" {
		a.note("template", t.Name, "its webhook of %s is left out", shown(t.Hook))
	}
	if t.JobType != "run" && t.JobType != "check" && t.JobType != "" {
		a.note("template", t.Name, "its job type %s is a run here", shown(t.JobType))
	}
}

func (a *awx) question(template string, q awxQuestion) desk.Question {
	out := desk.Question{Variable: q.Variable, Ask: q.Ask, Help: q.Help, Kind: desk.Kind(q.Type), Required: q.Required, Min: q.Min, Max: q.Max, Default: lines(q.Default)}
	if out.Kind == desk.Choice || out.Kind == desk.MultiSelect {
		out.Choices, out.Min, out.Max = strings.FieldsFunc(lines(q.Choices), func(r rune) bool { return r == '\n' }), nil, nil
	}
	if out.Kind == desk.Password && out.Default != "" {
		a.note("template", template, "the default of %s is a secret and left out", shown(q.Variable))
		out.Default = ""
	}
	return out
}

// lines is a value as a text: items of a list one a line.
func lines(v any) string {
	switch v := v.(type) {
	case string:
		return strings.TrimRight(v, "\n")
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case bool:
		return strconv.FormatBool(v)
	case []any:
		var all []string
		for _, item := range v {
			all = append(all, strings.ReplaceAll(lines(item), "\n", " "))
		}
		return strings.Join(all, "\n")
	}
	return ""
}

// words are the items of a list with commas.
func words(list string) []string {
	var out []string
	for w := range strings.SplitSeq(list, ",") {
		if w = strings.TrimSpace(w); w != "" {
			out = append(out, w)
		}
	}
	return out
}

// vars is a text of variables, empty where there are none.
func vars(text string) string {
	if v, err := variables(text); err == nil && v.Len() == 0 {
		return ""
	}
	return text
}

// merged are variables over others, as a text.
func merged(under string, over map[string]any) (string, error) {
	all, err := variables(under)
	if err != nil {
		return "", err
	}
	text, err := json.Marshal(over)
	if err != nil {
		return "", err
	}
	v, err := py.FromJSON(text, false)
	if err != nil {
		return "", err
	}
	given, ok := v.(*py.Dict)
	if !ok {
		return "", errors.New("want a mapping")
	}
	for k, v := range given.All() {
		all.Set(k, v)
	}
	return yaml11.Dump(all, yaml11.DumpOptions{Block: true, Unsorted: true, Width: -1})
}
