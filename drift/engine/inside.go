package engine

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"goodstate.dev/goodstate/drift/jinja"
	"goodstate.dev/goodstate/drift/playbook"
)

// within refuses a path that leads out of the folder of Options.Inside, also by a link. What it says is the same whether there is something or not.
func (o *Options) within(path string) error {
	if o.Inside == "" {
		return nil
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return fmt.Errorf("%.80q: %w", path, err)
	}
	root, err := filepath.EvalSymlinks(o.Inside)
	if err != nil {
		return fmt.Errorf("folder of the project: %w", err)
	}
	if !under(o.Inside, abs) && !under(root, abs) {
		return outside(path)
	}
	real, err := filepath.EvalSymlinks(abs)
	if err != nil {
		return fmt.Errorf("%.200q: %w", path, err)
	}
	if !under(root, real) {
		return outside(path)
	}
	return nil
}

func under(root, path string) bool {
	rel, err := filepath.Rel(root, path)
	return err == nil && filepath.IsLocal(rel)
}

func outside(path string) error {
	return fmt.Errorf("%.80q is outside of the project, and its playbooks may not read the controller's files; put the file into the project, or allow the project to use the controller", path)
}

// onlyData are the lookups that read nothing, or only files that they find in the project.
var onlyData = []string{
	"config", "csvfile", "dict", "file", "fileglob", "first_found", "flattened", "indexed_items", "ini", "inventory_hostnames", "items", "list", "nested", "cartesian",
	"random_choice", "sequence", "subelements", "template", "together", "unvault", "varnames", "vars",
}

// lookup refuses lookups that run commands, read the environment, write files or speak with other machines from this one.
func (o *Options) lookup(name string) error {
	if o.Inside == "" || slices.Contains(onlyData, strings.TrimPrefix(strings.TrimPrefix(name, "ansible.builtin."), "ansible.legacy.")) {
		return nil
	}
	return fmt.Errorf("lookup %.40q would run on the controller, which this project may not use; take it out, or allow the project to use the controller", name)
}

// action refuses actions that run programs on this machine or write its files.
func (o *Options) action(name string) error {
	if short := playbook.Short(name); o.Inside != "" && (short == "fetch" || short == "synchronize") {
		return fmt.Errorf("%s would write or run on the controller, which this project may not use; take it out, or allow the project to use the controller", short)
	}
	return nil
}

// find keeps what tasks find of this machine's files in the project.
func (o *Options) find(path string, err error) (string, error) {
	if err == nil {
		err = o.within(path)
	}
	if err != nil {
		return "", err
	}
	return path, nil
}

// confine makes templates keep to the project.
func (o *Options) confine(j *jinja.Options) {
	if o.Inside == "" {
		return
	}
	j.Within, j.Allowed = o.within, o.lookup
	j.Getenv = func(string) (string, bool) { return "", false }
	j.Run = nil
}
