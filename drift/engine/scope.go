package engine

import (
	"slices"

	"goodstate.dev/goodstate/core/inventory"
	"goodstate.dev/goodstate/core/py"
	"goodstate.dev/goodstate/drift/playbook"
)

// scope is what one task sees on one host. Nothing is copied: a name is looked for in one layer after the other, the winners first.
type scope struct {
	p      *playRun // nil for hostvars, which know no play
	r      *run
	host   *inventory.Host // nil while a play is prepared
	task   *playbook.Task  // nil outside of tasks
	record *record
	layers inventory.Layers
	files  *py.Dict       // of vars_files
	local  map[string]any // items of loops and what a task has just registered
	roles  *roleLayers
}

// Lookup finds a variable with the highest precedence.
func (s *scope) Lookup(name string) (any, bool) {
	if v, ok := s.set(name); ok {
		return v, true
	}
	return s.connecting(name)
}

// set finds a variable that something gives a value.
func (s *scope) set(name string) (any, bool) {
	if v, ok := s.local[name]; ok {
		return v, true
	}
	if v, ok := s.magic(name); ok {
		return v, true
	}
	if v, ok := s.r.extra.Get(name); ok {
		return v, true
	}
	if s.task != nil {
		if v, ok := lastOf(s.task.Params, name); ok {
			return v, true
		}
		if v, ok := s.roles.params.Get(name); ok {
			return v, true
		}
	}
	if s.record != nil {
		s.record.mu.RLock()
		v, ok := s.record.set.Get(name)
		if !ok {
			v, ok = s.record.included.Get(name)
		}
		s.record.mu.RUnlock()
		if ok {
			return v, true
		}
	}
	return s.lower(name)
}

// lower are the layers below what was set while the play ran.
func (s *scope) lower(name string) (any, bool) {
	if s.task != nil {
		if v, ok := lastOf(s.task.Vars, name); ok {
			return v, true
		}
		if v, ok := s.roles.vars.Get(name); ok {
			return v, true
		}
	}
	if s.p != nil {
		if v, ok := s.p.roleVars().Get(name); ok {
			return v, true
		}
		if s.files != nil {
			if v, ok := s.files.Get(name); ok {
				return v, true
			}
		}
		if v, ok := s.p.vars.Get(name); ok {
			return v, true
		}
	}
	if s.record != nil {
		if v, ok := s.fact(name); ok {
			return v, true
		}
		if v, ok := s.layers.Get(name); ok {
			return v, true
		}
	}
	if s.task != nil {
		if v, ok := s.roles.defaults.Get(name); ok {
			return v, true
		}
	}
	if s.p != nil {
		return s.p.roleDefaults().Get(name)
	}
	return nil, false
}

func (s *scope) fact(name string) (any, bool) {
	s.record.mu.RLock()
	defer s.record.mu.RUnlock()
	if name == "ansible_facts" {
		return s.record.named, true
	}
	if !s.r.opt.Settings.InjectFacts && name != "ansible_local" {
		return nil, false
	}
	return s.record.injected.Get(name)
}

// lastOf looks into dicts of which the last wins.
func lastOf(dicts []*py.Dict, name string) (any, bool) {
	for i := len(dicts) - 1; i >= 0; i-- {
		if v, ok := dicts[i].Get(name); ok {
			return v, true
		}
	}
	return nil, false
}

// Names lists all variables.
func (s *scope) Names() []string {
	seen := map[string]bool{}
	var out []string
	add := func(name string) {
		if !seen[name] {
			seen[name] = true
			out = append(out, name)
		}
	}
	for name := range s.local {
		add(name)
	}
	for _, name := range magicNames {
		if _, ok := s.magic(name); ok {
			add(name)
		}
	}
	for _, d := range s.dicts() {
		if d == nil {
			continue
		}
		for k := range d.All() {
			if name, ok := k.(string); ok {
				add(name)
			}
		}
	}
	slices.Sort(out)
	return out
}

func (s *scope) dicts() []*py.Dict {
	out := []*py.Dict{s.r.extra}
	if s.task != nil {
		out = append(out, s.task.Params...)
		out = append(out, s.task.Vars...)
		out = append(out, s.roles.params, s.roles.vars, s.roles.defaults)
	}
	if s.record != nil {
		s.record.mu.RLock()
		out = append(out, s.record.set.Copy(), s.record.included.Copy(), s.record.injected.Copy())
		s.record.mu.RUnlock()
		out = append(out, s.layers.Host, s.layers.Group)
	}
	if s.p != nil {
		out = append(out, s.p.roleVars(), s.files, s.p.vars, s.p.roleDefaults())
	}
	return out
}

// with is the scope with more local variables.
func (s *scope) with(local map[string]any) *scope {
	c := *s
	c.local = make(map[string]any, len(s.local)+len(local))
	for k, v := range s.local {
		c.local[k] = v
	}
	for k, v := range local {
		c.local[k] = v
	}
	return &c
}

// roleLayers are the variables that the role of a task brings.
type roleLayers struct{ params, vars, defaults *py.Dict }

var noRole = &roleLayers{py.NewDict(), py.NewDict(), py.NewDict()}

func layersOf(t *playbook.Task) *roleLayers {
	if t.Role == nil {
		return noRole
	}
	l := &roleLayers{py.NewDict(), py.NewDict(), py.NewDict()}
	for _, parent := range t.Chain {
		update(l.params, parent.Params)
		update(l.vars, parent.Entry)
		update(l.vars, parent.Vars)
	}
	update(l.params, t.Role.Params)
	update(l.vars, ownVars(t.Role))
	for _, d := range t.Role.AllDependencies() {
		update(l.defaults, d.Defaults)
	}
	for _, parent := range t.Chain {
		update(l.defaults, parent.Defaults)
	}
	update(l.defaults, t.Role.Defaults)
	return l
}

// ownVars are the variables of a role with those of the roles that it depends on.
func ownVars(r *playbook.Role) *py.Dict {
	out := py.NewDict()
	for _, d := range r.AllDependencies() {
		update(out, d.Entry)
		update(out, d.Vars)
	}
	update(out, r.Entry)
	update(out, r.Vars)
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
