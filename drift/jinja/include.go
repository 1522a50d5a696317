package jinja

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"goodstate.dev/goodstate/core/py"
	"goodstate.dev/goodstate/core/vault"
)

// notFound is Jinja's TemplateNotFound.
type notFound struct{ names []string }

func (e *notFound) Error() string {
	if len(e.names) == 1 {
		return e.names[0]
	}
	return "none of the templates given were found: " + strings.Join(e.names, ", ")
}

const largestTemplate = 16 << 20

// find loads the first template of some names that is there.
func (r *run) find(names []any, from *template) (*template, error) {
	var missing []string
	for _, n := range names {
		if err := defined(n); err != nil {
			return nil, err
		}
		if t, ok := n.(*template); ok {
			return t, nil
		}
		name, ok := py.Text(n)
		if !ok {
			return nil, typeErrorf("no loader for this environment specified for %s", py.Repr(n))
		}
		path, err := r.templatePath(name)
		if errors.Is(err, fs.ErrNotExist) {
			missing = append(missing, name)
			continue
		}
		if err != nil {
			return nil, err
		}
		data, err := r.readFile(path)
		if err != nil {
			return nil, fmt.Errorf("template %s: %w", name, err)
		}
		if len(data) > largestTemplate {
			return nil, fmt.Errorf("template %s has %d bytes, at most %d are read", name, len(data), largestTemplate)
		}
		return r.env.load(cacheKey{text: string(data), syn: from.syn, name: name})
	}
	return nil, &notFound{missing}
}

// templatePath finds a template in the folders of the run, or else of the caller.
func (r *run) templatePath(name string) (string, error) {
	if strings.Contains(name, "..") && len(r.search) > 0 {
		for _, part := range strings.Split(name, "/") {
			if part == ".." {
				return "", fmt.Errorf("template %s: %w", name, fs.ErrNotExist)
			}
		}
	}
	for _, dir := range r.search {
		path := filepath.Join(dir, name)
		if r.within(path) != nil {
			continue
		}
		if info, err := os.Stat(path); err == nil && !info.IsDir() {
			return path, nil
		}
	}
	return r.searchFile("templates", name)
}

// searchFile finds a file for a lookup or a template.
func (r *run) searchFile(kind, name string) (string, error) {
	if r.env.opt.Search != nil {
		return r.env.opt.Search(kind, name)
	}
	path := name
	if !filepath.IsAbs(path) {
		for _, dir := range []string{filepath.Join(r.env.opt.Dir, kind), r.env.opt.Dir} {
			path = filepath.Join(dir, name)
			if _, err := os.Stat(path); err == nil {
				break
			}
		}
	}
	if _, err := os.Stat(path); err != nil {
		return "", err
	}
	return path, nil
}

// within refuses paths that this environment may not look at.
func (r *run) within(path string) error {
	if r.env.opt.Within == nil {
		return nil
	}
	return r.env.opt.Within(path)
}

func (r *run) readFile(path string) ([]byte, error) {
	if r.env.opt.ReadFile != nil {
		return r.env.opt.ReadFile(path)
	}
	data, err := os.ReadFile(path)
	if err == nil && vault.Is(data) {
		data, _, err = r.env.opt.Vault.Decrypt(data)
	}
	return data, err
}

// names makes the names of templates of what stands after include.
func templateNames(v any) []any {
	switch x := v.(type) {
	case *py.List:
		return x.Items
	case py.Tuple:
		return x
	}
	return []any{v}
}

func (s *includeStmt) exec(f *frame) error {
	v, err := s.on.eval(f)
	if err != nil {
		return err
	}
	tmpl, err := f.r.find(templateNames(v), f.sc.tmpl)
	var missing *notFound
	if errors.As(err, &missing) && s.ignoreMissing {
		return nil
	}
	if err != nil {
		return err
	}
	sc := &scopeOf{r: f.r, tmpl: tmpl, isolated: !s.withContext}
	if s.withContext {
		sc.given, sc.isolated = f.locals(), f.sc.isolated
	}
	err = f.r.nested(func() error { return f.r.write(sc, f.out) })
	f.sc.unsafe = f.sc.unsafe || sc.unsafe
	return err
}

// nested counts templates in templates.
func (r *run) nested(do func() error) error {
	if r.depth++; r.depth > deepestTemplates {
		return errTooDeep
	}
	defer func() { r.depth-- }()
	return do()
}

// module evaluates a template for import and keeps what it sets.
func (f *frame) module(on expr, withContext bool) (*module, error) {
	v, err := on.eval(f)
	if err != nil {
		return nil, err
	}
	tmpl, err := f.r.find([]any{v}, f.sc.tmpl)
	if err != nil {
		return nil, err
	}
	sc := &scopeOf{r: f.r, tmpl: tmpl, isolated: !withContext}
	if withContext {
		sc.given, sc.isolated = f.locals(), f.sc.isolated
	}
	m := &module{name: tmpl.name, sc: sc}
	err = f.r.nested(func() error {
		m.text, err = f.r.render(sc, f.r.convert())
		return err
	})
	f.sc.unsafe = f.sc.unsafe || sc.unsafe
	return m, err
}

func (s *importStmt) exec(f *frame) error {
	m, err := f.module(s.on, s.withContext)
	if err != nil {
		return err
	}
	f.assign(s.target, m)
	return nil
}

func (s *fromStmt) exec(f *frame) error {
	m, err := f.module(s.on, s.withContext)
	if err != nil {
		return err
	}
	for i, name := range s.names {
		v, ok := m.sc.set[name]
		if !ok {
			v = py.Undefined{Hint: fmt.Sprintf("the template %s (imported on line 1) does not export the requested name %s", quote(m.name), quote(name))}
		}
		f.assign(s.as[i], v)
	}
	return nil
}
