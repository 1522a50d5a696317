package inventory

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"goodstate.dev/goodstate/core/py"
)

// readAnswer takes what a script said to --list.
func (inv *Inventory) readAnswer(ctx context.Context, path string, text []byte) error {
	value, err := py.FromJSON(text, false)
	if err != nil {
		return fmt.Errorf("failed to parse executable inventory script results from %s: %w", path, err)
	}
	answer, ok := value.(*py.Dict)
	if !ok {
		return fmt.Errorf("failed to parse executable inventory script results from %s: needs to be a json dict", path)
	}
	var meta *py.Dict
	var named []string
	for key, data := range answer.All() {
		name := key.(string)
		if name == "_meta" {
			if m, ok := data.(*py.Dict); ok {
				if vars, has := m.Get("hostvars"); has {
					if meta, ok = vars.(*py.Dict); !ok {
						return errors.New("Improperly formatted host information: hostvars is not a dict")
					}
				}
			}
			continue
		}
		hosts, err := inv.answerGroup(name, data)
		if err != nil {
			return err
		}
		named = append(named, hosts...)
	}
	return inv.answerHosts(ctx, path, named, meta)
}

func (inv *Inventory) answerGroup(name string, data any) ([]string, error) {
	group, err := inv.AddGroup(name)
	if err != nil {
		return nil, err
	}
	d, ok := data.(*py.Dict)
	switch {
	case !ok:
		d = py.DictOf("hosts", data)
	case !d.Has("hosts") && !d.Has("vars") && !d.Has("children"):
		d = py.DictOf("hosts", py.NewList(name), "vars", d)
	}
	var hosts []string
	if value, has := d.Get("hosts"); has {
		list, ok := value.(*py.List)
		if !ok {
			return nil, fmt.Errorf("You defined a group '%s' with bad data for the host list", name)
		}
		for _, item := range list.Items {
			host, ok := item.(string)
			if !ok {
				return nil, fmt.Errorf("Invalid host name supplied, expected a string but got %v for %s", item, name)
			}
			if _, err := inv.AddHost(host, group); err != nil {
				return nil, err
			}
			hosts = append(hosts, host)
		}
	}
	if value, has := d.Get("vars"); has {
		vars, ok := value.(*py.Dict)
		if !ok {
			return nil, fmt.Errorf("You defined a group '%s' with bad data for variables", name)
		}
		if err := group.setAll(vars); err != nil {
			return nil, err
		}
	}
	return hosts, inv.answerChildren(group, d)
}

func (inv *Inventory) answerChildren(group *Group, d *py.Dict) error {
	value, _ := d.Get("children")
	list, _ := value.(*py.List)
	if list == nil {
		return nil
	}
	for _, item := range list.Items {
		name, ok := item.(string)
		if !ok {
			return fmt.Errorf("children of %s: %v is not the name of a group", group.Name, item)
		}
		child, err := inv.AddGroup(name)
		if err != nil {
			return err
		}
		if err := group.addChild(child); err != nil {
			return err
		}
	}
	return nil
}

func (g *Group) setAll(vars *py.Dict) error {
	for key, value := range vars.All() {
		name, ok := key.(string)
		if !ok {
			name = fmt.Sprint(key)
		}
		if err := g.set(name, value); err != nil {
			return err
		}
	}
	return nil
}

func (inv *Inventory) answerHosts(ctx context.Context, path string, named []string, meta *py.Dict) error {
	seen := map[string]bool{}
	for _, name := range named {
		if seen[name] {
			continue
		}
		seen[name] = true
		var value any
		if meta != nil {
			value, _ = meta.Get(name)
		} else {
			text, err := run(ctx, path, "--host", name)
			if err != nil {
				return err
			}
			if len(bytes.TrimSpace(text)) > 0 {
				if value, err = py.FromJSON(text, false); err != nil {
					return fmt.Errorf("could not parse post variable response: %s --host %s, %w", path, name, err)
				}
			}
		}
		vars, ok := value.(*py.Dict)
		if !ok {
			if value != nil {
				return fmt.Errorf("Invalid data from file, expected dictionary and got: %v for host %s", value, name)
			}
			continue
		}
		for key, v := range vars.All() {
			inv.hosts[name].Vars.Set(key, v)
		}
	}
	return nil
}
