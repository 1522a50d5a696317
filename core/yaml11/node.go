package yaml11

import (
	"fmt"
	"slices"

	yaml "go.yaml.in/yaml/v4"

	"goodstate.dev/goodstate/core/py"
)

// Kind is what a node is.
type Kind int

// The kinds of nodes.
const (
	Scalar Kind = iota
	Sequence
	Mapping
)

// Node is a value with its place in the file. An alias is the node that it names.
type Node struct {
	Kind         Kind
	Line, Column int     // from 1
	Tag          string  // if it was written: "!vault", "tag:yaml.org,2002:str"
	Text         string  // of a scalar, as written, without quotes
	Plain        bool    // a scalar without quotes and without a tag
	Items        []*Node // of a sequence
	Pairs        []Pair  // of a mapping, those of merge keys first, as written: a key may be there twice

	file  *builder
	value any
	err   error
	state state
}

type state int

const (
	fresh state = iota
	under
	done
)

// Pair is a key and its value in a mapping.
type Pair struct{ Key, Value *Node }

// File is the name that was given to the reader.
func (n *Node) File() string { return n.file.name }

// Excerpt shows the place in its file.
func (n *Node) Excerpt() string { return Excerpt(n.file.data, n.Line, n.Column) }

// Errorf makes an error at the place of the node.
func (n *Node) Errorf(format string, args ...any) error {
	return newError(n.file.name, n.file.data, n.Line, n.Column, fmt.Sprintf(format, args...))
}

// Get finds the value of a text key in a mapping; of two the last.
func (n *Node) Get(key string) (*Node, bool) {
	if n == nil {
		return nil, false
	}
	for i := len(n.Pairs) - 1; i >= 0; i-- {
		if k := n.Pairs[i].Key; k.Kind == Scalar && k.Text == key {
			return n.Pairs[i].Value, true
		}
	}
	return nil, false
}

// Value makes the Python value. It is made once: who asks again, also over an alias, gets the same list or dict.
func (n *Node) Value() (any, error) {
	switch n.state {
	case done:
		return n.value, n.err
	case under:
		return nil, n.Errorf("found a value that contains itself")
	}
	n.state = under
	n.value, n.err = n.make()
	n.state = done
	return n.value, n.err
}

func (n *Node) make() (any, error) {
	switch n.Kind {
	case Sequence:
		return n.sequence()
	case Mapping:
		return n.mapping()
	}
	return n.scalar()
}

func (n *Node) sequence() (any, error) {
	list := &py.List{Items: make([]any, len(n.Items))}
	for i, item := range n.Items {
		v, err := item.Value()
		if err != nil {
			return nil, err
		}
		if n.Tag == "!unsafe" {
			v = py.MarkUnsafe(v)
		}
		list.Items[i] = v
	}
	switch n.Tag {
	case "", "tag:yaml.org,2002:seq", "!unsafe":
		return list, nil
	case "tag:yaml.org,2002:omap", "tag:yaml.org,2002:pairs":
		return n.pairs()
	}
	return nil, n.unknownTag()
}

// pairs makes a list of tuples, as PyYAML does for !!omap and !!pairs.
func (n *Node) pairs() (any, error) {
	list := py.NewList()
	for _, item := range n.Items {
		if item.Kind != Mapping || len(item.Pairs) != 1 {
			return nil, item.Errorf("expected a mapping of length 1")
		}
		k, err := item.Pairs[0].Key.Value()
		if err != nil {
			return nil, err
		}
		v, err := item.Pairs[0].Value.Value()
		if err != nil {
			return nil, err
		}
		list.Items = append(list.Items, py.Tuple{k, v})
	}
	return list, nil
}

func (n *Node) mapping() (any, error) {
	switch n.Tag {
	case "", "tag:yaml.org,2002:map", "tag:yaml.org,2002:set", "!unsafe":
	default:
		return nil, n.unknownTag()
	}
	d := py.NewDict()
	for _, p := range n.Pairs {
		if name := unhashable[p.Key.Kind]; name != "" {
			return nil, p.Key.Errorf("found unacceptable key (unhashable type: '%s')", name)
		}
		key, err := p.Key.key()
		if err != nil {
			return nil, err
		}
		if n.Tag != "tag:yaml.org,2002:set" && d.Has(key) && n.file.opt.Warn != nil {
			n.file.opt.Warn(fmt.Sprintf("While constructing a mapping from %s, line %d, column %d, found a duplicate dict key (%s). Using last defined value only.",
				n.file.name, n.Line, n.Column, py.Str(key)))
		}
		v, err := p.Value.Value()
		if err != nil {
			return nil, err
		}
		if n.Tag == "!unsafe" {
			key, v = py.MarkUnsafe(key), py.MarkUnsafe(v)
		}
		d.Set(key, v)
	}
	return d, nil
}

// unhashable names the types that cannot be keys.
var unhashable = map[Kind]string{Sequence: "AnsibleSequence", Mapping: "AnsibleMapping"}

// key is the value of a key: a lone = stands for itself there.
func (n *Node) key() (any, error) {
	if n.Plain && n.Text == "=" {
		return "=", nil
	}
	return n.Value()
}

func (n *Node) unknownTag() error {
	return n.Errorf("could not determine a constructor for the tag '%s'", n.Tag)
}

// builder makes our nodes from the parser's.
type builder struct {
	name  string
	data  []byte
	opt   Options
	nodes map[*yaml.Node]*Node
	count int
	sizes map[*Node]int
}

func (b *builder) document(doc *yaml.Node) (*Node, error) {
	if doc.Kind != yaml.DocumentNode || len(doc.Content) == 0 {
		return nil, nil //nolint:nilnil // an empty document is no node and no error
	}
	n, err := b.node(doc.Content[0], 0)
	if err != nil {
		return nil, err
	}
	b.sizes = map[*Node]int{}
	if b.size(n) > b.opt.MaxNodes {
		return nil, n.Errorf("more than %d values, counting what aliases repeat", b.opt.MaxNodes)
	}
	b.sizes, b.nodes = nil, nil
	return n, nil
}

func (b *builder) node(y *yaml.Node, depth int) (*Node, error) {
	if y.Kind == yaml.AliasNode {
		if n, ok := b.nodes[y.Alias]; ok {
			return n, nil
		}
		return nil, newError(b.name, b.data, y.Line, y.Column, fmt.Sprintf("found undefined alias '%s'", y.Value))
	}
	n := &Node{Line: y.Line, Column: y.Column, file: b}
	if y.Style&yaml.TaggedStyle != 0 {
		n.Tag = longTag(y.Tag)
	}
	b.nodes[y] = n
	b.count++
	if depth > b.opt.MaxDepth {
		return nil, n.Errorf("more than %d levels", b.opt.MaxDepth)
	}
	if b.count > b.opt.MaxNodes {
		return nil, n.Errorf("more than %d values", b.opt.MaxNodes)
	}
	switch y.Kind {
	case yaml.SequenceNode:
		n.Kind = Sequence
		n.Items = make([]*Node, len(y.Content))
		for i, c := range y.Content {
			item, err := b.node(c, depth+1)
			if err != nil {
				return nil, err
			}
			n.Items[i] = item
		}
	case yaml.MappingNode:
		n.Kind = Mapping
		if err := b.pairs(n, y, depth); err != nil {
			return nil, err
		}
	default:
		n.Text = y.Value
		n.Plain = n.Tag == "" && y.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) == 0
	}
	return n, nil
}

func (b *builder) pairs(n *Node, y *yaml.Node, depth int) error {
	var merged, own []Pair
	for i := 0; i+1 < len(y.Content); i += 2 {
		key, err := b.node(y.Content[i], depth+1)
		if err != nil {
			return err
		}
		value, err := b.node(y.Content[i+1], depth+1)
		if err != nil {
			return err
		}
		if key.Kind == Scalar && (key.Plain && key.Text == "<<" || key.Tag == "tag:yaml.org,2002:merge") {
			more, err := mergePairs(value)
			if err != nil {
				return err
			}
			if merged = append(merged, more...); len(merged) > b.opt.MaxNodes {
				return n.Errorf("more than %d values in merge keys", b.opt.MaxNodes)
			}
			continue
		}
		own = append(own, Pair{key, value})
	}
	n.Pairs = slices.Concat(merged, own)
	return nil
}

// mergePairs lists what a merge key brings; of several mappings the first counts, so it comes last.
func mergePairs(value *Node) ([]Pair, error) {
	switch value.Kind {
	case Mapping:
		return value.Pairs, nil
	case Sequence:
		var pairs []Pair
		for i := len(value.Items) - 1; i >= 0; i-- {
			item := value.Items[i]
			if item.Kind != Mapping {
				return nil, item.Errorf("expected a mapping for merging, but found something else")
			}
			pairs = append(pairs, item.Pairs...)
		}
		return pairs, nil
	}
	return nil, value.Errorf("expected a mapping or list of mappings for merging, but found scalar")
}

// size counts the values below a node as often as aliases show them, up to a little over the limit.
func (b *builder) size(n *Node) int {
	if s, ok := b.sizes[n]; ok {
		return s
	}
	b.sizes[n] = b.opt.MaxNodes // what contains itself is refused later
	s := 1
	add := func(c *Node) {
		if s <= b.opt.MaxNodes {
			s += b.size(c)
		}
	}
	for _, c := range n.Items {
		add(c)
	}
	for _, p := range n.Pairs {
		add(p.Key)
		add(p.Value)
	}
	b.sizes[n] = s
	return s
}

func longTag(tag string) string {
	if len(tag) > 2 && tag[:2] == "!!" {
		return "tag:yaml.org,2002:" + tag[2:]
	}
	return tag
}
