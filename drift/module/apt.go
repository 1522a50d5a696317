package module

import (
	"context"
	"fmt"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"
)

func init() {
	register(Kind{
		Name:    "apt",
		Help:    "Packages of Debian and its relatives",
		Example: "apt: {name: [nginx, 'curl=7.*'], state: present, update_cache: true, cache_valid_time: 3600}",
		Options: []Option{
			{Name: "state", Default: "present", Choices: words("absent", "build-dep", "fixed", "latest", "present")},
			{Name: "update_cache", Type: Bool, Aliases: []string{"update-cache"}},
			{Name: "update_cache_retries", Type: Int, Default: 5},
			{Name: "update_cache_retry_max_delay", Type: Int, Default: 12},
			{Name: "cache_valid_time", Type: Int, Default: 0},
			{Name: "purge", Type: Bool, Default: false},
			{Name: "package", Type: List, Elements: Str, Aliases: []string{"pkg", "name"}},
			{Name: "deb", Type: Path},
			{Name: "default_release", Aliases: []string{"default-release"}},
			{Name: "install_recommends", Type: Bool, Aliases: []string{"install-recommends"}},
			{Name: "force", Type: Bool, Default: false},
			{Name: "upgrade", Default: "no", Choices: words("dist", "full", "no", "safe", "yes")},
			{Name: "dpkg_options", Default: "force-confdef,force-confold"},
			{Name: "autoremove", Type: Bool, Default: false},
			{Name: "autoclean", Type: Bool, Default: false},
			{Name: "fail_on_autoremove", Type: Bool, Default: false},
			{Name: "policy_rc_d", Type: Int},
			{Name: "only_upgrade", Type: Bool, Default: false},
			{Name: "force_apt_get", Type: Bool, Default: false},
			{Name: "clean", Type: Bool, Default: false},
			{Name: "allow_unauthenticated", Type: Bool, Default: false, Aliases: []string{"allow-unauthenticated"}},
			{Name: "allow_downgrade", Type: Bool, Default: false, Aliases: []string{"allow-downgrade", "allow_downgrades", "allow-downgrades"}},
			{Name: "allow_change_held_packages", Type: Bool, Default: false},
			{Name: "lock_timeout", Type: Int, Default: 60},
			{Name: "auto_install_module_deps", Type: Bool, Default: true, Since: "2.19"},
		},
		MutuallyExclusive: [][]string{{"deb", "package", "upgrade"}},
		RequiredOneOf:     [][]string{{"autoremove", "deb", "package", "update_cache", "upgrade"}},
		Check:             CheckFull,
		Diff:              true,
		Plan:              planApt,
	})
}

// aptTask is one call of apt.
type aptTask struct {
	*Task
	state   string
	updated bool
	stamp   time.Time
	// tellCache says that the age of the lists is of interest: packages were asked for, or the lists themselves.
	tellCache bool
}

func planApt(ctx context.Context, t *Task) error {
	if err := t.need("apt-get"); err != nil {
		return err
	}
	a := &aptTask{Task: t, state: t.Str("state")}
	if t.Has("default_release") {
		a.args["default_release"] = t.Str("default_release")
	}
	if a.state == "fixed" {
		return a.get("'apt-get fix' failed: %s", append(a.options(), "--fix-broken", "install")...)
	}
	a.cache()
	names, upgradeAll, err := a.names()
	if err != nil {
		return err
	}
	switch {
	case t.Bool("clean"):
		return a.cleaned("clean")
	case t.Str("upgrade") != "no" || upgradeAll:
		return a.upgrade(upgradeAll)
	case t.Has("deb"):
		return a.deb(ctx)
	case len(names) == 0:
		switch {
		case t.Bool("autoclean"):
			return a.cleaned("autoclean")
		case t.Bool("autoremove"):
			return a.cleaned("autoremove")
		}
		a.changed = a.changed || a.updated
		a.tellCache = true
		return nil
	case a.state == "absent":
		return a.remove(names)
	}
	a.tellCache = true
	// What is planned hangs on lists that are only now brought up to date, so that the look at them is a step of its own.
	if a.updated && !t.Check {
		t.Act(func(ctx context.Context) error { return a.install(ctx, names) })
		return nil
	}
	return a.install(ctx, names)
}

// names are the wanted packages; * asks for an upgrade of all.
func (a *aptTask) names() (list []string, all bool, err error) {
	for _, name := range a.Strs("package") {
		name = strings.TrimSpace(name)
		switch {
		case name == "":
		case name == "*":
			all = true
		default:
			list = append(list, name)
		}
	}
	if all && a.state != "latest" {
		return nil, false, fail("unable to install additional packages when upgrading all installed packages")
	}
	return list, all && len(list) == 0, nil
}

// listsAge is when the lists of packages were fetched.
func listsAge() time.Time {
	for _, path := range []string{"/var/lib/apt/periodic/update-success-stamp", "/var/lib/apt/lists"} {
		if info, err := os.Stat(path); err == nil {
			return info.ModTime()
		}
	}
	return time.Time{}
}

// cache plans to fetch the lists when they are too old.
func (a *aptTask) cache() {
	a.stamp = listsAge()
	if a.Has("update_cache") && a.Bool("update_cache") || a.Int("cache_valid_time") > 0 && !a.Has("update_cache") {
		valid := time.Duration(a.Int("cache_valid_time")) * time.Second
		if a.Int("cache_valid_time") <= 0 || time.Now().After(a.stamp.Add(valid)) {
			a.updated = true
			a.Act(a.update)
		}
	}
	a.After(func(context.Context) error {
		if a.updated && !a.Check {
			after := listsAge()
			a.updated = !after.Equal(a.stamp)
			a.stamp = after
		}
		if a.tellCache {
			a.Return("cache_updated", a.updated)
			a.Return("cache_update_time", a.stamp.Unix())
		}
		if !a.Has("package") && !a.Has("deb") && a.Str("upgrade") == "no" && len(a.steps) <= 1 {
			a.changed = a.updated
		}
		return nil
	})
}

// update fetches the lists, again where a mirror or a lock was in the way.
func (a *aptTask) update(ctx context.Context) error {
	var last string
	delay := time.Second
	for range max(a.Int("update_cache_retries"), 1) {
		out, err := a.run(ctx, program{args: []string{"apt-get", "-q", "-y", "update"}, env: aptEnv})
		if err != nil {
			return err
		}
		if out.rc == 0 && !strings.Contains(out.stderr, "Failed to fetch") {
			return nil
		}
		last = strings.TrimSpace(out.stderr)
		wait := time.NewTimer(min(delay, time.Duration(a.Int("update_cache_retry_max_delay"))*time.Second))
		select {
		case <-ctx.Done():
			wait.Stop()
			return ctx.Err()
		case <-wait.C:
		}
		delay *= 2
	}
	return fail("Failed to update apt cache: " + orUnknown(last))
}

func orUnknown(text string) string {
	if text == "" {
		return "unknown reason"
	}
	return text
}

var aptEnv = append([]string{"DEBIAN_FRONTEND=noninteractive", "DEBIAN_PRIORITY=critical"}, cLocale...)

// options are the arguments that all calls of apt-get begin with.
func (a *aptTask) options() []string {
	args := []string{"-y"}
	for option := range strings.SplitSeq(a.Str("dpkg_options"), ",") {
		args = append(args, "-o", "Dpkg::Options::=--"+option)
	}
	return args
}

func (a *aptTask) flags() (args []string) {
	for _, f := range []struct{ option, flag string }{
		{"only_upgrade", "--only-upgrade"},
		{"fail_on_autoremove", "--no-remove"},
		{"autoremove", "--auto-remove"},
		{"force", "--force-yes"},
		{"allow_unauthenticated", "--allow-unauthenticated"},
		{"allow_downgrade", "--allow-downgrades"},
		{"allow_change_held_packages", "--allow-change-held-packages"},
	} {
		if a.Bool(f.option) {
			args = append(args, f.flag)
		}
	}
	return args
}

// get plans a call of apt-get. In check mode it is asked what it would do.
func (a *aptTask) get(failure string, args ...string) error {
	a.Change(func(ctx context.Context) error { return a.carryGet(ctx, failure, args) })
	if a.Check {
		return a.carryGet(context.Background(), failure, append([]string{"-s"}, args...))
	}
	return nil
}

// nothing is the line of apt-get that says that there was nothing to do.
var nothing = regexp.MustCompile(`(?m)^0 upgraded, 0 newly installed, 0 to remove`)

func (a *aptTask) carryGet(ctx context.Context, failure string, args []string) error {
	done, err := a.policy()
	if err != nil {
		return err
	}
	defer done()
	lock := fmt.Sprintf("DPkg::Lock::Timeout=%d", a.Int("lock_timeout"))
	out, err := a.run(ctx, program{args: append([]string{"apt-get", "-o", lock}, args...), env: aptEnv})
	if err != nil {
		return err
	}
	stdout, stderr := text([]byte(out.stdout)), text([]byte(out.stderr))
	if out.rc != 0 {
		return fail(fmt.Sprintf(failure, stderr), Result{"stdout": stdout, "stderr": stderr, "rc": int64(out.rc), "cache_updated": a.updated, "cache_update_time": a.stamp.Unix()})
	}
	a.Return("stdout", stdout)
	a.Return("stderr", stderr)
	a.Return("diff", map[string]any{})
	if a.Call.Diff {
		a.Return("diff", map[string]any{"prepared": aptDiff(stdout)})
	}
	if nothing.MatchString(stdout) && a.kindOfCall(args) != "install" {
		a.changed = false
	}
	return nil
}

func (a *aptTask) kindOfCall(args []string) string {
	for _, arg := range args {
		if slices.Contains([]string{"install", "remove", "upgrade", "dist-upgrade", "autoremove", "build-dep"}, arg) {
			return arg
		}
	}
	return ""
}

// aptDiff is what apt-get says it does to which packages.
func aptDiff(stdout string) string {
	lines := splitLines(stdout)
	start := slices.Index(lines, "Reading state information...") + 1
	end := len(lines)
	for i, line := range lines {
		if ok, err := path.Match("[0-9]* upgraded*", line); ok && err == nil {
			end = i + 1
			break
		}
	}
	return strings.Join(lines[start:max(start, end)], "\n")
}

// policy puts a policy-rc.d in place that keeps services from being started, for as long as it takes.
func (a *aptTask) policy() (func(), error) {
	const place = "/usr/sbin/policy-rc.d"
	if !a.Has("policy_rc_d") || a.Check {
		return func() {}, nil
	}
	before, err := os.ReadFile(place)
	there := err == nil
	script := fmt.Sprintf("#!/bin/sh\nexit %d\n", a.Int("policy_rc_d"))
	if err := os.WriteFile(place, []byte(script), 0o755); err != nil {
		return nil, fail(fmt.Sprintf("Failed to create %s: %v", place, err))
	}
	return func() {
		if there {
			_ = os.WriteFile(place, before, 0o755) // it was writable a moment ago
			return
		}
		_ = os.Remove(place)
	}, os.Chmod(place, 0o755)
}

func (a *aptTask) cleaned(what string) error {
	args := a.options()
	switch what {
	case "clean":
		args = []string{"clean"}
	case "autoremove":
		if a.Bool("purge") {
			args = append(args, "--purge")
		}
		args = append(args, what)
	default:
		args = append(args, what)
	}
	if what == "clean" {
		a.tellCache = true
		if !a.Check {
			a.Change(func(ctx context.Context) error {
				err := a.carryGet(ctx, "'apt-get clean' failed: %s", args)
				delete(a.result, "diff")
				return err
			})
		}
		return nil
	}
	return a.get("'apt-get "+what+"' failed: %s", args...)
}

func (a *aptTask) upgrade(all bool) error {
	args := a.options()
	mode := a.Str("upgrade")
	if a.Has("default_release") {
		args = append(args, "-t", a.Str("default_release"))
	}
	args = append(args, a.flags()...)
	if a.Has("install_recommends") && !a.Bool("install_recommends") {
		args = append(args, "-o", "APT::Install-Recommends=no")
	}
	if mode == "dist" || mode == "full" || all {
		args = append(args, "dist-upgrade")
	} else {
		args = append(args, "upgrade", "--with-new-pkgs")
	}
	a.After(func(context.Context) error {
		if said, ok := a.result["stdout"]; ok {
			a.Return("msg", said)
		}
		return nil
	})
	return a.get("'/usr/bin/apt-get "+args[len(args)-1]+"' failed: %s", args...)
}

func (a *aptTask) remove(names []string) error {
	var present []string
	for _, name := range names {
		base, _, _ := strings.Cut(name, "=")
		expanded, err := a.expand(base)
		if err != nil {
			return err
		}
		for _, n := range expanded {
			p, found, err := findDeb(n)
			if err != nil {
				return err
			}
			if found && (p.installed() || p.status != "not-installed" && p.status != "config-files" || a.Bool("purge") && p.status == "config-files") {
				present = append(present, n)
			}
		}
	}
	if len(present) == 0 {
		return nil
	}
	args := append([]string{"-q"}, a.options()...)
	for _, f := range []struct{ option, flag string }{
		{"purge", "--purge"}, {"force", "--force-yes"}, {"autoremove", "--auto-remove"}, {"allow_change_held_packages", "--allow-change-held-packages"},
	} {
		if a.Bool(f.option) {
			args = append(args, f.flag)
		}
	}
	args = append(append(args, "remove"), present...)
	return a.get("'apt-get remove "+quoted(present)+"' failed: %s", args...)
}

func quoted(names []string) string { return "'" + strings.Join(names, "' '") + "'" }

// expand makes names of a shell pattern.
func (a *aptTask) expand(name string) ([]string, error) {
	if !strings.ContainsAny(name, "*?[") || strings.HasPrefix(name, "^") {
		return []string{name}, nil
	}
	out, err := a.run(context.Background(), program{args: []string{"apt-cache", "pkgnames"}, env: cLocale})
	if err != nil {
		return nil, err
	}
	var list []string
	for n := range strings.FieldsSeq(out.stdout) {
		if ok, err := path.Match(name, n); ok && err == nil {
			list = append(list, n)
		}
	}
	slices.Sort(list)
	if list == nil {
		return nil, fail(fmt.Sprintf("No package(s) matching '%s' available", name))
	}
	return list, nil
}
