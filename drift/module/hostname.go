package module

import (
	"context"
	"os"
	"strings"
	"syscall"
)

func init() {
	register(Kind{
		Name:    "hostname",
		Help:    "The name of the host, now and after the next start",
		Example: "hostname: {name: web1}",
		Options: []Option{
			{Name: "name", Required: true},
			{Name: "use", Choices: words("alpine", "debian", "freebsd", "generic", "macos", "macosx", "darwin", "openbsd", "openrc", "redhat", "sles", "solaris", "systemd")},
		},
		Check: CheckFull,
		Diff:  true,
		Plan:  planHostname,
	})
	register(Kind{
		Name:    "modprobe",
		Also:    []string{"community.general.modprobe"},
		Help:    "A module of the kernel is loaded, or is not",
		Example: "modprobe: {name: br_netfilter, state: present}",
		Options: []Option{
			{Name: "name", Required: true},
			{Name: "params", Default: ""},
			{Name: "state", Default: "present", Choices: words("absent", "present")},
			{Name: "persistent", Default: "disabled", Choices: words("absent", "disabled", "present")},
		},
		Check: CheckFull,
		Plan:  planModprobe,
	})
}

func planHostname(_ context.Context, t *Task) error {
	want := t.Str("name")
	now, err := os.Hostname()
	if err != nil {
		return err
	}
	kept := readTrim("/etc/hostname")
	t.Return("name", want)
	if kept != want {
		t.Change(func(ctx context.Context) error { return t.replaceText(ctx, "/etc/hostname", []byte(want+"\n"), nil) })
	}
	if now != want {
		t.Change(func(context.Context) error { return syscall.Sethostname([]byte(want)) })
	}
	if t.changed {
		before := now
		if kept != want {
			before = kept
		}
		t.Return("diff", map[string]any{"before": "hostname = " + before + "\n", "after": "hostname = " + want + "\n"})
	}
	t.After(func(context.Context) error {
		short, _, _ := strings.Cut(want, ".")
		fqdn := fullName(context.Background(), t, want)
		_, domain, _ := strings.Cut(fqdn, ".")
		t.Return("ansible_facts", map[string]any{"ansible_hostname": short, "ansible_nodename": want, "ansible_fqdn": fqdn, "ansible_domain": domain})
		return nil
	})
	return nil
}

func planModprobe(_ context.Context, t *Task) error {
	if t.Str("persistent") != "disabled" {
		return notNative("modules that are loaded at the start")
	}
	name := t.Str("name")
	t.Return("name", name)
	t.Return("params", t.Str("params"))
	t.Return("state", t.Str("state"))
	loaded := isDir("/sys/module/" + strings.ReplaceAll(name, "-", "_"))
	for line := range strings.SplitSeq(readTrim("/proc/modules"), "\n") {
		loaded = loaded || strings.HasPrefix(line, strings.ReplaceAll(name, "-", "_")+" ")
	}
	if loaded == (t.Str("state") == "present") {
		return nil
	}
	args := []string{"modprobe", name}
	if t.Str("state") == "absent" {
		args = []string{"modprobe", "-r", name}
	}
	args = append(args, strings.Fields(t.Str("params"))...)
	t.Change(func(ctx context.Context) error {
		out, err := t.run(ctx, program{args: args})
		if err == nil && out.rc != 0 {
			err = fail(out.stderr, Result{"rc": int64(out.rc), "stdout": out.stdout, "stderr": out.stderr, "name": name, "params": t.Str("params"), "state": t.Str("state"), "changed": false})
		}
		return err
	})
	return nil
}
