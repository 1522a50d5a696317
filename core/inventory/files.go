package inventory

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"goodstate.dev/goodstate/core/py"
)

// Layers are the variables of a host: those of its groups, which hosts in the same groups share, and its own, which win.
type Layers struct{ Group, Host *py.Dict }

// Get finds a variable.
func (l Layers) Get(name string) (any, bool) {
	if v, ok := l.Host.Get(name); ok {
		return v, true
	}
	return l.Group.Get(name)
}

// Merged are all variables in a dict of its own.
func (l Layers) Merged() *py.Dict {
	out := l.Group.Copy()
	update(out, l.Host)
	return out
}

// Layers works out the variables of a host from the sources and from group_vars and host_vars beside them and in the folders of playbooks, which may be none.
// The result must not be changed.
func (inv *Inventory) Layers(h *Host, playbooks ...string) (Layers, error) {
	group, err := inv.groupLayer(h, playbooks)
	if err != nil {
		return Layers{}, err
	}
	key := "host\x00" + h.Name + "\x00" + strings.Join(playbooks, "\x00")
	if own, ok := inv.layers[key]; ok {
		return Layers{Group: group, Host: own}, nil
	}
	own := py.NewDict()
	update(own, h.Vars)
	for _, dir := range slices.Concat(inv.bases(), playbooks) {
		vars, err := inv.varsFiles(filepath.Join(dir, "host_vars"), h.Name)
		if err != nil {
			return Layers{}, err
		}
		update(own, vars)
	}
	inv.layers[key] = own
	return Layers{Group: group, Host: own}, nil
}

// groupLayer follows Ansible's order: what sources say of all and of groups, then the files of all, then those of groups; what is beside playbooks wins over
// what is beside the inventory.
func (inv *Inventory) groupLayer(h *Host, playbooks []string) (*py.Dict, error) {
	groups := sorted(h.groups)
	key := strings.Join(playbooks, "\x00")
	for _, g := range groups {
		key += "\x01" + g.Name
	}
	if h.Implicit {
		key += "\x01all"
	}
	if known, ok := inv.layers[key]; ok {
		return known, nil
	}
	out := py.NewDict()
	all := inv.groups["all"]
	update(out, all.Vars)
	for _, g := range groups {
		update(out, g.Vars)
	}
	rest := slices.DeleteFunc(slices.Clone(groups), func(g *Group) bool { return g == all })
	for _, set := range [][]*Group{{all}, rest} {
		for _, dirs := range [][]string{inv.bases(), playbooks} {
			for _, dir := range dirs {
				for _, g := range set {
					vars, err := inv.varsFiles(filepath.Join(dir, "group_vars"), g.Name)
					if err != nil {
						return nil, err
					}
					update(out, vars)
				}
			}
		}
	}
	inv.layers[key] = out
	return out, nil
}

// bases are the folders beside which group_vars and host_vars are looked for.
func (inv *Inventory) bases() []string {
	var out []string
	for _, source := range inv.sources {
		if isList(source) {
			continue
		}
		if dir := baseOf(source); !slices.Contains(out, dir) {
			out = append(out, dir)
		}
	}
	return out
}

func update(into, from *py.Dict) {
	if from == nil {
		return
	}
	for k, v := range from.All() {
		into.Set(k, v)
	}
}

var extensions = []string{"", ".yml", ".yaml", ".json"}

// varsFiles reads the variables of a host or group: a folder of its name, or a file with one of the endings.
func (inv *Inventory) varsFiles(dir, name string) (*py.Dict, error) {
	if strings.HasPrefix(name, "/") || inv.options.Load == nil {
		return nil, nil
	}
	path := filepath.Join(dir, name)
	if known, ok := inv.files[path]; ok {
		return known, nil
	}
	found, err := VarsFiles(path)
	if err != nil {
		return nil, err
	}
	var out *py.Dict
	for _, file := range found {
		value, err := inv.options.Load(file)
		if err != nil {
			return nil, err
		}
		if value == nil {
			continue
		}
		vars, ok := value.(*py.Dict)
		if !ok {
			return nil, fmt.Errorf("failed to combine variables, expected dicts but got a '%T' in %s", value, file)
		}
		if out == nil {
			out = py.NewDict()
		}
		update(out, vars)
	}
	inv.files[path] = out
	return out, nil
}

// VarsFiles finds the files with variables behind a name without ending: a file, or a folder with all in it, hidden files and backups left out.
func VarsFiles(path string) ([]string, error) {
	for _, ending := range extensions {
		info, err := os.Stat(path + ending)
		switch {
		case err != nil:
			continue
		case info.IsDir():
			return folderFiles(path+ending, 0)
		}
		return []string{path + ending}, nil
	}
	return nil, nil
}

func folderFiles(dir string, depth int) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil || depth > 50 {
		return nil, err
	}
	var out []string
	for _, e := range entries {
		name, ext := e.Name(), filepath.Ext(e.Name())
		if strings.HasPrefix(name, ".") || strings.HasSuffix(name, "~") {
			continue
		}
		full := filepath.Join(dir, name)
		info, err := os.Stat(full)
		switch {
		case err != nil:
			return nil, err
		case info.IsDir() && ext == "":
			more, err := folderFiles(full, depth+1)
			if err != nil {
				return nil, err
			}
			out = append(out, more...)
		case info.Mode().IsRegular() && slices.Contains(extensions, ext):
			out = append(out, full)
		}
	}
	return out, nil
}
