package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
)

// Choice is a member of the family of T with its settings, as the file says it: a map with exactly one key that names the
// member (`http: {url: /healthz}`), or its name alone (`canary`, which means `canary: {}`).
//
// Embedded in a struct with `yaml:",inline"`, the one key that is not a field of the struct names the member.
//
// It has no methods for JSON on purpose: they would be promoted to a struct that embeds it and lose its other fields.
// As it is, both forms keep everything through encoding/json, and the member is built the same later without the file.
type Choice[T any] struct {
	Kind     string          `json:"kind"`
	Settings json.RawMessage `json:"settings,omitempty"` // as the file says them, without defaults
}

// Choose makes a choice in a program rather than in a file. Settings are what the file would say: a map, a list or a
// scalar, nil for none. What is wrong with them is found by New.
func Choose[T any](name string, settings any) (Choice[T], error) {
	if settings == nil {
		return Choice[T]{Kind: name}, nil
	}
	raw, err := json.Marshal(settings)
	if err != nil {
		return Choice[T]{}, fmt.Errorf("settings of %s: %w", name, err)
	}
	return Choice[T]{Kind: name, Settings: raw}, nil
}

// Name is the member's name: "http".
func (c Choice[T]) Name() string { return c.Kind }

// IsZero is true when nothing was chosen.
func (c Choice[T]) IsZero() bool { return c.Kind == "" }

// New builds a fresh member from the settings. After Load it fails only where the member's own New does.
func (c Choice[T]) New() (T, error) {
	var none T
	f := familyOf(reflect.TypeFor[T]())
	if c.IsZero() {
		return none, fmt.Errorf("no %s was chosen: %s", f.noun, oneOf(f.names()))
	}
	m, ok := f.member(c.Kind)
	if !ok {
		message, hint := unknown(f.noun, c.Kind, f.names())
		return none, fmt.Errorf("%s: %s", message, hint)
	}
	settings, err := fromJSON(c.Settings)
	if err != nil {
		return none, fmt.Errorf("%s %s: settings: %w", f.noun, c.Kind, err)
	}
	d := newDecoder()
	built, err := d.build(m, settings, c.Kind)
	if err == nil && len(d.problems) > 0 {
		err = &Errors{Problems: ordered(d.problems)}
	}
	if err != nil {
		var known *Errors
		if errors.As(err, &known) {
			return none, fmt.Errorf("%s: %w", f.noun, err)
		}
		return none, fmt.Errorf("%s %s: %w", f.noun, c.Kind, err)
	}
	return built.(T), nil
}

// chooser is how the decoder sees a Choice without its type parameter. A struct that embeds a Choice has it too, by
// promotion, so isChoice looks at the type's name as well.
type chooser interface {
	chosenFrom() *family
	choose(name string, settings json.RawMessage)
}

func (c *Choice[T]) chosenFrom() *family { return familyOf(reflect.TypeFor[T]()) }

func (c *Choice[T]) choose(name string, settings json.RawMessage) {
	c.Kind, c.Settings = name, settings
}

var (
	chooserType = reflect.TypeFor[chooser]()
	packagePath = reflect.TypeFor[Problem]().PkgPath()
)

func isChoice(t reflect.Type) bool {
	return t.PkgPath() == packagePath && strings.HasPrefix(t.Name(), "Choice[") && reflect.PointerTo(t).Implements(chooserType)
}

// decodeChoice reads a choice that stands alone: {http: {...}} or http.
func (d *decoder) decodeChoice(n *node, c chooser, path string) {
	f := c.chosenFrom()
	switch {
	case n.kind == scalar && !n.null():
		d.choose(n.text, n.place, &node{kind: scalar, place: n.place}, c, f, path)
	case n.kind == mapping && len(n.keys) == 1:
		key := n.keys[0]
		d.choose(key.name, key.place, n.get(key.name), c, f, path)
	case n.kind == mapping && len(n.keys) > 1:
		d.report(n.keys[1].place, path, fmt.Sprintf("names %d things, want exactly one %s", len(n.keys), f.noun), oneOf(f.names()))
	default:
		d.report(n.place, path, fmt.Sprintf("want a %s, not %s", f.noun, n.what()), oneOf(f.names()))
	}
}

// decodeInlineChoice reads the choice among a struct's own keys; rest is the keys that are none of its fields.
func (d *decoder) decodeInlineChoice(n *node, rest []key, fields []string, c chooser, spare bool, path string) {
	f := c.chosenFrom()
	switch len(rest) {
	case 0:
		if spare {
			return
		}
		d.report(n.place, path, "no "+f.noun+" is named here", oneOf(f.names()))
	case 1:
		d.chooseAmong(rest[0], n, fields, c, f, spare, path)
	default:
		var named []key
		for _, k := range rest {
			if _, ok := f.member(k.name); ok {
				named = append(named, k)
			} else {
				d.unknownKey(n, k, append(f.names(), fields...), nil, path)
			}
		}
		for _, k := range named {
			d.choose(k.name, k.place, n.get(k.name), c, f, path)
		}
		if len(named) > 1 {
			d.report(named[1].place, path, fmt.Sprintf("names both %s and %s, want exactly one %s", named[0].name, named[1].name, f.noun),
				oneOf(f.names()))
		}
	}
}

func (d *decoder) chooseAmong(k key, n *node, fields []string, c chooser, f *family, spare bool, path string) {
	if _, ok := f.member(k.name); !ok && Nearest(k.name, f.names()) == "" && Nearest(k.name, fields) != "" {
		d.unknownKey(n, k, fields, nil, path) // a misspelt field, and no member at all
		if !spare {
			d.report(n.place, path, "no "+f.noun+" is named here", oneOf(f.names()))
		}
		return
	}
	d.choose(k.name, k.place, n.get(k.name), c, f, path)
}

// choose checks one choice by building it, and keeps its settings.
func (d *decoder) choose(name string, at place, settings *node, c chooser, f *family, path string) {
	m, ok := f.member(name)
	if !ok {
		message, hint := unknown(f.noun, name, f.names())
		d.report(at, path, message, hint)
		return
	}
	if _, err := d.build(m, settings, join(path, name)); err != nil {
		d.reportError(settings, join(path, name), err)
	}
	raw, err := settings.json(d)
	if err != nil {
		d.report(settings.place, join(path, name), err.Error(), "")
		return
	}
	if bytes.Equal(raw, []byte("null")) {
		raw = nil
	}
	c.choose(name, raw)
}

// build calls the member's New with a decode that is as strict as the rest. Problems of the settings are kept even when
// New loses them; the error is what New itself adds.
func (d *decoder) build(m member, settings *node, path string) (any, error) {
	called := false
	before := len(d.problems)
	built, err := m.build(func(into any) error {
		called = true
		v := reflect.ValueOf(into)
		if v.Kind() != reflect.Pointer || v.IsNil() {
			return fmt.Errorf("%s decodes its settings into %T, want a pointer", m.Name, into)
		}
		own := d.child()
		own.decode(settings, v.Elem(), path)
		d.adopt(own)
		if len(own.problems) > 0 {
			return &Errors{Problems: ordered(own.problems)}
		}
		return nil
	})
	if !called && !settings.empty() {
		d.report(settings.place, path, "has no settings", "write "+m.Name+" alone")
	}
	if len(d.problems) > before {
		return built, nil
	}
	return built, err
}
