// Package drift keeps hosts as their playbooks say: it looks at them on schedules, corrects what its policy allows under a cap, and asks people about the rest.
// What was seen is in drift/record; what is done about it is decided in drift/policy.
package drift

import (
	"fmt"
	"path"
	"path/filepath"
	"strings"
	"time"

	"goodstate.dev/goodstate/core/check"
	"goodstate.dev/goodstate/core/config"
	"goodstate.dev/goodstate/core/schedule"
	"goodstate.dev/goodstate/drift/log"
	"goodstate.dev/goodstate/drift/policy"
	"goodstate.dev/goodstate/drift/record"
	"goodstate.dev/goodstate/drift/report"
)

// Config is `drift:` of goodstate.yaml.
type Config struct {
	Playbooks   config.Map[Playbook]    `yaml:"playbooks" json:"playbooks,omitempty" help:"playbooks that hosts are compared with, by name"`
	Connections Connections             `yaml:"connections" json:"connections" help:"connections to hosts that are kept from one run to the next"`
	Logs        log.Config              `yaml:"logs" json:"logs" help:"what every task said on every host: how long it is kept, and where it is handed on to"`
	Reports     config.Map[report.Plan] `yaml:"reports" json:"reports,omitempty" help:"reports that goodstate serve makes by itself, by name, and tells as event drift.report.NAME to who is told things; mails have the files with them"`
}

// Connections bounds what is kept open.
type Connections struct {
	Keep config.Duration `yaml:"keep" json:"keep" default:"10m" help:"how long a connection that nobody uses is kept, with the agent behind it; 0s closes it at the end of the run"`
	Most int             `yaml:"most" json:"most" default:"500" help:"connections that are kept at most"`
}

// Playbook is one playbook, the hosts that it is about, and what is done about them.
type Playbook struct {
	File      string                 `yaml:"file" json:"file" required:"true" help:"the playbook, from the folder of goodstate.yaml; ansible.cfg is read there too" example:"site.yml"`
	Inventory []string               `yaml:"inventory" json:"inventory,omitempty" help:"inventories: files, folders or scripts; without it what ansible.cfg says" example:"[hosts.ini]"`
	Limit     string                 `yaml:"limit" json:"limit,omitempty" help:"only these hosts of the plays, as Ansible's patterns say" example:"web:!old"`
	Vars      map[string]any         `yaml:"vars" json:"vars,omitempty" help:"extra variables; secrets belong into a vault" example:"{folder: /srv}"`
	Tags      []string               `yaml:"tags" json:"tags,omitempty" help:"only tasks with these tags"`
	SkipTags  []string               `yaml:"skip_tags" json:"skip_tags,omitempty" help:"no tasks with these tags"`
	User      string                 `yaml:"user" json:"user,omitempty" help:"log in as this user where the inventory names none" example:"deploy"`
	Key       string                 `yaml:"key" json:"key,omitempty" help:"file with the private key of the login, where the inventory names none" example:"id_ed25519"`
	Become    bool                   `yaml:"become" json:"become,omitempty" help:"run tasks as root, or as who become_user says"`
	Passwords Passwords              `yaml:"passwords" json:"passwords,omitzero" help:"secrets that the runs use"`
	Shard     int                    `yaml:"shard" json:"shard" default:"50" help:"hosts that one step looks at, 1 to 100; memory grows with it, and a run that was interrupted goes on with the first shard that was not finished"`
	Schedules []Schedule             `yaml:"schedules" json:"schedules,omitempty" help:"when goodstate serve looks at the hosts, or corrects them"`
	Policy    []policy.Rule          `yaml:"policy" json:"policy,omitempty" help:"what a correcting run does about differences; the first rule that fits counts, and what no rule names is corrected"`
	Cap       policy.Cap             `yaml:"cap" json:"cap" help:"how much a correcting run may change"`
	Checks    config.Map[check.Spec] `yaml:"checks" json:"checks,omitempty" help:"checks that must pass before the first correction and after each group of hosts; where one does not, the run stops"`
	Ignore    []policy.Ignore        `yaml:"ignore" json:"ignore,omitempty" help:"differences that may stay, for a reason and until a day"`
	Services  []string               `yaml:"services" json:"services,omitempty" help:"services that run on these hosts: while one is rolled out the runs wait, and after a rollback the playbook counts as it was at the known-good point" example:"[web]"`
	Wait      config.Duration        `yaml:"wait" json:"wait" default:"15m" help:"how long a run waits for hosts that another run or a rollout holds, before it leaves them out and says so; 0s does not wait"`
}

// Passwords are secrets by name.
type Passwords struct {
	Login  config.Secret             `yaml:"login" json:"login,omitzero" help:"password of the login" example:"{secret: ssh}"`
	Become config.Secret             `yaml:"become" json:"become,omitzero" help:"password of sudo and its kin" example:"{secret: sudo}"`
	Vault  config.Map[config.Secret] `yaml:"vault" json:"vault,omitempty" help:"passwords of vaults, by vault id; default is the one without an id" example:"{default: {secret: vault}}"`
}

// Schedule is when a playbook is run by itself.
type Schedule struct {
	Cron    string            `yaml:"cron" json:"cron" required:"true" help:"five fields, @daily and its kin, or @every 15m" example:"\"*/30 * * * *\""`
	TZ      string            `yaml:"tz" json:"tz,omitempty" help:"time zone of the expression; none means the zone of this machine" example:"Europe/Berlin"`
	Do      record.Mode       `yaml:"do" json:"do" default:"detect" enum:"detect,correct" help:"detect only looks; correct looks, and corrects what the policy allows"`
	Jitter  config.Duration   `yaml:"jitter" json:"jitter,omitempty" help:"a delay of up to so long, the same each time, so that many schedules do not begin in one second" example:"5m"`
	Windows []schedule.Window `yaml:"windows" json:"windows,omitempty" help:"parts of the week outside of which the schedule is left out" example:"[{from: \"22:00\", to: \"04:00\", days: [mon]}]"`
}

// Validate reports what cannot be read, and a jitter that would skip times.
func (s *Schedule) Validate(report func(path, message string)) {
	at, err := schedule.Parse(s.Cron, s.TZ)
	if err != nil {
		report("cron", err.Error())
		return
	}
	now := time.Now()
	first := at.Next(now)
	if between := at.Next(first).Sub(first); time.Duration(s.Jitter) > between {
		report("jitter", fmt.Sprintf("%s is longer than the %s between two times", s.Jitter, config.Duration(between)))
	}
	for i, w := range s.Windows {
		if err := w.Validate(); err != nil {
			report(fmt.Sprintf("windows[%d].tz", i), err.Error())
		}
	}
}

// mostShard is how many hosts one step takes at most.
const mostShard = 100

// Validate reports what single values cannot know.
func (p *Playbook) Validate(report func(path, message string)) {
	if p.Shard < 1 || p.Shard > mostShard {
		report("shard", fmt.Sprintf("%d, want 1 to %d", p.Shard, mostShard))
	}
	for name, c := range p.Checks.All() {
		if len(c.On) > 0 {
			report("checks."+name+".when", "the checks of drift run before the first correction and after each group of hosts; when is for rollouts")
		}
	}
}

// Validate reports names that cannot be used.
func (c *Config) Validate(wrong func(path, message string)) {
	for name := range c.Playbooks.All() {
		if name == "" || len(name) > 63 || strings.ContainsAny(name, "/\\ \t\n") || name != path.Clean(name) || strings.HasPrefix(name, "-") || reserved(name) {
			wrong("playbooks."+name, fmt.Sprintf("%q is no name for a playbook: no slashes and spaces, at most 63 bytes, and not the name of a command of goodstate drift", name))
		}
	}
	for name, p := range c.Reports.All() {
		if name == "" || len(name) > 63 || strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != "" {
			wrong("reports."+name, fmt.Sprintf("%q is no name for a report: want letters, digits, dashes and underscores, at most 63", name))
		}
		if _, known := c.Playbooks.Get(p.Playbook); p.Group != "" && !known {
			wrong("reports."+name+".group", fmt.Sprintf("playbook %q is not one of drift.playbooks, whose inventory says who is in a group", p.Playbook))
		}
	}
	if c.Connections.Most < 0 {
		wrong("connections.most", fmt.Sprintf("%d, want at least 0", c.Connections.Most))
	}
}

// reserved are the words after goodstate drift.
func reserved(name string) bool {
	switch name {
	case "accept", "report", "approve", "reject", "asks", "cancel", "runs", "help", "import", "log":
		return true
	}
	return false
}

// Absolute takes relative paths from a folder.
func (c *Config) Absolute(base string) {
	absolute := func(p string) string {
		if p == "" || filepath.IsAbs(p) {
			return p
		}
		return filepath.Join(base, p)
	}
	for name, p := range c.Playbooks.All() {
		p.File, p.Key = absolute(p.File), absolute(p.Key)
		inventory := make([]string, len(p.Inventory))
		for i, source := range p.Inventory {
			inventory[i] = source
			if !strings.Contains(source, ",") { // else it is a list of hosts
				inventory[i] = absolute(source)
			}
		}
		p.Inventory = inventory
		c.Playbooks.Set(name, p)
	}
}
