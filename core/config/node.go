package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
)

type nodeKind int

const (
	scalar nodeKind = iota
	mapping
	sequence
)

// place is a line and a column, both from 1; the zero place is nowhere.
type place struct{ line, column int }

type key struct {
	name  string
	place place
}

// node is one value of a file with its place. Aliases make a tree of nodes share branches; nothing changes a node
// after it was made.
type node struct {
	kind   nodeKind
	place  place
	owner  place  // where the key stands that this is the value of
	text   string // of a scalar, as it is written
	quoted bool   // a scalar that is text whatever it looks like
	broken bool   // what is wrong with it was said already
	keys   []key  // of a mapping, in the order of the file
	values map[string]*node
	items  []*node
}

func (n *node) get(name string) *node { return n.values[name] }

func (n *node) set(k key, value *node) {
	if n.values == nil {
		n.values = map[string]*node{}
	}
	n.keys = append(n.keys, k)
	n.values[k.name] = value
}

// without is a copy that lacks the keys that drop names.
func (n *node) without(drop func(name string) bool) *node {
	c := *n
	c.keys = slices.DeleteFunc(slices.Clone(n.keys), func(k key) bool { return drop(k.name) })
	return &c
}

// at is where a problem of the whole value is shown: at the key of a map or list, at a scalar itself.
func (n *node) at() place {
	if n.kind != scalar && n.owner.line > 0 {
		return n.owner
	}
	return n.place
}

func (n *node) null() bool {
	return n.kind == scalar && !n.quoted && (n.text == "" || n.text == "~" || n.text == "null")
}

func (n *node) empty() bool { return n.null() || (n.kind == mapping && len(n.keys) == 0) }

func (n *node) bool() bool {
	return n.kind == scalar && !n.quoted && (n.text == "true" || n.text == "false")
}

func (n *node) number() bool { return n.kind == scalar && !n.quoted && isNumber(n.text) }

// isNumber is true for what JSON calls a number. Other notations mean different things to different readers: 0644 is
// 644 in YAML 1.2 and 420 in YAML 1.1.
func isNumber(text string) bool { return numberForm.MatchString(text) }

var numberForm = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)

// what is the kind of value in words, for "want X, not Y".
func (n *node) what() string {
	switch {
	case n.kind == mapping:
		return "a map"
	case n.kind == sequence:
		return "a list"
	case n.null():
		return "nothing"
	case n.number():
		return "a number"
	case n.bool():
		return n.text
	default:
		return "text"
	}
}

var errTooMuch = errors.New("has too many values once its aliases are followed")

// plain is the value as encoding/json has it: map[string]any, []any, string, bool, int64 or float64.
func (n *node) plain(d *decoder, depth int) (any, error) {
	if !d.spend(1) || depth > maxDepth {
		return nil, errTooMuch
	}
	switch {
	case n.kind == mapping:
		m := make(map[string]any, len(n.keys))
		for _, k := range n.keys {
			v, err := n.get(k.name).plain(d, depth+1)
			if err != nil {
				return nil, err
			}
			m[k.name] = v
		}
		return m, nil
	case n.kind == sequence:
		list := make([]any, len(n.items))
		for i, item := range n.items {
			v, err := item.plain(d, depth+1)
			if err != nil {
				return nil, err
			}
			list[i] = v
		}
		return list, nil
	case n.null():
		return nil, nil
	case n.bool():
		return n.text == "true", nil
	case n.number():
		if whole, err := strconv.ParseInt(n.text, 10, 64); err == nil {
			return whole, nil
		}
		real, err := strconv.ParseFloat(n.text, 64)
		if err != nil {
			return nil, fmt.Errorf("%s is out of range", quoted(n.text))
		}
		return real, nil
	}
	return n.text, nil
}

// json writes the value so that fromJSON reads the same one: in the order of the file, numbers as they are written.
func (n *node) json(d *decoder) (json.RawMessage, error) {
	var b bytes.Buffer
	if err := n.writeJSON(&b, d, 0); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func (n *node) writeJSON(b *bytes.Buffer, d *decoder, depth int) error {
	if !d.spend(1) || depth > maxDepth {
		return errTooMuch
	}
	switch {
	case n.kind == mapping:
		b.WriteByte('{')
		for i, k := range n.keys {
			if i > 0 {
				b.WriteByte(',')
			}
			writeText(b, k.name)
			b.WriteByte(':')
			if err := n.get(k.name).writeJSON(b, d, depth+1); err != nil {
				return err
			}
		}
		b.WriteByte('}')
	case n.kind == sequence:
		b.WriteByte('[')
		for i, item := range n.items {
			if i > 0 {
				b.WriteByte(',')
			}
			if err := item.writeJSON(b, d, depth+1); err != nil {
				return err
			}
		}
		b.WriteByte(']')
	case n.null():
		b.WriteString("null")
	case n.bool() || n.number():
		b.WriteString(n.text)
	default:
		writeText(b, n.text)
	}
	return nil
}

func writeText(b *bytes.Buffer, text string) {
	raw, _ := json.Marshal(text) // a string always has a JSON form
	b.Write(raw)
}

// fromJSON reads what json wrote; nothing at all is null.
func fromJSON(raw json.RawMessage) (*node, error) {
	if len(bytes.TrimSpace(raw)) == 0 {
		return &node{}, nil
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	n, err := readJSON(dec, 0)
	if err != nil {
		return nil, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one JSON value")
	}
	return n, nil
}

func readJSON(dec *json.Decoder, depth int) (*node, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("values are nested deeper than %d", maxDepth)
	}
	token, err := dec.Token()
	if err != nil {
		return nil, err
	}
	switch t := token.(type) {
	case json.Delim:
		if t == '{' {
			return readObject(dec, depth)
		}
		n := &node{kind: sequence}
		for dec.More() {
			item, err := readJSON(dec, depth+1)
			if err != nil {
				return nil, err
			}
			n.items = append(n.items, item)
		}
		_, err := dec.Token()
		return n, err
	case string:
		return &node{text: t, quoted: true}, nil
	case json.Number:
		return &node{text: t.String()}, nil
	case bool:
		return &node{text: strconv.FormatBool(t)}, nil
	default:
		return &node{}, nil
	}
}

func readObject(dec *json.Decoder, depth int) (*node, error) {
	n := &node{kind: mapping}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return nil, err
		}
		value, err := readJSON(dec, depth+1)
		if err != nil {
			return nil, err
		}
		if n.get(name.(string)) != nil { // an object's keys are strings, or Token would have failed
			return nil, fmt.Errorf("key %q stands here twice", name)
		}
		n.set(key{name: name.(string)}, value)
	}
	_, err := dec.Token()
	return n, err
}
