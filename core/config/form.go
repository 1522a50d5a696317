package config

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
)

// form is what a type wants in the file, for the schema and for readers.
type form struct {
	kind   formKind
	words  string       // "duration", "list of text"
	elem   reflect.Type // of a list or a map
	of     reflect.Type // of a section
	family *family      // of a choice
	short  bool         // a scalar or a list may stand where a section could
}

type formKind int

const (
	anything formKind = iota
	textForm
	wordForm // text with a form of its own: a duration, a time
	secretForm
	valueForm
	boolForm
	wholeForm
	realForm
	listForm
	mapForm
	sectionForm
	choiceForm
)

// named are the types of this package that are written as one word.
var named = map[reflect.Type]string{
	reflect.TypeFor[Duration](): "duration",
	spanType:                    "duration",
	reflect.TypeFor[Percent]():  "share",
	reflect.TypeFor[Size]():     "size",
}

func formOf(t reflect.Type) form {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	pointer := reflect.PointerTo(t)
	switch {
	case isChoice(t):
		f := reflect.New(t).Interface().(chooser).chosenFrom()
		return form{kind: choiceForm, words: "one " + f.noun, family: f}
	case pointer.Implements(mapperType):
		return mapOf(reflect.New(t).Interface().(mapper).elem())
	case t == reflect.TypeFor[Secret]():
		return form{kind: secretForm, words: "secret"}
	case t == reflect.TypeFor[Value]():
		return form{kind: valueForm, words: "text or secret"}
	case named[t] != "":
		return form{kind: wordForm, words: named[t]}
	}
	f := kindForm(t)
	if pointer.Implements(selfType) {
		f.short = true
	} else if pointer.Implements(textType) {
		if f.kind != sectionForm || !layoutOf(t).tagged {
			return form{kind: wordForm, words: strings.ToLower(plain(t))}
		}
		f.short = true
	}
	return f
}

func mapOf(elem reflect.Type) form {
	return form{kind: mapForm, words: "names, each with " + article(elemWords(elem)), elem: elem}
}

func kindForm(t reflect.Type) form {
	switch t.Kind() {
	case reflect.String:
		return form{kind: textForm, words: "text"}
	case reflect.Bool:
		return form{kind: boolForm, words: "true or false"}
	case reflect.Float32, reflect.Float64:
		return form{kind: realForm, words: "number"}
	case reflect.Slice:
		return form{kind: listForm, words: "list of " + elemWords(t.Elem()), elem: t.Elem()}
	case reflect.Map:
		return mapOf(t.Elem())
	case reflect.Struct:
		words := "section"
		if l := layoutOf(t); l.choice != nil {
			words = "one " + l.family(t).noun
		}
		return form{kind: sectionForm, words: words, of: t}
	case reflect.Interface:
		return form{kind: anything, words: "anything"}
	default:
		return form{kind: wholeForm, words: "whole number"}
	}
}

// elemWords is the words of an element's form; a section's own words would go round in circles.
func elemWords(t reflect.Type) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() == reflect.Struct && layoutOf(t).choice == nil && named[t] == "" && !isChoice(t) {
		if f := formOf(t); f.kind != sectionForm {
			return f.words
		}
		return "section"
	}
	return strings.TrimPrefix(formOf(t).words, "one ")
}

func article(noun string) string {
	if noun == "text" || noun == "anything" || strings.HasPrefix(noun, "text ") || strings.HasPrefix(noun, "names") {
		return noun
	}
	return "a " + noun
}

// family is the family of a struct's inline choice, nil without one.
func (l *layout) family(t reflect.Type) *family {
	if l.choice == nil {
		return nil
	}
	return reflect.New(t.FieldByIndex(l.choice).Type).Interface().(chooser).chosenFrom()
}

// presetOf is what holds when the file is silent, as the file would say it: the default tag, or what a member's New had
// filled in. It is nil where nothing does.
func presetOf(f field, filled reflect.Value) (json.RawMessage, error) {
	if filled.IsValid() {
		if v := filled.FieldByIndex(f.index); !v.IsZero() {
			return plainJSON(v), nil
		}
	}
	if !f.hasPre {
		return nil, nil
	}
	n, err := presetNode(f.preset, f.typ.Kind() == reflect.String)
	if err != nil {
		return nil, fmt.Errorf("default %q of %s: %w", f.preset, f.key, err)
	}
	d := newDecoder()
	v := reflect.New(f.typ).Elem()
	if d.decode(n, v, f.key); len(d.problems) > 0 {
		return nil, fmt.Errorf("default %q of %s: %s", f.preset, f.key, d.problems[0].Message)
	}
	return n.json(d)
}

// plainJSON is a filled in value as the file would say it, nil where it cannot.
func plainJSON(v reflect.Value) json.RawMessage {
	if v.Type() == spanType {
		v = v.Convert(durationType)
	}
	if _, ok := v.Interface().(encoding.TextMarshaler); !ok {
		if k := formOf(v.Type()).kind; k == sectionForm || k == choiceForm || k == secretForm {
			return nil
		}
	}
	raw, err := json.Marshal(v.Interface())
	if err != nil {
		return nil // a default that has no text is not shown
	}
	return raw
}
