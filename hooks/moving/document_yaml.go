package moving

import (
	"errors"
	"fmt"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// parseYAML reads the one document of a file.
func parseYAML(name string, data []byte) (root *node, err error) {
	defer func() {
		if r := recover(); r != nil { // the parser is not ours; what breaks it is still only a bad file
			root, err = nil, fmt.Errorf("%s: is no YAML that can be read: %v", name, r)
		}
	}()
	tokens := lexer.Tokenize(string(data))
	if line := tooDeep(tokens); line > 0 {
		return nil, fmt.Errorf("%s:%d: is nested deeper than %d values", name, line, maxDepth)
	}
	parsed, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		var known yaml.Error
		if errors.As(err, &known) && known.GetToken() != nil { // its Error() would print the whole file
			return nil, fmt.Errorf("%s:%d: is no valid YAML: %s", name, lineOf(known.GetToken()), oneLine(known.GetMessage()))
		}
		return nil, fmt.Errorf("%s: is no valid YAML: %w", name, err)
	}
	c := &yamlReader{name: name, anchors: map[string]*node{}}
	for _, doc := range parsed.Docs {
		if doc == nil || doc.Body == nil || doc.Body.Type() == ast.CommentType {
			continue
		}
		if root != nil {
			return nil, fmt.Errorf("%s:%d: a second document starts here, want one", name, lineOf(doc.Body.GetToken()))
		}
		if root, err = c.convert(doc.Body, 0); err != nil {
			return nil, err
		}
	}
	if root == nil {
		root = &node{}
	}
	return root, nil
}

// tooDeep bounds the recursion of the parser before it starts; 0 is good.
func tooDeep(tokens token.Tokens) int {
	brackets, run, line := 0, 0, 0
	for _, t := range tokens {
		if l := lineOf(t); l != line {
			line, run = l, 0
		}
		switch t.Type {
		case token.SequenceStartType, token.MappingStartType:
			brackets++
		case token.SequenceEndType, token.MappingEndType:
			brackets--
		case token.SequenceEntryType, token.MappingKeyType, token.TagType, token.AnchorType:
			run++
		default:
		}
		if brackets > maxDepth || run > maxDepth {
			return max(line, 1)
		}
	}
	return 0
}

func lineOf(t *token.Token) int {
	if t == nil || t.Position == nil {
		return 0
	}
	return t.Position.Line
}

type yamlReader struct {
	name    string
	anchors map[string]*node
	values  int
}

func (c *yamlReader) errorf(n ast.Node, format string, values ...any) error {
	return fmt.Errorf("%s:%d: %s", c.name, lineOf(n.GetToken()), oneLine(fmt.Sprintf(format, values...)))
}

func (c *yamlReader) convert(n ast.Node, depth int) (*node, error) {
	if n == nil {
		return &node{}, nil
	}
	if c.values++; c.values > maxValues || depth > maxDepth {
		return nil, c.errorf(n, "has more than %d values or %d within each other", maxValues, maxDepth)
	}
	line := lineOf(n.GetToken())
	switch n := n.(type) {
	case *ast.MappingNode:
		m, err := c.mapping(n.Values, depth)
		if err == nil && m.line == 0 {
			m.line = line
		}
		return m, err
	case *ast.MappingValueNode:
		return c.mapping([]*ast.MappingValueNode{n}, depth)
	case *ast.SequenceNode:
		list := &node{kind: sequence, line: line}
		for _, item := range n.Values {
			value, err := c.convert(item, depth+1)
			if err != nil {
				return nil, err
			}
			list.list = append(list.list, value)
		}
		return list, nil
	case *ast.AnchorNode:
		value, err := c.convert(n.Value, depth+1)
		if err == nil && n.Name != nil {
			c.anchors[n.Name.GetToken().Value] = value
		}
		return value, err
	case *ast.AliasNode:
		return c.alias(n)
	case *ast.TagNode:
		return c.convert(n.Value, depth+1)
	case *ast.LiteralNode:
		text := ""
		if n.Value != nil {
			text = n.Value.Value
		}
		return &node{kind: scalar, line: line, text: text}, nil
	case *ast.StringNode:
		return &node{kind: scalar, line: line, text: n.Value}, nil
	case *ast.NullNode:
		return &node{line: line}, nil
	case ast.ScalarNode:
		return &node{kind: scalar, line: line, text: n.GetToken().Value}, nil
	}
	return nil, c.errorf(n, "is not a value that can be used here")
}

// alias gives the value of an anchor, and counts all of it again.
func (c *yamlReader) alias(n *ast.AliasNode) (*node, error) {
	name := ""
	if n.Value != nil {
		name = n.Value.GetToken().Value
	}
	value, ok := c.anchors[name]
	if !ok {
		return nil, c.errorf(n, "*%s has no anchor before it", name)
	}
	if c.values += value.size(); c.values > maxValues {
		return nil, c.errorf(n, "has more than %d values by its aliases", maxValues)
	}
	return value, nil
}

func (n *node) size() int {
	all := 1
	for _, v := range n.at {
		all += v.size()
	}
	for _, v := range n.list {
		all += v.size()
	}
	return all
}

func (c *yamlReader) mapping(values []*ast.MappingValueNode, depth int) (*node, error) {
	m := &node{kind: mapping, at: map[string]*node{}}
	for _, v := range values {
		if v.Key == nil {
			continue
		}
		line := lineOf(v.Key.GetToken())
		if m.line == 0 {
			m.line = line
		}
		value, err := c.convert(v.Value, depth+1)
		if err != nil {
			return nil, err
		}
		if value.line == 0 {
			value.line = line
		}
		if v.Key.IsMergeKey() {
			c.merge(m, value)
			continue
		}
		key, err := c.convert(v.Key, depth+1)
		if err != nil {
			return nil, err
		}
		if key.kind != scalar {
			return nil, c.errorf(v.Key, "a key is %s, want a word", key.kind)
		}
		m.set(key.text, value)
	}
	return m, nil
}

// merge adds what is not there already.
func (c *yamlReader) merge(m, from *node) {
	for _, source := range append(from.list, from) {
		for _, key := range source.keys {
			if _, own := m.at[key]; !own {
				m.set(key, source.at[key])
			}
		}
	}
}
