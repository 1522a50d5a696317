package yaml11

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"goodstate.dev/goodstate/core/py"
)

// DumpOptions are those of Ansible's to_yaml and to_nice_yaml filters.
type DumpOptions struct {
	Indent        int    // of nested values; 0 is 2
	Width         int    // of lines that are folded; 0 is 80, less than 0 is without end
	Block         bool   // no value in [] or {} (default_flow_style false)
	Flow          bool   // every value in [] or {} (default_flow_style true); with neither, what has only scalars in it
	Unsorted      bool   // keys in their order
	ASCII         bool   // other characters as escapes
	ExplicitStart bool   // begin with ---
	ExplicitEnd   bool   // end with ...
	Quote         string // style of all scalars: "'", "\"", "|" or ">"
}

// Dump writes a value as PyYAML with libyaml does.
func Dump(value any, opt DumpOptions) (string, error) {
	e := &emitter{opt: opt, indent: -1, step: opt.Indent, width: opt.Width, whitespace: true, indention: true}
	if e.step < 2 || e.step > 9 {
		e.step = 2
	}
	switch {
	case e.width < 0:
		e.width = math.MaxInt
	case e.width <= e.step*2:
		e.width = 80
	}
	if opt.ExplicitStart {
		e.indicator("---", true, false, false)
	}
	n, err := represent(value, opt, 0)
	if err != nil {
		return "", err
	}
	e.node(n, false, false)
	if e.column > 0 {
		e.newline()
	}
	if opt.ExplicitEnd || n.kind == scalarNode && e.openEnded {
		e.b.WriteString("...\n")
	}
	return e.b.String(), nil
}

type nodeKind int

const (
	scalarNode nodeKind = iota
	sequenceNode
	mappingNode
)

// written is a value as it will be written.
type written struct {
	kind     nodeKind
	text     string
	tag      string // to be written
	style    byte   // ' " | > or 0
	implicit bool   // the plain text means the value
	flow     bool
	items    []*written // of mappings: key, value, key, value
}

const deepest = 200

// represent chooses tags and styles.
func represent(v any, opt DumpOptions, depth int) (*written, error) {
	if depth > deepest {
		return nil, fmt.Errorf("more than %d levels, or a value that contains itself", deepest)
	}
	switch x := v.(type) {
	case *py.List:
		return representItems(x.Items, opt, depth)
	case py.Tuple:
		return representItems(x, opt, depth)
	case *py.Dict:
		return representDict(x, opt, depth)
	case *py.Sealed:
		return &written{text: x.Cipher, tag: "!vault", style: '|'}, nil
	case py.Undefined:
		return nil, fmt.Errorf("%s", x.Hint)
	case py.Bytes:
		return nil, fmt.Errorf("bytes are not written as YAML")
	}
	if text, ok := py.Text(v); ok {
		n := &written{text: text, implicit: implicit(text) == ""}
		if opt.Quote != "" {
			n.style = opt.Quote[0]
		}
		return n, nil
	}
	text, err := plainScalar(v)
	n := &written{text: text, implicit: true}
	if opt.Quote != "" {
		n.style = opt.Quote[0]
		n.tag = "!!" + map[string]string{"int": "int", "bool": "bool", "float": "float", "NoneType": "null"}[py.TypeName(v)]
	}
	return n, err
}

func plainScalar(v any) (string, error) {
	switch x := v.(type) {
	case nil:
		return "null", nil
	case bool:
		if x {
			return "true", nil
		}
		return "false", nil
	case float64:
		switch {
		case math.IsNaN(x):
			return ".nan", nil
		case math.IsInf(x, 1):
			return ".inf", nil
		case math.IsInf(x, -1):
			return "-.inf", nil
		}
		text := py.FormatFloat(x)
		if !strings.Contains(text, ".") && strings.Contains(text, "e") {
			text = strings.Replace(text, "e", ".0e", 1)
		}
		return text, nil
	case py.Date, py.Datetime:
		return py.Str(x), nil
	}
	if _, _, _, kind := py.Number(v); kind != py.NotNumber {
		return py.Str(v), nil
	}
	return "", fmt.Errorf("cannot represent an object of type %s", py.TypeName(v))
}

func representItems(items []any, opt DumpOptions, depth int) (*written, error) {
	n := &written{kind: sequenceNode}
	for _, item := range items {
		c, err := represent(item, opt, depth+1)
		if err != nil {
			return nil, err
		}
		n.items = append(n.items, c)
	}
	n.chooseFlow(opt)
	return n, nil
}

func (n *written) chooseFlow(opt DumpOptions) {
	n.flow = opt.Flow
	if !opt.Block && !opt.Flow {
		n.flow = !slices.ContainsFunc(n.items, func(c *written) bool { return c.kind != scalarNode || c.style != 0 })
	}
	n.flow = n.flow || len(n.items) == 0
}

func representDict(d *py.Dict, opt DumpOptions, depth int) (*written, error) {
	n := &written{kind: mappingNode}
	keys := d.Keys()
	if !opt.Unsorted {
		sorted := slices.Clone(keys)
		failed := false
		slices.SortStableFunc(sorted, func(a, b any) int {
			order, _, err := py.Compare(a, b, "<")
			failed = failed || err != nil
			return cmp.Compare(order, 0)
		})
		if !failed {
			keys = sorted
		}
	}
	for _, k := range keys {
		v, _ := d.Get(k)
		for _, part := range []any{k, v} {
			c, err := represent(part, opt, depth+1)
			if err != nil {
				return nil, err
			}
			n.items = append(n.items, c)
		}
	}
	n.chooseFlow(opt)
	return n, nil
}
