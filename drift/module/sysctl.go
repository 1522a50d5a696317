package module

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
)

func init() {
	register(Kind{
		Name:    "sysctl",
		Also:    []string{"ansible.posix.sysctl"},
		Help:    "A setting of the kernel, in sysctl.conf and in force",
		Example: "sysctl: {name: net.ipv4.ip_forward, value: '1', sysctl_set: true}",
		Options: []Option{
			{Name: "name", Required: true, Aliases: []string{"key"}},
			{Name: "value", Aliases: []string{"val"}},
			{Name: "state", Default: "present", Choices: words("present", "absent")},
			{Name: "reload", Type: Bool, Default: true},
			{Name: "sysctl_set", Type: Bool, Default: false},
			{Name: "ignoreerrors", Type: Bool, Default: false},
			{Name: "sysctl_file", Type: Path, Default: "/etc/sysctl.conf"},
		},
		RequiredIf: []RequiredIf{{Option: "state", Value: "present", Requires: []string{"value"}}},
		Check:      CheckFull,
		Plan:       planSysctl,
	})
}

func planSysctl(_ context.Context, t *Task) error {
	name := strings.TrimSpace(t.Str("name"))
	value := sysctlWords(t.Str("value"))
	switch {
	case name == "":
		return fail("name cannot be blank")
	case t.Str("state") == "present" && t.Str("value") == "":
		return fail("value cannot be blank")
	}
	path := t.abs(t.Str("sysctl_file"))
	before, err := readText(path)
	if err != nil && !os.IsNotExist(err) {
		return fail(fmt.Sprintf("Failed to open %s: %v", path, err))
	}
	present := t.Str("state") == "present"
	after := editSysctl(string(before), name, value, present)
	file := after != string(before)
	proc := "/proc/sys/" + strings.ReplaceAll(name, ".", "/")
	now := sysctlWords(readTrim(proc))
	set := t.Bool("sysctl_set") && present && now != value
	if !file && !set {
		return nil
	}
	t.Change(func(ctx context.Context) error {
		if set {
			if err := t.carrySysctl(ctx, "setting "+name+" failed: %s", "-w", name+"="+value); err != nil {
				return err
			}
		}
		if !file {
			return nil
		}
		if err := t.replaceText(ctx, realPath(path), []byte(after), nil); err != nil {
			return err
		}
		if t.Bool("reload") {
			return t.carrySysctl(ctx, "Failed to reload sysctl: %s", "-p", path)
		}
		return nil
	})
	return nil
}

func (t *Task) carrySysctl(ctx context.Context, failure string, args ...string) error {
	command := []string{"sysctl"}
	if t.Bool("ignoreerrors") {
		command = append(command, "-e")
	}
	out, err := t.run(ctx, program{args: append(command, args...), env: cLocale})
	if err == nil && (out.rc != 0 || strings.Contains(out.stderr, "cannot stat") || strings.Contains(out.stderr, "Invalid argument")) && !t.Bool("ignoreerrors") {
		err = fail(fmt.Sprintf(failure, out.stdout+out.stderr))
	}
	return err
}

// sysctlWords makes one blank of all between the words of a value.
func sysctlWords(text string) string {
	text = strings.TrimSpace(text)
	switch strings.ToLower(text) {
	case "true", "yes", "y", "t", "on":
		return "1"
	case "false", "no", "n", "f", "off":
		return "0"
	}
	return strings.Join(strings.Fields(text), " ")
}

// editSysctl sets or drops a name; later lines of the same name go.
func editSysctl(text, name, value string, present bool) string {
	lines := splitKeep(text)
	at := -1
	changed := false
	for i := 0; i < len(lines); i++ {
		line := strings.TrimSpace(lines[i])
		key, now, ok := strings.Cut(line, "=")
		if !ok || line[0] == '#' || line[0] == ';' || strings.TrimSpace(strings.TrimPrefix(key, "-")) != name {
			continue
		}
		switch {
		case !present || at >= 0:
			lines = slices.Delete(lines, i, i+1)
			i--
			changed = true
		default:
			at = i
			if sysctlWords(now) != value {
				lines[i] = name + "=" + value + "\n"
				changed = true
			}
		}
	}
	if present && at < 0 {
		if n := len(lines); n > 0 && !strings.HasSuffix(lines[n-1], "\n") {
			lines[n-1] += "\n"
		}
		lines = append(lines, name+"="+value+"\n")
		changed = true
	}
	if !changed {
		return text
	}
	return strings.Join(lines, "")
}
