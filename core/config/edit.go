package config

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// Insert adds one value to the text of a configuration and leaves every other byte as it is, comments and formatting included. The path leads to a map,
// which gets the key, or with an empty key to a list, which gets one more item; what of the path is missing is made. The value is YAML on one line. Text
// that cannot be changed for sure (an alias, a repeated document, a key that is there already) is refused.
func Insert(text []byte, path []string, key, value string) ([]byte, error) {
	where := strings.Join(path, ".")
	file, err := parser.ParseBytes(text, parser.ParseComments)
	if err != nil || len(file.Docs) != 1 || file.Docs[0].Body == nil {
		return nil, errors.Join(fmt.Errorf("add to %s: the file is not one YAML document", where), err)
	}
	e := &editor{lines: strings.SplitAfter(string(text), "\n"), end: "\n"}
	if bytes.Contains(text, []byte("\r\n")) {
		e.end = "\r\n"
	}
	if err := e.insert(file.Docs[0].Body, path, key, value); err != nil {
		return nil, fmt.Errorf("add to %s: %w", where, err)
	}
	out := []byte(strings.Join(e.lines, ""))
	if err := onlyAdded(text, out, path, key, value); err != nil {
		return nil, fmt.Errorf("add to %s: %w; add it by hand: %s", where, err, strings.TrimPrefix(key+": "+value, ": "))
	}
	return out, nil
}

// onlyAdded makes sure that the new text is the old one and the value, and nothing else.
func onlyAdded(old, fresh []byte, path []string, key, value string) error {
	var was, is, added any
	if err := errors.Join(yaml.Unmarshal(old, &was), yaml.Unmarshal(fresh, &is), yaml.Unmarshal([]byte(value), &added)); err != nil {
		return fmt.Errorf("the file would not be YAML any more: %w", err)
	}
	want, err := with(was, path, key, added)
	if err != nil {
		return err
	}
	if !reflect.DeepEqual(want, is) {
		return errors.New("the file is written in a way that cannot be changed for sure")
	}
	return nil
}

// with is the tree with the value in it.
func with(tree any, path []string, key string, value any) (any, error) {
	if len(path) == 0 && key == "" {
		list, ok := tree.([]any)
		if !ok && tree != nil {
			return nil, errors.New("there is no list")
		}
		return append(slices.Clone(list), value), nil
	}
	m, ok := tree.(map[string]any)
	if !ok && tree != nil {
		return nil, errors.New("there is no map")
	}
	out := map[string]any{}
	for k, v := range m {
		out[k] = v
	}
	if len(path) == 0 {
		if _, there := out[key]; there {
			return nil, fmt.Errorf("%s is there already", key)
		}
		out[key] = value
		return out, nil
	}
	inner, err := with(out[path[0]], path[1:], key, value)
	out[path[0]] = inner
	return out, err
}

// editor changes lines of a file.
type editor struct {
	lines []string // each with its line end
	end   string
}

// insert walks down as far as the path is there, and adds what is missing.
func (e *editor) insert(n ast.Node, path []string, key, value string) error {
	switch n := n.(type) {
	case *ast.MappingNode:
		return e.intoMap(n.Values, n.IsFlowStyle, n, path, key, value)
	case *ast.MappingValueNode:
		return e.intoMap([]*ast.MappingValueNode{n}, false, n, path, key, value)
	case *ast.SequenceNode:
		if len(path) > 0 || key != "" {
			return errors.New("there is a list where a map is wanted")
		}
		return e.intoList(n, value)
	case *ast.AliasNode, *ast.AnchorNode:
		return errors.New("it is shared by an anchor, so that more than one place would change")
	}
	return fmt.Errorf("line %d has no map and no list", n.GetToken().Position.Line)
}

func (e *editor) intoMap(values []*ast.MappingValueNode, flow bool, n ast.Node, path []string, key, value string) error {
	want := key
	if len(path) > 0 {
		want = path[0]
	}
	for _, v := range values {
		if v.Key.GetToken().Value != want {
			continue
		}
		if len(path) == 0 {
			return fmt.Errorf("%s is there already", key)
		}
		if _, null := v.Value.(*ast.NullNode); null {
			return e.fill(v, path[1:], key, value)
		}
		return e.insert(v.Value, path[1:], key, value)
	}
	if flow {
		m, _ := n.(*ast.MappingNode) // only a MappingNode is flow
		return e.before(m.End.Position.Line, m.End.Position.Column, len(values) > 0, flowOf(path, key, value))
	}
	if len(values) == 0 {
		return errors.New("there is an empty map")
	}
	column := values[0].Key.GetToken().Position.Column
	at := e.endOf(values[0].Key.GetToken().Position.Line, column)
	e.lineAfter(at, blockOf(path, key, value, strings.Repeat(" ", column-1), e.end))
	return nil
}

// fill gives a key without a value one, on its line.
func (e *editor) fill(v *ast.MappingValueNode, path []string, key, value string) error {
	at := v.Start.Position
	line := []rune(e.lines[at.Line-1])
	if at.Column > len(line) || line[at.Column-1] != ':' {
		return errors.New("a key without a value is not understood")
	}
	text := "[" + value + "]"
	if len(path) > 0 || key != "" {
		text = "{" + flowOf(path, key, value) + "}"
	}
	e.lines[at.Line-1] = string(line[:at.Column]) + " " + text + string(line[at.Column:])
	return nil
}

func (e *editor) intoList(n *ast.SequenceNode, value string) error {
	if n.IsFlowStyle {
		return e.before(n.End.Position.Line, n.End.Position.Column, len(n.Values) > 0, value)
	}
	column := n.Start.Position.Column
	at := e.endOf(n.Start.Position.Line, column)
	e.lineAfter(at, strings.Repeat(" ", column-1)+"- "+value+e.end)
	return nil
}

// before puts text before a closing bracket.
func (e *editor) before(line, column int, more bool, text string) error {
	runes := []rune(e.lines[line-1])
	if column < 1 || column > len(runes) || runes[column-1] != '}' && runes[column-1] != ']' {
		return errors.New("the end of the value is not found")
	}
	head := strings.TrimRight(string(runes[:column-1]), " ")
	if more && !strings.HasSuffix(head, ",") {
		text = ", " + text
	}
	e.lines[line-1] = head + text + string(runes[column-1:])
	return nil
}

// endOf is the last line of a block that begins in a line at a column: what is indented as much or more belongs to it, and comments and empty lines
// between such lines.
func (e *editor) endOf(line, column int) int {
	last := line
	for i := line; i < len(e.lines); i++ {
		text := strings.TrimRight(e.lines[i], " \r\n")
		if text == "" {
			continue
		}
		indent := len(text) - len(strings.TrimLeft(text, " "))
		if indent < column-1 {
			break
		}
		if strings.HasPrefix(text[indent:], "#") && indent <= column-1 {
			continue
		}
		last = i + 1
	}
	return last
}

// lineAfter puts text behind a line, counted from 1.
func (e *editor) lineAfter(line int, text string) {
	if !strings.HasSuffix(e.lines[line-1], "\n") {
		e.lines[line-1] += e.end
	}
	e.lines = slices.Insert(e.lines, line, text)
}

// flowOf writes what is missing of a path in brackets.
func flowOf(path []string, key, value string) string {
	text := value
	if key != "" {
		text = key + ": " + value
	}
	for i, p := range slices.Backward(path) {
		switch {
		case key == "" && i == len(path)-1:
			text = p + ": [" + text + "]"
		default:
			text = p + ": {" + text + "}"
		}
	}
	return text
}

// blockOf writes what is missing of a path in lines.
func blockOf(path []string, key, value, indent, end string) string {
	var b strings.Builder
	for i, p := range path {
		if key == "" && i == len(path)-1 {
			return b.String() + indent + p + ": [" + value + "]" + end
		}
		b.WriteString(indent + p + ":" + end)
		indent += "  "
	}
	return b.String() + indent + key + ": " + value + end
}
