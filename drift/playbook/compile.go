package playbook

import (
	"slices"

	"goodstate.dev/goodstate/core/py"
)

// compile makes the tasks of a role: those of the roles that it depends on, its own, and the mark of its end.
func (l *Loader) compile(p *Play, r *Role, chain []*Role, around *Keywords) ([]*Block, error) {
	if len(chain) > deepest {
		return nil, errorf(nil, "A recursion loop was detected with the roles specified. Make sure child roles do not have dependencies on parent roles")
	}
	inner := append(slices.Clone(chain), r)
	var out []*Block
	for _, d := range r.Dependencies {
		blocks, err := l.compile(p, d, inner, l.roleKeywords(r, around))
		if err != nil {
			return nil, err
		}
		out = append(out, blocks...)
	}
	c := &place{l: l, play: p, role: r, chain: chain, around: l.roleKeywords(r, around), depth: len(inner)}
	if task := c.validation(); task != nil {
		out = append(out, &Block{Keywords: *c.around, Body: []Item{task}})
	}
	if r.tasks != nil {
		blocks, err := c.blocks(r.tasks)
		if err != nil {
			return nil, malformed(err, r.tasks, "The tasks/main.yml file for role '"+r.Name+"' must contain a list of tasks")
		}
		out = append(out, blocks...)
	}
	end := c.implicit("meta", py.DictOf("_raw_params", "role_complete"))
	end.Keywords = Keywords{Tags: []any{"always"}}
	return append(out, &Block{Body: []Item{end}}), nil
}

// roleKeywords are those of a role inside what is around.
func (l *Loader) roleKeywords(r *Role, around *Keywords) *Keywords {
	own := r.Keywords
	own.Vars, own.Params = nil, nil
	collections := own.Collections
	k := own.within(around)
	k.Collections = collections
	return k
}

func (c *place) implicit(action string, args *py.Dict) *Task {
	c.l.serial++
	return &Task{ID: c.l.serial, Action: action, Args: args, Play: c.play, Role: c.role, Chain: c.chain, Implicit: true, place: c}
}

// validation is the task that checks the arguments of a role.
func (c *place) validation() *Task {
	r := c.role
	if r.spec == nil || !r.validate {
		return nil
	}
	entry, ok := r.from["tasks"]
	if !ok {
		entry = "main"
	}
	value, _ := r.spec.Get(entry)
	spec, ok := value.(*py.Dict)
	if !ok || spec.Len() == 0 {
		return nil
	}
	name := "Validating arguments against arg spec '" + entry + "'"
	if short, ok := spec.Get("short_description"); ok {
		name += " - " + text(short)
	}
	options, ok := spec.Get("options")
	if !ok || options == nil {
		options = py.NewDict()
	}
	t := c.implicit("ansible.builtin.validate_argument_spec", py.DictOf(
		"argument_spec", options, "provided_arguments", r.Params,
		"validate_args_context", py.DictOf("type", "role", "name", r.Name, "argument_spec_name", entry, "path", r.Path)))
	t.Implicit = false
	t.Name = name
	own := &Keywords{Tags: []any{"always"}}
	t.Keywords = *own.within(c.around)
	t.Node = r.tasks
	return t
}

// handlers makes the handlers of a role, once for each role.
func (l *Loader) handlers(p *Play, r *Role, chain []*Role, around *Keywords) ([]*Task, error) {
	if r.handled {
		return nil, nil
	}
	r.handled = true
	inner := append(slices.Clone(chain), r)
	var out []*Task
	for _, d := range r.Dependencies {
		tasks, err := l.handlers(p, d, inner, around)
		if err != nil {
			return nil, err
		}
		out = append(out, tasks...)
	}
	if r.handler == nil {
		return out, nil
	}
	c := &place{l: l, play: p, role: r, chain: chain, around: l.roleKeywords(r, around), handlers: true, depth: len(inner)}
	blocks, err := c.blocks(r.handler)
	if err != nil {
		return nil, malformed(err, r.handler, "The handlers/main.yml file for role '"+r.Name+"' must contain a list of tasks")
	}
	return append(out, grouped(blocks)...), nil
}

// grouped lists handlers; those that stand together are a group, in which the first of a name counts. Of groups the last counts.
func grouped(blocks []*Block) []*Task {
	var out []*Task
	for _, b := range blocks {
		tasks := Tasks([]*Block{b})
		for _, t := range tasks {
			t.Group = tasks[0].ID
		}
		out = append(out, tasks...)
	}
	return out
}
