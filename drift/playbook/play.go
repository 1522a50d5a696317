package playbook

import (
	"errors"
	"slices"
	"strings"

	"goodstate.dev/goodstate/core/py"
	"goodstate.dev/goodstate/core/yaml11"
)

// Play maps hosts to tasks.
type Play struct {
	Keywords // of the play itself
	Name     string
	Hosts    []any
	Node     *yaml11.Node
	Dir      string // where its files are looked for

	GatherFacts, GatherSubset, GatherTimeout, FactPath any
	Vars                                               *py.Dict
	VarsFiles                                          []any
	Prompts                                            []*py.Dict
	ForceHandlers, MaxFail, Strategy, Order            any
	Serial                                             []any

	Roles                      []*Role
	PreTasks, Tasks, PostTasks []*Block
	RoleTasks                  []*Block
	Handlers                   []*Task
	when                       []any // of import_playbook
}

// Title is the name, or the hosts.
func (p *Play) Title() string {
	if p.Name != "" {
		return p.Name
	}
	var hosts []string
	for _, h := range p.Hosts {
		hosts = append(hosts, text(h))
	}
	return strings.Join(hosts, ",")
}

// When are the conditions of import_playbook, which hold for gathering facts too.
func (p *Play) When() []any { return p.when }

// play reads what a play says of itself.
func (l *Loader) play(n *yaml11.Node) (*Play, error) {
	for _, p := range n.Pairs {
		if !playKeys[p.Key.Text] {
			return nil, errorf(n, "'%s' is not a valid attribute for a Play", p.Key.Text)
		}
	}
	if _, ok := n.Get("hosts"); !ok {
		return nil, errorf(n, "the field 'hosts' is required but was not set")
	}
	kw, err := l.keywords(n, &Keywords{})
	if err != nil {
		return nil, err
	}
	p := &Play{Keywords: *kw, Node: n, Vars: py.NewDict()}
	for _, vars := range kw.Vars {
		p.Vars = vars
	}
	p.Keywords.Vars = nil // of the play, not of its tasks
	if user, ok := n.Get("user"); ok {
		if p.RemoteUser != nil {
			return nil, errorf(n, "both 'user' and 'remote_user' are set for this play. The use of 'user' is deprecated, and should be removed")
		}
		p.RemoteUser = user.Text
	}
	own := map[string]*any{
		"gather_facts": &p.GatherFacts, "gather_subset": &p.GatherSubset, "gather_timeout": &p.GatherTimeout, "fact_path": &p.FactPath,
		"force_handlers": &p.ForceHandlers, "max_fail_percentage": &p.MaxFail, "strategy": &p.Strategy, "order": &p.Order,
	}
	for _, pair := range n.Pairs {
		value, err := pair.Value.Value()
		if err != nil {
			return nil, err
		}
		if field, ok := own[pair.Key.Text]; ok {
			*field = value
			continue
		}
		switch pair.Key.Text {
		case "name":
			p.Name = text(value)
		case "hosts":
			err = p.hosts(n, value)
		case "serial":
			p.Serial = items(value)
		case "vars_files":
			p.VarsFiles = items(value)
		case "vars_prompt":
			err = p.prompts(n, value)
		}
		if err != nil {
			return nil, err
		}
	}
	return p, nil
}

func (p *Play) hosts(n *yaml11.Node, value any) error {
	p.Hosts = items(value)
	if len(p.Hosts) == 0 || value == "" {
		return errorf(n, "Hosts list cannot be empty. Please check your playbook")
	}
	for _, h := range p.Hosts {
		if h == nil {
			return errorf(n, "Hosts list cannot contain values of 'None'. Please check your playbook")
		}
		if _, ok := h.(string); !ok {
			if _, single := value.(*py.List); !single {
				return errorf(n, "Hosts list must be a sequence or string. Please check your playbook.")
			}
			return errorf(n, "Hosts list contains an invalid host value: '%s'", py.Str(h))
		}
	}
	return nil
}

var promptKeys = keySet([]string{"name", "prompt", "default", "private", "confirm", "encrypt", "salt_size", "salt", "unsafe"})

func (p *Play) prompts(n *yaml11.Node, value any) error {
	for _, item := range items(value) {
		d, ok := item.(*py.Dict)
		if !ok || !d.Has("name") {
			return errorf(n, "Invalid vars_prompt data structure, missing 'name' key")
		}
		for k := range d.All() {
			if name, _ := k.(string); !promptKeys[name] {
				return errorf(n, "Invalid vars_prompt data structure, found unsupported key '%v'", k)
			}
		}
		p.Prompts = append(p.Prompts, d)
	}
	return nil
}

// fill reads roles, tasks and handlers.
func (l *Loader) fill(p *Play, n *yaml11.Node) error {
	c := &place{l: l, play: p, around: &p.Keywords}
	if roles, ok := n.Get("roles"); ok && !isNull(roles) {
		if roles.Kind != yaml11.Sequence {
			return errorf(n, "A malformed role declaration was encountered.")
		}
		if err := l.playRoles(p, roles); err != nil {
			return err
		}
	}
	ofRoles := len(p.Handlers)
	for _, part := range []struct {
		key  string
		into *[]*Block
	}{{"pre_tasks", &p.PreTasks}, {"tasks", &p.Tasks}, {"post_tasks", &p.PostTasks}} {
		key, into := part.key, part.into
		list, ok := n.Get(key)
		if !ok || isNull(list) {
			continue
		}
		blocks, err := c.blocks(list)
		if err != nil {
			return malformed(err, list, "A malformed block was encountered while loading "+key)
		}
		*into = blocks
	}
	list, ok := n.Get("handlers")
	if !ok || isNull(list) {
		return nil
	}
	h := *c // the tasks above keep their place
	h.handlers = true
	blocks, err := h.blocks(list)
	if err != nil {
		return malformed(err, list, "A malformed block was encountered while loading handlers")
	}
	// Those of imported roles come last, and of groups with one name the last counts.
	p.Handlers = slices.Concat(p.Handlers[:ofRoles], grouped(blocks), p.Handlers[ofRoles:])
	return nil
}

var errNotTasks = errors.New("not a list of tasks")

func malformed(err error, n *yaml11.Node, what string) error {
	if errors.Is(err, errNotTasks) {
		var at *Error
		if errors.As(err, &at) {
			n = at.Node
		}
		return errorf(n, "%s: %w", what, err)
	}
	return err
}

func isNull(n *yaml11.Node) bool {
	if n.Kind != yaml11.Scalar || !n.Plain {
		return false
	}
	v, err := n.Value()
	return err == nil && v == nil
}

// prependWhen puts conditions before those of all tasks.
func (p *Play) prependWhen(when []any) {
	if len(when) == 0 {
		return
	}
	p.when = append(append([]any{}, when...), p.when...)
	p.each(func(k *Keywords) { k.When = append(append([]any{}, when...), k.When...) })
}

// retag adds tags to all tasks.
func (p *Play) retag(tags []any) {
	if len(tags) > 0 {
		p.each(func(k *Keywords) { k.Tags = append(append([]any{}, k.Tags...), tags...) })
	}
}

func (p *Play) each(do func(*Keywords)) {
	for _, set := range [][]*Block{p.PreTasks, p.RoleTasks, p.Tasks, p.PostTasks} {
		for _, b := range set {
			b.each(do)
		}
	}
}
