package adopt

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"goodstate.dev/goodstate/core/py"
	"goodstate.dev/goodstate/core/yaml11"
	"goodstate.dev/goodstate/drift/desk"
)

type semTemplate struct {
	Name         string     `json:"name"`
	Type         string     `json:"type"` // empty, build, deploy
	App          string     `json:"app"`  // empty, ansible; others are no playbooks
	Playbook     string     `json:"playbook"`
	Arguments    string     `json:"arguments"` // a JSON list
	Branch       string     `json:"git_branch"`
	Inventory    string     `json:"inventory"`
	Repository   string     `json:"repository"`
	Environment  string     `json:"environment"`
	Environments []string   `json:"environments"`
	Build        string     `json:"build_template"`
	Autorun      bool       `json:"autorun"`
	Vaults       []semVault `json:"vaults"`
	VaultKey     string     `json:"vault_key"`
	Cron         string     `json:"cron"`
	Survey       []semAsk   `json:"survey_vars"`
	Params       struct {
		Limit    []string `json:"limit"`
		Tags     []string `json:"tags"`
		SkipTags []string `json:"skip_tags"`
	} `json:"task_params"`
}

type semVault struct {
	Name string `json:"name"`
	Type string `json:"type"` // password, script
	Key  string `json:"vault_key"`
}

type semAsk struct {
	Name     string `json:"name"`
	Title    string `json:"title"`
	Help     string `json:"description"`
	Required bool   `json:"required"`
	Type     string `json:"type"` // empty, int, enum, secret
	Default  any    `json:"default_value"`
	Values   []struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	} `json:"values"`
}

// secretWord finds names of variables that hold passwords.
var secretWord = regexp.MustCompile(`(?i)\b[a-z0-9_]*(pass(word|phrase)?|secret|token|api_?key)["']?\s*[:=]\s*["']?[^\s"'{]`)

// job is a template as it is here.
func (s *semaphore) job(t semTemplate) (ours desk.Template, why string) {
	project := s.place(t.Repository, t.Branch)
	switch {
	case t.App != "" && t.App != "ansible":
		return ours, "it runs " + shown(t.App) + ", only playbooks are run here"
	case project == "":
		return ours, "its repository " + shown(t.Repository) + " is not taken"
	}
	i, ok := s.inventories[t.Inventory]
	if !ok {
		return ours, "it has no inventory"
	}
	ours = desk.Template{Project: project, Name: s.templateNames.of[t.Name], Playbook: t.Playbook, Limit: strings.Join(t.Params.Limit, ","), Tags: t.Params.Tags, SkipTags: t.Params.SkipTags}
	if ours.Inventory, ok = s.hosts(project, t.Repository, i); !ok {
		return ours, "its inventory " + shown(i.Name) + " is not taken"
	}
	if why := s.logins(t, i, &ours); why != "" {
		return ours, why
	}
	if why := s.variables(t, &ours); why != "" {
		return ours, why
	}
	if why := arguments(t.Arguments, &ours); why != "" {
		return ours, why
	}
	for _, q := range t.Survey {
		asked, why := question(q)
		if why != "" {
			return ours, why
		}
		ours.Survey = append(ours.Survey, asked)
	}
	if t.Build != "" {
		s.note("template", t.Name, "it followed template %s, and was told its version; here it is launched by itself", shown(t.Build))
	}
	return ours, ""
}

func (s *semaphore) logins(t semTemplate, i semInventory, ours *desk.Template) (why string) {
	type use struct{ key, role, vault string }
	uses := []use{{i.Key, asLogin, ""}, {i.BecomeKey, asBecome, ""}, {t.VaultKey, asVault, ""}}
	for _, v := range t.Vaults {
		if v.Type == "script" {
			return "a vault password of it comes from a script on the other controller"
		}
		uses = append(uses, use{v.Key, asVault, v.Name})
	}
	for _, u := range uses {
		if u.key == "" {
			continue
		}
		name, why := s.login(ours.Project, u.key, u.role, u.vault)
		if why != "" {
			return why
		}
		if name != "" {
			ours.Credentials = append(ours.Credentials, name)
		}
	}
	return ""
}

// variables are those of the template's environments, later ones over earlier ones.
func (s *semaphore) variables(t semTemplate, ours *desk.Template) (why string) {
	all := py.NewDict()
	list := t.Environments
	if t.Environment != "" {
		list = append([]string{t.Environment}, list...)
	}
	for _, name := range list {
		e, ok := s.environments[name]
		if !ok {
			return "its environment " + shown(name) + " is not in the backup"
		}
		if strings.TrimSpace(e.JSON) == "" {
			continue
		}
		v, err := py.FromJSON([]byte(e.JSON), false)
		given, ok := v.(*py.Dict)
		if err != nil || !ok {
			return "its environment " + shown(name) + " is no JSON mapping"
		}
		for k, v := range given.All() {
			if k != "ENV" {
				all.Set(k, v)
			}
		}
		if secretWord.MatchString(e.JSON) {
			s.once1("environment", name, "it seems to have passwords in it, which everybody sees who may look; ask for them in a survey, or keep them in a vault")
		}
	}
	return setVars(ours, all)
}

// setVars puts variables over those of a template.
func setVars(ours *desk.Template, more *py.Dict) (why string) {
	if more.Len() == 0 {
		return ""
	}
	all, err := variables(ours.Vars)
	if err == nil {
		for k, v := range more.All() {
			all.Set(k, v)
		}
		ours.Vars, err = yaml11.Dump(all, yaml11.DumpOptions{Block: true, Unsorted: true, Width: -1})
	}
	if err != nil {
		return "its variables: " + err.Error()
	}
	return ""
}

func question(q semAsk) (out desk.Question, why string) {
	out = desk.Question{Variable: q.Name, Ask: q.Title, Help: q.Help, Required: q.Required, Default: lines(q.Default)}
	switch q.Type {
	case "":
		out.Kind = desk.Text
	case "int":
		out.Kind = desk.Integer
	case "secret":
		out.Kind, out.Default = desk.Password, ""
	case "enum":
		out.Kind = desk.Choice
		for _, v := range q.Values {
			out.Choices = append(out.Choices, v.Value)
		}
	default:
		return out, fmt.Sprintf("its question %s is of type %s", shown(q.Name), shown(q.Type))
	}
	return out, ""
}

type semSchedule struct {
	Name     string          `json:"name"`
	Cron     string          `json:"cron_format"`
	Active   *bool           `json:"active"`
	Type     string          `json:"type"` // empty, run_at
	Template string          `json:"template"`
	Params   json.RawMessage `json:"task_params"`
}

// schedules makes those of templates; old backups have them in their templates only.
func (s *semaphore) schedules() {
	has := map[string]bool{}
	for _, c := range s.in.Schedules {
		has[c.Template] = true
		s.recurring(c)
	}
	for _, t := range s.in.Templates {
		if t.Cron != "" && !has[t.Name] {
			s.recurring(semSchedule{Name: "cron", Cron: t.Cron, Template: t.Name})
		}
	}
}

func (s *semaphore) recurring(c semSchedule) {
	t, ok := s.spots[c.Template]
	switch {
	case c.Template == "" && c.Name == "": // a schedule whose template was removed is written as an empty one
		return
	case !ok:
		s.left("schedule", c.Name, "its template %s is not taken", shown(c.Template))
		return
	case c.Type == "run_at":
		s.left("schedule", c.Name, "it happens once; launch the template then: goodstate template launch %s %s", t.Project, t.Name)
		return
	case set(c.Params):
		s.left("schedule", c.Name, "it sets what its template leaves open; make a template of its own for it")
		return
	}
	ours := desk.Schedule{Project: t.Project, Name: joined(t.Name, c.Name), Template: t.Name, Cron: c.Cron, Zone: s.opt.Zone, Off: c.Active != nil && !*c.Active}
	s.schedule(c.Name, ours, t)
}

// set says whether parameters of a task set anything.
func set(raw json.RawMessage) bool {
	if len(raw) == 0 || bytes.Equal(raw, []byte("null")) {
		return false
	}
	var all any
	return json.Unmarshal(raw, &all) != nil || filled(all)
}

func filled(v any) bool {
	switch v := v.(type) {
	case map[string]any:
		for name, item := range v {
			if name != "message" && filled(item) {
				return true
			}
		}
	case []any:
		for _, item := range v {
			if filled(item) {
				return true
			}
		}
	case string:
		return v != "" && v != "{}" && v != "[]"
	case float64:
		return v != 0
	case bool:
		return v
	}
	return false
}
