package engine

import (
	"slices"

	"goodstate.dev/goodstate/core/inventory"
	"goodstate.dev/goodstate/core/py"
	"goodstate.dev/goodstate/drift/jinja"
)

var magicNames = []string{
	"playbook_dir", "ansible_playbook_python", "ansible_config_file", "ansible_version", "ansible_check_mode", "ansible_diff_mode", "ansible_forks",
	"ansible_inventory_sources", "ansible_limit", "ansible_run_tags", "ansible_skip_tags", "ansible_verbosity", "groups", "group_names", "inventory_hostname",
	"inventory_hostname_short", "hostvars", "omit", "vars", "environment", "ansible_play_hosts", "ansible_play_hosts_all", "ansible_play_batch", "play_hosts",
	"ansible_play_name", "ansible_role_names", "ansible_play_role_names", "ansible_dependent_role_names", "role_names", "role_name", "role_path", "ansible_role_name",
	"ansible_collection_name", "ansible_parent_role_names", "ansible_parent_role_paths", "ansible_search_path", "ansible_current_hosts", "ansible_failed_hosts",
	"role_uuid",
}

// ansibleVersion is whose behaviour is followed.
var ansibleVersion = py.DictOf("full", "2.14.18", "major", int64(2), "minor", int64(14), "revision", int64(18), "string", "2.14.18")

// magic are the variables that Ansible sets by itself and nothing else can.
func (s *scope) magic(name string) (any, bool) {
	o := &s.r.opt
	switch name {
	case "hostvars":
		return &hostVars{r: s.r}, true
	case "groups":
		return s.r.groups(), true
	case "omit":
		return s.r.omit, true
	case "playbook_dir":
		return s.r.dir(s.p), true
	case "ansible_playbook_python":
		return s.r.python(), true
	case "ansible_config_file":
		if o.Settings.ConfigFile == "" {
			return nil, true
		}
		return o.Settings.ConfigFile, true
	case "ansible_version":
		return ansibleVersion, true
	case "ansible_check_mode":
		return o.Check, true
	case "ansible_diff_mode":
		return o.Diff, true
	case "ansible_forks":
		return int64(o.Forks), true
	case "ansible_inventory_sources":
		return texts(s.r.inv.Sources()), true
	case "ansible_limit":
		return o.Limit, o.Limit != ""
	case "ansible_run_tags":
		if len(o.Tags) == 0 {
			return texts([]string{"all"}), true
		}
		return texts(o.Tags), true
	case "ansible_skip_tags":
		return texts(o.SkipTags), true
	case "ansible_verbosity":
		return int64(o.Verbosity), true
	case "vars":
		return &allVars{s: s}, s.p != nil
	}
	if v, ok := s.hostMagic(name); ok {
		return v, true
	}
	return s.playMagic(name)
}

func (s *scope) hostMagic(name string) (any, bool) {
	if s.host == nil {
		return nil, false
	}
	switch name {
	case "inventory_hostname":
		return s.host.Name, true
	case "inventory_hostname_short":
		return s.host.Short(), true
	case "group_names":
		return s.r.groupNames(s.host), true
	}
	return nil, false
}

func (s *scope) playMagic(name string) (any, bool) {
	if s.p == nil {
		return nil, false
	}
	switch name {
	case "ansible_play_hosts_all":
		return texts(s.p.everybody()), true
	case "ansible_play_hosts":
		return texts(s.p.left(s.p.everybody())), true
	case "ansible_play_batch", "play_hosts":
		return texts(s.p.left(names(s.p.batch))), true
	case "ansible_play_name":
		return s.p.play.Title(), true
	case "ansible_current_hosts":
		return texts(s.p.remaining()), true
	case "ansible_failed_hosts":
		return texts(s.p.failedHosts()), true
	case "ansible_play_role_names", "role_names":
		return texts(s.p.roleNames(true, false)), true
	case "ansible_dependent_role_names":
		return texts(s.p.roleNames(false, true)), true
	case "ansible_role_names":
		return texts(s.p.roleNames(true, true)), true
	}
	return s.taskMagic(name)
}

func (s *scope) taskMagic(name string) (any, bool) {
	if s.task == nil {
		return nil, false
	}
	switch name {
	case "environment":
		return py.NewList(s.task.Environment...), true
	case "ansible_search_path":
		return texts(s.task.SearchPath(s.r.dir(s.p))), true
	}
	role := s.task.Role
	if role == nil {
		return nil, false
	}
	switch name {
	case "role_name":
		return role.Name, true
	case "role_path":
		return role.Path, true
	case "ansible_role_name":
		return role.FullName(), true
	case "ansible_collection_name":
		if role.Collection == "" {
			return nil, true
		}
		return role.Collection, true
	case "ansible_parent_role_names", "ansible_parent_role_paths":
		return s.parents(name == "ansible_parent_role_names")
	}
	return nil, false
}

func (s *scope) parents(byName bool) (any, bool) {
	if len(s.task.Chain) == 0 || !s.task.Role.Included {
		return nil, false
	}
	out := py.NewList()
	for i := len(s.task.Chain) - 1; i >= 0; i-- {
		if byName {
			out.Items = append(out.Items, s.task.Chain[i].FullName())
		} else {
			out.Items = append(out.Items, s.task.Chain[i].Path)
		}
	}
	return out, true
}

func texts(list []string) *py.List {
	out := &py.List{Items: make([]any, len(list))}
	for i, t := range list {
		out.Items[i] = t
	}
	return out
}

// hostVars are the variables of all hosts.
type hostVars struct{ r *run }

var _ jinja.Object = (*hostVars)(nil)

// Get gives the variables of a host.
func (h *hostVars) Get(key any) (any, bool, error) {
	name := py.Str(key)
	host, ok := h.r.host(name)
	if !ok {
		return nil, false, nil
	}
	s, err := h.r.hostScope(host)
	if err != nil {
		return nil, false, err
	}
	return &allVars{s: s, soft: true}, true, nil
}

// TypeName is the name of the type in Ansible.
func (*hostVars) TypeName() string { return "ansible.vars.hostvars.HostVars" }

// Missing says that there is no such host.
func (*hostVars) Missing(key any) string {
	return py.Repr("hostvars["+py.Repr(key)+"]") + " is undefined"
}

// Keys are the names of the hosts.
func (h *hostVars) Keys() []any {
	var out []any
	for _, host := range h.r.allHosts() {
		out = append(out, host.Name)
	}
	return out
}

// allVars are the variables of one scope as a dict.
type allVars struct {
	s    *scope
	soft bool // what cannot be resolved stays as it is
}

// Scope has the variables, for templates that evaluate them.
func (a *allVars) Scope() jinja.Scope { return a.s }

// Soft says that what cannot be resolved stays as it is.
func (a *allVars) Soft() bool { return a.soft }

// TypeName is the name of the type in Ansible.
func (a *allVars) TypeName() string {
	if a.soft {
		return "ansible.vars.hostvars.HostVarsVars"
	}
	return "dict"
}

// Missing leaves the usual words.
func (*allVars) Missing(any) string { return "" }

// Get resolves one variable.
func (a *allVars) Get(key any) (any, bool, error) {
	raw, ok := a.s.Lookup(py.Str(key))
	if !ok {
		return nil, false, nil
	}
	value, err := a.s.r.env.Value(a.s.r.ctx, raw, a.s)
	if err != nil && a.soft && jinja.IsUndefined(err) {
		return raw, true, nil
	}
	return value, true, err
}

// Keys are the names of the variables.
func (a *allVars) Keys() []any {
	var out []any
	for _, name := range a.s.Names() {
		if name != "vars" && name != "hostvars" {
			out = append(out, name)
		}
	}
	return out
}

func (r *run) groupNames(h *inventory.Host) any {
	r.mu.Lock()
	defer r.mu.Unlock()
	return texts(slices.Clone(h.GroupNames()))
}
