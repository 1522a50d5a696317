package config

import (
	"encoding"
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"time"
)

// decoder puts nodes into Go values and collects what is wrong.
type decoder struct {
	problems []Problem
	depth    int
	shared   *shared
}

// shared is what a decoder has in common with its children.
type shared struct {
	spent int
	masks []mask
}

func newDecoder() *decoder { return &decoder{shared: &shared{}} }

// child decodes a part whose problems are looked at before they are adopted.
func (d *decoder) child() *decoder { return &decoder{depth: d.depth, shared: d.shared} }

func (d *decoder) adopt(c *decoder) { d.problems = append(d.problems, c.problems...) }

// spend counts values, so that aliases of aliases cannot make a small file large.
func (d *decoder) spend(values int) bool {
	d.shared.spent += values
	return d.shared.spent <= maxValues
}

func (d *decoder) report(at place, path, message, hint string) {
	d.problems = append(d.problems, Problem{Line: at.line, Column: at.column, Path: path, Message: message, Hint: hint})
}

// reportError reports what a type's own code said about a value.
func (d *decoder) reportError(n *node, path string, err error) {
	for _, e := range parts(err) {
		switch e := e.(type) { //nolint:errorlint // parts has taken the wrapping off
		case *Errors:
			d.problems = append(d.problems, e.Problems...)
		case *hinted:
			d.report(n.at(), path, e.message, e.hint)
		default:
			d.report(n.at(), path, e.Error(), "")
		}
	}
}

func (d *decoder) mask(n *node) {
	switch n.kind {
	case scalar:
		d.shared.masks = append(d.shared.masks, mask{n.place, n.text})
	case mapping:
		for _, v := range n.values {
			d.mask(v)
		}
	case sequence:
		for _, v := range n.items {
			d.mask(v)
		}
	}
}

// decodeInto decodes for an Unmarshaler or a member of a family.
func (d *decoder) decodeInto(n *node, into any, path string) error {
	v := reflect.ValueOf(into)
	if v.Kind() != reflect.Pointer || v.IsNil() {
		return fmt.Errorf("decoding into %T, want a pointer", into)
	}
	own := d.child()
	own.decode(n, v.Elem(), path)
	if len(own.problems) > 0 {
		return &Errors{Problems: ordered(own.problems)}
	}
	return nil
}

// decode puts a node into an addressable value, and validates it when nothing was wrong so far.
func (d *decoder) decode(n *node, v reflect.Value, path string) {
	if n.broken {
		return
	}
	if d.depth++; d.depth > maxDepth {
		d.report(n.place, path, fmt.Sprintf("is nested deeper than %d values", maxDepth), "")
	} else if !d.spend(1) {
		if d.shared.spent == maxValues+1 { // say it once
			d.report(n.place, path, errTooMuch.Error(), "")
		}
	} else {
		before := len(d.problems)
		d.decodeForm(n, v, path)
		if len(d.problems) == before && v.Kind() != reflect.Pointer {
			d.validate(n, v, path)
		}
	}
	d.depth--
}

var (
	textType     = reflect.TypeFor[encoding.TextUnmarshaler]()
	selfType     = reflect.TypeFor[Unmarshaler]()
	spanType     = reflect.TypeFor[time.Duration]()
	durationType = reflect.TypeFor[Duration]()
)

// decodeForm finds out which form the type wants.
func (d *decoder) decodeForm(n *node, v reflect.Value, path string) {
	t := v.Type()
	pointer := reflect.PointerTo(t)
	switch {
	case isChoice(t):
		d.decodeChoice(n, v.Addr().Interface().(chooser), path)
	case pointer.Implements(mapperType):
		d.decodeOrdered(n, v.Addr().Interface().(mapper), path)
	case pointer.Implements(selfType):
		if err := v.Addr().Interface().(Unmarshaler).UnmarshalConfig(Node{n, d, path}); err != nil {
			d.reportError(n, path, err)
		}
	case pointer.Implements(textType) && (n.kind == scalar || t.Kind() != reflect.Struct || !layoutOf(t).tagged):
		d.decodeText(n, v.Addr().Interface().(encoding.TextUnmarshaler), path)
	case t == spanType:
		d.decodeText(n, v.Addr().Convert(reflect.PointerTo(durationType)).Interface().(*Duration), path)
	default:
		d.decodeKind(n, v, path)
	}
}

func (d *decoder) decodeKind(n *node, v reflect.Value, path string) {
	switch v.Kind() {
	case reflect.Pointer:
		if n.null() {
			v.SetZero()
			return
		}
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		d.decode(n, v.Elem(), path)
	case reflect.Struct:
		d.decodeStruct(n, v, path)
	case reflect.Map:
		d.decodeMap(n, v, path)
	case reflect.Slice:
		d.decodeList(n, v, path)
	case reflect.Interface:
		d.decodeAny(n, v, path)
	default:
		d.decodeScalar(n, v, path)
	}
}

func (d *decoder) decodeAny(n *node, v reflect.Value, path string) {
	if v.NumMethod() > 0 {
		d.report(n.place, path, "cannot be decoded into "+v.Type().String(), "")
		return
	}
	plain, err := n.plain(d, d.depth)
	if err != nil {
		d.report(n.place, path, err.Error(), "")
		return
	}
	if plain == nil {
		v.SetZero()
		return
	}
	v.Set(reflect.ValueOf(plain))
}

func (d *decoder) decodeList(n *node, v reflect.Value, path string) {
	if n.null() {
		v.SetZero()
		return
	}
	if n.kind != sequence {
		hint := ""
		if n.kind == scalar {
			hint = "put it in brackets: [ ]"
		}
		d.report(n.place, path, "want a list, not "+n.what(), hint)
		return
	}
	list := reflect.MakeSlice(v.Type(), len(n.items), len(n.items))
	for i, item := range n.items {
		d.decode(item, list.Index(i), path+"["+strconv.Itoa(i)+"]")
	}
	v.Set(list)
}

func (d *decoder) decodeMap(n *node, v reflect.Value, path string) {
	t := v.Type()
	if t.Key().Kind() != reflect.String {
		d.report(n.place, path, "cannot be decoded into "+t.String(), "")
		return
	}
	m := reflect.MakeMap(t)
	if d.eachKey(n, t.Elem(), path, func(k string, value reflect.Value) {
		m.SetMapIndex(reflect.ValueOf(k).Convert(t.Key()), value)
	}) {
		v.Set(m)
	}
}

func (d *decoder) decodeOrdered(n *node, m mapper, path string) {
	d.eachKey(n, m.elem(), path, m.set)
}

func (d *decoder) eachKey(n *node, elem reflect.Type, path string, set func(string, reflect.Value)) bool {
	if n.null() {
		return true
	}
	if n.kind != mapping {
		d.report(n.place, path, "want a map of names, not "+n.what(), "")
		return false
	}
	for _, k := range n.keys {
		value := reflect.New(elem).Elem()
		d.decode(n.get(k.name), value, join(path, k.name))
		set(k.name, value)
	}
	return true
}

// validate lets the type look at what was decoded.
func (d *decoder) validate(n *node, v reflect.Value, path string) {
	if !v.CanAddr() || !v.Addr().CanInterface() {
		return
	}
	switch t := v.Addr().Interface().(type) {
	case interface{ Validate() error }:
		if err := t.Validate(); err != nil {
			d.reportError(n, path, err)
		}
	case interface {
		Validate(report func(path, message string))
	}:
		t.Validate(func(sub, message string) {
			d.report(n.find(sub).at(), under(path, sub), message, "")
		})
	}
}

var pathParts = regexp.MustCompile(`[^.\[\]]+`)

// find follows a path like "steps[1].weight" as far as it goes.
func (n *node) find(path string) *node {
	for _, part := range pathParts.FindAllString(path, -1) {
		var next *node
		if i, err := strconv.Atoi(part); err == nil && n.kind == sequence && i >= 0 && i < len(n.items) {
			next = n.items[i]
		} else if n.kind == mapping {
			next = n.get(part)
		}
		if next == nil {
			return n
		}
		n = next
	}
	return n
}

var plainKey = regexp.MustCompile(`^[^\s."\[\]]+$`)

// join adds a key to a path; a key that would be misread is quoted.
func join(path, key string) string {
	if !plainKey.MatchString(key) {
		key = strconv.Quote(key)
	}
	return under(path, key)
}

// under adds a path within a value to the value's own.
func under(path, sub string) string {
	if path == "" || sub == "" || sub[0] == '[' {
		return path + sub
	}
	return path + "." + sub
}
