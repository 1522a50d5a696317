package adopt

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"goodstate.dev/goodstate/drift/desk"
)

// backup is what Semaphore writes for a project (Project settings, Backup): things refer to each other by their names, and no secret is in it. The names of the
// fields are those of its tables and of its restore.
type backup struct {
	Meta struct {
		Name string `json:"name"`
	} `json:"meta"`
	Keys         []semKey         `json:"keys"`
	Repositories []semRepository  `json:"repositories"`
	Inventories  []semInventory   `json:"inventories"`
	Environments []semEnvironment `json:"environments"`
	Templates    []semTemplate    `json:"templates"`
	Schedules    []semSchedule    `json:"schedules"`
	Integrations []named          `json:"integrations"`
	Runners      []named          `json:"runners"`
	Storages     []named          `json:"secret_storages"`
	Workflows    []named          `json:"workflows"`
}

type semKey struct {
	Name  string `json:"name"`
	Type  string `json:"type"`  // ssh, login_password, string, none
	Owner string `json:"owner"` // empty: it is of the project; environment, variable, vault
}

type semRepository struct {
	Name   string `json:"name"`
	URL    string `json:"git_url"`
	Branch string `json:"git_branch"`
	Key    string `json:"ssh_key"`
}

type semInventory struct {
	Name       string `json:"name"`
	Type       string `json:"type"` // static, static-yaml, file; others are of Terraform
	Text       string `json:"inventory"`
	Key        string `json:"ssh_key"`
	BecomeKey  string `json:"become_key"`
	Repository string `json:"repository"` // of a file, where it is not the template's
}

// semEnvironment has extra variables, and variables of the process, both as JSON.
type semEnvironment struct {
	Name string `json:"name"`
	JSON string `json:"json"`
	Env  string `json:"env"`
}

// semaphore is a backup under reading.
type semaphore struct {
	*builder
	in backup

	repositories map[string]semRepository
	inventories  map[string]semInventory
	environments map[string]semEnvironment
	keys         map[string]semKey

	projectNames, inventoryNames, keyNames, templateNames names

	made  map[string]bool
	spots map[string]desk.Template // made templates by their names there
	told  map[string]bool
}

// Semaphore reads the backup of a project of Semaphore.
func Semaphore(ctx context.Context, text []byte, opt Options) (Plan, error) {
	text, err := asJSON(text)
	if err != nil {
		return Plan{}, err
	}
	s := &semaphore{
		builder: newBuilder(ctx, opt), repositories: map[string]semRepository{}, inventories: map[string]semInventory{}, environments: map[string]semEnvironment{}, keys: map[string]semKey{},
		made: map[string]bool{}, spots: map[string]desk.Template{}, told: map[string]bool{},
	}
	if err := json.Unmarshal(text, &s.in); err != nil {
		return Plan{}, fmt.Errorf("it is no backup of a Semaphore project: %w", err)
	}
	if s.in.Meta.Name == "" || len(s.in.Repositories)+len(s.in.Templates)+len(s.in.Keys)+len(s.in.Inventories) == 0 {
		return Plan{}, errors.New("it is no backup of a Semaphore project; its settings page makes one: Backup")
	}
	s.name()
	for _, r := range s.in.Repositories {
		s.place(r.Name, "")
		if key := s.keys[r.Key]; key.Type == "ssh" || key.Type == "login_password" {
			s.note("repository", r.Name, "it is pulled with the keys of goodstate's own account, not with key %s", shown(r.Key))
		}
	}
	for _, t := range s.in.Templates {
		ours, why := s.job(t)
		if why != "" {
			s.left("template", t.Name, "%s", why)
		} else if s.template(t.Name, ours) {
			s.spots[t.Name] = ours
		}
	}
	s.schedules()
	s.rest()
	return s.plan(), nil
}

func (s *semaphore) name() {
	same := func(k string) string { return k }
	var all []string
	for _, r := range s.in.Repositories {
		s.repositories[r.Name] = r
		all = append(all, r.Name)
	}
	wanted := func(k string) string { return s.in.Meta.Name + " " + k }
	if len(s.repositories) == 1 {
		wanted = func(string) string { return s.in.Meta.Name }
	}
	s.projectNames = nameAll("project", all, wanted, nil)
	all = nil
	for _, i := range s.in.Inventories {
		s.inventories[i.Name] = i
		all = append(all, i.Name)
	}
	s.inventoryNames = nameAll("inventory", all, same, nil)
	all = nil
	for _, k := range s.in.Keys {
		s.keys[k.Name] = k
		all = append(all, k.Name)
	}
	s.keyNames = nameAll("key", all, same, nil)
	all = nil
	for _, t := range s.in.Templates {
		all = append(all, t.Name)
	}
	s.templateNames = nameAll("template", all, same, nil)
	for _, e := range s.in.Environments {
		s.environments[e.Name] = e
	}
}

// place is our project for a repository at a branch; empty: there is none.
func (s *semaphore) place(repository, branch string) string {
	r, ok := s.repositories[repository]
	if !ok {
		return ""
	}
	ours := desk.Project{Name: s.projectNames.of[repository], Repository: r.URL, Branch: r.Branch}
	if branch != "" && branch != r.Branch {
		if other, ok := s.opt.Repositories[ours.Name]; ok {
			ours.Repository = other
		}
		ours.Name, ours.Branch = joined(ours.Name, branch), branch
	}
	made, tried := s.made[ours.Name]
	if !tried {
		made = s.project(repository, ours)
		s.made[ours.Name] = made
	}
	if !made {
		return ""
	}
	return ours.Name
}

// hosts makes an inventory in a project of ours.
func (s *semaphore) hosts(project, repository string, i semInventory) (name string, ok bool) {
	ours := desk.Inventory{Project: project, Name: s.inventoryNames.of[i.Name]}
	switch {
	case i.Type == "static" || i.Type == "static-yaml":
		ours.Text = i.Text
		if secretWord.MatchString(i.Text) {
			s.once1("inventory", i.Name, "it seems to have passwords in it, which everybody sees who may look; move them to a credential or a vault")
		}
	case i.Type != "file":
		s.once1("inventory", i.Name, "it is of type "+orWord(i.Type, "unknown")+", want static, static-yaml or file")
		return "", false
	case i.Repository != "" && i.Repository != repository:
		s.once1("inventory", i.Name, "it is a file of repository "+shown(i.Repository)+", and the template is of another one")
		return "", false
	default:
		ours.Path = i.Text
	}
	return ours.Name, s.inventory(i.Name, ours)
}

// once1 notes something about a thing that several templates use once.
func (s *semaphore) once1(what, name, why string) {
	if key := what + "/" + name; !s.told[key] {
		s.told[key] = true
		s.note(what, name, "%s", why)
	}
}

// roles of a key, and the value that a credential of it needs.
const (
	asLogin  = "login"
	asBecome = "become"
	asVault  = "vault"
)

// login makes a credential of a key for one of its roles; there is none for a key without a secret.
func (s *semaphore) login(project, name, role, vaultID string) (credential, why string) {
	k, ok := s.keys[name]
	switch {
	case !ok:
		return "", "its key " + shown(name) + " is not in the backup"
	case k.Type == "none":
		return "", ""
	}
	ours := desk.Credential{Project: project, Name: s.keyNames.of[name], VaultID: vaultID}
	wants := []string{"password"}
	switch {
	case role == asVault && k.Type == "login_password":
		ours.Name, wants = joined(ours.Name, asVault), []string{"vault_password"}
		if vaultID != "" {
			ours.Name = joined(ours.Name, vaultID)
		}
	case role == asBecome && k.Type == "login_password":
		ours.Name, wants = joined(ours.Name, asBecome), []string{"become_password"}
	case role == asLogin && k.Type == "ssh":
		wants = []string{"key"}
	case role != asLogin || k.Type != "login_password":
		return "", "its key " + shown(name) + " of type " + shown(k.Type) + " is no " + role
	}
	if role == asLogin {
		s.once1("key", name, "its user is a secret there: add --user to the command that gives the "+wants[0])
	}
	if !s.credential(name, ours, wants...) {
		return "", "its key " + shown(name) + " is not taken"
	}
	return ours.Name, ""
}

// rest names what has no place here.
func (s *semaphore) rest() {
	for _, k := range s.in.Keys {
		if k.Owner != "" && k.Owner != "vault" {
			s.left("secret", k.Name, "it is a secret variable; ask for it in a survey, or keep it in a vault of the repository")
		}
	}
	for _, e := range s.in.Environments {
		if names := envNames(e); len(names) > 0 {
			s.left("environment", e.Name, "variables of the process are not set here: %s", strings.Join(names, ", "))
		}
	}
	for _, k := range []struct {
		what string
		list []named
		why  string
	}{
		{"integration", s.in.Integrations, "webhooks do not launch templates here; the API does"},
		{"runner", s.in.Runners, "runs are carried out by goodstate serve"},
		{"secret storage", s.in.Storages, "secrets are sealed in the data directory"},
		{"workflow", s.in.Workflows, "templates do not follow each other here"},
	} {
		for _, n := range k.list {
			s.left(k.what, n.String(), "%s", k.why)
		}
	}
}

// envNames are the variables of the process that an environment sets; older ones have them under ENV.
func envNames(e semEnvironment) []string {
	var names []string
	var env map[string]any
	var within struct {
		Env map[string]any `json:"ENV"`
	}
	if json.Unmarshal([]byte(e.Env), &env) == nil {
		for name := range env {
			names = append(names, shown(name))
		}
	}
	if json.Unmarshal([]byte(e.JSON), &within) == nil {
		for name := range within.Env {
			names = append(names, shown(name))
		}
	}
	slices.Sort(names)
	return names
}
