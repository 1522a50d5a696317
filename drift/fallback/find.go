package fallback

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// Module is a module of the user's installation.
type Module struct {
	Name  string // as it was asked for
	Full  string // dotted name of the file in Python's tree: ansible.modules.x, ansible_collections.a.b.plugins.modules.x
	Path  string
	Style string // new, json, old, binary
	Shell string // the interpreter that its first line names, when that is not Python
}

const maxModule = 32 << 20

var (
	importsUtils = regexp.MustCompile(`(?m)(?:^|\s|;)(?:from|import)\s+(?:ansible\.module_utils|ansible_collections\.\w+\.\w+\.plugins\.module_utils|\.+module_utils|\.+\s*import\s+module_utils)`)
	wordName     = regexp.MustCompile(`^\w+(\.\w+)*$`)
)

// Find finds a module by its short or full name.
func (a *Ansible) Find(name string) (*Module, error) {
	a.mu.Lock()
	m, ok := a.modules[name]
	a.mu.Unlock()
	if ok && m != nil {
		return m, nil
	}
	if !wordName.MatchString(name) {
		return nil, fmt.Errorf("%q is no name of a module", name)
	}
	m, err := a.search(name, 0)
	if err != nil {
		return nil, err
	}
	m.Name = name
	if err := m.look(); err != nil {
		return nil, err
	}
	a.mu.Lock()
	a.modules[name] = m
	a.mu.Unlock()
	return m, nil
}

// Local finds a module in a library/ folder only, which comes before what is native.
func (a *Ansible) Local(name string) (*Module, bool) {
	short := strings.TrimPrefix(name, "ansible.legacy.")
	if strings.Contains(short, ".") {
		return nil, false
	}
	for _, dir := range a.libraries() {
		if path := file(dir, short); path != "" {
			m := &Module{Name: name, Full: "ansible.modules." + short, Path: path}
			return m, m.look() == nil
		}
	}
	return nil, false
}

// search goes where Ansible looks, in its order.
func (a *Ansible) search(name string, hops int) (*Module, error) {
	if hops > 10 {
		return nil, fmt.Errorf("module %s: more than 10 redirections", name)
	}
	parts := strings.SplitN(name, ".", 3)
	builtin := len(parts) < 3 || parts[0] == "ansible" && (parts[1] == "builtin" || parts[1] == "legacy")
	short := parts[len(parts)-1]
	if m, ok := a.Local(name); ok {
		return m, nil
	}
	in, err := a.find()
	if err != nil {
		return nil, err
	}
	if builtin {
		for _, candidate := range []string{short, "_" + short} {
			if path := file(filepath.Join(in.pkg, "modules"), candidate); path != "" {
				return &Module{Full: "ansible.modules." + candidate, Path: path}, nil
			}
		}
		if to := a.route(filepath.Join(in.pkg, "config", "ansible_builtin_runtime.yml")).redirect("modules", short); to != "" {
			return a.search(to, hops+1)
		}
		return nil, fmt.Errorf("module %s: %w in %s and the library folders", name, errNotThere, in.pkg)
	}
	for _, root := range in.collections {
		dir := filepath.Join(root, "ansible_collections", parts[0], parts[1])
		if _, err := os.Stat(dir); err != nil {
			continue
		}
		routes := a.route(filepath.Join(dir, "meta", "runtime.yml"))
		if to := routes.redirect("modules", short); to != "" && to != name {
			return a.search(to, hops+1)
		}
		if gone := routes.tombstone("modules", short); gone != "" {
			return nil, fmt.Errorf("module %s has been removed: %s", name, gone)
		}
		if path := file(filepath.Join(dir, "plugins", "modules"), strings.ReplaceAll(short, ".", "/")); path != "" {
			return &Module{Full: "ansible_collections." + parts[0] + "." + parts[1] + ".plugins.modules." + short, Path: path}, nil
		}
		return nil, fmt.Errorf("module %s: %w in %s", name, errNotThere, dir)
	}
	return nil, fmt.Errorf("module %s: the collection %s.%s is not installed; ansible-galaxy collection install %s.%s", name, parts[0], parts[1], parts[0], parts[1])
}

// libraries lists the folders of modules that belong to the playbooks.
func (a *Ansible) libraries() []string {
	var list []string
	for _, base := range a.options.Bases {
		list = append(list, filepath.Join(base, "library"))
		if found, err := filepath.Glob(filepath.Join(base, "roles", "*", "library")); err == nil {
			list = append(list, found...)
		}
	}
	set := a.options.Library
	if set == nil {
		set = filepath.SplitList(os.Getenv("ANSIBLE_LIBRARY"))
	}
	if set == nil {
		set = []string{"~/.ansible/plugins/modules", "/usr/share/ansible/plugins/modules"}
	}
	for _, dir := range set {
		list = append(list, tilde(dir))
	}
	return list
}

// file finds a module's file in a folder: Python, or any program.
func file(dir, name string) string {
	for _, suffix := range []string{".py", "", ".sh", ".pl", ".rb"} {
		path := filepath.Join(dir, name+suffix)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			return path
		}
	}
	return ""
}

// look finds out what kind of program a module is.
func (m *Module) look() error {
	info, err := os.Stat(m.Path)
	if err != nil {
		return err
	}
	if info.Size() > maxModule {
		return fmt.Errorf("module %s has %d bytes, want at most %d", m.Path, info.Size(), maxModule)
	}
	text, err := os.ReadFile(m.Path)
	if err != nil {
		return err
	}
	head := string(text[:min(len(text), 4096)])
	switch {
	case strings.Contains(head, "\x00"):
		m.Style = "binary"
	case importsUtils.Match(text):
		m.Style = "new"
	case strings.Contains(string(text), "WANT_JSON"):
		m.Style = "json"
	default:
		m.Style = "old"
	}
	if line := shebang(m.Path); line != "" && !strings.HasPrefix(filepath.Base(line), "python") {
		m.Shell = line
	}
	if strings.Contains(head, "#!powershell") || strings.Contains(head, "#AnsibleRequires") {
		return fmt.Errorf("module %s is written in PowerShell, for Windows hosts, which goodstate does not reach", m.Name)
	}
	return nil
}
