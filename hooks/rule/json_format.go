package rule

import (
	"fmt"
	"slices"
	"strings"
)

func init() {
	Register(Kind{
		Name:    "json-format",
		Aliases: []string{"pretty-format-json"},
		Help:    "JSON files are indented, with their keys in order",
		Example: "{indent: \"  \", sort: true, ascii: false, top: [name, version]}",
		Args: []Arg{
			{Flags: []string{"--autofix"}, Option: "repair"},
			{Flags: []string{"--indent"}, Option: "indent", Takes: Word},
			{Flags: []string{"--no-ensure-ascii"}, Option: "ascii", Value: false},
			{Flags: []string{"--no-sort-keys"}, Option: "sort", Value: false},
			{Flags: []string{"--top-keys"}, Option: "top", Takes: List},
		},
		As: map[string]map[string]any{"pretty-format-json": {"repair": false, "ascii": true}},
		New: func(decode func(any) error) (any, error) {
			r := &jsonFormat{Indent: "2", Sort: true, Repair: true}
			if err := decode(r); err != nil {
				return nil, err
			}
			return r, r.prepare()
		},
	})
}

type jsonFormat struct {
	Indent string   `json:"indent"` // a number of blanks, or the blanks themselves
	Sort   bool     `json:"sort"`   // keys in the order of their characters
	ASCII  bool     `json:"ascii"`  // everything else is written as \uXXXX
	Top    []string `json:"top"`    // keys that come first, in this order
	Repair bool     `json:"repair"`
	indent string
}

func (r *jsonFormat) prepare() error {
	var n int
	switch _, err := fmt.Sscanf(r.Indent, "%d", &n); {
	case strings.Trim(r.Indent, " \t") == "":
		r.indent = r.Indent
	case err == nil && n >= 0 && n <= 16 && fmt.Sprint(n) == strings.TrimSpace(r.Indent):
		r.indent = strings.Repeat(" ", n)
	default:
		return fmt.Errorf("rule json-format: option indent is %q, want a number up to 16, or blanks", r.Indent)
	}
	return nil
}

func (r *jsonFormat) Wants(f *File) bool { return isJSON(f) }

func (r *jsonFormat) Check(f *File) ([]Finding, error) {
	return Text("json-format", f, func(text []byte) []Finding {
		want, wrong := r.format(text)
		if wrong != nil {
			return []Finding{at(text, wrong.offset, "%s", wrong.why)}
		}
		// how lines end is the matter of another rule
		plain := []byte(strings.ReplaceAll(string(text), "\r\n", "\n"))
		return firstDifference(plain, want, "the file is not formatted as wanted")
	})
}

func (r *jsonFormat) Fix(f *File) ([]byte, bool, error) {
	if !r.Repair {
		return nil, false, nil
	}
	return fixText("json-format", f, func(text []byte) []byte {
		want, wrong := r.format(text)
		if wrong != nil || strings.ReplaceAll(string(text), "\r\n", "\n") == string(want) {
			return text
		}
		return want
	})
}

// jsonNode is a value, or a member of an object with its key.
type jsonNode struct {
	kind byte // { [ s v
	key  string
	text string
	kids []*jsonNode
}

func (r *jsonFormat) format(text []byte) ([]byte, *jsonError) {
	root := &jsonNode{kind: '['}
	open := []*jsonNode{root}
	key := ""
	wrong := scanJSON(text, func(e jsonEvent) {
		inner := open[len(open)-1]
		switch e.kind {
		case 'k':
			key = e.text
		case '}', ']':
			open = open[:len(open)-1]
		default:
			n := &jsonNode{kind: e.kind, key: key, text: e.text}
			inner.kids = append(inner.kids, n)
			if e.kind == '{' || e.kind == '[' {
				open = append(open, n)
			}
		}
	})
	if wrong != nil {
		return nil, wrong
	}
	var out strings.Builder
	r.write(&out, root.kids[0], "\n")
	out.WriteByte('\n')
	return []byte(out.String()), nil
}

func (r *jsonFormat) write(out *strings.Builder, n *jsonNode, line string) {
	switch n.kind {
	case 's':
		jsonQuote(out, n.text, r.ASCII)
		return
	case 'v':
		out.WriteString(jsonNumber(n.text))
		return
	}
	brackets := "[]"
	if n.kind == '{' {
		brackets = "{}"
		r.order(n.kids)
	}
	if len(n.kids) == 0 {
		out.WriteString(brackets)
		return
	}
	out.WriteByte(brackets[0])
	inner := line + r.indent
	for i, kid := range n.kids {
		if i > 0 {
			out.WriteByte(',')
		}
		out.WriteString(inner)
		if n.kind == '{' {
			jsonQuote(out, kid.key, r.ASCII)
			out.WriteString(": ")
		}
		r.write(out, kid, inner)
	}
	out.WriteString(line)
	out.WriteByte(brackets[1])
}

// order puts the wanted keys first, and the others in order if that is wanted.
func (r *jsonFormat) order(members []*jsonNode) {
	place := func(n *jsonNode) int {
		if at := slices.Index(r.Top, n.key); at >= 0 {
			return at
		}
		return len(r.Top)
	}
	slices.SortStableFunc(members, func(a, b *jsonNode) int {
		if pa, pb := place(a), place(b); pa != pb || !r.Sort {
			return pa - pb
		}
		return strings.Compare(a.key, b.key)
	})
}
