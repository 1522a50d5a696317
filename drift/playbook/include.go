package playbook

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"goodstate.dev/goodstate/core/py"
	"goodstate.dev/goodstate/core/yaml11"
)

// staticVars are what is known while tasks are read, the winners first.
func (c *place) staticVars(t *Task) []*py.Dict {
	out := []*py.Dict{c.l.Extra}
	out = append(out, reversed(t.Params)...)
	if c.role != nil {
		out = append(out, c.role.Params)
	}
	out = append(out, reversed(t.Vars)...)
	if c.role != nil {
		out = append(out, c.role.Vars, c.role.Entry, py.DictOf("role_path", c.role.Path, "role_name", c.role.Name))
	}
	for i := len(c.chain) - 1; i >= 0; i-- {
		out = append(out, c.chain[i].Vars, c.chain[i].Entry)
	}
	out = append(out, c.play.Vars, py.DictOf("playbook_dir", c.play.Dir))
	if c.role != nil {
		out = append(out, c.role.Defaults)
	}
	for _, r := range c.chain {
		out = append(out, r.Defaults)
	}
	return out
}

// importTasks puts the tasks of a file in the place of the import.
func (c *place) importTasks(t *Task) ([]Item, error) {
	if err := checkTasksArgs(t); err != nil {
		return nil, err
	}
	if t.Loop != nil {
		return nil, t.Errorf("You cannot use loops on 'import_tasks' statements. You should use 'include_tasks' instead.")
	}
	raw, _ := t.Args.Get("_raw_params")
	name, err := c.l.Template(raw, c.staticVars(t)...)
	if err != nil {
		return nil, fmt.Errorf("Error when evaluating variable in import path: %s.\n\n"+
			"When using static imports, ensure that any variables used in their names are defined in vars/vars_files\n"+
			"or extra-vars passed in from the command line. Static imports cannot use variables from facts or inventory\n"+
			"sources like group or host vars.", text(raw))
	}
	path := c.includePath(text(name))
	n, err := c.l.Node(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("Unable to retrieve file contents\n%w", err)
	}
	if err != nil {
		return nil, err
	}
	if n == nil || isNull(n) {
		c.l.warn(fmt.Sprintf("file %s is empty and had no tasks to include", path))
		return nil, nil
	}
	if n.Kind != yaml11.Sequence {
		return nil, errorf(n, "included task files must contain a list of tasks")
	}
	if c.l.Imported != nil {
		c.l.Imported(path)
	}
	inner, err := c.inside(t, text(name))
	if err != nil {
		return nil, err
	}
	return inner.list(n)
}

func (l *Loader) warn(text string) {
	if l.Warn != nil {
		l.Warn(text)
	}
}

// inside is the place of the tasks that a task brings in.
func (c *place) inside(t *Task, name string) (*place, error) {
	if c.depth > deepest {
		return nil, t.Errorf("includes are more than %d files deep", deepest)
	}
	inner := *c
	kw := t.Keywords
	inner.around = &kw
	inner.includes = append(slices.Clone(c.includes), name)
	inner.depth++
	return &inner, nil
}

// includePath looks for a file of tasks: beside the includes around it, then in the role or beside the playbook.
func (c *place) includePath(target string) string {
	if filepath.IsAbs(target) {
		return target
	}
	kind := "tasks"
	if c.handlers {
		kind = "handlers"
	}
	gathered, any := "", false
	for i := len(c.includes) - 1; i >= 0; i-- {
		dir := filepath.Dir(c.includes[i])
		switch {
		case !any:
			gathered, any = dir, true
		case !filepath.IsAbs(gathered):
			gathered = filepath.Join(dir, gathered)
		}
		base := c.play.Dir
		if c.role != nil {
			base = filepath.Join(c.role.Path, kind)
		}
		if filepath.IsAbs(gathered) {
			base = ""
		}
		for _, path := range []string{filepath.Join(base, gathered, target), filepath.Join(base, gathered, kind, target)} {
			if exists(path) {
				return path
			}
		}
	}
	if c.role == nil {
		for _, path := range []string{filepath.Join(c.play.Dir, target), filepath.Join(c.play.Dir, kind, target)} {
			if exists(path) {
				return path
			}
		}
		return filepath.Join(c.play.Dir, target)
	}
	for _, path := range []string{filepath.Join(c.role.Path, kind, target), filepath.Join(c.role.Path, "tasks", target), filepath.Join(c.role.Path, target), filepath.Join(c.play.Dir, target)} {
		if exists(path) {
			return path
		}
	}
	return filepath.Join(c.role.Path, kind, target)
}

// IncludePath finds the file that a task includes.
func (t *Task) IncludePath(target string) string { return t.place.includePath(target) }

// IncludeTasks reads the tasks that a task includes, with variables of this include.
func (l *Loader) IncludeTasks(t *Task, name, path string, vars *py.Dict) ([]*Block, error) {
	n, err := l.Node(path)
	if err != nil || n == nil || isNull(n) {
		return nil, err
	}
	if n.Kind != yaml11.Sequence {
		return nil, general(nil, "included task files must contain a list of tasks")
	}
	inner, err := l.included(t, name, vars)
	if err != nil {
		return nil, err
	}
	return inner.blocks(n)
}

// included is the place inside an include that hosts have reached.
func (l *Loader) included(t *Task, name string, vars *py.Dict) (*place, error) {
	inner, err := t.place.inside(t, name)
	if err != nil {
		return nil, err
	}
	// What an include says of itself (its conditions, tags and loop) is not said of what it brings in, except for its variables.
	kw := *t.place.around
	kw.Vars, kw.Params = slices.Clone(kw.Vars), slices.Clone(kw.Params)
	kw.Collections = t.Collections
	if n := len(t.place.around.Vars); len(t.Vars) > n {
		kw.Vars = append(kw.Vars, t.Vars[n:]...)
		kw.Params = append(kw.Params, t.Vars[n:]...)
	}
	if vars != nil && vars.Len() > 0 {
		kw.Vars = append(kw.Vars, vars)
		kw.Params = append(kw.Params, vars)
	}
	if apply, ok := t.Args.Get("apply"); ok {
		if d, ok := apply.(*py.Dict); ok {
			if kw, err = l.apply(t, d, kw); err != nil {
				return nil, err
			}
		}
	}
	inner.around = &kw
	return inner, nil
}

// apply puts the keywords of apply around what is included.
func (l *Loader) apply(t *Task, d *py.Dict, around Keywords) (Keywords, error) {
	own := &Keywords{}
	fields := own.fields()
	for k, v := range d.All() {
		name, _ := k.(string)
		if field, ok := fields[name]; ok {
			*field = v
			continue
		}
		var err error
		switch name {
		case "when":
			own.When = items(v)
		case "environment":
			own.Environment = items(v)
		case "tags":
			own.Tags, err = tags(t.Node, v)
		case "vars":
			var vars *py.Dict
			if vars, err = variables(t.Node, "Task", v); err == nil {
				own.Vars = []*py.Dict{vars}
			}
		case "notify":
			own.Notify = items(v)
		case "collections", "name", "module_defaults":
		default:
			err = t.Errorf("'%s' is not a valid attribute for a Block", name)
		}
		if err != nil {
			return around, err
		}
	}
	return *own.within(&around), nil
}

// importRole puts the tasks of a role in the place of the import.
func (c *place) importRole(t *Task) ([]Item, error) {
	if c.handlers {
		return nil, t.Errorf("Using '%s' as a handler is not supported.", t.Action)
	}
	if err := checkRoleArgs(t); err != nil {
		return nil, err
	}
	if t.Loop != nil {
		return nil, t.Errorf("You cannot use loops on 'import_role' statements. You should use 'include_role' instead.")
	}
	args := py.NewDict()
	for k, v := range t.Args.All() {
		value, err := c.l.Template(v, c.staticVars(t)...)
		if err != nil {
			return nil, t.Errorf("%w", err)
		}
		args.Set(k, value)
	}
	inner, err := c.inside(t, "")
	if err != nil {
		return nil, err
	}
	blocks, role, err := c.l.bringRole(t, args, inner)
	if err != nil {
		return nil, err
	}
	c.play.Roles = append(c.play.Roles, role)
	out := make([]Item, len(blocks))
	for i, b := range blocks {
		out[i] = b
	}
	return out, nil
}

// IncludeRole reads a role that a task includes; its arguments have no templates any more. The handlers of the role are in the play then.
func (l *Loader) IncludeRole(t *Task, args, vars *py.Dict) ([]*Block, error) {
	inner, err := l.included(t, "", vars)
	if err != nil {
		return nil, err
	}
	blocks, role, err := l.bringRole(t, args, inner)
	if err != nil {
		return nil, err
	}
	if public, _ := args.Get("public"); isTrue(public) && !slices.Contains(t.Play.Roles, role) {
		t.Play.Roles = append(t.Play.Roles, role)
	}
	return blocks, nil
}

func isTrue(value any) bool {
	switch v := value.(type) {
	case bool:
		return v
	case string:
		switch strings.ToLower(v) {
		case "yes", "true", "on", "1", "y", "t":
			return true
		}
	case int64:
		return v == 1
	}
	return false
}

func (l *Loader) bringRole(t *Task, args *py.Dict, inner *place) ([]*Block, *Role, error) {
	name, ok := args.Get("name")
	if !ok {
		name, _ = args.Get("role")
	}
	u := &use{
		node: t.Node, name: text(name), params: py.NewDict(), vars: py.NewDict(), own: &Keywords{}, from: map[string]string{}, included: true, validate: true,
		parent: t.Role, around: t.Collections, depth: inner.depth,
	}
	for _, key := range []string{"tasks", "vars", "defaults", "handlers"} {
		if v, ok := args.Get(key + "_from"); ok {
			u.from[key] = filepath.Base(text(v))
		}
	}
	for i := len(t.place.around.Vars); i < len(t.Vars); i++ {
		merge(u.vars, t.Vars[i])
	}
	if v, ok := args.Get("rolespec_validate"); ok {
		u.validate = isTrue(v)
	}
	role, err := l.role(t.Play, u)
	if err != nil {
		return nil, nil, err
	}
	role.Duplicates = true
	if v, ok := args.Get("allow_duplicates"); ok {
		role.Duplicates = isTrue(v)
	}
	var chain []*Role
	if t.Role != nil {
		chain = append(slices.Clone(t.Role.Parents), t.Role)
	}
	blocks, err := l.compile(t.Play, role, chain, inner.around)
	if err != nil {
		return nil, nil, err
	}
	handlers, err := l.handlers(t.Play, role, chain, inner.around)
	if err != nil {
		return nil, nil, err
	}
	t.Play.Handlers = append(t.Play.Handlers, handlers...)
	return blocks, role, nil
}
