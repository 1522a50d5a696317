package config

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// converter makes nodes of the YAML parser's tree: aliases followed, merges done, repeated keys found.
type converter struct {
	anchors  map[string]*node
	problems []Problem
	merged   int
}

func (c *converter) report(at place, path, message, hint string) {
	c.problems = append(c.problems, Problem{Line: at.line, Column: at.column, Path: path, Message: message, Hint: hint})
}

func (c *converter) convert(n ast.Node, path string, depth int) *node {
	if n == nil {
		return &node{}
	}
	at := placeOf(n.GetToken())
	if depth > maxDepth {
		c.report(at, path, fmt.Sprintf("is nested deeper than %d values", maxDepth), "")
		return &node{place: at, broken: true}
	}
	switch n := n.(type) {
	case *ast.MappingNode:
		return c.mapping(n.Values, n.GetToken(), path, depth)
	case *ast.MappingValueNode:
		return c.mapping([]*ast.MappingValueNode{n}, nil, path, depth)
	case *ast.SequenceNode:
		list := &node{kind: sequence, place: at}
		for i, item := range n.Values {
			list.items = append(list.items, c.convert(item, path+"["+strconv.Itoa(i)+"]", depth+1))
		}
		return list
	case *ast.AnchorNode:
		value := c.convert(n.Value, path, depth+1)
		c.anchors[nameOf(n.Name)] = value
		return value
	case *ast.AliasNode:
		return c.alias(n, at, path)
	case *ast.TagNode:
		value := c.convert(n.Value, path, depth+1)
		if n.Start == nil || n.Start.Value != "!!str" || value.kind != scalar {
			c.report(at, path, "has the tag "+quoted(textOf(n.Start))+", which means nothing here", "remove the tag")
			return &node{place: at, broken: true}
		}
		value.quoted = true
		return value
	case *ast.LiteralNode:
		text := ""
		if n.Value != nil {
			text = n.Value.Value
		}
		return &node{place: at, text: text, quoted: true}
	case *ast.StringNode:
		kind := n.Token.Type
		return &node{place: at, text: n.Value, quoted: kind == token.SingleQuoteType || kind == token.DoubleQuoteType}
	case *ast.NullNode:
		return &node{place: at}
	case ast.ScalarNode:
		return &node{place: at, text: n.GetToken().Value}
	}
	c.report(at, path, "is not a value that can be used here", "")
	return &node{place: at, broken: true}
}

func textOf(t *token.Token) string {
	if t == nil {
		return ""
	}
	return t.Value
}

func nameOf(n ast.Node) string {
	if n == nil {
		return ""
	}
	return textOf(n.GetToken())
}

// alias is a copy of the anchor's value that stands where the alias does; what is inside keeps its places.
func (c *converter) alias(n *ast.AliasNode, at place, path string) *node {
	name := nameOf(n.Value)
	value, ok := c.anchors[name]
	if !ok {
		message, hint := unknown("anchor", name, slices.Sorted(maps.Keys(c.anchors)))
		c.report(at, path, message, hint)
		return &node{place: at, broken: true}
	}
	copied := *value
	copied.place = at
	return &copied
}

func (c *converter) mapping(values []*ast.MappingValueNode, start *token.Token, path string, depth int) *node {
	m := &node{kind: mapping, place: placeOf(start), values: map[string]*node{}}
	if len(values) > 0 && (start == nil || start.Type != token.MappingStartType) {
		m.place = placeOf(values[0].Key.GetToken())
	}
	lines := map[string]int{}
	var merges []*node
	for _, v := range values {
		if _, ok := v.Key.(*ast.MergeKeyNode); ok {
			merges = append(merges, c.merges(v, path, depth)...)
			continue
		}
		k, ok := c.key(v, path)
		if !ok {
			continue
		}
		value := c.convert(v.Value, join(path, k.name), depth+1)
		value.owner = k.place
		if first, twice := lines[k.name]; twice {
			c.report(k.place, join(path, k.name), fmt.Sprintf("key %s stands here twice, first on line %d", quoted(k.name), first), "remove one of them")
			continue
		}
		lines[k.name] = k.place.line
		m.set(k, value)
	}
	for _, from := range merges {
		for _, k := range from.keys {
			if c.merged++; c.merged > maxValues {
				if c.merged == maxValues+1 { // say it once
					c.report(m.place, path, errTooMuch.Error(), "")
				}
				return m
			}
			if m.get(k.name) == nil {
				m.set(k, from.get(k.name))
			}
		}
	}
	return m
}

// merges is the maps that a << key names: one, or a list of which the first counts most.
func (c *converter) merges(v *ast.MappingValueNode, path string, depth int) []*node {
	value := c.convert(v.Value, path, depth+1)
	list := []*node{value}
	if value.kind == sequence {
		list = value.items
	}
	for _, from := range list {
		if from.broken {
			return nil
		}
		if from.kind != mapping {
			c.report(placeOf(v.Value.GetToken()), path, "<< wants a map, or a list of maps, not "+from.what(), "name an anchored map: <<: *name")
			return nil
		}
	}
	return list
}

func (c *converter) key(v *ast.MappingValueNode, path string) (key, bool) {
	at := placeOf(v.Key.GetToken())
	var n ast.Node = v.Key
	if explicit, ok := n.(*ast.MappingKeyNode); ok {
		n = explicit.Value
	}
	switch n.(type) {
	case *ast.AliasNode, *ast.AnchorNode, *ast.TagNode, *ast.NullNode, nil:
	default:
		if _, ok := n.(ast.ScalarNode); ok {
			value := c.convert(n, path, 0)
			return key{value.text, at}, true
		}
	}
	c.report(at, path, "has a key that is not plain text", "")
	return key{}, false
}
