package playbook

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"goodstate.dev/goodstate/core/inventory"
	"goodstate.dev/goodstate/core/py"
	"goodstate.dev/goodstate/core/yaml11"
)

// Role is one use of a role's folder: its files, with the parameters and keywords of where it is used. Uses with equal parameters are one role.
type Role struct {
	Keywords
	Name, Collection, Path string
	Params                 *py.Dict // besides keywords, where it is used
	Entry                  *py.Dict // vars: where it is used
	Vars, Defaults         *py.Dict // of its files
	Duplicates             bool     // may run again with the same parameters
	Dependencies           []*Role
	Parents                []*Role
	Included               bool // by a task, not by roles:

	from           map[string]string
	tasks, handler *yaml11.Node
	spec           *py.Dict // of its arguments
	validate       bool
	handled        bool
}

// ErrNoRole says that a role is in none of the folders in which roles are looked for.
var ErrNoRole = errors.New("no such role")

// FullName has the collection in front.
func (r *Role) FullName() string {
	if r.Collection != "" {
		return r.Collection + "." + r.Name
	}
	return r.Name
}

// AllDependencies are the roles that run before this one, in their order.
func (r *Role) AllDependencies() []*Role {
	var out []*Role
	for _, d := range r.Dependencies {
		out = append(append(out, d.AllDependencies()...), d)
	}
	return out
}

// use is where and how a role is used.
type use struct {
	node     *yaml11.Node
	name     string
	params   *py.Dict
	vars     *py.Dict
	own      *Keywords
	from     map[string]string
	included bool
	validate bool
	parent   *Role
	around   []string // collections
	depth    int
}

func (l *Loader) playRoles(p *Play, list *yaml11.Node) error {
	for _, n := range list.Items {
		u, err := l.roleUse(p, n)
		if err != nil {
			return err
		}
		r, err := l.role(p, u)
		if err != nil {
			return err
		}
		p.Roles = append(p.Roles, r)
	}
	for _, r := range slices.Clone(p.Roles) {
		if r.Included {
			continue
		}
		blocks, err := l.compile(p, r, nil, &p.Keywords)
		if err != nil {
			return err
		}
		p.RoleTasks = append(p.RoleTasks, blocks...)
	}
	for _, r := range slices.Clone(p.Roles) {
		if r.Included {
			continue
		}
		handlers, err := l.handlers(p, r, nil, &p.Keywords)
		if err != nil {
			return err
		}
		p.Handlers = append(p.Handlers, handlers...)
	}
	return nil
}

// roleUse reads one entry of roles or of dependencies.
func (l *Loader) roleUse(p *Play, n *yaml11.Node) (*use, error) {
	u := &use{node: n, params: py.NewDict(), vars: py.NewDict(), own: &Keywords{}, validate: true, around: p.Collections}
	if n.Kind == yaml11.Scalar {
		u.name = n.Text
		return u, l.roleName(p, u)
	}
	if n.Kind != yaml11.Mapping {
		return nil, errorf(n, "role definitions must contain a role name")
	}
	kw, err := l.keywords(n, &Keywords{})
	if err != nil {
		return nil, err
	}
	for _, vars := range kw.Vars {
		u.vars = vars
	}
	kw.Vars = nil
	u.own = kw
	for _, key := range []string{"role", "name"} {
		if name, ok := n.Get(key); ok && u.name == "" {
			u.name = name.Text
		}
	}
	if u.name == "" {
		if src, ok := n.Get("src"); ok {
			u.name = strings.TrimSuffix(filepath.Base(src.Text), ".git")
		}
	}
	if u.name == "" {
		return nil, errorf(n, "role definitions must contain a role name")
	}
	for _, pair := range n.Pairs {
		if !roleKeys[pair.Key.Text] {
			value, err := pair.Value.Value()
			if err != nil {
				return nil, err
			}
			u.params.Set(pair.Key.Text, value)
		}
	}
	return u, l.roleName(p, u)
}

func (l *Loader) roleName(p *Play, u *use) error {
	name, err := l.Template(u.name, l.Extra, u.vars, p.Vars, py.DictOf("playbook_dir", p.Dir))
	if err != nil {
		return errorf(u.node, "%w", err)
	}
	u.name = text(name)
	return nil
}

// role finds or reads a role.
func (l *Loader) role(p *Play, u *use) (*Role, error) {
	if u.depth > deepest {
		return nil, errorf(u.node, "A recursion loop was detected with the roles specified. Make sure child roles do not have dependencies on parent roles")
	}
	name, collection, path, err := l.roleFolder(p, u)
	if err != nil {
		return nil, err
	}
	key := fmt.Sprintf("%p\x00%s\x00%s\x00%v\x00%v\x00%v", p, collection+"."+name, identity(u), u.from, u.included, path)
	if l.roles == nil {
		l.roles = map[string]*Role{}
	}
	if r, ok := l.roles[key]; ok {
		if u.parent != nil && !slices.Contains(r.Parents, u.parent) {
			r.Parents = append(r.Parents, u.parent)
		}
		return r, nil
	}
	r := &Role{
		Keywords: *u.own, Name: name, Collection: collection, Path: path, Params: u.params, Entry: u.vars, Included: u.included, from: u.from, validate: u.validate,
	}
	if u.parent != nil {
		r.Parents = []*Role{u.parent}
	}
	if err := l.readRole(p, u, r); err != nil {
		return nil, err
	}
	l.roles[key] = r
	return r, nil
}

// identity tells uses of a role apart.
func identity(u *use) string {
	text, err := py.ToJSON(py.NewList(u.params, u.vars, py.NewList(u.own.When...), py.NewList(u.own.Tags...)))
	if err != nil {
		return fmt.Sprintf("%p", u)
	}
	return string(text)
}

func (l *Loader) roleFolder(p *Play, u *use) (name, collection, path string, err error) {
	if strings.Count(u.name, ".") >= 2 && !strings.Contains(u.name, "/") {
		parts := strings.SplitN(u.name, ".", 3)
		if dir := l.collectionRole(parts[0]+"."+parts[1], parts[2]); dir != "" {
			return parts[2], parts[0] + "." + parts[1], dir, nil
		}
	}
	if !strings.Contains(u.name, "/") {
		collections := u.around
		if u.parent != nil {
			collections = u.parent.Collections
		}
		for _, c := range collections {
			if dir := l.collectionRole(c, u.name); dir != "" {
				return u.name, c, dir, nil
			}
		}
	}
	search := []string{filepath.Join(p.Dir, "roles")}
	search = append(search, l.RolePaths...)
	if u.parent != nil {
		search = append(search, filepath.Dir(u.parent.Path))
	}
	search = append(search, p.Dir)
	for _, dir := range search {
		path := filepath.Join(dir, u.name)
		if filepath.IsAbs(u.name) {
			path = filepath.Clean(u.name)
		}
		if exists(path) {
			return u.name, "", path, nil
		}
	}
	if abs, err := filepath.Abs(expandHome(u.name)); err == nil && exists(abs) {
		return filepath.Base(u.name), "", abs, nil
	}
	text := fmt.Sprintf("the role '%s' was not found in %s", u.name, strings.Join(search, ":"))
	return "", "", "", &Error{Text: text, Node: u.node, Err: ErrNoRole}
}

func expandHome(path string) string {
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		if home, err := os.UserHomeDir(); err == nil {
			return filepath.Join(home, rest)
		}
	}
	return path
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func (l *Loader) collectionRole(collection, name string) string {
	return l.collectionFile(collection+"."+name, "roles")
}

// collectionFile finds a role or playbook of a collection by its full name.
func (l *Loader) collectionFile(full, kind string) string {
	parts := strings.SplitN(full, ".", 3)
	if len(parts) != 3 || strings.ContainsAny(full, "/ ") {
		return ""
	}
	for _, dir := range l.CollectionPaths {
		base := filepath.Join(dir, "ansible_collections", parts[0], parts[1], kind, filepath.Join(strings.Split(parts[2], ".")...))
		for _, ending := range []string{"", ".yml", ".yaml"} {
			if exists(base + ending) {
				return base + ending
			}
		}
	}
	return ""
}

// readRole reads the files of a role and the roles that it depends on.
func (l *Loader) readRole(p *Play, u *use, r *Role) (err error) {
	if r.Vars, err = l.roleVars(u, r, "vars"); err != nil {
		return err
	}
	if r.Defaults, err = l.roleVars(u, r, "defaults"); err != nil {
		return err
	}
	if err := l.roleMeta(p, u, r); err != nil {
		return err
	}
	if r.Collection != "" && !slices.Contains(r.Collections, r.Collection) {
		r.Collections = append([]string{r.Collection}, r.Collections...)
	}
	if r.tasks, err = l.roleFile(u, r, "tasks"); err != nil {
		return err
	}
	if r.handler, err = l.roleFile(u, r, "handlers"); err != nil {
		return err
	}
	return l.roleSpec(r)
}

func (l *Loader) roleMeta(p *Play, u *use, r *Role) error {
	meta, err := l.roleFile(&use{node: u.node}, r, "meta")
	if err != nil || meta == nil {
		return err
	}
	if meta.Kind != yaml11.Mapping {
		return errorf(meta, "the 'meta/main.yml' for role %s is not a dictionary", r.Name)
	}
	if again, ok := meta.Get("allow_duplicates"); ok {
		value, err := again.Value()
		if err != nil {
			return err
		}
		r.Duplicates, _ = value.(bool)
	}
	if list, ok := meta.Get("collections"); ok {
		for _, c := range list.Items {
			r.Collections = append(r.Collections, c.Text)
		}
	}
	list, ok := meta.Get("dependencies")
	if !ok || isNull(list) {
		return nil
	}
	if list.Kind != yaml11.Sequence {
		return errorf(list, "Expected role dependencies to be a list. Role %s has meta/main.yml with a %s", r.Name, pythonType(list))
	}
	for _, n := range list.Items {
		d, err := l.roleUse(p, n)
		if err != nil {
			return err
		}
		d.parent, d.depth = r, u.depth+1
		dep, err := l.role(p, d)
		if err != nil {
			return err
		}
		r.Dependencies = append(r.Dependencies, dep)
	}
	return nil
}

// roleFile reads main.yml of a part of a role, or the file that the use names.
func (l *Loader) roleFile(u *use, r *Role, part string) (*yaml11.Node, error) {
	path, err := roleFilePath(u, r, part)
	if err != nil || path == "" {
		return nil, err
	}
	return l.Node(path)
}

func roleFilePath(u *use, r *Role, part string) (string, error) {
	main, named := u.from[part]
	endings := []string{".yml", ".yaml", ".json", ""}
	if !named {
		main = "main"
	} else {
		endings = []string{"", ".yml", ".yaml", ".json"}
	}
	dir := filepath.Join(r.Path, part)
	for _, ending := range endings {
		path := filepath.Join(dir, main+ending)
		info, err := os.Stat(path)
		if err != nil || info.IsDir() {
			continue
		}
		if rel, err := filepath.Rel(dir, path); err != nil || strings.HasPrefix(rel, "..") {
			return "", errorf(u.node, "Failed loading '%s' for role (%s) as it is not inside the expected role path: '%s'", path, r.Name, dir)
		}
		return path, nil
	}
	if named && exists(dir) {
		return "", errorf(u.node, "Could not find specified file in role: %s/%s", part, main)
	}
	return "", nil
}

// roleVars reads variables of a role: a file, or all files of a folder "main".
func (l *Loader) roleVars(u *use, r *Role, part string) (*py.Dict, error) {
	out := py.NewDict()
	dir := filepath.Join(r.Path, part)
	main, named := u.from[part]
	var files []string
	if !named {
		found, err := inventory.VarsFiles(filepath.Join(dir, "main"))
		if err != nil {
			return nil, err
		}
		files = found
	}
	if len(files) == 0 {
		path, err := roleFilePath(u, r, part)
		if err != nil {
			return nil, err
		}
		if path != "" {
			files = []string{path}
		} else if named {
			if files, err = inventory.VarsFiles(filepath.Join(dir, main)); err != nil {
				return nil, err
			}
		}
	}
	for _, file := range files {
		n, err := l.Node(file)
		if err != nil {
			return nil, err
		}
		if n == nil {
			continue
		}
		value, err := n.Value()
		if err != nil {
			return nil, err
		}
		d, ok := value.(*py.Dict)
		if !ok && value != nil {
			return nil, errorf(n, "The %s/main.yml file for role '%s' must contain a dictionary of variables", part, r.Name)
		}
		if d != nil {
			merge(out, d)
		}
	}
	return out, nil
}

// roleSpec reads the specification of the role's arguments.
func (l *Loader) roleSpec(r *Role) error {
	for _, name := range []string{"argument_specs.yml", "argument_specs.yaml", "argument_specs.json", "main.yml", "main.yaml"} {
		path := filepath.Join(r.Path, "meta", name)
		if !exists(path) {
			continue
		}
		n, err := l.Node(path)
		if err != nil {
			return err
		}
		specs, ok := n.Get("argument_specs")
		if !ok {
			if strings.HasPrefix(name, "argument") {
				return nil
			}
			continue
		}
		value, err := specs.Value()
		if err != nil {
			return err
		}
		r.spec, _ = value.(*py.Dict)
		return nil
	}
	return nil
}
