package adopt

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"

	"goodstate.dev/goodstate/core/py"
	"goodstate.dev/goodstate/core/yaml11"
	"goodstate.dev/goodstate/drift/desk"
)

// awxInventory has its hosts and groups with it. A smart or constructed one has a kind.
type awxInventory struct {
	Key       *key   `json:"natural_key"`
	Name      string `json:"name"`
	Kind      string `json:"kind"`
	Variables string `json:"variables"`
	Related   struct {
		Hosts  []awxHost  `json:"hosts"`
		Groups []awxGroup `json:"groups"`
	} `json:"related"`
}

type awxHost struct {
	Name      string `json:"name"`
	Enabled   *bool  `json:"enabled"`
	Variables string `json:"variables"`
	Related   struct {
		Groups []key `json:"groups"`
	} `json:"related"`
}

type awxGroup struct {
	Name      string `json:"name"`
	Variables string `json:"variables"`
	Related   struct {
		Hosts    []key `json:"hosts"`
		Children []key `json:"children"`
	} `json:"related"`
}

// awxSource fills an inventory from somewhere.
type awxSource struct {
	Name      string `json:"name"`
	Inventory *key   `json:"inventory"`
	Source    string `json:"source"`
	Path      string `json:"source_path"`
	Project   *key   `json:"source_project"`
}

// hosts makes an inventory in a project of ours.
func (a *awx) hosts(project string, i awxInventory) (name string, ok bool) {
	ours := desk.Inventory{Project: project, Name: a.inventoryNames.of[i.Key.id()]}
	if i.Kind != "" {
		a.left("inventory", i.Name, "it is %s: which hosts it has is asked of AWX", shown(i.Kind))
		return "", false
	}
	if path := a.file(project, i); path != "" {
		ours.Path = path
		if n := len(i.Related.Hosts); n > 0 {
			a.note("inventory", i.Name, "it is %s of the project; the %d hosts in the export were read from there, and are left out", shown(path), n)
		}
		return ours.Name, a.inventory(i.Name, ours)
	}
	text, err := a.tree(i)
	if err != nil {
		a.left("inventory", i.Name, "%v", err)
		return "", false
	}
	ours.Text = text
	return ours.Name, a.inventory(i.Name, ours)
}

// file is the path of an inventory that is a file of the same project, and of nothing else.
func (a *awx) file(project string, i awxInventory) (path string) {
	n := 0
	for _, s := range a.in.Sources {
		if s.Inventory.id() != i.Key.id() {
			continue
		}
		n++
		if s.Source == "scm" && a.place(s.Project.id(), "") == project && s.Path != "" && s.Path != "/ (project root)" && filepath.IsLocal(s.Path) {
			path = s.Path
			continue
		}
		if !a.used["source "+i.Key.id()] {
			a.note("inventory", i.Name, "it was filled from %s (%s), which is not asked here: its hosts are taken as they were", orWord(s.Source, "elsewhere"), shown(s.Name))
		}
	}
	a.used["source "+i.Key.id()] = true
	if n != 1 {
		return ""
	}
	return path
}

// hostName are names that stand for one host: brackets would be a range of hosts.
var hostName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.:@%-]{0,254}$`)

var groupName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_. @-]{0,254}$`)

// tree writes an inventory as YAML. Every group stands once, so that a circle of groups ends.
func (a *awx) tree(i awxInventory) (string, error) {
	all := py.NewDict()
	vars, err := variables(i.Variables)
	if err != nil {
		return "", fmt.Errorf("its variables: %w", err)
	}
	if vars.Len() > 0 {
		all.Set("vars", vars)
	}
	hosts, away := py.NewDict(), map[string]bool{}
	members := map[string][]string{}
	for _, h := range i.Related.Hosts {
		if why := h.wrong(); why != "" {
			away[h.Name] = true
			a.left("host", h.Name, "of inventory %s: %s", shown(i.Name), why)
			continue
		}
		vars, err := variables(h.Variables)
		if err != nil {
			return "", fmt.Errorf("variables of host %s: %w", shown(h.Name), err)
		}
		hosts.Set(h.Name, vars)
		for _, g := range h.Related.Groups {
			members[g.Name] = append(members[g.Name], h.Name)
		}
	}
	if hosts.Len() > 0 {
		all.Set("hosts", hosts)
	}
	groups := py.NewDict()
	for _, g := range i.Related.Groups {
		if !groupName.MatchString(g.Name) {
			return "", fmt.Errorf("group %.80q has a name that no inventory can have", shown(g.Name))
		}
		group, err := g.write(members[g.Name], away)
		if err != nil {
			return "", fmt.Errorf("group %s: %w", shown(g.Name), err)
		}
		groups.Set(g.Name, group)
	}
	if groups.Len() > 0 {
		all.Set("children", groups)
	}
	return yaml11.Dump(py.DictOf("all", all), yaml11.DumpOptions{Block: true, Unsorted: true, Width: -1})
}

func (h *awxHost) wrong() string {
	switch {
	case h.Enabled != nil && !*h.Enabled:
		return "it is disabled; add it when it is wanted"
	case !hostName.MatchString(h.Name):
		return "it is no name of one host"
	}
	return ""
}

func (g *awxGroup) write(members []string, away map[string]bool) (*py.Dict, error) {
	out := py.NewDict()
	vars, err := variables(g.Variables)
	if err != nil {
		return nil, err
	}
	if vars.Len() > 0 {
		out.Set("vars", vars)
	}
	for _, h := range g.Related.Hosts {
		members = append(members, h.Name)
	}
	hosts := py.NewDict()
	for _, h := range members {
		if !away[h] && hostName.MatchString(h) {
			hosts.Set(h, nil)
		}
	}
	if hosts.Len() > 0 {
		out.Set("hosts", hosts)
	}
	children := py.NewDict()
	for _, c := range g.Related.Children {
		if !groupName.MatchString(c.Name) {
			return nil, fmt.Errorf("child %.80q has a name that no inventory can have", shown(c.Name))
		}
		children.Set(c.Name, nil)
	}
	if children.Len() > 0 {
		out.Set("children", children)
	}
	return out, nil
}

// variables reads a text of YAML or JSON, as AWX keeps variables.
func variables(text string) (*py.Dict, error) {
	if strings.TrimSpace(text) == "" {
		return py.NewDict(), nil
	}
	v, err := yaml11.Load("variables", []byte(text), yaml11.Options{})
	if err != nil {
		return nil, err
	}
	switch v := v.(type) {
	case nil:
		return py.NewDict(), nil
	case *py.Dict:
		return v, nil
	}
	return nil, errors.New("want a mapping")
}
