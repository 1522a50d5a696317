// Package app builds goodstate from its configuration: it is the only package that knows all parts. It holds one data
// directory, and offers what it can do over one API, which the command line, the pages and other programs use alike.
package app

import (
	"fmt"
	"path/filepath"

	"goodstate.dev/goodstate/backup"
	"goodstate.dev/goodstate/core/audit"
	"goodstate.dev/goodstate/core/config"
	"goodstate.dev/goodstate/core/notify"
	"goodstate.dev/goodstate/core/secret"
	"goodstate.dev/goodstate/drift"
	"goodstate.dev/goodstate/hooks"
	"goodstate.dev/goodstate/hooks/webhook"
	"goodstate.dev/goodstate/rollout"
	"goodstate.dev/goodstate/rollout/alert"
)

// ConfigName is the name of the configuration file where none is given.
const ConfigName = "goodstate.yaml"

// Config is the whole of goodstate.yaml.
type Config struct {
	Data     string                      `yaml:"data" json:"data" help:"folder of the data directory, from the file's own folder" default:".goodstate"`
	Secrets  map[string]secret.Source    `yaml:"secrets" json:"secrets,omitempty" help:"where the values of secrets are, by name" example:"{db: {env: DB_PASSWORD}}"`
	Services config.Map[rollout.Service] `yaml:"services" json:"services" help:"what is released, by name"`
	Notify   []notify.Rule               `yaml:"notify" json:"notify,omitempty" help:"who is told what"`
	Alerts   map[string]alert.Receiver   `yaml:"alerts" json:"alerts,omitempty" help:"where monitoring sends its alerts, by name: /in/alerts/NAME of the server" example:"{main: {token: {secret: alerts}}}"`
	Audit    []audit.Rule                `yaml:"audit" json:"audit,omitempty" help:"where the journal is handed on to, at least once and in order, without holding anything up"`
	Hooks    hooks.Config                `yaml:"hooks" json:"hooks,omitzero" help:"what Git's hooks check, on the client and on the server"`
	Webhooks config.Map[webhook.Config]  `yaml:"webhooks" json:"webhooks,omitzero" help:"pushes that GitHub, GitLab, Gitea or Forgejo tell of at /hooks/NAME of the dashboard; a service with on_push is released by them" example:"{github: {from: github, secret: {secret: github}}}"`
	Backup   backup.Config               `yaml:"backup" json:"backup,omitzero" help:"what is copied so that it can be brought back, where to, and how soon it must be back"`
	Drift    drift.Config                `yaml:"drift" json:"drift,omitzero" help:"playbooks that hosts are compared with, on schedules, and what is done about differences"`
	Server   Server                      `yaml:"server" json:"server" help:"the dashboard of goodstate serve"`
}

// Validate reports what the parts cannot know of each other.
func (c *Config) Validate(report func(path, message string)) {
	for name := range c.Alerts {
		if !validName(name) {
			report("alerts."+name, fmt.Sprintf("receiver name %q, want letters, digits, dot, dash and underscore, at most 63", name))
		}
	}
	c.validateWebhooks(report)
	for name, a := range c.Backup.Applications.All() {
		for _, service := range a.Services {
			if _, ok := c.Services.Get(service); !ok {
				report("backup.applications."+name+".services", fmt.Sprintf("there is no service %q; services has %v", service, c.Services.Keys()))
			}
		}
	}
	for name, p := range c.Drift.Playbooks.All() {
		for _, service := range p.Services {
			if _, ok := c.Services.Get(service); !ok {
				report("drift.playbooks."+name+".services", fmt.Sprintf("there is no service %q; services has %v", service, c.Services.Keys()))
			}
		}
	}
	listen := map[string]string{}
	for name, s := range c.Services.All() {
		if !validName(name) {
			report("services."+name, fmt.Sprintf("service name %q, want letters, digits, dot, dash and underscore, at most 63", name))
		}
		if s.Traffic == nil || s.Traffic.Listen == "" {
			continue
		}
		if other, taken := listen[s.Traffic.Listen]; taken {
			report("services."+name+".traffic.listen", fmt.Sprintf("%s is the address of %s already", s.Traffic.Listen, other))
		}
		listen[s.Traffic.Listen] = name
	}
}

func validName(name string) bool {
	if name == "" || len(name) > 63 {
		return false
	}
	for i, c := range name {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && (i == 0 || c != '.' && c != '-' && c != '_') {
			return false
		}
	}
	return true
}

// Load reads the configuration file. Paths in it are taken from its own folder.
func Load(path string) (*Config, error) {
	c := &Config{}
	if err := config.Load(path, c); err != nil {
		return nil, err
	}
	base, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("folder of %s: %w", path, err)
	}
	c.Data = absolute(base, c.Data)
	c.Drift.Absolute(base)
	c.Server.Cert, c.Server.Key = absolute(base, c.Server.Cert), absolute(base, c.Server.Key)
	for name, s := range c.Services.All() {
		for file, f := range s.Files {
			f.Beside = absolute(base, f.Beside)
			s.Files[file] = f // the map is this configuration's own
		}
		if s.Hosts != nil && s.Hosts.Inventory != "" {
			h := *s.Hosts
			h.Inventory = absolute(base, h.Inventory)
			s.Hosts = &h
			c.Services.Set(name, s)
		}
		if s.Kubernetes != nil && s.Kubernetes.Kubeconfig != "" {
			k := *s.Kubernetes
			k.Kubeconfig = absolute(base, k.Kubeconfig)
			s.Kubernetes = &k
			c.Services.Set(name, s)
		}
		if s.Traffic != nil && s.Traffic.Cert != "" {
			t := *s.Traffic
			t.Cert, t.Key = absolute(base, t.Cert), absolute(base, t.Key)
			s.Traffic = &t
			c.Services.Set(name, s)
		}
	}
	return c, nil
}

func absolute(base, path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(base, path)
}
