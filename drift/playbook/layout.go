package playbook

import (
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"goodstate.dev/goodstate/core/py"
)

// Compile lays out a play: tasks before roles, roles, tasks, tasks after, with handlers flushed between. With force they are flushed whatever fails.
func (p *Play) Compile(force bool, l *Loader) []*Block {
	flushTask := l.Implicit(p, "meta", py.DictOf("_raw_params", "flush_handlers"))
	flush := &Block{Body: []Item{flushTask}}
	main := slices.Concat(p.RoleTasks, p.Tasks)
	if !force {
		return slices.Concat(p.PreTasks, []*Block{flush}, main, []*Block{flush}, p.PostTasks, []*Block{flush})
	}
	var out []*Block
	for _, part := range [][]*Block{p.PreTasks, main, p.PostTasks} {
		b := &Block{Always: []Item{flush}}
		for _, inner := range part {
			b.Body = append(b.Body, inner)
		}
		if len(b.Body) == 0 {
			b.Body = []Item{l.Implicit(p, "meta", py.DictOf("_raw_params", "noop"))}
		}
		out = append(out, b)
	}
	return out
}

// Implicit makes a task of goodstate's own.
func (l *Loader) Implicit(p *Play, action string, args *py.Dict) *Task {
	return (&place{l: l, play: p, around: &p.Keywords}).implicit(action, args)
}

// SearchPath lists the folders in which a task looks for files: its role, the roles around it, the folder of its file, and that of the playbook.
func (t *Task) SearchPath(base string) []string {
	out := t.dirs()
	if !slices.Contains(out, base) {
		out = append(out, base)
	}
	return out
}

// Find looks for a file of a task as Ansible does: in the folder of its kind in the role and the roles around it, beside the file of the task, and beside the playbook.
func (t *Task) Find(base, kind, name string) (string, error) {
	name = expandHome(name)
	if filepath.IsAbs(name) {
		return name, nil
	}
	var tried []string
	for _, path := range t.candidates(base, kind, name) {
		again := slices.Contains(tried, path)
		tried = append(tried, path) // Ansible lists a folder as often as it has looked there
		if !again && exists(path) {
			return path, nil
		}
	}
	return "", &NotFound{Name: name, Tried: tried}
}

func (t *Task) candidates(base, kind, name string) []string {
	var out []string
	prefixed := strings.HasPrefix(name, kind+"/")
	add := func(dir string) {
		if !prefixed {
			out = append(out, filepath.Join(dir, kind, name))
		}
	}
	for _, dir := range append(t.dirs(), base) {
		switch {
		case filepath.Base(dir) == "tasks" || filepath.Base(dir) == "handlers":
			add(filepath.Dir(dir))
			out = append(out, filepath.Join(filepath.Dir(dir), name))
			add(dir)
			out = append(out, filepath.Join(dir, name))
		case t.Role != nil && dir != base:
			add(dir)
			out = append(out, filepath.Join(dir, name), filepath.Join(dir, "tasks", kind, name), filepath.Join(dir, "tasks", name))
		default:
			add(dir)
			out = append(out, filepath.Join(dir, name))
		}
	}
	return out
}

// NotFound is a file that is in none of the folders in which it was looked for.
type NotFound struct {
	Name  string
	Tried []string
}

func (e *NotFound) Error() string {
	return "Could not find or access '" + e.Name + "'\nSearched in:\n\t" + strings.Join(e.Tried, "\n\t") +
		" on the Ansible Controller.\nIf you are using a module and expect the file to exist on the remote, see the remote_src option"
}

// Is makes it a file that does not exist.
func (e *NotFound) Is(target error) bool { return target == fs.ErrNotExist }
