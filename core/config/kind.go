package config

import (
	"cmp"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
)

// Kind is one member of a family: a check, a strategy, a channel. A member is one file with its registration.
type Kind[T any] struct {
	Name    string // the key in the file: "http"
	Help    string // one line: what it does
	Example string // as it stands in the file: "http: {url: /healthz, within: 300ms}"

	// New builds a member. It calls decode once with a pointer to the member's settings, filled with what holds when
	// the file says nothing, and returns decode's error. It does no I/O: it is also called while the file is loaded.
	New func(decode func(any) error) (T, error)
}

// Register adds a member to the family of T. It is called in init and panics on a second member of the same name.
func Register[T any](k Kind[T]) {
	t := reflect.TypeFor[T]()
	if k.Name == "" || k.New == nil {
		panic(fmt.Sprintf("config: a kind of %s has no name or no New", t))
	}
	families.Lock()
	defer families.Unlock()
	f := families.of[t]
	if f == nil {
		f = &family{of: t, noun: strings.ToLower(plain(t))}
		families.of[t] = f
	}
	at, found := slices.BinarySearchFunc(f.members, k.Name, func(m member, name string) int { return cmp.Compare(m.Name, name) })
	if found {
		panic(fmt.Sprintf("config: two kinds of %s are named %q", t, k.Name))
	}
	f.members = slices.Insert(f.members, at, member{
		Name: k.Name, Help: k.Help, Example: k.Example, kind: k,
		build: func(decode func(any) error) (any, error) { return k.New(decode) },
	})
}

// Kinds returns the members of the family of T, sorted by name.
func Kinds[T any]() []Kind[T] {
	var kinds []Kind[T]
	for _, m := range familyOf(reflect.TypeFor[T]()).members {
		kinds = append(kinds, m.kind.(Kind[T]))
	}
	return kinds
}

// family is the members of one type, without the type parameter.
type family struct {
	of      reflect.Type
	noun    string // "strategy"
	members []member
}

type member struct {
	Name, Help, Example string

	kind  any // the Kind[T]
	build func(decode func(any) error) (any, error)
}

var families = struct {
	sync.RWMutex
	of map[reflect.Type]*family
}{of: map[reflect.Type]*family{}}

// familyOf returns a snapshot, so that callers need no lock.
func familyOf(t reflect.Type) *family {
	families.RLock()
	defer families.RUnlock()
	f := families.of[t]
	if f == nil {
		return &family{of: t, noun: strings.ToLower(plain(t))}
	}
	return &family{of: f.of, noun: f.noun, members: slices.Clone(f.members)}
}

func (f *family) names() []string {
	names := make([]string, len(f.members))
	for i, m := range f.members {
		names[i] = m.Name
	}
	return names
}

func (f *family) member(name string) (member, bool) {
	for _, m := range f.members {
		if m.Name == name {
			return m, true
		}
	}
	return member{}, false
}

var errOnlyLooking = errors.New("config: looking at the settings only")

// settings is the value that the member hands to decode: its type, and what holds when the file says nothing.
// The value is invalid for a member that has no settings.
func (m member) settings() (found reflect.Value) {
	_, _ = m.build(func(into any) error { // the error is ours: it only ends New early
		if v := reflect.ValueOf(into); v.Kind() == reflect.Pointer && !v.IsNil() && !found.IsValid() {
			found = reflect.New(v.Type().Elem()).Elem()
			found.Set(v.Elem())
		}
		return errOnlyLooking
	})
	return found
}

// plain is a type's name without package and type parameters.
func plain(t reflect.Type) string {
	name, _, _ := strings.Cut(t.Name(), "[")
	return name
}
