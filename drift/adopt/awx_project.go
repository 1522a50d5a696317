package adopt

import (
	"strings"

	"goodstate.dev/goodstate/drift/desk"
)

// awxProject is a repository of playbooks.
type awxProject struct {
	Key        *key   `json:"natural_key"`
	Name       string `json:"name"`
	Type       string `json:"scm_type"`
	URL        string `json:"scm_url"`
	Branch     string `json:"scm_branch"`
	Refspec    string `json:"scm_refspec"`
	Credential *key   `json:"credential"`
}

// projects says which repositories there are; they are made when a template, an inventory or a credential needs them.
func (a *awx) projects() {
	for _, p := range a.in.Projects {
		id := p.Key.id()
		switch {
		case id == "":
			a.left("project", p.Name, "it has no natural key")
			continue
		case p.Type != "git":
			a.left("project", p.Name, "its playbooks come from %s, want a Git repository", orWord(p.Type, "a folder of the other controller"))
			continue
		}
		if p.Refspec != "" {
			a.note("project", p.Name, "its refspec is left out; branches and tags are fetched")
		}
		if p.Credential != nil {
			a.note("project", p.Name, "it is pulled with the keys of goodstate's own account, not with credential %s", shown(p.Credential.Name))
		}
		a.repositories[id] = p
		a.place(id, "")
	}
}

func orWord(word, without string) string {
	if word == "" {
		return without
	}
	return shown(word)
}

// place is the name of our project for a repository at a branch of its own; empty: there is none. A branch other than the project's gets a project of its own.
func (a *awx) place(id, branch string) string {
	p, ok := a.repositories[id]
	if !ok {
		return ""
	}
	ours := desk.Project{Name: a.projectNames.of[id], Repository: p.URL, Branch: p.Branch}
	if branch != "" && branch != p.Branch {
		if _, ok := a.opt.Repositories[ours.Name]; ok {
			ours.Repository = a.opt.Repositories[ours.Name]
		}
		ours.Name, ours.Branch = joined(ours.Name, branch), branch
	}
	made, tried := a.made[ours.Name]
	if !tried {
		made = a.project(p.Name, ours)
		a.made[ours.Name] = made
	}
	if !made {
		return ""
	}
	return ours.Name
}

// unused takes inventories and credentials that no template uses, where it is plain into which project they belong.
func (a *awx) unused() {
	var only string
	if len(a.Projects) == 1 {
		only = a.Projects[0].Name
	}
	const why = "no template uses it, and there is not one project that it would belong to"
	for _, i := range a.in.Inventories {
		switch {
		case a.used["inventory "+i.Key.id()]:
		case only == "":
			a.left("inventory", i.Name, why)
		default:
			a.hosts(only, i)
		}
	}
	for _, c := range a.in.Credentials {
		switch {
		case a.used["credential "+c.Key.id()] || c.forProjects():
		case only == "" || !c.usable():
			a.left("credential", c.Name, "%s", c.unusable(why))
		default:
			a.login(only, c)
		}
	}
}

// awxCredential is a login or a password, whose secret parts say $encrypted$.
type awxCredential struct {
	Key    *key           `json:"natural_key"`
	Name   string         `json:"name"`
	Inputs map[string]any `json:"inputs"`
}

func (c *awxCredential) of() string {
	if c.Key == nil || c.Key.Credential == nil {
		return ""
	}
	return c.Key.Credential.Name
}

func (c *awxCredential) usable() bool { return c.of() == "Machine" || c.of() == "Vault" }

// forProjects says that only pulls of projects use it.
func (c *awxCredential) forProjects() bool { return c.of() == "Source Control" }

func (c *awxCredential) unusable(otherwise string) string {
	if c.usable() {
		return otherwise
	}
	return "it is of type " + orWord(c.of(), "unknown") + "; runs use logins, become and vault passwords only"
}

// text is an input that is no secret.
func (c *awxCredential) text(name string) string {
	v, _ := c.Inputs[name].(string) // what is no text is none
	if v == "$encrypted$" || v == "ASK" {
		return ""
	}
	return v
}

// login makes a credential and says which of its values are missing.
func (a *awx) login(project string, c awxCredential) (name string, ok bool) {
	ours := desk.Credential{Project: project, Name: a.credentialNames.of[c.Key.id()], User: c.text("username"), Become: c.text("become_username"), VaultID: c.text("vault_id")}
	var wants []string
	for _, v := range [][2]string{
		{"ssh_key_data", "key"}, {"ssh_key_unlock", "passphrase"}, {"password", "password"}, {"become_password", "become_password"}, {"vault_password", "vault_password"},
	} {
		if given, has := c.Inputs[v[0]]; has && given != "" && given != nil {
			wants = append(wants, v[1])
			if given == "ASK" {
				a.note("credential", c.Name, "its %s was asked for at each launch; here it is kept, sealed", strings.ReplaceAll(v[1], "_", " "))
			}
		}
	}
	if method := c.text("become_method"); method != "" && method != "sudo" {
		a.note("credential", c.Name, "its become method %s is left out; set ansible_become_method for the hosts", shown(method))
	}
	return ours.Name, a.credential(c.Name, ours, wants...)
}
