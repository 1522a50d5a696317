package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"

	"goodstate.dev/goodstate/drift/adopt"
	"goodstate.dev/goodstate/drift/desk"
	"goodstate.dev/goodstate/web/api"
)

// adopted is one thing of an import and what came of it.
type adopted struct {
	What    string `json:"what"`
	Project string `json:"project"`
	Name    string `json:"name"`
	Came    string `json:"came"` // made, replaced, same, kept (it is there and differs); would make, would replace
	About   string `json:"about,omitempty"`
}

// importReport is what an import prints with --json.
type importReport struct {
	Items   []adopted       `json:"items"`
	Missing []adopt.Missing `json:"missing"`
	Left    []adopt.Remark  `json:"not_taken"`
	Notes   []adopt.Remark  `json:"notes"`
}

// importer makes what a plan says through the API, so that an import may do no more than whoever asks for it.
type importer struct {
	client       *api.Client
	dry, replace bool
	have         map[string]map[string]json.RawMessage // by project and kind
	report       importReport
}

func (t *terminal) importPlan(ctx context.Context, client *api.Client, p adopt.Plan, dry, replace bool) error {
	m := &importer{client: client, dry: dry, replace: replace, have: map[string]map[string]json.RawMessage{}}
	m.report.Left, m.report.Notes = p.Left, p.Notes
	err := m.carry(ctx, p)
	for _, s := range p.Missing {
		if !m.given(s) {
			m.report.Missing = append(m.report.Missing, s)
		}
	}
	if t.json {
		t.document(m.report)
	} else {
		t.importText(m.report, dry)
	}
	return err
}

// carry makes things in the order in which they need each other.
func (m *importer) carry(ctx context.Context, p adopt.Plan) error {
	if err := m.projects(ctx, p.Projects); err != nil {
		return err
	}
	for _, i := range p.Inventories {
		about := i.Path
		if i.Text != "" {
			about = "its text"
		}
		if err := m.item(ctx, "inventories", i.Project, i.Name, about, i); err != nil {
			return err
		}
	}
	for _, c := range p.Credentials {
		if err := m.item(ctx, "credentials", c.Project, c.Name, "", c); err != nil {
			return err
		}
	}
	for _, x := range p.Templates {
		if err := m.item(ctx, "templates", x.Project, x.Name, x.Playbook+" on "+x.Inventory, x); err != nil {
			return err
		}
	}
	for _, s := range p.Schedules {
		about := s.Template + " at " + s.Cron + " " + s.Zone
		if s.Off {
			about += ", off"
		}
		if err := m.item(ctx, "schedules", s.Project, s.Name, about, s); err != nil {
			return err
		}
	}
	return nil
}

func (m *importer) projects(ctx context.Context, all []desk.Project) error {
	there, err := m.client.Projects(ctx)
	if err != nil {
		return err
	}
	for _, p := range all {
		at := slices.IndexFunc(there, func(o desk.Project) bool { return o.Name == p.Name })
		came := m.came(at >= 0, at >= 0 && there[at].Repository == p.Repository && there[at].Branch == p.Branch)
		if at >= 0 { // what people have set stays
			p.Local, p.KnownHosts, p.Roles = there[at].Local, there[at].KnownHosts, there[at].Roles
		}
		if came == "made" || came == "replaced" {
			if _, err := m.client.PutProject(ctx, p); err != nil {
				return fmt.Errorf("project %s: %w", p.Name, err)
			}
		}
		m.report.Items = append(m.report.Items, adopted{"project", p.Name, p.Name, came, p.Repository + " " + p.Branch})
	}
	return nil
}

// came is what comes of a thing.
func (m *importer) came(there, same bool) string {
	switch {
	case there && same:
		return "same"
	case there && !m.replace:
		return "kept"
	case m.dry && there:
		return "would replace"
	case m.dry:
		return "would make"
	case there:
		return "replaced"
	}
	return "made"
}

// item makes one thing of a project.
func (m *importer) item(ctx context.Context, what, project, name, about string, v any) error {
	old, there, err := m.old(ctx, what, project, name)
	if err != nil {
		return err
	}
	same, err := equal(old, v)
	if err != nil {
		return err
	}
	came := m.came(there, there && same)
	if came == "made" || came == "replaced" {
		if c, ok := v.(desk.Credential); ok {
			v = api.SetCredential{Credential: c}
		}
		if err := m.client.PutInProject(ctx, project, what, name, v); err != nil {
			return fmt.Errorf("%s %s of project %s: %w", kindOf[what], name, project, err)
		}
	}
	m.report.Items = append(m.report.Items, adopted{kindOf[what], project, name, came, about})
	return nil
}

var kindOf = map[string]string{"inventories": "inventory", "credentials": "credential", "templates": "template", "schedules": "schedule"}

// old is what there is of a name.
func (m *importer) old(ctx context.Context, what, project, name string) (json.RawMessage, bool, error) {
	key := project + "/" + what
	if _, ok := m.have[key]; !ok {
		m.have[key] = map[string]json.RawMessage{}
		var all []json.RawMessage
		if err := m.client.InProject(ctx, project, what, &all); err != nil {
			return nil, false, err
		}
		for _, text := range all {
			var of struct {
				Name string `json:"name"`
			}
			if err := json.Unmarshal(text, &of); err != nil {
				return nil, false, fmt.Errorf("%s of project %s: %w", what, project, err)
			}
			m.have[key][of.Name] = text
		}
	}
	text, ok := m.have[key][name]
	return text, ok, nil
}

// equal compares what an import would say with what is there; what the desk adds by itself does not count.
func equal(old json.RawMessage, v any) (bool, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return false, err
	}
	var a, b map[string]any
	if len(old) > 0 {
		if err := json.Unmarshal(old, &a); err != nil {
			return false, err
		}
	}
	if err := json.Unmarshal(text, &b); err != nil {
		return false, err
	}
	for _, own := range []string{"has", "who", "owner", "last", "said"} {
		delete(a, own)
		delete(b, own)
	}
	return reflect.DeepEqual(a, b), nil
}

// given says whether somebody has given a credential all values that it needs.
func (m *importer) given(s adopt.Missing) bool {
	var c desk.Credential
	if text, ok := m.have[s.Project+"/credentials"][s.Credential]; !ok || json.Unmarshal(text, &c) != nil {
		return false
	}
	for _, v := range s.Values {
		if !slices.Contains(c.Has, v) {
			return false
		}
	}
	return true
}

func (t *terminal) importText(r importReport, dry bool) {
	count := map[string]int{}
	for _, i := range r.Items {
		count[i.Came]++
		name := i.Project + "/" + i.Name
		if i.What == "project" {
			name = i.Name
		}
		t.say("%-14s %-10s %s: %s", i.Came, i.What, name, i.About)
	}
	t.remarks("otherwise than it was", r.Notes)
	t.remarks("not taken", r.Left)
	if len(r.Missing) > 0 {
		t.say("secret missing:")
		for _, s := range r.Missing {
			t.say("  credential %s of project %s: %v\n    %s", s.Credential, s.Project, s.Values, s.Command)
		}
	}
	t.say("%d made, %d replaced, %d the same, %d there and different, %d not taken", count["made"]+count["would make"], count["replaced"]+count["would replace"], count["same"], count["kept"], len(r.Left))
	if count["kept"] > 0 {
		t.say("what is there and different stays; --replace changes it")
	}
	if dry {
		t.say("nothing was changed: --dry-run")
	}
}

func (t *terminal) remarks(title string, list []adopt.Remark) {
	if len(list) == 0 {
		return
	}
	t.say("%s:", title)
	for _, r := range list {
		t.say("  %s %s: %s", r.What, r.Name, r.Why)
	}
}
