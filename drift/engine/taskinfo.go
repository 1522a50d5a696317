package engine

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"goodstate.dev/goodstate/core/inventory"
	"goodstate.dev/goodstate/core/py"
	"goodstate.dev/goodstate/drift/action"
	"goodstate.dev/goodstate/drift/jinja"
	"goodstate.dev/goodstate/drift/playbook"
)

// taskInfo is what is the same for a task on all hosts.
type taskInfo struct {
	roles *roleLayers
	env   *jinja.Env // which finds files where the task does
	shown *TaskInfo
	kind  action.Kind
	local bool   // an action has it
	name  string // of the module, with its collection where it is in one
}

// info_ works out once what is the same on all hosts. Only the goroutine of the play calls it.
func (p *playRun) info_(t *playbook.Task) *taskInfo {
	if known := p.infos[t]; known != nil {
		return known
	}
	base := p.play.Dir
	i := &taskInfo{roles: layersOf(t)}
	i.env = p.r.env.With(func(o *jinja.Options) {
		o.Dir = base
		o.Search = func(kind, name string) (string, error) { return p.r.opt.find(t.Find(base, kind, name)) }
	})
	i.kind, i.local = action.Find(t.Short())
	i.name = p.moduleName(t)
	i.shown = &TaskInfo{
		ID: t.ID, Name: strings.TrimSpace(t.Title()), Action: t.Action, Path: t.Path(), Loop: t.Loop != nil, Include: t.IsInclude(), Handler: t.Handler, Check: p.r.opt.Check, Args: t.Args,
		Tags: p.tagsOf(t.Tags),
	}
	if t.Node != nil {
		i.shown.Line = t.Node.Line
	}
	if t.Role != nil {
		i.shown.Role = t.Role.FullName()
	}
	if b, ok := action.Bool(t.CheckMode); ok && t.CheckMode != nil {
		i.shown.Check = b
	}
	if b, ok := action.Bool(t.NoLog); ok && t.NoLog != nil {
		i.shown.NoLog = b
	}
	p.infos[t] = i
	return i
}

// scope is what the play sees without a host, or what a task sees without one.
func (p *playRun) scope(h *inventory.Host, t *playbook.Task) *scope {
	s := &scope{p: p, r: p.r, host: h, task: t, files: p.static, roles: noRole}
	if t != nil {
		s.roles = p.info_(t).roles
	}
	return s
}

// hostScope is what a task sees on a host.
func (p *playRun) hostScope(h *inventory.Host, t *playbook.Task) (*scope, error) {
	p.r.mu.Lock()
	base := p.hostScopes[h]
	p.r.mu.Unlock()
	if base == nil {
		dirs := []string{p.play.Dir}
		layers, err := p.r.layers(h, dirs...)
		if err != nil {
			return nil, err
		}
		base = &scope{p: p, r: p.r, host: h, record: p.r.records.host(h.Name), layers: layers, roles: noRole}
		if err := p.varsFiles(base, t); err != nil {
			return nil, err
		}
		if !p.hostFiles {
			p.r.mu.Lock()
			p.hostScopes[h] = base
			p.r.mu.Unlock()
		}
	}
	s := *base
	s.task = t
	s.roles = noRole
	if t != nil {
		s.roles = p.info_(t).roles
	}
	return &s, nil
}

// varsFiles reads vars_files for a host; a name may be a template over facts, and a list is files of which the first that is there counts.
func (p *playRun) varsFiles(s *scope, t *playbook.Task) error {
	if len(p.play.VarsFiles) == 0 {
		return nil
	}
	s.files = py.NewDict()
	for _, item := range p.play.VarsFiles {
		if jinja.IsTemplated(item) {
			p.hostFiles = true
		}
		found := false
		for _, name := range itemsOf(item) {
			resolved, err := p.r.env.Value(p.r.ctx, name, s)
			if jinja.IsUndefined(err) {
				if s.record.gathered() && t != nil {
					return fmt.Errorf("an undefined variable was found when attempting to template the vars_files item '%s'", py.Str(item))
				}
				found = true // facts are still missing
				continue
			}
			if err != nil {
				return err
			}
			ok, err := p.readVars(s, py.Str(resolved))
			if err != nil {
				return err
			}
			if found = ok; ok {
				break
			}
		}
		if !found {
			return fmt.Errorf("vars file %s was not found\n%s", py.Str(item), strings.TrimPrefix(notFound(py.Str(item)).Error(), ""))
		}
	}
	return nil
}

// checkFiles reads the vars_files whose names are known before hosts are, so that one that cannot be read ends the play at once.
func (p *playRun) checkFiles() error {
	s := &scope{p: p, r: p.r, files: py.NewDict(), roles: noRole}
	for _, item := range p.play.VarsFiles {
		for _, name := range itemsOf(item) {
			resolved, err := p.r.env.Value(p.r.ctx, name, s)
			if err != nil {
				break
			}
			ok, err := p.readVars(s, py.Str(resolved))
			if err != nil {
				return err
			}
			if ok {
				break
			}
		}
	}
	return nil
}

func (p *playRun) readVars(s *scope, name string) (bool, error) {
	path := name
	if !filepath.IsAbs(name) {
		path = ""
		for _, candidate := range []string{filepath.Join(p.play.Dir, "vars", name), filepath.Join(p.play.Dir, name)} {
			if !strings.HasPrefix(name, "vars/") || candidate == filepath.Join(p.play.Dir, name) {
				if fileExists(candidate) {
					path = candidate
					break
				}
			}
		}
	}
	if path == "" || !fileExists(path) {
		return false, nil
	}
	value, err := p.r.load(path)
	if err != nil {
		return false, err
	}
	for _, item := range itemsOf(value) {
		d, ok := item.(*py.Dict)
		if !ok {
			return false, fmt.Errorf("vars file %s has a %T, want a dictionary of variables", path, item)
		}
		update(s.files, d)
	}
	return true, nil
}

func fileExists(path string) bool {
	_, err := statFile(path)
	return err == nil || !errors.Is(err, fs.ErrNotExist)
}

// tagsOf resolves tags; one that cannot be resolved yet stays as it is.
func (p *playRun) tagsOf(tags []any) []string {
	out := make([]any, 0, len(tags))
	for _, t := range tags {
		if jinja.IsTemplated(t) {
			if v, err := p.r.env.Value(p.r.ctx, t, p.scope(nil, nil)); err == nil {
				t = v
			}
		}
		out = append(out, t)
	}
	return slices.DeleteFunc(playbook.TagsOf(out), func(name string) bool { return name == "" })
}

// flag resolves a boolean keyword.
func (p *playRun) flag(value any, otherwise bool, name string) (bool, error) {
	return p.flagIn(value, otherwise, name, p.scope(nil, nil))
}

func (p *playRun) flagIn(value any, otherwise bool, name string, s *scope) (bool, error) {
	switch v := value.(type) {
	case nil:
		return otherwise, nil
	case bool:
		return v, nil
	}
	resolved, err := p.r.env.Value(p.r.ctx, value, s)
	if err != nil {
		return false, inField(name, err)
	}
	if resolved == p.r.omit || resolved == nil {
		return otherwise, nil
	}
	b, ok := action.Bool(resolved)
	if !ok {
		return false, fmt.Errorf("the field '%s' has an invalid value (%s), and could not be converted to an bool.The error was: The value '%s' is not a valid boolean.", name, py.Str(resolved), py.Str(resolved))
	}
	return b, nil
}

func (p *playRun) percent(value any) (float64, error) {
	v, err := p.r.env.Value(p.r.ctx, value, p.scope(nil, nil))
	if err != nil {
		return 0, err
	}
	f, err := strconv.ParseFloat(strings.TrimSuffix(py.Str(v), "%"), 64)
	if err != nil {
		return 0, fmt.Errorf("max_fail_percentage of play %s is %q, want a number", p.play.Title(), py.Str(v))
	}
	return f, nil
}

// once says whether only the first host does the task.
func (p *playRun) once(t *playbook.Task, s *scope) (bool, error) {
	if t.Short() == "meta" {
		raw, _ := t.Args.Get("_raw_params")
		switch raw {
		case "noop", "reset_connection", "end_host", "role_complete", "flush_handlers":
			return false, nil
		}
		return true, nil
	}
	if i := p.info_(t); i.local && i.kind.Once {
		return true, nil
	}
	return p.flagIn(t.RunOnce, false, "run_once", s)
}

func (p *playRun) anyErrorsFatal(t *playbook.Task, s *scope) (bool, error) {
	return p.flagIn(t.AnyErrorsFatal, p.r.opt.Settings.AnyErrorsFatal, "any_errors_fatal", s)
}

func (p *playRun) ignores(t *playbook.Task, s *scope) bool {
	is, err := p.flagIn(t.IgnoreErrors, false, "ignore_errors", s)
	return err == nil && is
}

// moduleName finds the collection of a module that is named without one, among those that the task may use.
func (p *playRun) moduleName(t *playbook.Task) string {
	name := t.Short()
	knows := p.r.opt.Knows
	if strings.Contains(name, ".") || knows == nil || len(t.Collections) == 0 || knows(name) {
		return name
	}
	for _, c := range t.Collections {
		if knows(c + "." + name) {
			return c + "." + name
		}
	}
	return name
}
