// Package inventory knows hosts, groups and their variables as Ansible's inventories say them: INI and YAML files, scripts, folders and lists of hosts.
// It reads files and runs inventory scripts, and never connects to a host.
package inventory

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"goodstate.dev/goodstate/core/py"
)

// Options say how sources are read.
type Options struct {
	// Load reads a YAML or JSON file, decrypted where it is a vault. Its value is shared and must not be changed.
	Load func(path string) (any, error)
	// Decrypt opens a file that may be a vault; without it files are read as they are.
	Decrypt func(path string, text []byte) ([]byte, error)
	// Warn hears of what was left out; nil is silence.
	Warn func(text string)
	// Ignore are more endings of files that are left out in folders.
	Ignore []string
}

// Inventory is what all sources together say.
type Inventory struct {
	groups     map[string]*Group
	groupOrder []*Group
	hosts      map[string]*Host
	hostOrder  []*Host
	localhost  *Host
	sources    []string
	options    Options

	source  string // being read now
	files   map[string]*py.Dict
	layers  map[string]*py.Dict
	members map[string]any
	known   map[string][]*Host
}

// New makes an inventory without hosts; it has the groups all and ungrouped.
func New(options Options) *Inventory {
	if options.Warn == nil {
		options.Warn = func(string) {}
	}
	inv := &Inventory{groups: map[string]*Group{}, hosts: map[string]*Host{}, options: options, files: map[string]*py.Dict{}}
	all := inv.addGroup("all")
	_ = all.addChild(inv.addGroup("ungrouped"))
	inv.forget()
	return inv
}

// Load reads the sources in their order: files, folders, scripts, or lists of hosts with a comma. A source that cannot be read is a warning, as with Ansible,
// unless none can.
func Load(ctx context.Context, sources []string, options Options) (*Inventory, error) {
	inv := New(options)
	parsed := false
	for _, source := range sources {
		if source == "" {
			continue
		}
		if !isList(source) {
			abs, err := filepath.Abs(expandHome(source))
			if err != nil {
				return nil, fmt.Errorf("inventory %s: %w", source, err)
			}
			source = abs
		}
		inv.sources = append(inv.sources, source)
		ok, err := inv.read(ctx, source)
		if err != nil {
			return nil, err
		}
		parsed = parsed || ok
	}
	if !parsed {
		inv.options.Warn("No inventory was parsed, only implicit localhost is available")
	}
	inv.Reconcile()
	return inv, nil
}

func isList(source string) bool {
	if !strings.Contains(source, ",") {
		return false
	}
	_, err := os.Stat(source)
	return err != nil
}

func expandHome(path string) string {
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		if home, err := os.UserHomeDir(); err == nil {
			return filepath.Join(home, rest)
		}
	}
	return path
}

// Sources are the paths that were read, as absolute paths, and the lists.
func (inv *Inventory) Sources() []string { return inv.sources }

// Reconcile puts every group below all, and every host that is in no group into ungrouped. It follows every change.
func (inv *Inventory) Reconcile() {
	all, ungrouped := inv.groups["all"], inv.groups["ungrouped"]
	for _, g := range inv.groupOrder {
		if g != all && len(g.ancestors()) == 0 {
			_ = all.addChild(g) // all is above nothing that is above it
		}
	}
	for _, h := range inv.hostOrder {
		switch {
		case slices.Contains(h.groups, ungrouped):
			if slices.ContainsFunc(h.groups, func(g *Group) bool { return g != all && g != ungrouped }) {
				ungrouped.removeHost(h)
			}
		case !h.Implicit && (len(h.groups) == 0 || len(h.groups) == 1 && h.groups[0] == all):
			ungrouped.addHost(h)
		}
	}
	for _, g := range inv.groupOrder {
		if _, both := inv.hosts[g.Name]; both {
			inv.options.Warn("Found both group and host with same name: " + g.Name)
		}
	}
	inv.forget()
}

// forget drops what was worked out from hosts and groups.
func (inv *Inventory) forget() {
	inv.layers, inv.members, inv.known = map[string]*py.Dict{}, nil, map[string][]*Host{}
	for _, g := range inv.groupOrder {
		g.known = nil
	}
}

// Groups lists the groups in the order in which they came.
func (inv *Inventory) Groups() []*Group { return inv.groupOrder }

// Hosts lists the hosts in the order in which they came, without an implicit localhost.
func (inv *Inventory) Hosts() []*Host { return inv.hostOrder }

// Group finds a group.
func (inv *Inventory) Group(name string) (*Group, bool) {
	g, ok := inv.groups[name]
	return g, ok
}

// Host finds a host; the names of this machine are known without being in the inventory.
func (inv *Inventory) Host(name string) (*Host, bool) {
	if h, ok := inv.hosts[name]; ok {
		return h, true
	}
	if !isLocalhost(name) {
		return nil, false
	}
	return inv.implicit(name), true
}

func isLocalhost(name string) bool {
	return name == "localhost" || name == "127.0.0.1" || name == "::1"
}

func (inv *Inventory) implicit(name string) *Host {
	if inv.localhost == nil {
		h := newHost(name)
		h.Implicit = true
		h.Vars.Set("ansible_connection", "local")
		h.Vars.Set("ansible_python_interpreter", python())
		inv.localhost = h
	}
	return inv.localhost
}

// AddGroup finds or makes a group.
func (inv *Inventory) AddGroup(name string) (*Group, error) {
	if name == "" {
		return nil, errors.New("Invalid empty/false group name provided: ")
	}
	return inv.addGroup(name), nil
}

func (inv *Inventory) addGroup(name string) *Group {
	if g, ok := inv.groups[name]; ok {
		return g
	}
	g := &Group{Name: name, Priority: 1, Vars: py.NewDict()}
	inv.groups[name] = g
	inv.groupOrder = append(inv.groupOrder, g)
	return g
}

// AddHost finds or makes a host and puts it into a group, which may be nil.
func (inv *Inventory) AddHost(name string, into *Group) (*Host, error) {
	if name == "" {
		return nil, errors.New("Invalid empty host name provided: ")
	}
	h, ok := inv.hosts[name]
	if !ok {
		h = newHost(name)
		if inv.source == "" {
			h.Vars.Set("inventory_file", nil)
			h.Vars.Set("inventory_dir", nil)
		} else {
			h.Vars.Set("inventory_file", inv.source)
			h.Vars.Set("inventory_dir", baseOf(inv.source))
		}
		inv.hosts[name] = h
		inv.hostOrder = append(inv.hostOrder, h)
		if isLocalhost(name) && inv.localhost == nil {
			inv.localhost = h
		}
	}
	if into != nil {
		into.addHost(h)
	}
	return h, nil
}

// baseOf is the folder whose group_vars and host_vars belong to a source; a list has none of its own.
func baseOf(source string) string {
	if info, err := os.Stat(source); err == nil && info.IsDir() {
		return source
	}
	if strings.Contains(source, ",") {
		here, err := os.Getwd()
		if err != nil {
			return "."
		}
		return here
	}
	return filepath.Dir(source)
}

// Members gives for every group the names of its hosts, as the variable groups.
func (inv *Inventory) Members() map[string]any {
	if inv.members == nil {
		inv.members = make(map[string]any, len(inv.groups))
		for _, g := range inv.groupOrder {
			names := py.NewList()
			for _, h := range g.Hosts() {
				names.Items = append(names.Items, h.Name)
			}
			inv.members[g.Name] = names
		}
	}
	return inv.members
}
