package inventory

import (
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"sync"

	"goodstate.dev/goodstate/core/py"
)

// Host is one machine by its name in the inventory.
type Host struct {
	Name     string
	Vars     *py.Dict // from inventory sources, without host_vars
	Implicit bool     // localhost, which no source has
	groups   []*Group
}

func newHost(name string) *Host { return &Host{Name: name, Vars: py.NewDict()} }

// Groups are the groups in which the host is, with all above them.
func (h *Host) Groups() []*Group { return h.groups }

// GroupNames are the names of its groups in order, without all.
func (h *Host) GroupNames() []string {
	var names []string
	for _, g := range h.groups {
		if g.Name != "all" {
			names = append(names, g.Name)
		}
	}
	slices.Sort(names)
	return names
}

// Short is the name up to its first dot; an address stays as it is.
func (h *Host) Short() string {
	if _, err := netip.ParseAddr(h.Name); err == nil {
		return h.Name
	}
	short, _, _ := strings.Cut(h.Name, ".")
	return short
}

func (h *Host) join(groups []*Group) {
	for _, g := range groups {
		if !slices.Contains(h.groups, g) {
			h.groups = append(h.groups, g)
		}
	}
}

// python is the interpreter of this machine.
var python = sync.OnceValue(func() string {
	if path, err := exec.LookPath("python3"); err == nil {
		return path
	}
	return "/usr/bin/python3"
})
