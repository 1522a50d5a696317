package action

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"goodstate.dev/goodstate/core/py"
)

func init() {
	register(Kind{Name: "set_fact", Help: "Set variables of a host", Facts: true, Run: setFact})
	register(Kind{Name: "set_stats", Help: "Set values that are printed at the end", Run: setStats})
}

func setFact(_ context.Context, t *Task) (*py.Dict, error) {
	facts := py.NewDict()
	cacheable, err := t.Bool("cacheable", false)
	if err != nil {
		return nil, err
	}
	for key, value := range t.Args.All() {
		if key == "cacheable" {
			continue
		}
		resolved, err := t.Vars.Value(key)
		if err != nil {
			return nil, err
		}
		name := Text(resolved)
		if !identifier(name) {
			return nil, badName(name)
		}
		if text, ok := value.(string); ok {
			switch strings.ToLower(text) {
			case "true", "yes":
				value = true
			case "false", "no":
				value = false
			}
		}
		facts.Set(name, value)
	}
	if facts.Len() == 0 {
		return nil, errors.New("No key/value pairs provided, at least one is required for this action to succeed")
	}
	return py.DictOf("ansible_facts", facts, "_ansible_facts_cacheable", cacheable), nil
}

func badName(name string) error {
	return fmt.Errorf("The variable name '%s' is not valid. Variables must start with a letter or underscore character, and contain only letters, numbers and underscores.", name)
}

func identifier(name string) bool {
	for i := 0; i < len(name); i++ {
		c := name[i]
		if !(c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || i > 0 && c >= '0' && c <= '9') {
			return false
		}
	}
	return name != ""
}

func setStats(_ context.Context, t *Task) (*py.Dict, error) {
	if err := t.Only("aggregate", "data", "per_host"); err != nil {
		return nil, err
	}
	stats := py.DictOf("data", py.NewDict(), "per_host", false, "aggregate", true)
	values := py.NewDict()
	if data, ok := t.Args.Get("data"); ok {
		d, is := data.(*py.Dict)
		if !is {
			return Failed("The 'data' option needs to be a dictionary/hash"), nil
		}
		for key, value := range d.All() {
			if name := Text(key); !identifier(name) {
				return Failed("%v", badName(name)), nil
			}
			values.Set(key, value)
		}
	}
	for _, name := range []string{"per_host", "aggregate"} {
		if t.Args.Has(name) {
			is, err := t.Bool(name, name == "aggregate")
			if err != nil {
				return nil, err
			}
			stats.Set(name, is)
		}
	}
	stats.Set("data", py.MarkUnsafe(values))
	return py.DictOf("changed", false, "ansible_stats", stats), nil
}
