package module

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
)

func init() {
	register(Kind{
		Name:    "mount",
		Also:    []string{"ansible.posix.mount"},
		Help:    "A file system is mounted and in fstab, or is not",
		Example: "mount: {path: /srv/data, src: /dev/sdb1, fstype: ext4, opts: noatime, state: mounted}",
		Options: []Option{
			{Name: "path", Type: Path, Required: true, Aliases: []string{"name"}},
			{Name: "state", Required: true, Choices: words("absent", "absent_from_fstab", "mounted", "present", "unmounted", "remounted", "ephemeral")},
			{Name: "src", Type: Path},
			{Name: "fstype"},
			{Name: "opts"},
			{Name: "dump", Default: "0"},
			{Name: "passno", Type: Str, Default: "0"},
			{Name: "fstab"},
			{Name: "boot", Type: Bool, Default: true},
			{Name: "backup", Type: Bool, Default: false},
			{Name: "opts_no_log", Type: Bool, Default: false, Since: "2.15"},
		},
		RequiredIf: []RequiredIf{
			{Option: "state", Value: "mounted", Requires: []string{"src", "fstype"}},
			{Option: "state", Value: "present", Requires: []string{"src", "fstype"}},
			{Option: "state", Value: "ephemeral", Requires: []string{"src", "fstype"}},
		},
		Check: CheckFull,
		Plan:  planMount,
	})
}

// fstabEscape writes blanks as fstab(5) has them.
func fstabEscape(text string) string {
	return strings.NewReplacer(`\`, `\134`, " ", `\040`, "\t", `\011`, "\n", `\012`, "&", `\046`).Replace(text)
}

// mountTask is one mount point.
type mountTask struct {
	*Task
	path, fstab, state string
}

func planMount(_ context.Context, t *Task) error {
	m := &mountTask{Task: t, path: t.abs(t.Str("path")), fstab: t.Str("fstab"), state: t.Str("state")}
	if m.fstab == "" {
		m.fstab = "/etc/fstab"
	}
	if m.path != "/" {
		m.path = strings.TrimRight(m.path, "/")
	}
	opts := t.Str("opts")
	if !t.Has("opts") {
		opts = "defaults"
	}
	if !t.Bool("boot") && !slices.Contains(strings.Split(opts, ","), "noauto") {
		opts += ",noauto"
	}
	if t.Bool("opts_no_log") {
		t.addSecret(opts)
	}
	for key, value := range map[string]any{
		"name": m.path, "opts": opts, "dump": t.Str("dump"), "passno": t.Str("passno"), "fstab": m.fstab, "boot": map[bool]string{true: "yes", false: "no"}[t.Bool("boot")],
	} {
		t.Return(key, value)
	}
	t.Return("backup_file", "")
	for _, name := range []string{"src", "fstype"} {
		if t.Has(name) {
			t.Return(name, t.Str(name))
		}
	}
	return m.plan(opts)
}

func (m *mountTask) plan(opts string) error {
	mounted := mountedAt(m.path)
	switch m.state {
	case "absent":
		if err := m.write("", opts); err != nil {
			return err
		}
		if mounted {
			m.mountCommand("umount", m.path)
		}
		if exists(m.path) {
			m.Change(func(context.Context) error {
				if err := os.Remove(m.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
					return fail(fmt.Sprintf("Error rmdir %s: %s", m.path, pyPathError(err)))
				}
				return nil
			})
		}
	case "absent_from_fstab":
		return m.write("", opts)
	case "unmounted":
		if mounted {
			m.mountCommand("umount", m.path)
		}
	case "present":
		return m.write(m.line(opts), opts)
	case "remounted":
		m.mountCommand("mount", "-o", "remount,"+opts, m.path)
	case "mounted", "ephemeral":
		return m.mount(opts, mounted)
	}
	return nil
}

func (m *mountTask) mount(opts string, mounted bool) error {
	if !exists(m.path) {
		m.Change(func(context.Context) error { return os.MkdirAll(m.path, 0o755) })
	}
	if m.state == "ephemeral" {
		if !mounted {
			m.mountCommand("mount", "-t", m.Str("fstype"), "-o", opts, m.Str("src"), m.path)
		}
		return nil
	}
	before := m.changed
	if err := m.write(m.line(opts), opts); err != nil {
		return err
	}
	fstabChanged := m.changed != before
	switch {
	case !mounted && m.fstab == "/etc/fstab":
		m.mountCommand("mount", m.path)
	case !mounted:
		m.mountCommand("mount", "-T", m.fstab, m.path)
	case fstabChanged:
		m.mountCommand("mount", "-o", "remount", m.path)
	}
	return nil
}

func (m *mountTask) mountCommand(args ...string) {
	m.Change(func(ctx context.Context) error {
		out, err := m.run(ctx, program{args: args, env: cLocale})
		if err == nil && out.rc != 0 {
			verb := map[string]string{"mount": "mounting", "umount": "unmounting"}[args[0]]
			err = fail(fmt.Sprintf("Error %s %s: %s", verb, m.path, out.stdout+out.stderr))
		}
		return err
	})
}

func (m *mountTask) line(opts string) string {
	return strings.Join([]string{fstabEscape(m.Str("src")), fstabEscape(m.path), fstabEscape(m.Str("fstype")), fstabEscape(opts), m.Str("dump"), m.Str("passno")}, " ")
}

// write plans the line of fstab; an empty one drops it.
func (m *mountTask) write(want, _ string) error {
	before, err := readText(m.fstab)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	var out []string
	found := false
	for _, line := range splitKeep(string(before)) {
		f := strings.Fields(line)
		if len(f) < 3 || f[0][0] == '#' || unescapeMount(f[1]) != m.path || f[2] == "swap" && m.path == "none" && unescapeMount(f[0]) != m.Str("src") {
			out = append(out, line)
			continue
		}
		for len(f) < 6 {
			f = append(f, map[int]string{3: "defaults", 4: "0", 5: "0"}[len(f)])
		}
		switch {
		case want == "":
		case strings.Join(f[:6], " ") == want:
			found = true
			out = append(out, line)
		case !found:
			found = true
			out = append(out, want+"\n")
		}
	}
	if want != "" && !found {
		if n := len(out); n > 0 && !strings.HasSuffix(out[n-1], "\n") {
			out[n-1] += "\n"
		}
		out = append(out, want+"\n")
	}
	after := strings.Join(out, "")
	if after == string(before) {
		return nil
	}
	m.Change(func(ctx context.Context) error {
		if m.Bool("backup") {
			name, err := m.backup(m.fstab)
			if err != nil {
				return err
			}
			m.Return("backup_file", name)
		}
		return m.replaceText(ctx, realPath(m.fstab), []byte(after), nil)
	})
	return nil
}

// mountedAt tells whether something is mounted at a path.
func mountedAt(path string) bool {
	table, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return false
	}
	path = realPath(path)
	for line := range strings.SplitSeq(string(table), "\n") {
		if f := strings.Fields(line); len(f) > 4 && unescapeMount(f[4]) == path {
			return true
		}
	}
	return false
}
