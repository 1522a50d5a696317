package adopt

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"goodstate.dev/goodstate/core/py"
	"goodstate.dev/goodstate/core/yaml11"
)

// The document that `awx export` writes: lists by kind; what an object refers to is named by a natural key, and what belongs to it alone is under related. The
// fields are those that AWX's API takes when an object is made (https://docs.ansible.com/ansible-tower/latest/html/towercli/).

// AWX reads exports of AWX. Several documents are parts of one export, as made with awx export --projects > projects.json and its like.
func AWX(ctx context.Context, documents [][]byte, opt Options, now time.Time) (Plan, error) {
	a := &awx{
		builder: newBuilder(ctx, opt), now: now, inventories: map[string]awxInventory{}, credentials: map[string]awxCredential{}, repositories: map[string]awxProject{},
		made: map[string]bool{}, spots: map[string][]spot{}, used: map[string]bool{},
	}
	for _, text := range documents {
		if err := a.read(text); err != nil {
			return Plan{}, err
		}
	}
	if a.in.size() == 0 {
		return Plan{}, errors.New("there is nothing in it that awx export writes; want the output of: awx export > FILE")
	}
	a.name()
	a.projects()
	a.templates()
	a.unused()
	a.schedules()
	a.rest()
	return a.plan(), nil
}

// key names an object of AWX: in its organization, and of its type.
type key struct {
	Organization *key   `json:"organization"`
	Name         string `json:"name"`
	Username     string `json:"username"`
	Type         string `json:"type"`
	Kind         string `json:"kind"`
	Inventory    *key   `json:"inventory"`
	Credential   *key   `json:"credential_type"`
}

// id is a key as the index of a map; the empty one stands for none.
func (k *key) id() string {
	if k == nil || k.Name == "" {
		return ""
	}
	return strings.Join([]string{k.org(), k.Name, k.kind()}, "\x00")
}

// kind tells credentials of one name apart.
func (k *key) kind() string {
	if k.Credential != nil {
		return k.Credential.Name
	}
	return ""
}

func (k *key) org() string {
	if k == nil || k.Organization == nil {
		return ""
	}
	return k.Organization.Name
}

// export is one document.
type export struct {
	Orgs          []named         `json:"organizations"`
	Credentials   []awxCredential `json:"credentials"`
	Projects      []awxProject    `json:"projects"`
	Inventories   []awxInventory  `json:"inventory"`
	Sources       []awxSource     `json:"inventory_sources"`
	JobTemplates  []awxTemplate   `json:"job_templates"`
	Schedules     []awxSchedule   `json:"schedules"`
	Workflows     []named         `json:"workflow_job_templates"`
	Users         []named         `json:"users"`
	Teams         []named         `json:"teams"`
	Notifications []named         `json:"notification_templates"`
	Types         []named         `json:"credential_types"`
	Environments  []named         `json:"execution_environments"`
	Applications  []named         `json:"applications"`
	Meta          json.RawMessage `json:"meta"` // of another tool's
}

// awx is an export under reading.
type awx struct {
	*builder
	now time.Time
	in  export

	projectNames, inventoryNames, credentialNames, templateNames names

	inventories  map[string]awxInventory // by key
	credentials  map[string]awxCredential
	repositories map[string]awxProject // those that can be pulled
	made         map[string]bool       // our projects by name: whether they could be made
	spots        map[string][]spot     // what was made of a job template, by its key
	used         map[string]bool       // inventories and credentials of templates, by kind and key
}

// named is what is not taken, of which only the name is read.
type named struct {
	Name     string `json:"name"`
	Username string `json:"username"`
}

func (n named) String() string { return n.Name + n.Username }

func (e *export) size() int {
	return len(e.Orgs) + len(e.Credentials) + len(e.Projects) + len(e.Inventories) + len(e.Sources) + len(e.JobTemplates) + len(e.Schedules) + len(e.Workflows) + len(e.Users) + len(e.Teams) +
		len(e.Notifications) + len(e.Types) + len(e.Environments) + len(e.Applications)
}

// read adds a document, JSON or YAML, to what was read.
func (a *awx) read(text []byte) error {
	text, err := asJSON(text)
	if err != nil {
		return err
	}
	if bytes.HasPrefix(text, []byte("[")) {
		return errors.New("it is a list, as the old tower-cli wrote it; want the output of: awx export > FILE")
	}
	var part export
	if err := json.Unmarshal(text, &part); err != nil {
		return fmt.Errorf("it is no export of AWX: %w", err)
	}
	if len(part.Meta) > 0 {
		return errors.New("it is a backup of Semaphore; import it with: goodstate drift import semaphore FILE")
	}
	in := &a.in
	in.Orgs = append(in.Orgs, part.Orgs...)
	in.Credentials = append(in.Credentials, part.Credentials...)
	in.Projects = append(in.Projects, part.Projects...)
	in.Inventories = append(in.Inventories, part.Inventories...)
	in.Sources = append(in.Sources, part.Sources...)
	in.JobTemplates = append(in.JobTemplates, part.JobTemplates...)
	in.Schedules = append(in.Schedules, part.Schedules...)
	in.Workflows = append(in.Workflows, part.Workflows...)
	in.Users = append(in.Users, part.Users...)
	in.Teams = append(in.Teams, part.Teams...)
	in.Notifications = append(in.Notifications, part.Notifications...)
	in.Types = append(in.Types, part.Types...)
	in.Environments = append(in.Environments, part.Environments...)
	in.Applications = append(in.Applications, part.Applications...)
	return nil
}

// asJSON is a document of JSON or YAML as JSON.
func asJSON(text []byte) ([]byte, error) {
	text = bytes.TrimSpace(bytes.TrimPrefix(text, []byte("\xef\xbb\xbf")))
	if len(text) == 0 {
		return nil, errors.New("it is empty")
	}
	if text[0] == '{' || text[0] == '[' {
		return text, nil
	}
	v, err := yaml11.Load("export", text, yaml11.Options{})
	if err != nil {
		return nil, fmt.Errorf("it is neither JSON nor YAML: %w", err)
	}
	if _, ok := v.(*py.Dict); !ok {
		return nil, errors.New("it is neither JSON nor a YAML mapping")
	}
	if text, err = py.ToJSON(v); err != nil {
		return nil, fmt.Errorf("it cannot be read as JSON: %w", err)
	}
	return text, nil
}

// name finds the names that things get here.
func (a *awx) name() {
	var projects, inventories, credentials, templates []string
	for _, p := range a.in.Projects {
		projects = append(projects, p.Key.id())
	}
	for _, i := range a.in.Inventories {
		inventories = append(inventories, i.Key.id())
		a.inventories[i.Key.id()] = i
	}
	for _, c := range a.in.Credentials {
		credentials = append(credentials, c.Key.id())
		a.credentials[c.Key.id()] = c
	}
	for _, t := range a.in.JobTemplates {
		templates = append(templates, t.Key.id())
	}
	part := func(n int) func(string) string {
		return func(id string) string { return strings.SplitN(id+"\x00\x00\x00", "\x00", 4)[n] }
	}
	org, name := part(0), part(1)
	a.projectNames = nameAll("project", projects, name, org)
	a.inventoryNames = nameAll("inventory", inventories, name, org)
	a.credentialNames = nameAll("credential", credentials, name, func(id string) string { return org(id) + "-" + part(2)(id) })
	a.templateNames = nameAll("template", templates, name, org)
}

// rest names what has no place here.
func (a *awx) rest() {
	for _, k := range []struct {
		what string
		list []named
		why  string
	}{
		{"workflow", a.in.Workflows, "templates do not follow each other here"},
		{"team", a.in.Teams, "people get roles in a project: goodstate project set PROJECT --role NAME=operator"},
		{"user", a.in.Users, "people are added with goodstate user add; a password is in no export"},
		{"notification", a.in.Notifications, "who is told what is in goodstate.yaml: goodstate explain notify"},
		{"credential type", a.in.Types, "only logins, become and vault passwords are used by runs"},
		{"execution environment", a.in.Environments, "modules run on the hosts, and in the installed Ansible where there is one"},
		{"application", a.in.Applications, "programs ask the API with a key of their own"},
	} {
		for _, n := range k.list {
			a.left(k.what, n.String(), "%s", k.why)
		}
	}
}
