// Package playbook reads playbooks, roles and files of tasks into plays with blocks, tasks and handlers, and refuses what Ansible refuses, with the place.
// It knows no host and carries nothing out.
package playbook

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"goodstate.dev/goodstate/core/py"
	"goodstate.dev/goodstate/core/yaml11"
)

// Loader reads files for one run.
type Loader struct {
	// Node reads a YAML file, decrypted where it is a vault.
	Node func(path string) (*yaml11.Node, error)
	// Template resolves a template with what is known before hosts are. Earlier dicts win.
	Template func(value any, vars ...*py.Dict) (any, error)
	// Knows says whether there is a module or action of a name; nil knows all.
	Knows func(name string) bool
	// Warn hears of what is odd but allowed.
	Warn func(text string)
	// RolePaths are more folders with roles, CollectionPaths are folders that have ansible_collections in them.
	RolePaths, CollectionPaths []string
	// Extra are the extra variables, for names of files.
	Extra *py.Dict
	// Imported hears of each file that import_tasks brought in.
	Imported func(path string)

	roles  map[string]*Role
	serial int
}

// Error is what is wrong at a place of a playbook. It reads as Ansible's errors do.
type Error struct {
	Text string
	Node *yaml11.Node
	Err  error
	// General says that Ansible does not count it among what is wrong with the form of a playbook: its exit code is another one.
	General bool
}

func (e *Error) Error() string {
	text := e.Text
	if e.Node == nil {
		return text
	}
	text += fmt.Sprintf("\n\nThe error appears to be in '%s': line %d, column %d, but may\nbe elsewhere in the file depending on the exact syntax problem.\n",
		e.Node.File(), e.Node.Line, e.Node.Column)
	if excerpt := e.Node.Excerpt(); excerpt != "" {
		text += "\nThe offending line appears to be:\n\n" + excerpt + "\n"
	}
	return text
}

func (e *Error) Unwrap() error { return e.Err }

func errorf(n *yaml11.Node, format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	return &Error{Text: err.Error(), Node: n, Err: err}
}

func general(n *yaml11.Node, format string, args ...any) error {
	return &Error{Text: fmt.Sprintf(format, args...), Node: n, General: true}
}

// Playbook is one file with its plays, those of imported playbooks among them.
type Playbook struct {
	Path  string
	Plays []*Play
}

// Load reads a playbook.
func (l *Loader) Load(path string) (*Playbook, error) {
	if info, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("the playbook: %s could not be found", path)
	} else if info.IsDir() {
		return nil, fmt.Errorf("the playbook: %s does not appear to be a file", path)
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("playbook %s: %w", path, err)
	}
	plays, err := l.plays(abs, 0)
	if err != nil {
		return nil, err
	}
	return &Playbook{Path: path, Plays: plays}, nil
}

const deepest = 100 // files in files

func (l *Loader) plays(path string, depth int) ([]*Play, error) {
	if depth > deepest {
		return nil, fmt.Errorf("import_playbook goes more than %d files deep: %s", deepest, path)
	}
	top, err := l.Node(path)
	if err != nil {
		return nil, err
	}
	if top == nil {
		return nil, &Error{Text: "Empty playbook, nothing to do: " + path}
	}
	if top.Kind != yaml11.Sequence {
		return nil, errorf(top, "A playbook must be a list of plays, got a %s instead: %s", pythonType(top), path)
	}
	var plays []*Play
	for _, n := range top.Items {
		if n.Kind != yaml11.Mapping {
			return nil, errorf(n, "playbook entries must be either valid plays or 'import_playbook' statements")
		}
		more, err := l.entry(path, n, depth)
		if err != nil {
			return nil, err
		}
		plays = append(plays, more...)
	}
	return plays, nil
}

func (l *Loader) entry(path string, n *yaml11.Node, depth int) ([]*Play, error) {
	for _, key := range qualified("import_playbook") {
		if file, ok := n.Get(key); ok {
			return l.importPlaybook(path, n, file, depth)
		}
	}
	play, err := l.play(n)
	if err != nil {
		return nil, err
	}
	play.Dir = filepath.Dir(path)
	if err := l.fill(play, n); err != nil {
		return nil, err
	}
	return []*Play{play}, nil
}

var importKeys = keySet(baseKeys, "when", "tags", "import_playbook", "ansible.builtin.import_playbook", "ansible.legacy.import_playbook")

func (l *Loader) importPlaybook(path string, n, file *yaml11.Node, depth int) ([]*Play, error) {
	for _, p := range n.Pairs {
		if !importKeys[p.Key.Text] {
			return nil, errorf(n, "'%s' is not a valid attribute for a PlaybookInclude", p.Key.Text)
		}
	}
	if file.Kind != yaml11.Scalar || file.Text == "" {
		return nil, errorf(n, "playbook import parameter is missing")
	}
	kw, err := l.keywords(n, &Keywords{})
	if err != nil {
		return nil, err
	}
	words, err := SplitArgs(file.Text)
	if err != nil || len(words) == 0 {
		return nil, errorf(n, "import_playbook statements must specify the file name to import")
	}
	name, err := l.Template(strings.TrimSpace(words[0]), append([]*py.Dict{l.Extra}, reversed(kw.Vars)...)...)
	if err != nil {
		return nil, errorf(n, "%w", err)
	}
	target := text(name)
	if found := l.collectionFile(target, "playbooks"); found != "" {
		target = found
	} else if !filepath.IsAbs(target) {
		target = filepath.Join(filepath.Dir(path), target)
	}
	plays, err := l.plays(target, depth+1)
	if err != nil {
		return nil, err
	}
	for _, p := range plays {
		for _, vars := range kw.Vars {
			for k, v := range vars.All() {
				p.Vars.Set(k, v)
			}
		}
		p.Tags = append(p.Tags, kw.Tags...)
		p.prependWhen(kw.When)
		p.retag(kw.Tags)
	}
	return plays, nil
}

func pythonType(n *yaml11.Node) string {
	switch n.Kind {
	case yaml11.Mapping:
		return "<class 'ansible.parsing.yaml.objects.AnsibleMapping'>"
	case yaml11.Sequence:
		return "<class 'ansible.parsing.yaml.objects.AnsibleSequence'>"
	}
	return "<class 'ansible.parsing.yaml.objects.AnsibleUnicode'>"
}

func reversed(dicts []*py.Dict) []*py.Dict {
	out := make([]*py.Dict, len(dicts))
	for i, d := range dicts {
		out[len(dicts)-1-i] = d
	}
	return out
}

// text gives a plain value as text.
func text(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case py.Unsafe:
		return string(v)
	case nil:
		return ""
	}
	return py.Str(value)
}
