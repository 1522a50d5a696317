package engine

import (
	"context"
	"testing"

	"goodstate.dev/goodstate/core/inventory"
	"goodstate.dev/goodstate/core/py"
	"goodstate.dev/goodstate/drift/playbook"
)

// Each layer wins over all that stand before it.
func TestTheLayersOfVariablesWinInAnsiblesOrder(t *testing.T) {
	r := &run{ctx: context.Background(), extra: py.NewDict(), opt: Options{Settings: DefaultSettings()}, inv: inventory.New(inventory.Options{})}
	role := &playbook.Role{Name: "r", Params: py.NewDict(), Vars: py.NewDict(), Defaults: py.NewDict(), Entry: py.NewDict()}
	other := &playbook.Role{Name: "o", Params: py.NewDict(), Vars: py.NewDict(), Defaults: py.NewDict(), Entry: py.NewDict()}
	play := &playbook.Play{Vars: py.NewDict(), Roles: []*playbook.Role{other, role}}
	task := &playbook.Task{Role: role, Play: play}
	block, own, param := py.NewDict(), py.NewDict(), py.NewDict()
	task.Vars, task.Params = []*py.Dict{block, own}, []*py.Dict{param}
	p := &playRun{r: r, play: play, vars: play.Vars, removed: map[string]bool{}}
	s := &scope{p: p, r: r, task: task, record: newRecord(), layers: inventory.Layers{Group: py.NewDict(), Host: py.NewDict()}, files: py.NewDict(), local: map[string]any{}}
	set := func(d *py.Dict) func(any) {
		return func(v any) { d.Set("x", v) }
	}
	layers := []struct {
		name string
		set  func(any)
	}{
		{"defaults of another role", set(other.Defaults)}, {"defaults of the role", set(role.Defaults)}, {"groups", set(s.layers.Group)}, {"host", set(s.layers.Host)},
		{"facts", func(v any) { s.record.learn(py.DictOf("x", v)) }}, {"play", set(play.Vars)}, {"vars_files", set(s.files)}, {"vars of another role", set(other.Vars)},
		{"vars of the role", set(role.Vars)}, {"block", set(block)}, {"task", set(own)}, {"include_vars", func(v any) { s.record.include("x", v) }},
		{"set_fact", func(v any) { s.record.setFact("x", v) }}, {"role parameter", set(role.Params)}, {"include parameter", set(param)}, {"extra", set(r.extra)},
		{"loop", func(v any) { s.local["x"] = v }},
	}
	for _, l := range layers {
		l.set(l.name)
		s.roles = layersOf(task)
		p.roleVarsOf = nil
		if got, ok := s.Lookup("x"); !ok || got != l.name {
			t.Errorf("x is %v, want that of %s", got, l.name)
		}
	}
}
