package module

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

func geteuid() int { return os.Geteuid() }

func init() {
	register(Kind{
		Name:    "service",
		Help:    "A service runs and starts with the system, by whatever the host has for it",
		Example: "service: {name: cron, state: started, enabled: true}",
		Options: []Option{
			{Name: "name", Required: true},
			{Name: "state", Choices: words("started", "stopped", "reloaded", "restarted")},
			{Name: "sleep", Type: Int},
			{Name: "pattern"},
			{Name: "enabled", Type: Bool},
			{Name: "runlevel", Default: "default"},
			{Name: "arguments", Default: "", Aliases: []string{"args"}},
		},
		RequiredOneOf: [][]string{{"state", "enabled"}},
		Check:         CheckFull,
		Plan:          planService,
	})
	register(Kind{
		Name:    "sysvinit",
		Help:    "A script of init.d runs and starts with the system",
		Example: "sysvinit: {name: cron, state: started, enabled: true}",
		Options: []Option{
			{Name: "name", Required: true, Aliases: []string{"service"}},
			{Name: "state", Choices: words("started", "stopped", "restarted", "reloaded")},
			{Name: "enabled", Type: Bool},
			{Name: "sleep", Type: Int, Default: 1},
			{Name: "pattern"},
			{Name: "arguments", Aliases: []string{"args"}},
			{Name: "runlevels", Type: List, Elements: Str},
			{Name: "daemonize", Type: Bool, Default: false},
		},
		RequiredOneOf: [][]string{{"state", "enabled"}},
		Check:         CheckFull,
		Own:           true,
		Plan:          planScriptService,
	})
	register(Kind{
		Name:    "service_facts",
		Help:    "The host's services as facts",
		Example: "service_facts: {}",
		Check:   CheckFull,
		Plan:    planServiceFacts,
	})
}

// systemdRuns tells whether systemd looks after this host.
func systemdRuns() bool { return exists("/run/systemd/system") }

func planService(ctx context.Context, t *Task) error {
	if !systemdRuns() {
		return planScriptService(ctx, t)
	}
	kind, _ := Find("systemd_service")
	t.kind = &kind
	t.args["scope"] = "system"
	return planSystemd(ctx, t)
}

// planScriptService looks after a script in init.d.
func planScriptService(ctx context.Context, t *Task) error {
	name := t.Str("name")
	script := "/etc/init.d/" + name
	if !exists(script) || strings.Contains(name, "/") {
		return fail(fmt.Sprintf("Could not find the requested service %s: host", name))
	}
	t.Return("name", name)
	if t.Has("enabled") {
		on := startsWithSystem(name)
		t.Return("enabled", t.Bool("enabled"))
		if on != t.Bool("enabled") {
			verb := map[bool]string{true: "enable", false: "disable"}[t.Bool("enabled")]
			t.Change(func(ctx context.Context) error {
				if _, err := t.must(ctx, "update-rc.d", name, "defaults"); err != nil {
					return err
				}
				_, err := t.must(ctx, "update-rc.d", name, verb)
				return err
			})
		}
	}
	if !t.Has("state") {
		return nil
	}
	running, err := t.scriptRuns(ctx, script)
	if err != nil {
		return err
	}
	return t.scriptState(script, running)
}

// startsWithSystem tells whether a runlevel starts the script.
func startsWithSystem(name string) bool {
	found, err := filepath.Glob("/etc/rc[2-5S].d/S[0-9][0-9]" + name)
	return err == nil && len(found) > 0
}

func (t *Task) scriptRuns(ctx context.Context, script string) (bool, error) {
	if p := t.Str("pattern"); p != "" {
		out, err := t.run(ctx, program{args: []string{"ps", "auxww"}})
		return strings.Contains(out.stdout, p), err
	}
	out, err := t.run(ctx, program{args: []string{script, "status"}, env: cLocale})
	if err != nil {
		return false, err
	}
	said := strings.ToLower(out.stdout + out.stderr)
	switch {
	case strings.Contains(said, "not running") || strings.Contains(said, "is stopped") || strings.Contains(said, "is dead"):
		return false, nil
	case out.rc != 0 && out.rc < 5:
		return false, nil
	}
	return out.rc == 0, nil
}

func (t *Task) scriptState(script string, running bool) error {
	want := t.Str("state")
	t.Return("state", want)
	var verbs []string
	switch {
	case want == "started" && !running:
		verbs = []string{"start"}
	case want == "stopped" && running:
		verbs = []string{"stop"}
	case want == "reloaded":
		t.Return("state", "started")
		verbs = []string{"reload"}
		if !running {
			verbs = []string{"start"}
		}
	case want == "restarted":
		t.Return("state", "started")
		verbs = []string{"stop", "start"}
	}
	if verbs == nil {
		return nil
	}
	t.Change(func(ctx context.Context) error {
		for i, verb := range verbs {
			if i > 0 && t.Int("sleep") > 0 {
				if err := pause(ctx, time.Duration(t.Int("sleep"))*time.Second); err != nil {
					return err
				}
			}
			args := append([]string{script, verb}, strings.Fields(t.Str("arguments"))...)
			out, err := t.run(ctx, program{args: args, env: cLocale})
			if err != nil {
				return err
			}
			if out.rc != 0 && !(verb == "stop" && len(verbs) == 2) {
				return fail(strings.TrimSpace(out.stderr+"\n"+out.stdout), Result{"rc": int64(out.rc)})
			}
		}
		return nil
	})
	return nil
}

// pause waits, unless ctx ends first.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

var statusLine = regexp.MustCompile(`^ \[ (.) \]  (\S+)`)

func planServiceFacts(ctx context.Context, t *Task) error {
	services := map[string]any{}
	add := func(name, state, status, source string) {
		services[name] = map[string]any{"name": name, "state": state, "status": status, "source": source}
		if status == "" {
			delete(services[name].(map[string]any), "status")
		}
	}
	if systemdRuns() {
		if err := t.systemdServices(ctx, add); err != nil {
			return err
		}
	} else if _, err := t.find("service"); err == nil {
		out, err := t.run(ctx, program{args: []string{"service", "--status-all"}, env: cLocale})
		if err != nil {
			return err
		}
		for line := range strings.SplitSeq(out.stdout+out.stderr, "\n") {
			if m := statusLine.FindStringSubmatch(line); m != nil && m[1] != "?" {
				add(m[2], map[string]string{"+": "running", "-": "stopped"}[m[1]], "", "sysv")
			}
		}
	}
	if len(services) == 0 {
		t.Return("skipped", true)
		t.Return("msg", "Failed to find any services. This can be due to privileges or some other configuration issue.")
		return nil
	}
	t.Return("ansible_facts", map[string]any{"services": services})
	return nil
}

func (t *Task) systemdServices(ctx context.Context, add func(name, state, status, source string)) error {
	states := map[string]string{}
	units, err := t.run(ctx, program{args: []string{"systemctl", "list-units", "--no-pager", "--type", "service", "--all", "--plain", "--no-legend"}, env: cLocale})
	if err != nil {
		return err
	}
	for line := range strings.SplitSeq(units.stdout, "\n") {
		f := strings.Fields(strings.TrimLeft(line, "●* "))
		if len(f) < 4 || !strings.HasSuffix(f[0], ".service") {
			continue
		}
		state, status := "stopped", ""
		if f[3] == "running" {
			state = "running"
		}
		switch f[1] {
		case "not-found", "masked", "failed":
			status = f[1]
		}
		if f[2] == "failed" {
			status = "failed"
		}
		states[f[0]] = state
		if status == "" {
			status = "unknown"
		}
		add(f[0], state, status, "systemd")
	}
	files, err := t.run(ctx, program{args: []string{"systemctl", "list-unit-files", "--no-pager", "--type", "service", "--all", "--no-legend"}, env: cLocale})
	if err != nil {
		return err
	}
	for line := range strings.SplitSeq(files.stdout, "\n") {
		f := strings.Fields(line)
		if len(f) < 2 || !strings.HasSuffix(f[0], ".service") {
			continue
		}
		state := states[f[0]]
		if state == "" {
			state = "unknown"
			if !strings.Contains(f[0], "@.") {
				state = "inactive"
			}
		}
		add(f[0], state, f[1], "systemd")
	}
	return nil
}
