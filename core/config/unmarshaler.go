package config

import "errors"

// Unmarshaler is a type that reads itself, for short forms: a scalar where a map is possible too. Called with a value of
// its own, it can hand it back to the machinery through a type without the method:
//
//	func (s *Steps) UnmarshalConfig(n config.Node) error {
//		if text, ok := n.Text(); ok {
//			return s.parse(text)
//		}
//		type plain Steps
//		return n.Decode((*plain)(s))
//	}
type Unmarshaler interface{ UnmarshalConfig(n Node) error }

// Node is a value of the file, for an Unmarshaler.
type Node struct {
	n    *node
	d    *decoder
	path string
}

// Text is a scalar as it is written, and false for a map, a list or nothing.
func (n Node) Text() (string, bool) {
	if n.n.kind != scalar || n.n.null() {
		return "", false
	}
	return n.n.text, true
}

// IsNull is true where the file has a key and nothing behind it.
func (n Node) IsNull() bool { return n.n.null() }

// IsMap is true for a map, whose keys Keys has in the order of the file.
func (n Node) IsMap() bool { return n.n.kind == mapping }

// IsList is true for a list.
func (n Node) IsList() bool { return n.n.kind == sequence }

// Keys are the keys of a map in the order of the file.
func (n Node) Keys() []string {
	names := make([]string, len(n.n.keys))
	for i, k := range n.n.keys {
		names[i] = k.name
	}
	return names
}

// Decode decodes the value as strictly as the rest of the file. Its error carries places: return it as it is.
func (n Node) Decode(into any) error { return n.d.decodeInto(n.n, into, n.path) }

// Mask keeps the value out of excerpts: what is a secret must not be in an error either.
func (n Node) Mask() { n.d.mask(n.n) }

// hinted is an error with a hint on a line of its own.
type hinted struct{ message, hint string }

func (h *hinted) Error() string { return h.message + "; " + h.hint }

// parts takes joined errors apart.
func parts(err error) []error {
	var known *Errors
	if errors.As(err, &known) {
		return []error{known}
	}
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		var all []error
		for _, e := range many.Unwrap() {
			all = append(all, parts(e)...)
		}
		return all
	}
	return []error{err}
}
