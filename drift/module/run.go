package module

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"runtime/debug"
	"strings"
	"syscall"
)

// Run carries out one call and says what came of it. It never panics, and never returns before what it started has ended.
func Run(ctx context.Context, call Call) (result Result) {
	kind, ok := Find(call.Module)
	if !ok {
		return Result{"failed": true, "msg": fmt.Sprintf("no native module %q on the host", call.Module)}
	}
	t := &Task{Call: call, kind: &kind, result: Result{}}
	defer func() {
		for i := len(t.cleanup) - 1; i >= 0; i-- {
			t.cleanup[i]()
		}
		if p := recover(); p != nil {
			result = t.finish(fmt.Errorf("module %s panicked: %v", kind.Name, p), Result{"exception": string(debug.Stack())})
		}
	}()
	if err := t.resolve(); err != nil {
		return t.finish(err)
	}
	if call.Check && kind.Check == CheckNone {
		t.Return("skipped", true)
		t.Return("msg", fmt.Sprintf("remote module (%s) does not support check mode", call.Module))
		return t.finish(nil)
	}
	return t.finish(t.carryOut(ctx))
}

// Accepts says what is wrong with the arguments of a call, without looking at the host.
func Accepts(call Call) error {
	kind, ok := Find(call.Module)
	if !ok {
		return fmt.Errorf("no native module %q", call.Module)
	}
	t := &Task{Call: call, kind: &kind, result: Result{}}
	return t.resolve()
}

// carryOut plans, and does what was planned unless it was only asked about.
func (t *Task) carryOut(ctx context.Context) error {
	if t.kind.Choose != nil {
		if err := t.choose(); err != nil {
			return err
		}
	}
	if err := t.kind.Plan(ctx, t); err != nil {
		return err
	}
	if !t.Check {
		for i := 0; i < len(t.steps); i++ { // a step may add further ones
			if err := ctx.Err(); err != nil {
				return fmt.Errorf("interrupted: %w", err)
			}
			if err := t.steps[i].do(ctx); err != nil {
				return err
			}
		}
	}
	for _, say := range t.after {
		if err := say(ctx); err != nil {
			return err
		}
	}
	return nil
}

// choose becomes a task of the module that this host has for it.
func (t *Task) choose() error {
	name, args, err := t.kind.Choose(t)
	if err != nil {
		return err
	}
	kind, ok := Find(name)
	if !ok {
		return notNative("%s on this host is done by %s", t.kind.Name, name)
	}
	t.kind, t.Args, t.Module = &kind, args, name
	return t.resolve()
}

// notNative is the failure of a call that only Ansible's own module can carry out. Nothing was changed, so that one can be asked instead.
func notNative(format string, args ...any) error {
	return fail("not done natively: "+fmt.Sprintf(format, args...), Result{"not_native": true})
}

// finish makes the result of what happened, with all secrets masked.
func (t *Task) finish(err error, more ...Result) Result {
	r := t.result
	if err != nil {
		r = t.blame(err)
	} else if _, said := r["changed"]; !said && r["skipped"] == nil {
		r["changed"] = t.changed
	}
	if len(t.diffs) > 0 && err == nil {
		if _, said := r["diff"]; !said {
			r["diff"] = t.diffs
			if len(t.diffs) == 1 {
				r["diff"] = t.diffs[0]
			}
		}
	}
	for _, m := range more {
		maps.Copy(r, m)
	}
	t.pathInfo(r)
	for _, stream := range []string{"stdout", "stderr"} {
		if text, ok := r[stream].(string); ok && r[stream+"_lines"] == nil {
			r[stream+"_lines"] = lines(text)
		}
	}
	if len(t.warned) > 0 {
		r["warnings"] = t.warned
	}
	if _, said := r["invocation"]; !said {
		r["invocation"] = map[string]any{"module_args": t.invocation()}
	}
	return Result(t.mask(map[string]any(r)).(map[string]any))
}

// blame is the result of a failure: nothing but what the error says.
func (t *Task) blame(err error) Result {
	r := Result{}
	var f *Failure
	if errors.As(err, &f) {
		maps.Copy(r, f.More)
		r["msg"] = f.Msg
	} else {
		r["msg"] = err.Error()
	}
	r["failed"] = true
	return r
}

// invocation is what the module was called with.
func (t *Task) invocation() any {
	if t.NoLog {
		return hidden
	}
	args := map[string]any{}
	source := t.args
	if source == nil {
		source = t.Args
	}
	for k, v := range source {
		if !strings.HasPrefix(k, "_ansible_") {
			args[k] = v
		}
	}
	return args
}

// pathInfo adds what is known about the file that the result is about.
func (t *Task) pathInfo(r Result) {
	path, ok := r["path"].(string)
	if r["path"] == nil {
		path, ok = r["dest"].(string)
	}
	if !ok || path == "" {
		return
	}
	path = t.abs(path)
	target, err := os.Stat(path)
	if err != nil {
		return
	}
	info, err := os.Lstat(path)
	if err != nil {
		return
	}
	st := info.Sys().(*syscall.Stat_t)
	r["uid"], r["gid"] = int64(st.Uid), int64(st.Gid)
	r["owner"], r["group"] = userName(st.Uid), groupName(st.Gid)
	r["mode"] = fmt.Sprintf("0%03o", st.Mode&0o7777)
	r["size"] = st.Size
	switch {
	case info.Mode()&os.ModeSymlink != 0:
		r["state"] = "link"
	case info.IsDir():
		r["state"] = "directory"
	case target.Sys().(*syscall.Stat_t).Nlink > 1:
		r["state"] = "hard"
	default:
		r["state"] = "file"
	}
	if selinuxEnabled() {
		r["secontext"] = secontext(path)
	}
}
