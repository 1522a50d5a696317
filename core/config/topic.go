package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// topic is one thing that can be explained: a key, a family, or a member of one.
type topic struct {
	pattern  []string // its path, with "*" where the file has a name of the user's
	id       string   // the same for one definition that is reached by several paths
	help     string
	words    string // what is written there
	preset   string
	example  string
	required bool
	enum     []string
	family   *family
	of       reflect.Type  // of a section
	filled   reflect.Value // what a member's New had filled in
}

func (t topic) path() string {
	path := strings.Join(t.pattern, ".")
	return strings.ReplaceAll(path, "*", "NAME")
}

// topics goes through everything below a type, in the order of the structs. A type within itself is not entered again.
type topics struct {
	all  []topic
	open []reflect.Type
}

func topicsOf(t reflect.Type) []topic {
	ts := &topics{}
	ts.add(topic{id: "root", words: "section", of: t, help: "the whole file"})
	ts.section(t, reflect.Value{}, nil)
	known := map[reflect.Type]bool{}
	for _, found := range slices.Clone(ts.all) {
		f := found.family
		if f == nil || known[f.of] {
			continue
		}
		known[f.of] = true
		ts.add(topic{pattern: []string{f.noun}, id: "family " + f.of.String(), words: "one " + f.noun, family: f})
		ts.members(f, []string{f.noun})
	}
	return ts.all
}

func (ts *topics) add(t topic) { ts.all = append(ts.all, t) }

func (ts *topics) section(t reflect.Type, filled reflect.Value, at []string) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if slices.Contains(ts.open, t) {
		return
	}
	ts.open = append(ts.open, t)
	l := layoutOf(t)
	for _, f := range l.fields {
		own := append(slices.Clone(at), f.key)
		entry := describe(f, filled)
		entry.pattern, entry.id = own, t.String()+"."+f.key
		ts.add(entry)
		ts.below(f.typ, own)
	}
	if family := l.family(t); family != nil {
		ts.members(family, at)
	}
	ts.open = ts.open[:len(ts.open)-1]
}

// below enters what a key holds.
func (ts *topics) below(t reflect.Type, at []string) {
	f := formOf(t)
	switch f.kind {
	case sectionForm:
		ts.section(f.of, reflect.Value{}, at)
	case choiceForm:
		ts.members(f.family, at)
	case listForm:
		ts.below(f.elem, at)
	case mapForm:
		at = append(slices.Clone(at), "*")
		if e := formOf(f.elem); e.kind == sectionForm || e.kind == choiceForm {
			ts.add(topic{pattern: at, id: "each " + f.elem.String(), words: e.words, of: e.of, family: e.family})
		}
		ts.below(f.elem, at)
	}
}

func (ts *topics) members(f *family, at []string) {
	for _, m := range f.members {
		own := append(slices.Clone(at), m.Name)
		entry := topic{pattern: own, id: f.of.String() + " " + m.Name, help: m.Help, example: m.Example, words: f.noun}
		settings := m.settings()
		if settings.IsValid() {
			if form := formOf(settings.Type()); form.kind == sectionForm {
				entry.of, entry.filled = form.of, settings
			}
		}
		ts.add(entry)
		if entry.of != nil {
			ts.section(entry.of, settings, own)
		}
	}
}

// describe is what the tags of a field say.
func describe(f field, filled reflect.Value) topic {
	form := formOf(f.typ)
	t := topic{help: f.help, words: form.words, example: f.example, required: f.required, enum: f.enum, family: form.family, of: form.of}
	if form.elem != nil {
		if e := formOf(form.elem); e.kind == sectionForm || e.kind == choiceForm {
			t.of, t.family = e.of, e.family
		}
	}
	if t.of != nil && t.family == nil {
		t.family = layoutOf(t.of).family(t.of)
	}
	if len(f.enum) > 0 {
		t.words = strings.Replace(t.words, "text", oneOf(f.enum), 1)
	}
	if raw, err := presetOf(f, filled); err == nil && raw != nil { // Schema is where a bad default is an error
		t.preset = strings.Trim(string(raw), `"`)
		if v := filled; f.hasPre && (!v.IsValid() || v.FieldByIndex(f.index).IsZero()) {
			t.preset = f.preset // as it is written, not as JSON
		}
	}
	return t
}

// keys is the keys of a section as lines "key  help".
func (t topic) keys() [][2]string {
	if t.of == nil {
		return nil
	}
	var lines [][2]string
	for _, f := range layoutOf(t.of).fields {
		d := describe(f, t.filled)
		lines = append(lines, [2]string{f.key, strings.TrimSpace(d.help + d.notes())})
	}
	return lines
}

// notes is what else is to be known of a key: its form, whether it must be there, and what holds without it.
func (t topic) notes() string {
	notes := t.words
	if t.required {
		notes += ", required"
	}
	if t.preset != "" {
		notes += ", default " + t.preset
	}
	return fmt.Sprintf(" (%s)", notes)
}
