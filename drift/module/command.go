package module

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"goodstate.dev/goodstate/core/py"
)

var commandOptions = []Option{
	{Name: "_raw_params"},
	{Name: "_uses_shell", Type: Bool, Default: false},
	{Name: "argv", Type: List, Elements: Str},
	{Name: "chdir", Type: Path},
	{Name: "executable"},
	{Name: "expand_argument_vars", Type: Bool, Default: true, Since: "2.16"},
	{Name: "creates", Type: Path},
	{Name: "removes", Type: Path},
	{Name: "stdin"},
	{Name: "stdin_add_newline", Type: Bool, Default: true},
	{Name: "strip_empty_ends", Type: Bool, Default: true},
}

func init() {
	register(Kind{
		Name:    "command",
		Help:    "Start a program, without a shell",
		Example: "command: {argv: [systemctl, is-enabled, cron], creates: /run/cron.pid}",
		Options: commandOptions,
		Check:   CheckPartial,
		Plan:    func(_ context.Context, t *Task) error { return planCommand(t, t.Bool("_uses_shell")) },
	})
	register(Kind{
		Name:    "shell",
		Help:    "Run a line of shell",
		Example: "shell: {cmd: 'ls /etc | wc -l', chdir: /}",
		Options: append([]Option{{Name: "cmd"}}, commandOptions...),
		Check:   CheckPartial,
		Own:     true, // Ansible's controller sends it as command
		Plan: func(_ context.Context, t *Task) error {
			if t.Has("cmd") && !t.Has("_raw_params") {
				t.args["_raw_params"] = t.Str("cmd")
			}
			return planCommand(t, true)
		},
	})
}

func planCommand(t *Task, shell bool) error {
	raw, argv := t.Str("_raw_params"), t.Strs("argv")
	if shell && argv != nil {
		argv = []string{strings.Join(argv, " ")}
	}
	for key, empty := range map[string]any{"cmd": nil, "stdout": "", "stderr": "", "rc": nil, "start": nil, "end": nil, "delta": nil, "msg": "", "changed": false} {
		t.Return(key, empty)
	}
	if strings.TrimSpace(raw) == "" && argv == nil {
		return fail("no command given", t.result, Result{"rc": int64(256)})
	}
	if raw != "" && argv != nil {
		return fail("only command or argv can be given, not both", t.result, Result{"rc": int64(256)})
	}
	if shell {
		if argv != nil {
			raw = argv[0]
		}
		argv = nil
	} else if argv == nil {
		var err error
		if argv, err = shellWords(raw); err != nil {
			return err
		}
	}
	t.Return("cmd", any(raw))
	if argv != nil {
		t.Return("cmd", toAny(argv))
	}
	dir := t.Dir
	if t.Has("chdir") {
		dir = t.abs(t.Str("chdir"))
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			return fail("Unable to change directory before execution: "+pyOSError(dirError(dir, err), t.Str("chdir")), t.result)
		}
	}
	if done := t.guarded(dir, "creates", "removes"); done {
		return nil
	}
	if t.Check {
		t.Return("rc", int64(0))
		t.Return("msg", "Command would have run if not in check mode")
		if !t.Has("creates") && !t.Has("removes") {
			t.Return("skipped", true)
			return nil
		}
	}
	t.Return("changed", true)
	t.Change(func(ctx context.Context) error { return t.execute(ctx, shell, raw, argv, dir) })
	return nil
}

func dirError(dir string, err error) error {
	if err == nil {
		return &fs.PathError{Op: "chdir", Path: dir, Err: syscall.ENOTDIR}
	}
	return err
}

// guarded tells whether creates or removes say that there is nothing to do.
func (t *Task) guarded(dir, creates, removes string) bool {
	should := "Did"
	if t.Check {
		should = "Would"
	}
	if pattern := t.Str(creates); pattern != "" && matches(dir, pattern) {
		t.Return("msg", fmt.Sprintf("%s not run command since '%s' exists", should, pattern))
		t.Return("stdout", fmt.Sprintf("skipped, since %s exists", pattern))
		t.Return("rc", int64(0))
		return true
	}
	if pattern := t.Str(removes); pattern != "" && !matches(dir, pattern) {
		t.Return("msg", fmt.Sprintf("%s not run command since '%s' does not exist", should, pattern))
		t.Return("stdout", fmt.Sprintf("skipped, since %s does not exist", pattern))
		t.Return("rc", int64(0))
		return true
	}
	return false
}

func matches(dir, pattern string) bool {
	if !filepath.IsAbs(pattern) {
		pattern = filepath.Join(dir, pattern)
	}
	found, err := filepath.Glob(pattern)
	if err != nil || len(found) == 0 {
		_, err = os.Lstat(pattern) // a name with brackets is a name too
		return err == nil
	}
	return true
}

// execute runs the command and fills the result.
func (t *Task) execute(ctx context.Context, shell bool, line string, argv []string, dir string) error {
	p := program{args: argv, dir: dir, umask: t.Umask}
	if shell {
		sh := t.Str("executable")
		if sh == "" {
			sh = "/bin/sh"
		}
		p.args = []string{sh, "-c", line}
	} else {
		if t.Bool("expand_argument_vars") {
			p.args = make([]string, len(argv))
			for i, arg := range argv {
				p.args[i] = t.expand(arg)
			}
		}
		if exe := t.Str("executable"); exe != "" {
			p.path = exe
		}
	}
	if t.Has("stdin") {
		input := t.Str("stdin")
		if t.Bool("stdin_add_newline") {
			input += "\n"
		}
		p.stdin = strings.NewReader(input)
	}
	start := time.Now()
	out, err := t.run(ctx, p)
	end := time.Now()
	if err != nil {
		if ctx.Err() != nil {
			return err
		}
		no := syscall.ENOENT
		errors.As(err, &no)
		return fail(pyOSError(no, p.args[0]), Result{"rc": int64(no), "stdout": "", "stderr": "", "cmd": quoteWords(p.args)})
	}
	t.Return("start", start.Format("2006-01-02 15:04:05.000000"))
	t.Return("end", end.Format("2006-01-02 15:04:05.000000"))
	t.Return("delta", pyDelta(end.Sub(start)))
	stdout, stderr := text([]byte(out.stdout)), text([]byte(out.stderr))
	if t.Bool("strip_empty_ends") {
		stdout, stderr = strings.TrimRight(stdout, "\r\n"), strings.TrimRight(stderr, "\r\n")
	}
	t.Return("stdout", stdout)
	t.Return("stderr", stderr)
	t.Return("rc", int64(out.rc))
	if out.rc != 0 {
		return fail("non-zero return code", t.result)
	}
	return nil
}

// pyDelta is how Python shows a duration.
func pyDelta(d time.Duration) string {
	s := int(d.Seconds())
	text := fmt.Sprintf("%d:%02d:%02d.%06d", s/3600%24, s/60%60, s%60, d.Microseconds()%1e6)
	switch days := s / 86400; days {
	case 0:
		return text
	case 1:
		return "1 day, " + text
	default:
		return fmt.Sprintf("%d days, %s", days, text)
	}
}

// pyOSError is how Python shows an error of the system about a path.
func pyOSError(err error, path string) string {
	var no syscall.Errno
	if !errors.As(err, &no) {
		return err.Error()
	}
	return fmt.Sprintf("[Errno %d] %s: b%s", int(no), strerror(no), py.Repr(path))
}

// strerror is the C library's text of an error; Go writes its first letter small.
func strerror(no syscall.Errno) string {
	text := no.Error()
	return strings.ToUpper(text[:1]) + text[1:]
}

func toAny(list []string) []any {
	out := make([]any, len(list))
	for i, s := range list {
		out[i] = s
	}
	return out
}
