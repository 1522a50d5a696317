package jinja

import (
	"fmt"
	"math"
	"math/big"
	"sort"
	"strings"
	"unicode/utf8"

	"goodstate.dev/goodstate/core/py"
)

// Filters that read and write JSON.
func init() {
	filters.add("to_json", "a *args **named", func(c *call) (any, error) { return c.toJSON("", false) })
	filters.add("to_nice_json", "a indent=4 sort_keys=True *args **named", func(c *call) (any, error) {
		sorted, err := c.bool(2)
		if err != nil {
			return nil, err
		}
		n, err := indentText(c.args[1])
		if err != nil {
			return nil, err
		}
		return c.toJSON(n, sorted)
	})
	filters.add("tojson", "value indent=None", func(c *call) (any, error) {
		j := &jsonWriter{r: c.r, sorted: true, ascii: true, item: ", ", key: ": "}
		if c.args[1] != nil {
			n, err := indentText(c.args[1])
			if err != nil {
				return nil, err
			}
			j.indent, j.item = n, ","
			j.indented = true
		}
		if err := j.value(c.args[0], 0); err != nil {
			return nil, err
		}
		return strings.NewReplacer("<", `\u003c`, ">", `\u003e`, "&", `\u0026`, "'", `\u0027`).Replace(j.b.String()), nil
	})
	filters.add("from_json", "data *args **named", func(c *call) (any, error) {
		s, ok := py.Text(c.args[0])
		if b, is := c.args[0].(py.Bytes); is {
			s, ok = string(b), true
		}
		if !ok {
			return nil, typeErrorf("the JSON object must be str, bytes or bytearray, not %s", py.TypeName(c.args[0]))
		}
		if err := c.r.wrote(len(s)); err != nil {
			return nil, err
		}
		v, err := py.FromJSON([]byte(s), false)
		if err != nil {
			return nil, valueErrorf("%v", jsonProblem(s, err))
		}
		return v, nil
	})
}

// jsonProblem tells what Python's json would, as far as the place can be known.
func jsonProblem(s string, err error) error {
	if strings.TrimSpace(s) == "" {
		return fmt.Errorf("Expecting value: line 1 column 1 (char 0)")
	}
	return fmt.Errorf("not JSON: %w", err)
}

func indentText(v any) (string, error) {
	if text, ok := py.Text(v); ok {
		return text, nil
	}
	n, ok := index(v)
	if !ok {
		return "", typeErrorf("can't multiply sequence by non-int of type '%s'", py.TypeName(v))
	}
	return strings.Repeat(" ", max(0, min(n, 1000))), nil
}

// toJSON writes the first argument; named arguments are those of Python's json.dumps.
func (c *call) toJSON(indent string, sorted bool) (any, error) {
	j := &jsonWriter{r: c.r, sorted: sorted, ascii: true, item: ", ", key: ": ", indent: indent, indented: indent != "" || c.name == "to_nice_json"}
	if c.name == "to_nice_json" || strings.HasSuffix(c.name, ".to_nice_json") {
		j.item, j.indented = ",", c.args[1] != nil
	}
	separators := false
	if c.named != nil {
		for k, v := range c.named.All() {
			switch py.Str(k) {
			case "indent":
				if v == nil {
					continue
				}
				var err error
				if j.indent, err = indentText(v); err != nil {
					return nil, err
				}
				j.indented = true
				if !separators {
					j.item = ","
				}
			case "sort_keys":
				j.sorted = py.Truth(v)
			case "ensure_ascii":
				j.ascii = py.Truth(v)
			case "separators":
				pair, err := c.r.items(v)
				if err != nil || len(pair) != 2 {
					return nil, typeErrorf("separators must be a pair")
				}
				j.item, j.key = py.Str(pair[0]), py.Str(pair[1])
				separators = true
			}
		}
	}
	if err := j.value(c.args[0], 0); err != nil {
		return nil, err
	}
	return py.Native{Text: j.b.String()}, nil
}

// dumped is a value for a message: as JSON, or as it would be printed where it has no form in JSON.
func (c *call) dumped(v any) string {
	j := &jsonWriter{r: c.r, ascii: true, item: ", ", key: ": "}
	if err := j.value(v, 0); err != nil {
		return shown(v)
	}
	return j.b.String()
}

// jsonWriter writes as Python's json.dumps does.
type jsonWriter struct {
	r        *run
	b        strings.Builder
	sorted   bool
	ascii    bool
	indented bool
	indent   string
	item     string
	key      string
}

func (j *jsonWriter) value(v any, depth int) error {
	if depth > 200 {
		return valueErrorf("Circular reference detected")
	}
	if err := j.r.step(); err != nil {
		return err
	}
	switch x := v.(type) {
	case nil:
		j.b.WriteString("null")
	case bool:
		if x {
			j.b.WriteString("true")
		} else {
			j.b.WriteString("false")
		}
	case float64:
		j.b.WriteString(jsonFloat(x))
	case *py.List:
		return j.items(x.Items, depth)
	case py.Tuple:
		return j.items(x, depth)
	case *py.Dict:
		return j.dict(x, depth)
	case py.Undefined:
		return &UndefinedError{x.Hint}
	case *py.Sealed:
		text, err := x.Text()
		if err != nil {
			return err
		}
		j.text(text)
	case py.Date:
		j.text(x.String())
	case py.Datetime:
		j.text(x.ISO('T'))
	case *group:
		return j.items([]any{x.grouper, x.list}, depth)
	default:
		if text, ok := py.Text(v); ok {
			j.text(text)
			return j.r.wrote(len(text))
		}
		if _, _, _, kind := py.Number(v); kind != py.NotNumber {
			j.b.WriteString(py.Str(v))
			return nil
		}
		if l, ok := rolled(v); ok {
			return j.items(l.Items, depth)
		}
		if o, ok := v.(Object); ok {
			d, err := j.r.toDict(o)
			if err != nil {
				return err
			}
			return j.dict(d, depth)
		}
		return typeErrorf("Object of type %s is not JSON serializable", py.TypeName(v))
	}
	return nil
}

func jsonFloat(f float64) string {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	}
	return py.FormatFloat(f)
}

func (j *jsonWriter) line(depth int) {
	if j.indented {
		j.b.WriteByte('\n')
		for range depth {
			j.b.WriteString(j.indent)
		}
	}
}

func (j *jsonWriter) items(items []any, depth int) error {
	if len(items) == 0 {
		j.b.WriteString("[]")
		return nil
	}
	j.b.WriteByte('[')
	for i, item := range items {
		if i > 0 {
			j.b.WriteString(j.item)
		}
		j.line(depth + 1)
		if err := j.value(item, depth+1); err != nil {
			return err
		}
	}
	j.line(depth)
	j.b.WriteByte(']')
	return j.r.wrote(len(j.indent) * depth * len(items))
}

func (j *jsonWriter) dict(d *py.Dict, depth int) error {
	if d.Len() == 0 {
		j.b.WriteString("{}")
		return nil
	}
	keys := d.Keys()
	if j.sorted {
		var failed error
		sort.SliceStable(keys, func(a, b int) bool {
			order, _, err := py.Compare(keys[a], keys[b], "<")
			if err != nil {
				failed = &typeError{err.Error()}
			}
			return order < 0
		})
		if failed != nil {
			return failed
		}
	}
	j.b.WriteByte('{')
	for i, k := range keys {
		if i > 0 {
			j.b.WriteString(j.item)
		}
		j.line(depth + 1)
		name, err := jsonKey(k)
		if err != nil {
			return err
		}
		j.text(name)
		j.b.WriteString(j.key)
		v, _ := d.Get(k)
		if err := j.value(v, depth+1); err != nil {
			return err
		}
	}
	j.line(depth)
	j.b.WriteByte('}')
	return nil
}

func jsonKey(k any) (string, error) {
	switch x := k.(type) {
	case nil:
		return "null", nil
	case bool:
		if x {
			return "true", nil
		}
		return "false", nil
	case float64:
		return jsonFloat(x), nil
	case int64, *big.Int:
		return py.Str(k), nil
	}
	if text, ok := py.Text(k); ok {
		return text, nil
	}
	return "", typeErrorf("keys must be str, int, float, bool or None, not %s", py.TypeName(k))
}

func (j *jsonWriter) text(s string) {
	j.b.WriteByte('"')
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == '"' || r == '\\':
			j.b.WriteByte('\\')
			j.b.WriteRune(r)
		case r == '\n':
			j.b.WriteString(`\n`)
		case r == '\r':
			j.b.WriteString(`\r`)
		case r == '\t':
			j.b.WriteString(`\t`)
		case r == '\b':
			j.b.WriteString(`\b`)
		case r == '\f':
			j.b.WriteString(`\f`)
		case r < ' ':
			fmt.Fprintf(&j.b, `\u%04x`, r)
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&j.b, `\udc%02x`, s[i])
		case r >= utf8.RuneSelf-1 && j.ascii && r != 0x7f:
			if r > 0xffff {
				r -= 0x10000
				fmt.Fprintf(&j.b, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
			} else {
				fmt.Fprintf(&j.b, `\u%04x`, r)
			}
		default:
			j.b.WriteRune(r)
		}
		i += size
	}
	j.b.WriteByte('"')
}
