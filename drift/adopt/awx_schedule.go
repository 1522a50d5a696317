package adopt

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"goodstate.dev/goodstate/drift/desk"
)

// awxSchedule launches a template, and may set what it asks at a launch.
type awxSchedule struct {
	Name      string          `json:"name"`
	Rule      string          `json:"rrule"`
	Enabled   *bool           `json:"enabled"`
	Of        *key            `json:"unified_job_template"`
	Extra     json.RawMessage `json:"extra_data"`
	Inventory *key            `json:"inventory"`
	Branch    string          `json:"scm_branch"`
	JobType   string          `json:"job_type"`
	Tags      string          `json:"job_tags"`
	SkipTags  string          `json:"skip_tags"`
	Limit     string          `json:"limit"`
}

// schedules makes those of job templates. Newer exports have them twice, beside and in their templates.
func (a *awx) schedules() {
	seen := map[string]bool{}
	add := func(s awxSchedule, of *key) {
		id := of.id() + "\x00" + s.Name
		if seen[id] {
			return
		}
		seen[id] = true
		switch spots := a.spots[of.id()]; {
		case of == nil || of.Type != "" && of.Type != "job_template":
			kind := "nothing that is named"
			if of != nil {
				kind = strings.ReplaceAll(shown(of.Type), "_", " ") + " " + shown(of.Name)
			}
			a.left("schedule", s.Name, "it launches %s, only templates are launched here", kind)
		case len(spots) == 0:
			a.left("schedule", s.Name, "its template %s is not taken", shown(of.Name))
		default:
			for _, p := range spots {
				a.recurring(s, p)
			}
		}
	}
	for _, t := range a.in.JobTemplates {
		for _, s := range t.Related.Schedules {
			add(s, t.Key)
		}
	}
	for _, s := range a.in.Schedules {
		add(s, s.Of)
	}
}

func (a *awx) recurring(s awxSchedule, p spot) {
	ours := desk.Schedule{Project: p.template.Project, Name: joined(p.template.Name, s.Name), Template: p.template.Name, Off: s.Enabled != nil && !*s.Enabled}
	var err error
	ours.Cron, ours.Zone, err = cronOf(s.Rule, a.now)
	var bound *boundError
	switch {
	case errors.As(err, &bound):
		a.left("schedule", s.Name, "%v; for good it would be: goodstate template schedule %s %s --template %s --cron '%s' --zone %s", err, ours.Project, ours.Name, ours.Template, ours.Cron, ours.Zone)
		return
	case err != nil:
		a.left("schedule", s.Name, "of template %s: %v", p.template.Name, err)
		return
	}
	t, why := a.prompted(s, p)
	if why != "" {
		a.left("schedule", s.Name, "of template %s: %s", p.template.Name, why)
		return
	}
	if t.Name != p.template.Name {
		if !a.template(s.Name, t) {
			return
		}
		a.note("schedule", s.Name, "it sets what template %s leaves open; template %s has that", p.template.Name, t.Name)
		ours.Template = t.Name
	}
	a.schedule(s.Name, ours, t)
}

// prompted is the template that a schedule launches: its own one where it sets what the template asks for.
func (a *awx) prompted(s awxSchedule, p spot) (t desk.Template, why string) {
	t = p.template
	given, err := s.answers()
	switch {
	case err != nil:
		return t, err.Error()
	case s.Branch != "" && s.Branch != p.of.Branch:
		return t, "it runs another branch, " + shown(s.Branch)
	}
	own := false
	if len(given) > 0 {
		own = true
		if t.Vars, err = merged(t.Vars, given); err != nil {
			return t, "its variables: " + err.Error()
		}
		t.Survey = nil
		for _, q := range p.template.Survey { // what it does not answer is still asked, which a schedule then cannot have
			if _, ok := given[q.Variable]; !ok {
				t.Survey = append(t.Survey, q)
			}
		}
	}
	if s.Limit != "" && s.Limit != t.Limit {
		own, t.Limit = true, s.Limit
	}
	if s.Tags != "" {
		own, t.Tags = true, words(s.Tags)
	}
	if s.SkipTags != "" {
		own, t.SkipTags = true, words(s.SkipTags)
	}
	if s.JobType != "" && (s.JobType == "check") != t.Check {
		own, t.Check = true, s.JobType == "check"
	}
	if s.Inventory != nil && s.Inventory.id() != p.of.Inventory.id() {
		own = true
		i, ok := a.inventories[s.Inventory.id()]
		if !ok {
			return t, "its inventory " + shown(s.Inventory.Name) + " is not in the export"
		}
		a.used["inventory "+i.Key.id()] = true
		if t.Inventory, ok = a.hosts(t.Project, i); !ok {
			return t, "its inventory " + shown(i.Name) + " is not taken"
		}
	}
	if own {
		t.Name = joined(t.Name, s.Name)
	}
	return t, ""
}

// answers are the variables that a schedule sets. They are data there, and would be templates here.
func (s *awxSchedule) answers() (map[string]any, error) {
	text := s.Extra
	var inner string
	if json.Unmarshal(text, &inner) == nil {
		text = json.RawMessage(inner)
	}
	if len(text) == 0 || string(text) == "null" {
		return nil, nil
	}
	var given map[string]any
	exact := json.NewDecoder(bytes.NewReader(text))
	exact.UseNumber()
	if err := exact.Decode(&given); err != nil {
		return nil, errors.New("its variables are no mapping")
	}
	for name, v := range given {
		flat := fmt.Sprint(v)
		switch {
		case strings.Contains(flat, "$encrypted$"):
			return nil, fmt.Errorf("it answers %s with a secret, which no export has", shown(name))
		case strings.Contains(flat, "{{"), strings.Contains(flat, "{%"):
			return nil, fmt.Errorf("its answer to %s has braces in it, which would be a template here", shown(name))
		}
	}
	return given, nil
}
