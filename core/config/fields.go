package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
)

// field is one key of a struct, as its tags describe it.
type field struct {
	key      string
	index    []int // as reflect.Value.FieldByIndex takes it
	typ      reflect.Type
	help     string
	preset   string // the default tag
	hasPre   bool
	example  string
	required bool
	enum     []string
}

// layout is what the decoder knows of a struct type.
type layout struct {
	fields []field
	byKey  map[string]int
	spare  bool    // the choice may be left out
	inline [][]int // embedded structs, which may have a Validate of their own
	choice []int   // index of an embedded Choice, nil without
	tagged bool    // some field says its key: the struct is meant to be written as a map
}

func (l *layout) names() []string {
	names := make([]string, len(l.fields))
	for i, f := range l.fields {
		names[i] = f.key
	}
	return names
}

var layouts sync.Map // reflect.Type to *layout

// layoutOf reads the tags of a struct. It panics on tags that contradict each other: that is a mistake in the program
// which its first test shows.
func layoutOf(t reflect.Type) *layout {
	if known, ok := layouts.Load(t); ok {
		return known.(*layout)
	}
	l := &layout{byKey: map[string]int{}}
	l.add(t, nil)
	known, _ := layouts.LoadOrStore(t, l)
	return known.(*layout)
}

func (l *layout) add(t reflect.Type, at []int) {
	for i := range t.NumField() {
		f := t.Field(i)
		index := append(slices.Clone(at), i)
		name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if name == "-" || (!f.IsExported() && !f.Anonymous) {
			continue
		}
		if slices.Contains(strings.Split(options, ","), "inline") {
			l.addInline(t, f, index)
			l.spare = l.spare || slices.Contains(strings.Split(options, ","), "optional")
			continue
		}
		if !f.IsExported() {
			continue
		}
		l.tagged = l.tagged || name != ""
		if name == "" {
			name = strings.ToLower(f.Name)
		}
		if _, twice := l.byKey[name]; twice {
			panic(fmt.Sprintf("config: %s has two fields for the key %q", t, name))
		}
		preset, hasPre := f.Tag.Lookup("default")
		l.byKey[name] = len(l.fields)
		l.fields = append(l.fields, field{
			key: name, index: index, typ: f.Type, help: f.Tag.Get("help"), preset: preset, hasPre: hasPre,
			example: f.Tag.Get("example"), required: f.Tag.Get("required") == "true", enum: list(f.Tag.Get("enum")),
		})
	}
}

func (l *layout) addInline(t reflect.Type, f reflect.StructField, index []int) {
	switch {
	case isChoice(f.Type):
		if l.choice != nil {
			panic(fmt.Sprintf("config: %s embeds two choices", t))
		}
		l.choice = index
	case f.Type.Kind() == reflect.Struct:
		l.inline = append(l.inline, index)
		l.add(f.Type, index)
	default:
		panic(fmt.Sprintf("config: %s.%s is inline, but no struct", t, f.Name))
	}
}

// list splits a tag like "info, warning".
func list(tag string) []string {
	if tag == "" {
		return nil
	}
	names := strings.Split(tag, ",")
	for i := range names {
		names[i] = strings.TrimSpace(names[i])
	}
	return names
}
