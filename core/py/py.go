// Package py has the values of Python as Ansible's files and templates know them, for YAML, inventories, variables and templates alike. A value is one of:
//
//	nil          None
//	bool
//	int64        an int that fits; a larger one is *big.Int, never one that would fit an int64
//	float64
//	string       trusted text, which may be a template
//	Unsafe       text that is never a template: results from hosts, and !unsafe
//	*List, *Dict shared and mutable, as in Python
//	Tuple
//	Undefined    a name that has no value; using it is an error that says Hint
//
// Other types may be put in by the template engine (functions, namespaces); who does not know one passes it on.
package py

import (
	"fmt"
	"math/big"
)

// Unsafe is text that must not be read as a template.
type Unsafe string

// Tuple is a list that cannot be changed.
type Tuple []any

// Undefined stands for what is not there.
type Undefined struct {
	Hint string
	// Soft is what an if without an else gives: it is empty text, an empty list and false, and only using parts of it is an error.
	Soft bool
	Of   *Lost // what it would have been, if that is known
}

// Lost is the name or the key that was not found, and where; Obj is of no use where Top says that it is the name of a variable.
type Lost struct {
	Obj, Name any
	Top       bool
}

// List is Python's list: who holds the pointer sees every change.
type List struct{ Items []any }

// NewList makes a list of its own from the items.
func NewList(items ...any) *List { return &List{Items: items} }

// Dict is Python's dict: it remembers the order in which keys came.
type Dict struct {
	index map[any]int // by hashed key, into entries
	all   []entry
	holes int
	host  bool // all text in it is Unsafe: it came from a host as a whole
}

type entry struct {
	key, value any
	gone       bool
}

// NewDict makes an empty dict.
func NewDict() *Dict { return &Dict{index: map[any]int{}} }

// DictOf makes a dict from keys and values in turns; it is for literals and panics on an odd count.
func DictOf(pairs ...any) *Dict {
	d := NewDict()
	for i := 0; i < len(pairs); i += 2 {
		d.Set(pairs[i], pairs[i+1])
	}
	return d
}

// hashed is what a key is found by: as in Python 1, 1.0 and True are one key, and trusted and unsafe text are one text.
func hashed(key any) any {
	switch k := key.(type) {
	case Unsafe:
		return string(k)
	case Native:
		return k.Text
	case bool:
		if k {
			return int64(1)
		}
		return int64(0)
	case int:
		return int64(k)
	case float64:
		if i := int64(k); float64(i) == k {
			return i
		}
		return k
	case *big.Int:
		return "\x00int " + k.String()
	case Tuple:
		text := "\x00tuple"
		for _, item := range k {
			text += fmt.Sprintf(" %T:%v", hashed(item), hashed(item))
		}
		return text
	case *List, *Dict, nil, int64, string:
		return key
	}
	return fmt.Sprintf("\x00%T %v", key, key)
}

// Len is the number of keys.
func (d *Dict) Len() int { return len(d.all) - d.holes }

// Get returns the value of a key.
func (d *Dict) Get(key any) (any, bool) {
	i, ok := d.index[hashed(key)]
	if !ok {
		return nil, false
	}
	return d.all[i].value, true
}

// Has says whether there is such a key.
func (d *Dict) Has(key any) bool {
	_, ok := d.index[hashed(key)]
	return ok
}

// Set gives a key a value; a new key comes last, one that was there keeps its place and its first form.
func (d *Dict) Set(key, value any) {
	if d.index == nil {
		d.index = map[any]int{}
	}
	d.host = d.host && FromHost(value)
	h := hashed(key)
	if i, ok := d.index[h]; ok {
		d.all[i].value = value
		return
	}
	d.index[h] = len(d.all)
	d.all = append(d.all, entry{key: key, value: value})
}

// Delete takes a key out and says whether it was there.
func (d *Dict) Delete(key any) bool {
	h := hashed(key)
	i, ok := d.index[h]
	if !ok {
		return false
	}
	delete(d.index, h)
	d.all[i] = entry{gone: true}
	d.holes++
	if d.holes > 32 && d.holes > len(d.all)/2 {
		d.pack()
	}
	return true
}

func (d *Dict) pack() {
	kept := d.all[:0]
	for _, e := range d.all {
		if !e.gone {
			d.index[hashed(e.key)] = len(kept)
			kept = append(kept, e)
		}
	}
	clear(d.all[len(kept):])
	d.all, d.holes = kept, 0
}

// FromHost says whether a value is known to have no trusted text in it, without looking through all of it: a dict that was read or marked as unsafe
// knows it of itself. It may say no where yes would be right.
func FromHost(value any) bool {
	switch v := value.(type) {
	case nil, bool, int64, float64, Unsafe:
		return true
	case *Dict:
		return v.host
	}
	return false
}

// All walks over keys and values in their order. The dict must not lose keys meanwhile.
func (d *Dict) All() func(yield func(key, value any) bool) {
	return func(yield func(key, value any) bool) {
		for i := 0; i < len(d.all); i++ {
			if e := d.all[i]; !e.gone && !yield(e.key, e.value) {
				return
			}
		}
	}
}

// Keys lists the keys in their order.
func (d *Dict) Keys() []any {
	keys := make([]any, 0, d.Len())
	for k := range d.All() {
		keys = append(keys, k)
	}
	return keys
}

// Copy makes a dict with the same keys and the same (not copied) values.
func (d *Dict) Copy() *Dict {
	c := NewDict()
	for k, v := range d.All() {
		c.Set(k, v)
	}
	c.host = d.host
	return c
}
