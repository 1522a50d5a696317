package module

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// program is something to start on the host.
type program struct {
	args  []string
	path  string // of the program, where it is not the first of args
	dir   string
	env   []string // on top of the task's
	stdin io.Reader
	umask *int
}

// output is what a program said. Failing is not an error here: rc tells.
type output struct {
	rc             int
	stdout, stderr string
}

const maxOutput = 16 << 20

// run starts a program in a process group of its own and waits for it; the whole group ends with ctx.
func (t *Task) run(ctx context.Context, p program) (output, error) {
	path := p.path
	if path == "" {
		var err error
		if path, err = t.find(p.args[0]); err != nil {
			return output{}, err
		}
	}
	path, p.args = umasked(path, p)
	cmd := exec.CommandContext(ctx, path, p.args[1:]...)
	cmd.Args[0] = p.args[0]
	cmd.Dir, cmd.Stdin = p.dir, p.stdin
	if cmd.Dir == "" {
		cmd.Dir = t.Dir
	}
	cmd.Env = slices.Concat(t.environ(), p.env)
	limit := t.MaxOutput
	if limit == 0 {
		limit = maxOutput
	}
	stdout, stderr := &bounded{left: limit}, &bounded{left: limit}
	cmd.Stdout, cmd.Stderr = stdout, stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second // who keeps the pipes open after the end does not keep us
	err := cmd.Run()
	out := output{stdout: stdout.text.String(), stderr: stderr.text.String()}
	if stdout.dropped+stderr.dropped > 0 {
		t.Warn("%s printed more than %d bytes, the last %d are dropped", p.args[0], limit, stdout.dropped+stderr.dropped)
	}
	if ctx.Err() != nil {
		return out, fmt.Errorf("%s: interrupted: %w", p.args[0], ctx.Err())
	}
	var ended *exec.ExitError
	switch {
	case err == nil, errors.Is(err, exec.ErrWaitDelay):
	case errors.As(err, &ended):
		out.rc = ended.ExitCode()
		if s, ok := ended.Sys().(syscall.WaitStatus); ok && s.Signaled() {
			out.rc = -int(s.Signal())
		}
	default:
		return out, err
	}
	return out, nil
}

// must runs a program and makes a failure of a code other than 0.
func (t *Task) must(ctx context.Context, args ...string) (output, error) {
	out, err := t.run(ctx, program{args: args})
	if err != nil {
		return out, err
	}
	if out.rc != 0 {
		return out, fail(strings.TrimSpace(out.stderr), Result{"cmd": strings.Join(args, " "), "rc": int64(out.rc), "stdout": out.stdout, "stderr": out.stderr})
	}
	return out, nil
}

// find looks for a program on the PATH of the task, and where system programs are that are not on everybody's.
func (t *Task) find(name string) (string, error) {
	if strings.Contains(name, "/") {
		return name, nil
	}
	for _, folder := range append(filepath.SplitList(t.Getenv("PATH")), "/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/bin", "/bin") {
		if folder == "" {
			continue
		}
		path := filepath.Join(folder, name)
		if info, err := os.Stat(path); err == nil && !info.IsDir() && info.Mode()&0o111 != 0 {
			return path, nil
		}
	}
	return "", fmt.Errorf("%w: %s", errNoProgram, name)
}

var errNoProgram = errors.New("not found on PATH")

// need is find for programs that a module cannot do without, with Ansible's words.
func (t *Task) need(name string) error {
	if _, err := t.find(name); err != nil {
		return fail(fmt.Sprintf("Failed to find required executable %q in paths: %s", name, t.searched()))
	}
	return nil
}

func (t *Task) searched() string {
	list := filepath.SplitList(t.Getenv("PATH"))
	for _, folder := range []string{"/sbin", "/usr/sbin", "/usr/local/sbin"} {
		known := false
		for _, l := range list {
			known = known || l == folder
		}
		if !known {
			list = append(list, folder)
		}
	}
	return strings.Join(list, ":")
}

// bounded keeps the first bytes and counts the rest.
type bounded struct {
	text    bytes.Buffer
	left    int64
	dropped int64
}

func (b *bounded) Write(p []byte) (int, error) {
	keep := min(int64(len(p)), b.left)
	b.text.Write(p[:keep])
	b.left -= keep
	b.dropped += int64(len(p)) - keep
	return len(p), nil
}

// cLocale makes programs speak the language that their output is parsed in.
var cLocale = []string{"LANG=C", "LC_ALL=C", "LC_MESSAGES=C", "LC_CTYPE=C"}

// umasked puts a shell before a program that shall have its own umask: the one of this process is everybody's.
func umasked(path string, p program) (string, []string) {
	if p.umask == nil {
		return path, p.args
	}
	script := fmt.Sprintf(`umask %03o; exec "$@"`, *p.umask)
	return "/bin/sh", append([]string{"sh", "-c", script, "sh", path}, p.args[1:]...)
}
