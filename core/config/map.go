package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"iter"
	"reflect"
	"slices"
)

// Map is a map that keeps the order of the file. The zero Map is empty and ready to use.
type Map[V any] struct {
	keys   []string
	values map[string]V
}

// Get returns the value of a key.
func (m Map[V]) Get(key string) (V, bool) {
	v, ok := m.values[key]
	return v, ok
}

// Set puts a value, at the end when the key is new.
func (m *Map[V]) Set(key string, value V) {
	if m.values == nil {
		m.values = map[string]V{}
	}
	if _, ok := m.values[key]; !ok {
		m.keys = append(m.keys, key)
	}
	m.values[key] = value
}

// Keys returns the keys in the order of the file.
func (m Map[V]) Keys() []string { return slices.Clone(m.keys) }

// Len is the number of keys.
func (m Map[V]) Len() int { return len(m.keys) }

// IsZero is true for an empty map.
func (m Map[V]) IsZero() bool { return len(m.keys) == 0 }

// All goes through the map in the order of the file.
func (m Map[V]) All() iter.Seq2[string, V] {
	return func(yield func(string, V) bool) {
		for _, k := range m.keys {
			if !yield(k, m.values[k]) {
				return
			}
		}
	}
}

// MarshalJSON writes an object in the map's order.
func (m Map[V]) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, k := range m.keys {
		if i > 0 {
			b.WriteByte(',')
		}
		key, err := json.Marshal(k)
		if err != nil {
			return nil, fmt.Errorf("key %q: %w", k, err)
		}
		value, err := json.Marshal(m.values[k])
		if err != nil {
			return nil, fmt.Errorf("value of %q: %w", k, err)
		}
		b.Write(key)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// UnmarshalJSON reads an object and keeps its order.
func (m *Map[V]) UnmarshalJSON(data []byte) error {
	*m = Map[V]{}
	if string(bytes.TrimSpace(data)) == "null" {
		return nil
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	if start, err := dec.Token(); err != nil || start != json.Delim('{') {
		return fmt.Errorf("a map is a JSON object, not %.20s", data)
	}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return fmt.Errorf("key of a map: %w", err)
		}
		var value V
		if err := dec.Decode(&value); err != nil {
			return fmt.Errorf("value of %q: %w", key, err)
		}
		m.Set(key.(string), value) // an object's keys are strings, or Token would have failed
	}
	return nil
}

// mapper is how the decoder and the schema see a Map without its type parameter.
type mapper interface {
	elem() reflect.Type
	set(key string, value reflect.Value)
}

func (m *Map[V]) elem() reflect.Type { return reflect.TypeFor[V]() }

func (m *Map[V]) set(key string, value reflect.Value) { m.Set(key, value.Interface().(V)) }

var mapperType = reflect.TypeFor[mapper]()
