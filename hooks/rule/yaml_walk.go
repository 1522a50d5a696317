package rule

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// yamlWalk looks through one document for the first thing that a reader would refuse.
type yamlWalk struct {
	anchors map[string]bool
	known   bool // none but YAML's own tags
	found   *Finding
}

// yamlTags are the tags of YAML 1.1 and 1.2, with which every reader can do something (https://yaml.org/type/).
var yamlTags = map[string]bool{
	"!!str": true, "!!int": true, "!!float": true, "!!bool": true, "!!null": true, "!!binary": true, "!!timestamp": true,
	"!!seq": true, "!!map": true, "!!set": true, "!!omap": true, "!!pairs": true, "!!merge": true, "!": true,
}

// Visit is called for every node, parents first.
func (w *yamlWalk) Visit(n ast.Node) ast.Visitor {
	if w.found != nil {
		return nil
	}
	switch n := n.(type) {
	case *ast.MappingNode:
		w.keys(n)
	case *ast.AnchorNode:
		w.anchors[n.Name.GetToken().Value] = true
	case *ast.AliasNode:
		name := n.Value.GetToken()
		if !w.anchors[name.Value] || name.Position.Line != n.GetToken().Position.Line {
			w.refuse(n, "alias *%s has no anchor before it", name.Value)
		}
	case *ast.TagNode:
		w.tag(n)
	case *ast.LiteralNode:
		return nil // text after | and > may have anything in it
	case *ast.StringNode:
		w.scalar(n)
	}
	return w
}

func (w *yamlWalk) refuse(n ast.Node, format string, values ...any) {
	w.found = &Finding{Message: fmt.Sprintf(format, values...)}
	if tk := n.GetToken(); tk != nil && tk.Position != nil {
		w.found.Line, w.found.Column = tk.Position.Line, tk.Position.Column
	}
}

// keys looks for a key that is in a mapping twice.
func (w *yamlWalk) keys(n *ast.MappingNode) {
	seen := make(map[string]bool, len(n.Values))
	for _, member := range n.Values {
		if _, merge := member.Key.(*ast.MergeKeyNode); merge {
			continue
		}
		tk := member.Key.GetToken()
		if complex, ok := member.Key.(*ast.MappingKeyNode); ok && complex.Value != nil {
			if _, scalar := complex.Value.(ast.ScalarNode); !scalar {
				continue
			}
			tk = complex.Value.GetToken()
		}
		// 1 and "1" are two keys
		name := tk.Value
		if tk.Type == token.SingleQuoteType || tk.Type == token.DoubleQuoteType || member.Key.Type() == ast.StringType {
			name = `"` + name
		}
		if seen[name] {
			w.found = &Finding{Line: tk.Position.Line, Column: tk.Position.Column, Message: fmt.Sprintf("key %q is in this mapping twice", tk.Value)}
			return
		}
		seen[name] = true
	}
}

func (w *yamlWalk) tag(n *ast.TagNode) {
	name := n.GetToken().Value
	if w.known && !yamlTags[name] {
		w.refuse(n, "tag %s is none of YAML's own; set tags: any if the reader of this file knows it", name)
		return
	}
	if n.Value == nil || n.Value.GetToken() == nil {
		return
	}
	value := n.Value.GetToken().Value
	if _, scalar := n.Value.(ast.ScalarNode); !scalar {
		return
	}
	if name == "!!float" && !yamlFloat(value) {
		w.refuse(n, "%q is not a number, as its tag !!float says", value)
	}
}

func yamlFloat(text string) bool {
	plain := strings.ToLower(strings.ReplaceAll(text, "_", ""))
	switch strings.TrimLeft(plain, "+-") {
	case ".inf", ".nan":
		return true
	}
	n, err := strconv.ParseFloat(plain, 64)
	return err == nil && !math.IsInf(n, 0) || strings.Contains(plain, ":")
}

// scalar looks at what the scanner lets through: plain text cannot begin with a sign that means something.
func (w *yamlWalk) scalar(n *ast.StringNode) {
	tk := n.GetToken()
	if tk == nil || tk.Type != token.StringType || tk.Value == "" {
		return
	}
	if strings.IndexByte(",]}", tk.Value[0]) >= 0 && strings.HasPrefix(strings.TrimLeft(tk.Origin, " \t\n\r"), tk.Value[:1]) {
		w.refuse(n, "a value cannot begin with %q; put it in quotes", tk.Value[0])
		return
	}
	// the scanner joins lines of plain text, also those that begin with a dash or have a key in them
	if strings.Contains(tk.Value, ": ") {
		w.refuse(n, "a key in the middle of a text (%.40q); set its line in or out, or put the text in quotes", tk.Value)
	}
}
