package action

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"goodstate.dev/goodstate/core/py"
)

func init() {
	register(Kind{Name: "reboot", Help: "Restart the host and wait until it is back", Run: runReboot})
}

// reboot is one restart of a host.
type reboot struct {
	*Task
	bootTime, command, test                string
	timeout, before, after, connectTimeout time.Duration
}

func runReboot(ctx context.Context, t *Task) (*py.Dict, error) {
	if local, _, err := t.Vars.Get("ansible_connection"); err == nil && Text(local) == "local" {
		return py.DictOf("changed", false, "elapsed", int64(0), "rebooted", false, "failed", true,
			"msg", "Running reboot with local connection would reboot the control node."), nil
	}
	if t.Check {
		return py.DictOf("changed", true, "elapsed", int64(0), "rebooted", true), nil
	}
	r, err := newReboot(t)
	if err != nil {
		return nil, err
	}
	was, err := r.booted(ctx)
	if err != nil {
		return py.DictOf("failed", true, "reboot", false, "changed", false, "msg", py.Unsafe(err.Error())), nil
	}
	began := time.Now()
	if err := rest(ctx, r.before); err != nil {
		return nil, err
	}
	if msg := r.begin(ctx); msg != "" {
		return py.DictOf("failed", true, "rebooted", false, "changed", false, "elapsed", seconds(began), "msg", py.Unsafe(msg)), nil
	}
	if err := rest(ctx, r.after); err != nil {
		return nil, err
	}
	if err := r.back(ctx, was); err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return py.DictOf("failed", true, "rebooted", true, "changed", true, "elapsed", seconds(began), "msg", py.Unsafe(err.Error())), nil
	}
	return py.DictOf("changed", true, "rebooted", true, "elapsed", seconds(began)), nil
}

func seconds(since time.Time) int64 { return int64(time.Since(since).Seconds()) }

func newReboot(t *Task) (*reboot, error) {
	r := &reboot{Task: t, bootTime: "cat /proc/sys/kernel/random/boot_id", test: "whoami"}
	var errs [4]error
	r.timeout, errs[0] = t.seconds("reboot_timeout", 600)
	r.before, errs[1] = t.seconds("pre_reboot_delay", 0)
	r.after, errs[2] = t.seconds("post_reboot_delay", 0)
	r.connectTimeout, errs[3] = t.seconds("connect_timeout", 5)
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	if text := t.Text("boot_time_command"); text != "" {
		r.bootTime = text
	}
	if text := t.Text("test_command"); text != "" {
		r.test = text
	}
	msg := "Reboot initiated by Ansible"
	if t.has("msg") {
		msg = t.Text("msg")
	}
	folders := []string{"/sbin", "/bin", "/usr/sbin", "/usr/bin", "/usr/local/sbin"}
	if list, ok := t.Args.Get("search_paths"); ok && list != nil {
		folders = nil
		for _, item := range Items(list) {
			folders = append(folders, Text(item))
		}
	}
	// The command of the task comes to an end before the host goes down, so that its answer arrives.
	r.command = "PATH=" + quote(strings.Join(folders, ":")) + `:"$PATH" shutdown -r +` + fmt.Sprint(int(r.before.Minutes())) + " " + quote(msg)
	if text := t.Text("reboot_command"); text != "" {
		r.command = text
	}
	return r, nil
}

func quote(word string) string { return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'" }

// booted is what tells one start of the host from another.
func (r *reboot) booted(ctx context.Context) (string, error) {
	result, err := r.Remote.Module(ctx, "shell", py.DictOf("_raw_params", r.bootTime))
	if err != nil {
		return "", err
	}
	out, _ := result.Get("stdout")
	if Is(result, "failed") || Text(out) == "" {
		said, _ := result.Get("stderr")
		return "", fmt.Errorf("reboot: failed to get host boot time info: %s%s", Text(out), Text(said))
	}
	return Text(out), nil
}

// begin asks the host to restart and says what went wrong. A connection that breaks is what is wanted.
func (r *reboot) begin(ctx context.Context) string {
	result, err := r.Remote.Module(ctx, "shell", py.DictOf("_raw_params", r.command))
	var away *Unreachable
	switch {
	case errors.As(err, &away):
		return ""
	case err != nil:
		return err.Error()
	case Is(result, "failed"):
		out, _ := result.Get("stdout")
		said, _ := result.Get("stderr")
		return fmt.Sprintf("Reboot command failed. Error was: '%s, %s'", strings.TrimSpace(Text(out)), strings.TrimSpace(Text(said)))
	}
	return ""
}

// back waits until the host has started anew and the test command works.
func (r *reboot) back(ctx context.Context, was string) error {
	err := r.retry(ctx, r.timeout, time.Second, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, r.connectTimeout+10*time.Second)
		defer cancel()
		if err := r.Remote.Reset(ctx); err != nil {
			return err
		}
		now, err := r.booted(ctx)
		if err == nil && now == was {
			err = errors.New("boot time has not changed")
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("Timed out waiting for last boot time check (timeout=%d): %w", int(r.timeout.Seconds()), err)
	}
	err = r.retry(ctx, r.timeout, time.Second, func(ctx context.Context) error {
		result, err := r.Remote.Module(ctx, "shell", py.DictOf("_raw_params", r.test))
		if err == nil && Is(result, "failed") {
			err = fmt.Errorf("Test command failed: %v", result)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("Timed out waiting for post-reboot test command (timeout=%d): %w", int(r.timeout.Seconds()), err)
	}
	return nil
}
