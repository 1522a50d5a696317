package action

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"goodstate.dev/goodstate/core/py"
)

func init() {
	register(Kind{Name: "synchronize", Also: []string{"ansible.posix.synchronize"}, Help: "Make folders equal with rsync, from the controller to the host or back", Run: runSynchronize})
}

// The options that become an option of rsync when they are true, and those that do so beside or against --archive.
var (
	rsyncFlags   = [][2]string{{"existing_only", "--existing"}, {"checksum", "--checksum"}, {"copy_links", "--copy-links"}, {"dirs", "--dirs"}, {"partial", "--partial"}}
	rsyncArchive = []string{"recursive", "links", "perms", "times", "owner", "group"}
)

// changedMark is what rsync puts before each thing that it changes.
const changedMark = "<<CHANGED>>"

func runSynchronize(ctx context.Context, t *Task) (*py.Dict, error) {
	src, dest := t.Text("src"), t.Text("dest")
	if src == "" || dest == "" {
		return Failed("synchronize requires both src and dest parameters are set"), nil
	}
	argv, err := t.rsyncOptions()
	if err != nil {
		return nil, err
	}
	local, err := t.variable("ansible_connection")
	if err != nil {
		return nil, err
	}
	pull := t.Text("mode") == "pull"
	if local == "local" {
		src, dest = t.here(src), t.here(dest)
	} else {
		shell, host, err := t.rsyncShell()
		if err != nil {
			return nil, err
		}
		argv = append(argv, "--rsh="+shell)
		if path, err := t.rsyncPath(); err != nil {
			return nil, err
		} else if path != "" {
			argv = append(argv, "--rsync-path="+path)
		}
		if pull {
			src, dest = there(host, src), t.here(dest)
		} else {
			src, dest = t.here(src), there(host, dest)
		}
	}
	return t.rsync(ctx, append(argv, "--out-format="+changedMark+"%i %n%L", "--", src, dest))
}

// rsyncOptions makes options of rsync from those of the task.
func (t *Task) rsyncOptions() ([]string, error) {
	var argv []string
	var first error
	is := func(name string, otherwise bool) bool {
		b, err := t.Bool(name, otherwise)
		if err != nil && first == nil {
			first = err
		}
		return b
	}
	if is("delay_updates", true) {
		argv = append(argv, "--delay-updates", "-F")
	}
	if is("compress", true) {
		argv = append(argv, "--compress")
	}
	if is("delete", false) {
		argv = append(argv, "--delete-after")
	}
	if t.Check {
		argv = append(argv, "--dry-run")
	}
	if limit := t.Text("rsync_timeout"); limit != "" && limit != "0" {
		n, err := strconv.Atoi(limit)
		if err != nil || n < 0 {
			return nil, fmt.Errorf("rsync_timeout is %q, want a number of seconds", limit)
		}
		argv = append(argv, "--timeout="+limit)
	}
	for _, flag := range rsyncFlags {
		if is(flag[0], false) {
			argv = append(argv, flag[1])
		}
	}
	archive := is("archive", true)
	if archive {
		argv = append(argv, "--archive")
	}
	for _, name := range rsyncArchive {
		switch {
		case archive && t.has(name) && !is(name, true):
			argv = append(argv, "--no-"+name)
		case !archive && is(name, false):
			argv = append(argv, "--"+name)
		}
	}
	if list, ok := t.Args.Get("rsync_opts"); ok && list != nil {
		for _, item := range Items(list) {
			argv = append(argv, Text(item))
		}
	}
	if list, ok := t.Args.Get("link_dest"); ok && list != nil {
		argv = append(argv, "-H", "-vv")
		for _, item := range Items(list) {
			argv = append(argv, "--link-dest="+t.here(Text(item)))
		}
	}
	return argv, first
}

// variable is a connection variable of the host; "" if there is none.
func (t *Task) variable(names ...string) (string, error) {
	for _, name := range names {
		value, ok, err := t.Vars.Get(name)
		if err != nil {
			return "", err
		}
		if ok && value != nil && Text(value) != "" {
			return Text(value), nil
		}
	}
	return "", nil
}

// rsyncShell is the ssh command that rsync uses, and the host as it is to be named. Host keys are checked, unless the host's own variables say otherwise.
func (t *Task) rsyncShell() (shell, host string, err error) {
	words := []string{"ssh", "-o", "BatchMode=yes"}
	read := func(names ...string) string {
		text, verr := t.variable(names...)
		if err == nil {
			err = verr
		}
		return text
	}
	key := t.Text("private_key")
	if key == "" {
		key = read("ansible_ssh_private_key_file", "ansible_private_key_file")
	}
	if key != "" {
		words = append(words, "-i", quote(key))
	}
	port := t.Text("dest_port")
	if port == "" {
		port = read("ansible_ssh_port", "ansible_port")
	}
	if port != "" {
		words = append(words, "-o", quote("Port="+port))
	}
	for _, name := range []string{"ansible_ssh_common_args", "ansible_ssh_extra_args"} {
		if more := read(name); more != "" {
			words = append(words, more)
		}
	}
	if more := t.Text("ssh_args"); more != "" {
		words = append(words, more)
	}
	if host = read("ansible_ssh_host", "ansible_host"); host == "" {
		host = t.Host
	}
	if strings.HasPrefix(host, "-") {
		return "", "", fmt.Errorf("the host %q begins with a dash", host)
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	own, berr := t.Bool("set_remote_user", true)
	if err = errors.Join(err, berr); err != nil {
		return "", "", err
	}
	if user := read("ansible_ssh_user", "ansible_user"); user != "" && own {
		host = user + "@" + host
	}
	return strings.Join(words, " "), host, err
}

// rsyncPath is the program on the host; with become it is started by sudo.
func (t *Task) rsyncPath() (string, error) {
	if path := t.Text("rsync_path"); path != "" {
		return path, nil
	}
	become, err := t.variable("ansible_become")
	if err != nil {
		return "", err
	}
	if is, _ := Bool(become); !is {
		return "", nil
	}
	user, err := t.variable("ansible_become_user")
	if user == "" {
		user = "root"
	}
	return "sudo -n -u " + quote(user) + " rsync", err
}

// here is a path of the controller: a relative one is found as other files of a task are.
func (t *Task) here(path string) string {
	if strings.HasPrefix(path, "rsync://") || filepath.IsAbs(path) {
		return path
	}
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		if home, err := os.UserHomeDir(); err == nil {
			return filepath.Join(home, rest) + slash(path)
		}
	}
	if found, err := t.Find("files", strings.TrimSuffix(path, "/")); err == nil {
		return strings.TrimSuffix(found, "/") + slash(path)
	}
	return filepath.Join(filepath.Dir(t.Path), path) + slash(path)
}

func slash(path string) string {
	if strings.HasSuffix(path, "/") {
		return "/"
	}
	return ""
}

func there(host, path string) string {
	if strings.HasPrefix(path, "rsync://") {
		return path
	}
	return host + ":" + path
}

// rsync runs it on the controller and reads what it changed.
func (t *Task) rsync(ctx context.Context, argv []string) (*py.Dict, error) {
	program, err := t.variable("ansible_rsync_path")
	if err != nil {
		return nil, err
	}
	if program == "" {
		program = "rsync"
	}
	path, err := exec.LookPath(program)
	if err != nil {
		return Failed("Failed to find required executable %q on the controller; install rsync here and on the host", program), nil
	}
	cmd := exec.CommandContext(ctx, path, argv...)
	var out, errs limited
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	line := program + " " + strings.Join(argv, " ")
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return py.DictOf("failed", true, "changed", false, "msg", py.Unsafe(errs.String()), "rc", int64(exit.ExitCode()), "cmd", line), nil
	}
	if err != nil {
		return nil, fmt.Errorf("running rsync: %w", err)
	}
	text := out.String()
	changed := strings.Contains(text, changedMark)
	if t.has("link_dest") {
		changed = changed && !strings.Contains(text, changedMark+".")
	}
	text = strings.ReplaceAll(text, changedMark, "")
	lines := py.NewList()
	for l := range strings.SplitSeq(text, "\n") {
		if l != "" {
			lines.Items = append(lines.Items, py.Unsafe(l))
		}
	}
	result := py.DictOf("changed", changed, "msg", py.Unsafe(text), "rc", int64(0), "cmd", line, "stdout_lines", lines)
	if t.Diff {
		result.Set("diff", py.DictOf("prepared", py.Unsafe(text)))
	}
	return result, nil
}

// limited keeps the first bytes of what a program prints.
type limited struct{ b bytes.Buffer }

func (l *limited) Write(p []byte) (int, error) {
	if room := 16<<20 - l.b.Len(); room > 0 {
		l.b.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}

func (l *limited) String() string { return l.b.String() }
