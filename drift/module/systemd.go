package module

import (
	"context"
	"fmt"
	"regexp"
	"strings"
)

func init() {
	register(Kind{
		Name:    "systemd_service",
		Also:    []string{"systemd", "ansible.builtin.systemd", "ansible.legacy.systemd"},
		Help:    "Units of systemd: started, enabled, masked",
		Example: "systemd_service: {name: nginx, state: started, enabled: true, daemon_reload: true}",
		Options: []Option{
			{Name: "name", Aliases: []string{"service", "unit"}},
			{Name: "state", Choices: words("reloaded", "restarted", "started", "stopped")},
			{Name: "enabled", Type: Bool},
			{Name: "force", Type: Bool},
			{Name: "masked", Type: Bool},
			{Name: "daemon_reload", Type: Bool, Default: false, Aliases: []string{"daemon-reload"}},
			{Name: "daemon_reexec", Type: Bool, Default: false, Aliases: []string{"daemon-reexec"}},
			{Name: "scope", Default: "system", Choices: words("system", "user", "global")},
			{Name: "no_block", Type: Bool, Default: false},
		},
		RequiredOneOf: [][]string{{"state", "enabled", "masked", "daemon_reload", "daemon_reexec"}},
		RequiredBy:    map[string][]string{"state": {"name"}, "enabled": {"name"}, "masked": {"name"}},
		Check:         CheckFull,
		Plan:          planSystemd,
	})
}

// unit is a unit of systemd as it is now.
type unit struct {
	*Task
	name   string
	ctl    []string // systemctl with the options of the task
	status map[string]any
	found  bool
}

func planSystemd(ctx context.Context, t *Task) error {
	if err := t.need("systemctl"); err != nil {
		return err
	}
	u := &unit{Task: t, name: t.Str("name"), ctl: []string{"systemctl"}}
	if strings.HasPrefix(u.name, "-") {
		return fail(fmt.Sprintf("Could not find the requested service %s: host", u.name))
	}
	switch t.Str("scope") {
	case "user", "global":
		u.ctl = append(u.ctl, "--"+t.Str("scope"))
	}
	if t.Str("scope") == "user" && t.Getenv("XDG_RUNTIME_DIR") == "" {
		account, err := lookupUID(geteuid())
		if err != nil {
			return err
		}
		t.env = append(t.environ(), fmt.Sprintf("XDG_RUNTIME_DIR=/run/user/%d", account.UID))
	}
	if t.Bool("no_block") {
		u.ctl = append(u.ctl, "--no-block")
	}
	if t.Bool("force") {
		u.ctl = append(u.ctl, "--force")
	}
	for _, verb := range []string{"daemon-reload", "daemon-reexec"} {
		if t.Bool(strings.ReplaceAll(verb, "-", "_")) && !t.Check {
			if err := u.manager(ctx, verb); err != nil { // units are only known afterwards; it changes nothing about them
				return err
			}
		}
	}
	t.Return("name", nil)
	t.Return("status", map[string]any{})
	if !t.Has("name") {
		return nil
	}
	t.Return("name", u.name)
	return u.plan(ctx)
}

func (u *unit) manager(ctx context.Context, verb string) error {
	out, err := u.run(ctx, program{args: append(u.ctl[:len(u.ctl):len(u.ctl)], verb), env: cLocale})
	if err == nil && out.rc != 0 {
		err = fail(fmt.Sprintf("failure %d during %s: %s", out.rc, verb, out.stderr))
	}
	return err
}

func (u *unit) ask(ctx context.Context, args ...string) (output, error) {
	return u.run(ctx, program{args: append(u.ctl[:len(u.ctl):len(u.ctl)], args...), env: cLocale})
}

func (u *unit) plan(ctx context.Context) error {
	out, err := u.ask(ctx, "show", u.name)
	if err != nil {
		return err
	}
	u.status = map[string]any{}
	switch {
	case out.rc == 0 && !strings.Contains(out.stdout, "ignoring request"):
		u.status = showUnit(out.stdout)
		u.found = u.status["LoadState"] != nil && u.status["LoadState"] != "not-found"
		if load, _ := u.status["LoadError"].(string); u.found && load != "" && u.status["LoadState"] != "masked" {
			return fail(fmt.Sprintf("Error loading unit file '%s': %s", u.name, load))
		}
	case u.Check && (strings.Contains(out.stderr, "Failed to get D-Bus connection") || strings.Contains(out.stderr, "Failed to connect to bus")):
		u.Warn("Could not connect to systemd: %s", strings.TrimSpace(out.stderr))
	}
	u.Return("status", u.status)
	if !u.found { // what systemd does not know yet may still be a script in init.d
		u.found = exists("/etc/init.d/"+u.name) && !strings.Contains(u.name, "/")
	}
	if err := u.mask(); err != nil {
		return err
	}
	if err := u.enable(ctx); err != nil {
		return err
	}
	return u.state()
}

func (u *unit) missing() error {
	if u.found {
		return nil
	}
	return fail(fmt.Sprintf("Could not find the requested service %s: host", u.name))
}

func (u *unit) mask() error {
	if !u.Has("masked") {
		return nil
	}
	masked := u.status["LoadState"] == "masked"
	if masked == u.Bool("masked") {
		return nil
	}
	verb := map[bool]string{true: "mask", false: "unmask"}[u.Bool("masked")]
	u.Change(func(ctx context.Context) error {
		out, err := u.ask(ctx, verb, u.name)
		if err == nil && out.rc != 0 {
			err = u.missing()
			if err == nil {
				err = fail(fmt.Sprintf("Unable to %s service %s: %s", verb, u.name, out.stderr))
			}
		}
		return err
	})
	return nil
}

// enable plans whether the unit starts with the system.
func (u *unit) enable(ctx context.Context) error {
	if !u.Has("enabled") {
		return nil
	}
	verb := map[bool]string{true: "enable", false: "disable"}[u.Bool("enabled")]
	if err := u.missing(); err != nil {
		return err
	}
	out, err := u.ask(ctx, "is-enabled", u.name)
	if err != nil {
		return err
	}
	word := strings.TrimSpace(out.stdout)
	enabled := out.rc == 0
	if enabled && (word == "enabled-runtime" || word == "alias") && u.Bool("enabled") {
		enabled = word == "alias"
	}
	if word == "indirect" && out.rc == 0 {
		enabled = false
	}
	u.Return("enabled", enabled)
	if enabled == u.Bool("enabled") {
		return nil
	}
	u.Return("enabled", u.Bool("enabled"))
	u.Change(func(ctx context.Context) error {
		out, err := u.ask(ctx, verb, u.name)
		if err == nil && out.rc != 0 {
			err = fail(fmt.Sprintf("Unable to %s service %s: %s", verb, u.name, out.stdout+out.stderr))
		}
		return err
	})
	return nil
}

// state plans what runs.
func (u *unit) state() error {
	if !u.Has("state") {
		return nil
	}
	if err := u.missing(); err != nil {
		return err
	}
	u.Return("state", u.Str("state"))
	active, known := u.status["ActiveState"].(string)
	if !known {
		if u.Check {
			u.Change(nil)
			return nil
		}
		return fail("Service is in unknown state", Result{"status": u.status})
	}
	running := active == "active" || active == "activating" || active == "reloading"
	verb := ""
	switch want := u.Str("state"); {
	case want == "started" && !running:
		verb = "start"
	case want == "stopped" && (running || active == "deactivating"):
		verb = "stop"
	case want == "restarted" || want == "reloaded":
		verb = strings.TrimSuffix(want, "ed")
		if !running {
			verb = "start"
		}
		u.Return("state", "started")
	}
	if verb == "" {
		return nil
	}
	u.Change(func(ctx context.Context) error {
		out, err := u.ask(ctx, verb, u.name)
		if err == nil && out.rc != 0 {
			err = fail(fmt.Sprintf("Unable to %s service %s: %s", verb, u.name, out.stderr))
		}
		return err
	})
	return nil
}

var execProperty = regexp.MustCompile(`^Exec[A-Z]`)

// showUnit reads what systemctl show prints; values of Exec properties may go over several lines.
func showUnit(text string) map[string]any {
	out := map[string]any{}
	key, value := "", ""
	for line := range strings.SplitSeq(text, "\n") {
		if key != "" {
			value += "\n" + line
			if strings.HasSuffix(strings.TrimRight(line, " "), "}") {
				out[key], key = value, ""
			}
			continue
		}
		k, v, ok := strings.Cut(line, "=")
		if !ok {
			continue
		}
		if execProperty.MatchString(k) && strings.HasPrefix(strings.TrimLeft(v, " "), "{") && !strings.HasSuffix(strings.TrimRight(v, " "), "}") {
			key, value = k, v
			continue
		}
		out[k] = v
	}
	return out
}
