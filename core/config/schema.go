package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// Schema is the JSON Schema (2020-12) of a configuration, for editors: from the same structs, tags and families that
// decode it. It is an error when a default does not fit its field, or when a key is a word that YAML 1.1 takes for a
// boolean, because other programs would misread the file.
func Schema[T any](title string) ([]byte, error) {
	s := &schemer{defs: object{}, done: map[any]string{}}
	root := s.section(reflect.TypeFor[T](), reflect.Value{})
	if s.err != nil {
		return nil, fmt.Errorf("schema of %s: %w", title, s.err)
	}
	root["$schema"], root["title"] = "https://json-schema.org/draft/2020-12/schema", title
	root["patternProperties"] = object{"^x-.": true}
	root["$defs"] = s.defs
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(root); err != nil {
		return nil, fmt.Errorf("schema of %s: %w", title, err)
	}
	return b.Bytes(), nil
}

type object = map[string]any

type schemer struct {
	defs object
	done map[any]string // struct type or family's type to the name of its definition
	err  error
}

func (s *schemer) fail(err error) {
	if s.err == nil {
		s.err = err
	}
}

// define makes a definition once, under a name that nothing else has, and returns the reference to it.
func (s *schemer) define(id any, name string, make func() object) object {
	known, ok := s.done[id]
	if !ok {
		known = name
		for i := 2; s.defs[known] != nil; i++ {
			known = fmt.Sprintf("%s%d", name, i)
		}
		s.done[id] = known
		s.defs[known] = object{} // taken, and found by a type that holds itself
		s.defs[known] = make()
	}
	return object{"$ref": "#/$defs/" + known}
}

var loose = []string{"string", "number", "boolean"} // what a text may be written as

func (s *schemer) of(t reflect.Type) object {
	f := formOf(t)
	o := s.form(f)
	if f.short {
		return object{"anyOf": []object{o, {"type": append(slices.Clone(loose), "array")}}}
	}
	return o
}

func (s *schemer) form(f form) object {
	switch f.kind {
	case textForm:
		return object{"type": loose}
	case wordForm:
		return wordSchema(f.words)
	case secretForm:
		return s.secret()
	case valueForm:
		return object{"anyOf": []object{{"type": loose}, s.secret()}}
	case boolForm:
		return object{"type": "boolean"}
	case wholeForm:
		return object{"type": "integer"}
	case realForm:
		return object{"type": "number"}
	case listForm:
		return object{"type": []string{"array", "null"}, "items": s.of(f.elem)}
	case mapForm:
		return object{"type": []string{"object", "null"}, "additionalProperties": s.of(f.elem)}
	case sectionForm:
		return s.define(f.of, defName(f.of), func() object { return s.section(f.of, reflect.Value{}) })
	case choiceForm:
		return s.define(f.family.of, f.family.noun, func() object { return s.choice(f.family) })
	default:
		return object{}
	}
}

func wordSchema(words string) object {
	switch words {
	case "duration":
		return object{"anyOf": []object{{"type": "string", "pattern": durationParts.String()}, {"enum": []any{"0", 0}}}}
	case "share":
		return object{"type": "string", "pattern": `^[0-9]+(\.[0-9]+)? ?%$`}
	case "size":
		return object{"anyOf": []object{{"type": "string", "pattern": sizeForm.String()}, {"enum": []any{"0", 0}}}}
	default:
		return object{"type": loose}
	}
}

func (s *schemer) secret() object {
	return s.define("secret", "secret", func() object {
		return object{
			"description": "a secret, by its name in the secrets section", "type": "object", "required": []string{"secret"},
			"properties": object{"secret": object{"type": "string", "pattern": secretName.String()}}, "additionalProperties": false,
		}
	})
}

func defName(t reflect.Type) string {
	if t.Name() == "" {
		return "section"
	}
	return strings.ToLower(plain(t))
}

// misread are the words that YAML 1.1 takes for booleans.
var misread = []string{"on", "off", "yes", "no", "y", "n", "true", "false"}

// section is a struct; filled has what a member's New had filled in.
func (s *schemer) section(t reflect.Type, filled reflect.Value) object {
	l := layoutOf(t)
	properties, required := object{}, []string{}
	for _, f := range l.fields {
		if slices.Contains(misread, strings.ToLower(f.key)) {
			s.fail(fmt.Errorf("%s has the key %q, which YAML 1.1 reads as a boolean: call it otherwise", t, f.key))
		}
		properties[f.key] = s.property(f, filled)
		if f.required {
			required = append(required, f.key)
		}
	}
	o := object{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		o["required"] = required
	} else if l.choice == nil {
		o["type"] = []string{"object", "null"}
	}
	family := l.family(t)
	if family == nil {
		return o
	}
	var one []object
	for _, m := range family.members {
		properties[m.Name] = s.member(family, m)
		one = append(one, object{"required": []string{m.Name}})
	}
	if l.spare {
		one = append(one, object{"not": object{"anyOf": slices.Clone(one)}})
	}
	o["oneOf"] = one
	return object{"anyOf": []object{o, {"enum": family.names()}}}
}

func (s *schemer) property(f field, filled reflect.Value) object {
	o := s.of(f.typ)
	if len(f.enum) > 0 {
		switch k := formOf(f.typ); k.kind {
		case textForm:
			o = object{"enum": f.enum}
		case listForm:
			o["items"] = object{"enum": f.enum}
		}
	}
	o = maps.Clone(o)
	if f.help != "" {
		o["description"] = f.help
	}
	preset, err := presetOf(f, filled)
	if err != nil {
		s.fail(err)
	}
	if preset != nil {
		o["default"] = preset
	}
	if f.example != "" {
		if n, err := presetNode(f.example, f.typ.Kind() == reflect.String); err != nil {
			s.fail(fmt.Errorf("example %q of %s: %w", f.example, f.key, err))
		} else if raw, err := n.json(newDecoder()); err == nil { // an example is far from the bounds that json knows
			o["examples"] = []json.RawMessage{raw}
		}
	}
	return o
}

func (s *schemer) choice(f *family) object {
	properties := object{}
	for _, m := range f.members {
		properties[m.Name] = s.member(f, m)
	}
	return object{"anyOf": []object{
		{"enum": f.names()},
		{"type": "object", "properties": properties, "additionalProperties": false, "minProperties": 1, "maxProperties": 1},
	}}
}

// member is the settings of one member.
func (s *schemer) member(f *family, m member) object {
	type id struct {
		of   reflect.Type
		name string
	}
	ref := s.define(id{f.of, m.Name}, f.noun+"."+m.Name, func() object {
		settings := m.settings()
		if !settings.IsValid() {
			return object{"type": []string{"object", "null"}, "maxProperties": 0}
		}
		form := formOf(settings.Type())
		if form.kind != sectionForm {
			return s.of(settings.Type())
		}
		o := s.section(form.of, settings)
		if form.short {
			o = object{"anyOf": []object{o, {"type": append(slices.Clone(loose), "array")}}}
		}
		return o
	})
	ref["description"] = m.Help
	return ref
}
