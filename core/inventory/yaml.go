package inventory

import (
	"context"
	"errors"
	"fmt"

	"goodstate.dev/goodstate/core/py"
)

func (inv *Inventory) readYAML(ctx context.Context, path string) error {
	if inv.options.Load == nil {
		return errors.New("no reader of YAML")
	}
	value, err := inv.options.Load(path)
	if err != nil {
		return err
	}
	top, ok := value.(*py.Dict)
	switch {
	case value == nil:
		return errors.New("Parsed empty YAML file")
	case !ok:
		return fmt.Errorf("YAML inventory has invalid structure, it should be a dictionary, got: %T", value)
	case top.Len() == 0:
		return errors.New("Parsed empty YAML file")
	}
	if plugin, has := top.Get("plugin"); has && plugin != nil && plugin != "" {
		return inv.readPlugin(ctx, path, fmt.Sprint(plugin))
	}
	for key, data := range top.All() {
		name, ok := key.(string)
		if !ok {
			return fmt.Errorf("Invalid group name supplied, expected a string but got %T for %v", key, key)
		}
		if _, err := inv.yamlGroup(name, data, 0); err != nil {
			return err
		}
	}
	return nil
}

// readPlugin lets the ansible-inventory of this machine run a plugin that is configured by a file.
func (inv *Inventory) readPlugin(ctx context.Context, path, plugin string) error {
	args := []string{"--list", "--export"}
	for _, source := range inv.sources {
		args = append(args, "-i", source)
	}
	args = append(args, "-i", path)
	text, err := run(ctx, "ansible-inventory", args...)
	if err != nil {
		return fmt.Errorf("inventory plugin %s runs only where Ansible is installed: %w", plugin, err)
	}
	return inv.readAnswer(ctx, path, text)
}

func (inv *Inventory) yamlGroup(name string, data any, depth int) (*Group, error) {
	if depth > 100 {
		return nil, fmt.Errorf("group %s is more than 100 groups deep", name)
	}
	body, ok := data.(*py.Dict)
	if !ok && data != nil {
		inv.options.Warn(fmt.Sprintf("Skipping '%s' as this is not a valid group definition", name))
		return nil, nil
	}
	group, err := inv.AddGroup(name)
	if err != nil || body == nil {
		return group, err
	}
	for key, value := range body.All() {
		part, ok := value.(*py.Dict)
		known := key == "vars" || key == "children" || key == "hosts"
		if text, is := value.(string); is && known {
			part, ok = py.DictOf(text, nil), true
		}
		switch {
		case value == nil:
			continue
		case !ok && known:
			return nil, fmt.Errorf("Invalid \"%v\" entry for \"%s\" group, requires a dictionary, found \"%T\" instead.", key, name, value)
		case !ok:
			inv.options.Warn(fmt.Sprintf("Skipping key (%v) in group (%s) as it is not a mapping, it is a %T", key, name, value))
			continue
		}
		switch key {
		case "vars":
			err = group.setAll(part)
		case "children":
			err = inv.yamlChildren(group, part, depth)
		case "hosts":
			err = inv.yamlHosts(group, part)
		default:
			inv.options.Warn(fmt.Sprintf("Skipping unexpected key (%v) in group (%s), only \"vars\", \"children\" and \"hosts\" are valid", key, name))
		}
		if err != nil {
			return nil, err
		}
	}
	return group, nil
}

func (inv *Inventory) yamlChildren(group *Group, part *py.Dict, depth int) error {
	for key, data := range part.All() {
		child, err := inv.yamlGroup(fmt.Sprint(key), data, depth+1)
		if err != nil {
			return err
		}
		if child != nil {
			if err := group.addChild(child); err != nil {
				return err
			}
		}
	}
	return nil
}

func (inv *Inventory) yamlHosts(group *Group, part *py.Dict) error {
	for key, data := range part.All() {
		pattern, ok := key.(string)
		if !ok {
			return fmt.Errorf("Host pattern %v must be a string. Enclose integers/floats in quotation marks.", key)
		}
		names, port, err := expandHosts(pattern)
		if err != nil {
			return err
		}
		vars, ok := data.(*py.Dict)
		if !ok && data != nil {
			return fmt.Errorf("Invalid data from file, expected dictionary and got:\n\n%v", data)
		}
		if vars == nil {
			vars = py.NewDict()
		}
		for _, name := range names {
			if err := inv.populate(name, group, port, vars); err != nil {
				return err
			}
		}
	}
	return nil
}
