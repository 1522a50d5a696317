// Package fallback runs what goodstate has no code of its own for, from the Ansible that the user has installed: modules are packed with what they
// import and run by the host's Python, and filters, tests and lookups by a Python process on the controller. Nothing of Ansible is part of goodstate.
package fallback

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"goodstate.dev/goodstate/core/py"
)

// Options say where to look. What is empty is taken from the environment, or is Ansible's own default.
type Options struct {
	Bases       []string // folders of the playbooks; library/, module_utils/, collections/ and roles/ in them count
	Roles       []string // ANSIBLE_ROLES_PATH: roles there may have plugins
	Collections []string // ANSIBLE_COLLECTIONS_PATH
	Library     []string // ANSIBLE_LIBRARY
	ModuleUtils []string // ANSIBLE_MODULE_UTILS
	Python      string   // the controller's interpreter that has Ansible; empty finds it
}

// Ansible is the installation of the user. It is looked for when something needs it for the first time.
type Ansible struct {
	options Options
	find    func() (*installation, error)

	packing sync.Mutex // guards packed and base
	packed  map[string]*payload
	base    *payload

	mu      sync.Mutex
	used    map[string]int
	modules map[string]*Module
	routes  map[string]*routing
	helper  *helper
}

// installation is where Ansible lies.
type installation struct {
	python      string
	pkg         string // the folder of the package ansible
	version     string
	collections []string // folders that have ansible_collections
}

// New makes a fallback; nothing is looked for yet.
func New(options Options) *Ansible {
	a := &Ansible{options: options, used: map[string]int{}, modules: map[string]*Module{}, routes: map[string]*routing{}, packed: map[string]*payload{}}
	a.find = sync.OnceValues(a.locate)
	return a
}

// locate asks the interpreter of ansible-playbook, or else the usual ones, where its packages are.
func (a *Ansible) locate() (*installation, error) {
	var tried []string
	for _, python := range a.pythons() {
		paths, err := sysPath(python)
		if err != nil {
			tried = append(tried, err.Error())
			continue
		}
		for _, dir := range paths {
			pkg := filepath.Join(dir, "ansible")
			if _, err := os.Stat(filepath.Join(pkg, "module_utils", "basic.py")); err != nil {
				continue
			}
			return &installation{python: python, pkg: pkg, version: release(pkg), collections: a.collectionFolders(paths)}, nil
		}
		tried = append(tried, python+" has no package ansible")
	}
	return nil, fmt.Errorf("no Ansible is installed here (%s); install ansible-core, or use native modules only", strings.Join(tried, "; "))
}

// pythons lists interpreters that may have Ansible: the one that is named, that of ansible-playbook, the usual one.
func (a *Ansible) pythons() []string {
	if a.options.Python != "" {
		return []string{a.options.Python}
	}
	var list []string
	if script, err := exec.LookPath("ansible-playbook"); err == nil {
		if line := shebang(script); line != "" {
			list = append(list, line)
		}
	}
	return append(list, "/usr/bin/python3", "python3")
}

// shebang is the interpreter of a script; "" if it has none.
func shebang(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	line, err := bufio.NewReaderSize(f, 4096).ReadString('\n')
	words := strings.Fields(strings.TrimPrefix(line, "#!"))
	if err != nil || !strings.HasPrefix(line, "#!") || len(words) == 0 {
		return ""
	}
	if filepath.Base(words[0]) == "env" && len(words) > 1 {
		return words[len(words)-1]
	}
	return words[0]
}

func sysPath(python string) ([]string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, python, "-c", "import json, sys; print(json.dumps([p for p in sys.path if p]))").Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", python, err)
	}
	var paths []string
	return paths, json.Unmarshal(out, &paths)
}

// release reads the version of Ansible.
func release(pkg string) string {
	text, err := os.ReadFile(filepath.Join(pkg, "release.py"))
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "__version__"); ok {
			return strings.Trim(rest, " ='\"\r\n")
		}
	}
	return ""
}

// collectionFolders lists the folders that hold ansible_collections, in Ansible's order.
func (a *Ansible) collectionFolders(paths []string) []string {
	var list []string
	add := func(dirs ...string) {
		for _, dir := range dirs {
			if filepath.Base(dir) == "ansible_collections" {
				dir = filepath.Dir(dir)
			}
			if info, err := os.Stat(filepath.Join(dir, "ansible_collections")); err == nil && info.IsDir() && !slices.Contains(list, dir) {
				list = append(list, dir)
			}
		}
	}
	for _, base := range a.options.Bases {
		add(filepath.Join(base, "collections"))
	}
	set := a.options.Collections
	for _, name := range []string{"ANSIBLE_COLLECTIONS_PATH", "ANSIBLE_COLLECTIONS_PATHS"} {
		if set == nil && os.Getenv(name) != "" {
			set = filepath.SplitList(os.Getenv(name))
		}
	}
	if set == nil {
		set = []string{"~/.ansible/collections", "/usr/share/ansible/collections"}
	}
	for _, dir := range set {
		add(tilde(dir))
	}
	add(paths...)
	return list
}

func tilde(path string) string {
	if rest, ok := strings.CutPrefix(path, "~"); ok {
		if home, err := os.UserHomeDir(); err == nil {
			return home + rest
		}
	}
	return path
}

// Used says how often each module and plugin was run by Python.
func (a *Ansible) Used() map[string]int {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := map[string]int{}
	for name, n := range a.used {
		out[name] = n
	}
	return out
}

func (a *Ansible) use(name string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.used[name]++
}

// Close ends the Python process of the controller.
func (a *Ansible) Close() error {
	a.mu.Lock()
	h := a.helper
	a.helper = nil
	a.mu.Unlock()
	if h == nil {
		return nil
	}
	return h.close()
}

// errNotThere says that there is no such module or plugin.
var errNotThere = errors.New("not found")

// Plugin finds a filter, test or lookup of the installed Ansible: kind is "filter", "test" or "lookup".
func (a *Ansible) Plugin(kind, name string) (func(ctx context.Context, args []any, named *py.Dict) (any, error), bool) {
	in, err := a.find()
	if err != nil {
		return nil, false
	}
	h, err := a.helping(in)
	if err != nil || !h.knows(kind, name) {
		return nil, false
	}
	return func(ctx context.Context, args []any, named *py.Dict) (any, error) {
		a.use(kind + " " + name)
		return h.call(ctx, kind, name, args, named)
	}, true
}
