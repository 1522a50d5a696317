package rollout

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"goodstate.dev/goodstate/core/config"
	"goodstate.dev/goodstate/core/inventory"
	"goodstate.dev/goodstate/core/py"
	"goodstate.dev/goodstate/core/remote"
	"goodstate.dev/goodstate/rollout/runtime"
	"goodstate.dev/goodstate/rollout/runtime/fleet"
)

// Hosts says which hosts a service runs on, over SSH as OpenSSH's own configuration, keys and known hosts say.
type Hosts struct {
	Inventory  string                          `yaml:"inventory" json:"inventory,omitempty" help:"Ansible inventory (INI, YAML or a folder) that has the hosts; ansible_host, _port, _user, _ssh_private_key_file and _become are read, and goodstate_address: where a host's instances are reached" example:"hosts.ini"`
	Pattern    string                          `yaml:"pattern" json:"pattern,omitempty" default:"all" help:"which hosts of the inventory, as Ansible's patterns say" example:"web:!old"`
	Names      []string                        `yaml:"names" json:"names,omitempty" help:"hosts as ssh knows them, instead of an inventory" example:"[web1, web2]"`
	SSH        []string                        `yaml:"ssh" json:"ssh,omitempty" help:"more arguments as ssh takes them, such as -F FILE or -J JUMPHOST" example:"[-F, ssh_config]"`
	Become     bool                            `yaml:"become" json:"become,omitempty" help:"use sudo on the hosts, without a password"`
	Dir        string                          `yaml:"dir" json:"dir,omitempty" help:"folder on the hosts (default: /var/lib/goodstate as root, else ~/.local/share/goodstate)" example:"/srv/goodstate"`
	Listen     string                          `yaml:"listen" json:"listen,omitempty" help:"address that instances listen on, as $HOST (default: the one at which the host is reached)" example:"0.0.0.0"`
	Supervisor config.Choice[fleet.Supervisor] `yaml:"supervisor" json:"supervisor,omitempty" help:"what looks after the instances there: keeper, systemd or command (default: keeper)"`

	Places []runtime.Place `yaml:"-" json:"places,omitempty"` // what that came to when the release was started
	Turned bool            `yaml:"-" json:"turned,omitempty"` // the release before begins at the other end of the list
}

func (s *Service) validateHosts(report func(path, message string)) {
	h := s.Hosts
	if h == nil {
		return
	}
	if (h.Inventory == "") == (len(h.Names) == 0) {
		report("hosts", "want either an inventory or names, and not both")
	}
	if h.Dir != "" && !strings.HasPrefix(h.Dir, "/") {
		report("hosts.dir", fmt.Sprintf("%q is no absolute path", h.Dir))
	}
	if s.Port > 65535-100 {
		report("port", "on hosts a port is the first of a hundred that may be used")
	}
}

// spread turns the hosts into the places that they are now, and the instances of each into all of them. A service without hosts
// stays as it is.
func (s *Service) spread(ctx context.Context, old *Kept) error {
	if s.Hosts == nil {
		return nil
	}
	h := *s.Hosts
	places, err := h.resolve(ctx)
	if err != nil {
		return err
	}
	h.Places = places
	h.Turned = old != nil && old.Config.Hosts != nil && !old.Config.Hosts.Turned
	s.Hosts, s.Instances = &h, s.Instances*len(places)
	if s.Instances > 1000 {
		return fmt.Errorf("%d instances on %d hosts, want at most 1000", s.Instances, len(places))
	}
	return nil
}

// place is where an instance runs. The release before stands the other way round, so that the batch that starts first is on the
// hosts on which the old release stops first.
func (h *Hosts) place(index, instances int) *runtime.Place {
	if h == nil || len(h.Places) == 0 {
		return nil
	}
	if h.Turned {
		index = instances - 1 - index
	}
	p := h.Places[index%len(h.Places)]
	return &p
}

// names are the hosts in their order.
func (h *Hosts) names() []string {
	var out []string
	for _, p := range h.Places {
		out = append(out, p.Name)
	}
	return out
}

func (h *Hosts) resolve(ctx context.Context) ([]runtime.Place, error) {
	base := runtime.Place{Args: h.SSH, Become: h.Become, Dir: h.Dir, Listen: h.Listen, Supervisor: "keeper"}
	if !h.Supervisor.IsZero() {
		base.Supervisor, base.Settings = h.Supervisor.Kind, string(h.Supervisor.Settings)
	}
	var out []runtime.Place
	for _, name := range h.Names {
		p := base
		p.Name, p.Host = name, name
		out = append(out, p)
	}
	if h.Inventory != "" {
		var err error
		if out, err = h.fromInventory(ctx, base); err != nil {
			return nil, fmt.Errorf("hosts in %s: %w", h.Inventory, err)
		}
	}
	seen := map[string]bool{}
	for _, p := range out {
		if seen[p.Name] {
			return nil, fmt.Errorf("hosts: %s is named twice", p.Name)
		}
		seen[p.Name] = true
	}
	return out, nil
}

func (h *Hosts) fromInventory(ctx context.Context, base runtime.Place) ([]runtime.Place, error) {
	var warned []string
	inv, err := inventory.Load(ctx, []string{h.Inventory}, inventory.Options{Warn: func(text string) { warned = append(warned, text) }})
	if err != nil {
		return nil, err
	}
	hosts, err := inv.Match(h.Pattern)
	if err != nil {
		return nil, err
	}
	if len(hosts) == 0 {
		return nil, fmt.Errorf("no host matches %q; %s", h.Pattern, strings.Join(warned, "; "))
	}
	var out []runtime.Place
	for _, host := range hosts {
		vars, err := inv.Variables(host)
		if err != nil {
			return nil, fmt.Errorf("variables of %s: %w", host.Name, err)
		}
		p := base
		p.Name, p.Host = host.Name, host.Name
		if err := connection(vars, &p); err != nil {
			return nil, fmt.Errorf("variables of %s: %w", host.Name, err)
		}
		out = append(out, p)
	}
	return out, nil
}

// connection reads Ansible's variables of a connection into a place.
func connection(vars *py.Dict, p *runtime.Place) error {
	text := func(names ...string) (string, error) {
		for _, name := range names {
			v, ok := vars.Get(name)
			if !ok || v == nil {
				continue
			}
			value := fmt.Sprint(v)
			if strings.Contains(value, "{{") {
				return "", fmt.Errorf("%s is the template %q, which is not filled in here: write the value", name, value)
			}
			return value, nil
		}
		return "", nil
	}
	var args []string
	var errs []error
	get := func(names ...string) string {
		value, err := text(names...)
		errs = append(errs, err)
		return value
	}
	if v := get("ansible_host", "ansible_ssh_host"); v != "" {
		p.Host = v
	}
	if v := get("ansible_port", "ansible_ssh_port"); v != "" {
		n, err := strconv.Atoi(v)
		errs = append(errs, err)
		p.Port = n
	}
	p.User = get("ansible_user", "ansible_ssh_user")
	if v := get("ansible_ssh_private_key_file", "ansible_private_key_file"); v != "" {
		p.Keys = []string{v}
	}
	for _, name := range []string{"ansible_ssh_common_args", "ansible_ssh_extra_args"} {
		words, err := remote.Words(get(name))
		errs = append(errs, err)
		args = append(args, words...)
	}
	p.Args = append(slices.Clone(p.Args), args...)
	if v := strings.ToLower(get("ansible_become")); v != "" {
		p.Become = v == "true" || v == "yes" || v == "1"
	}
	p.Address = get("goodstate_address")
	if v := get("goodstate_listen"); v != "" {
		p.Listen = v
	}
	return errors.Join(errs...)
}

// revision is what of the hosts belongs to a release: where it runs, not how goodstate gets there.
func (h *Hosts) revision() *Hosts {
	if h == nil {
		return nil
	}
	return &Hosts{Names: h.names(), Dir: h.Dir, Listen: h.Listen, Supervisor: h.Supervisor}
}
