package action

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"

	"goodstate.dev/goodstate/core/py"
)

func init() {
	register(Kind{Name: "add_host", Help: "Add a host to the inventory of this run", Once: true, Run: addHost})
	register(Kind{Name: "group_by", Help: "Put hosts into groups named by their variables", Run: groupBy})
}

func addHost(_ context.Context, t *Task) (*py.Dict, error) {
	args := t.Args.Copy()
	if raw, ok := args.Get("_raw_params"); ok {
		d, is := raw.(*py.Dict)
		if !is {
			return nil, fmt.Errorf("Invalid raw parameters passed, requires a dictonary/mapping got a  %s", py.TypeName(raw))
		}
		args.Delete("_raw_params")
		merged := d.Copy()
		for k, v := range args.All() {
			merged.Set(k, v)
		}
		args = merged
	}
	var given any
	for _, key := range []string{"host", "hostname", "name"} {
		if v, ok := args.Get(key); ok && v != nil {
			given = v
		}
	}
	if given == nil {
		return nil, errors.New("name, host or hostname needs to be provided")
	}
	name := Text(given)
	if host, port, err := net.SplitHostPort(name); err == nil && host != "" {
		if n, err := strconv.ParseInt(port, 10, 32); err == nil {
			name = host
			args.Set("ansible_ssh_port", n)
		}
	}
	var value any
	for _, key := range []string{"group", "groups", "groupname"} {
		if v, ok := args.Get(key); ok && v != nil && v != "" {
			value = v
		}
	}
	groups := py.NewList()
	switch value.(type) {
	case nil, *py.List, string, py.Unsafe:
		for _, item := range Items(value) {
			groups.Items = append(groups.Items, strings.TrimSpace(Text(item)))
		}
	default:
		return nil, errors.New("Groups must be specified as a list.")
	}
	vars := py.NewDict()
	for k, v := range args.All() {
		switch k {
		case "name", "hostname", "groupname", "groups":
		default:
			vars.Set(k, v)
		}
	}
	return py.DictOf("changed", false, "add_host", py.DictOf("host_name", name, "groups", groups, "host_vars", vars)), nil
}

func groupBy(_ context.Context, t *Task) (*py.Dict, error) {
	if err := t.Only("key", "parents"); err != nil {
		return nil, err
	}
	key, ok := t.Args.Get("key")
	if !ok {
		return Failed("the 'key' param is required when using group_by"), nil
	}
	parents := py.NewList("all")
	if v, ok := t.Args.Get("parents"); ok {
		parents = py.NewList()
		list, is := v.(*py.List)
		if !is {
			list = py.NewList(v)
		}
		for _, item := range list.Items {
			parents.Items = append(parents.Items, strings.ReplaceAll(Text(item), " ", "-"))
		}
	}
	return py.DictOf("changed", false, "add_group", strings.ReplaceAll(Text(key), " ", "-"), "parent_groups", parents), nil
}
