package config

import (
	"fmt"
	"reflect"
	"strings"
)

func (d *decoder) decodeStruct(n *node, v reflect.Value, path string) {
	l := layoutOf(v.Type())
	var short *node // the name of a member alone, where one is embedded
	switch {
	case n.null():
		n = &node{kind: mapping, place: n.place, owner: n.owner}
	case n.kind == scalar && l.choice != nil:
		short = n
		n = &node{kind: mapping, place: n.place, owner: n.owner}
	case n.kind != mapping:
		d.report(n.at(), path, "want a map, not "+n.what(), "its keys are "+strings.Join(l.names(), ", "))
		return
	}
	for i := range l.fields {
		d.decodeField(n, &l.fields[i], v, path)
	}
	var rest []key
	for _, k := range n.keys {
		if _, known := l.byKey[k.name]; !known {
			rest = append(rest, k)
		}
	}
	switch {
	case short != nil:
		c := v.FieldByIndex(l.choice).Addr().Interface().(chooser)
		d.choose(short.text, short.place, &node{place: short.place}, c, c.chosenFrom(), path)
	case l.choice != nil:
		d.decodeInlineChoice(n, rest, l.names(), v.FieldByIndex(l.choice).Addr().Interface().(chooser), l.spare, path)
	default:
		for _, k := range rest {
			d.unknownKey(n, k, l.names(), l, path)
		}
	}
	for _, index := range l.inline {
		d.validate(n, v.FieldByIndex(index), path)
	}
}

func (d *decoder) decodeField(n *node, f *field, v reflect.Value, path string) {
	value, at := v.FieldByIndex(f.index), join(path, f.key)
	given := n.get(f.key)
	if given == nil {
		if f.required {
			d.report(n.at(), at, strings.TrimSuffix("is missing: "+f.help, ": "), f.hint())
			return
		}
		d.preset(n, f, value, at)
		return
	}
	before := len(d.problems)
	d.decode(given, value, at)
	if given.broken || len(d.problems) > before {
		return
	}
	d.checkEnum(given, f, value, at)
	if f.required && (value.IsZero() || (value.Kind() == reflect.Slice || value.Kind() == reflect.Map) && value.Len() == 0) &&
		value.Kind() != reflect.Bool && !value.CanInt() && !value.CanFloat() {
		d.report(given.at(), at, "must not be empty", f.hint())
	}
}

func (f *field) hint() string {
	if f.example == "" {
		return ""
	}
	return "for example " + f.key + ": " + f.example
}

func (d *decoder) checkEnum(given *node, f *field, value reflect.Value, path string) {
	if len(f.enum) == 0 {
		return
	}
	for value.Kind() == reflect.Pointer && !value.IsNil() {
		value = value.Elem()
	}
	if value.Kind() == reflect.Slice && given.kind == sequence {
		for i, item := range given.items {
			d.checkWord(item, value.Index(i), strings.TrimSuffix(f.key, "s"), f.enum, fmt.Sprintf("%s[%d]", path, i))
		}
		return
	}
	d.checkWord(given, value, f.key, f.enum, path)
}

func (d *decoder) checkWord(n *node, value reflect.Value, noun string, enum []string, path string) {
	if value.Kind() != reflect.String {
		return
	}
	for _, known := range enum {
		if value.String() == known {
			return
		}
	}
	message, hint := unknown(noun, value.String(), enum)
	d.report(n.place, path, message, hint)
}

// unknownKey refuses a key; l is nil where the struct's fields are not known by type.
func (d *decoder) unknownKey(n *node, k key, known []string, l *layout, path string) {
	message, hint := unknown("key", k.name, known)
	if l != nil {
		if i, ok := l.byKey[Nearest(k.name, known)]; ok && l.fields[i].typ == reflect.TypeFor[Secret]() {
			d.mask(n.get(k.name))
		}
	}
	d.report(k.place, join(path, k.name), message, hint)
}

// preset gives an absent key its default, and the keys of an absent section theirs.
func (d *decoder) preset(n *node, f *field, value reflect.Value, path string) {
	if f.hasPre {
		if !value.IsZero() {
			return
		}
		given, err := presetNode(f.preset, value.Kind() == reflect.String)
		if err != nil {
			d.report(n.at(), path, fmt.Sprintf("default %q: %v", f.preset, err), "")
			return
		}
		d.decode(given, value, path)
		return
	}
	if value.Kind() != reflect.Struct || isChoice(value.Type()) {
		return
	}
	l := layoutOf(value.Type())
	for i := range l.fields {
		d.preset(n, &l.fields[i], value.FieldByIndex(l.fields[i].index), join(path, l.fields[i].key))
	}
}

// presetNode reads a default tag: a word, or a list or map in flow style.
func presetNode(text string, plainText bool) (*node, error) {
	if plainText || (!strings.HasPrefix(text, "[") && !strings.HasPrefix(text, "{")) {
		return &node{text: text, quoted: plainText}, nil
	}
	src := newSource("default", []byte(text))
	n, problems := src.parse()
	return n, src.errors(problems, nil)
}
