package playbook

import (
	"path/filepath"

	"goodstate.dev/goodstate/core/yaml11"
)

// Item is a task or a block.
type Item interface{ item() }

// Block is tasks in a row, with what to do when one fails and what to do always.
type Block struct {
	Keywords
	Name                 string
	Body, Rescue, Always []Item
}

func (*Block) item() {}

func (b *Block) each(do func(*Keywords)) {
	do(&b.Keywords)
	for _, set := range [][]Item{b.Body, b.Rescue, b.Always} {
		for _, i := range set {
			switch v := i.(type) {
			case *Block:
				v.each(do)
			case *Task:
				do(&v.Keywords)
			}
		}
	}
}

// Tasks lists all tasks of blocks in the order in which they stand.
func Tasks(blocks []*Block) []*Task {
	var out []*Task
	var walk func(items []Item)
	walk = func(items []Item) {
		for _, i := range items {
			switch v := i.(type) {
			case *Task:
				out = append(out, v)
			case *Block:
				walk(v.Body)
				walk(v.Rescue)
				walk(v.Always)
			}
		}
	}
	for _, b := range blocks {
		walk([]Item{b})
	}
	return out
}

// place is where tasks are read: what is around them.
type place struct {
	l        *Loader
	play     *Play
	role     *Role
	chain    []*Role // the roles that brought the role in, the outermost first
	around   *Keywords
	handlers bool
	within   bool     // a block
	includes []string // the paths of the includes around, the outermost first
	depth    int
}

// blocks reads a list of tasks and blocks; tasks in a row share a block of their own.
func (c *place) blocks(n *yaml11.Node) ([]*Block, error) {
	if n.Kind != yaml11.Sequence {
		return nil, &Error{Text: "a list of tasks is wanted, this is a " + pythonType(n), Node: n, Err: errNotTasks}
	}
	var out []*Block
	var loose *Block
	add := func(i Item) {
		if b, ok := i.(*Block); ok {
			out, loose = append(out, b), nil
			return
		}
		if loose == nil {
			loose = &Block{Keywords: *c.around}
			out = append(out, loose)
		}
		loose.Body = append(loose.Body, i)
	}
	items, err := c.list(n)
	if err != nil {
		return nil, err
	}
	for _, i := range items {
		add(i)
	}
	return out, nil
}

// list reads tasks and blocks.
func (c *place) list(n *yaml11.Node) ([]Item, error) {
	if isNull(n) {
		return nil, nil
	}
	if n.Kind != yaml11.Sequence {
		return nil, &Error{Text: "a list of tasks is wanted, this is a " + pythonType(n), Node: n, Err: errNotTasks}
	}
	var out []Item
	for _, t := range n.Items {
		if t.Kind != yaml11.Mapping {
			return nil, &Error{Text: "a task must be a mapping, this is a " + pythonType(t), Node: t, Err: errNotTasks}
		}
		if isBlock(t) {
			b, err := c.block(t)
			if err != nil {
				return nil, err
			}
			out = append(out, b)
			continue
		}
		more, err := c.task(t)
		if err != nil {
			return nil, err
		}
		out = append(out, more...)
	}
	return out, nil
}

func isBlock(n *yaml11.Node) bool {
	for _, key := range []string{"block", "rescue", "always"} {
		if _, ok := n.Get(key); ok {
			return true
		}
	}
	return false
}

func (c *place) block(n *yaml11.Node) (*Block, error) {
	if c.handlers && c.within {
		return nil, errorf(n, "Using a block as a handler is not supported.")
	}
	if c.depth > deepest {
		return nil, errorf(n, "blocks and includes are more than %d levels deep", deepest)
	}
	for _, p := range n.Pairs {
		if !blockKeys[p.Key.Text] {
			return nil, errorf(n, "'%s' is not a valid attribute for a Block", p.Key.Text)
		}
	}
	kw, err := c.l.keywords(n, c.around)
	if err != nil {
		return nil, err
	}
	b := &Block{Keywords: *kw}
	if name, ok := n.Get("name"); ok {
		b.Name = name.Text
	}
	inner := *c
	inner.around = &b.Keywords
	inner.depth++
	inner.within = true
	for key, into := range map[string]*[]Item{"block": &b.Body, "rescue": &b.Rescue, "always": &b.Always} {
		list, ok := n.Get(key)
		if !ok {
			continue
		}
		if *into, err = inner.list(list); err != nil {
			return nil, malformed(err, list, "A malformed block was encountered while loading a block")
		}
	}
	if len(b.Body) == 0 && (len(b.Rescue) > 0 || len(b.Always) > 0) {
		for _, key := range []string{"rescue", "always"} {
			if list, ok := n.Get(key); ok && len(list.Items) > 0 {
				return nil, errorf(n, "'%s' keyword cannot be used without 'block'", key)
			}
		}
	}
	return b, nil
}

// dirs are the folders in which the files of a task are looked for, the nearest first.
func (t *Task) dirs() []string {
	var out []string
	for i := len(t.Chain) - 1; i >= 0; i-- {
		out = append(out, t.Chain[i].Path)
	}
	if t.Role != nil {
		out = append([]string{t.Role.Path}, out...)
	}
	if t.Node != nil {
		out = append(out, filepath.Dir(t.Node.File()))
	}
	return out
}
