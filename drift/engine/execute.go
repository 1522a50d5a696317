package engine

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"goodstate.dev/goodstate/core/py"
	"goodstate.dev/goodstate/drift/action"
	"goodstate.dev/goodstate/drift/jinja"
	"goodstate.dev/goodstate/drift/playbook"
)

// once does the task one time: for the host, or for one item.
func (e *executor) once(s *scope) *py.Dict {
	res, err := e.attempt(s)
	if err != nil {
		res = e.failure(e.placed(err))
	}
	if !res.Has("changed") && !res.Has("unreachable") {
		res.Set("changed", false)
	}
	return res
}

// placed adds the place of the task to an error about what it says.
func (e *executor) placed(err error) error {
	var gone *action.Unreachable
	var at *playbook.Error
	if e.task.Node == nil || errors.As(err, &gone) || errors.As(err, &at) || e.p.r.ctx.Err() != nil {
		return err
	}
	var plain *plainError
	if errors.As(err, &plain) {
		return errors.New(twice(plain.err))
	}
	var syntax *jinja.SyntaxError
	if errors.As(err, &syntax) {
		text := err.Error() + ". " + syntax.Message
		if !strings.HasPrefix(text, "The conditional check") {
			return errors.New(text)
		}
		return &playbook.Error{Text: text, Node: e.task.Node, Err: err}
	}
	return &playbook.Error{Text: twice(err), Node: e.task.Node, Err: err}
}

// twice says what is undefined as Ansible does: two times.
func twice(err error) string {
	text := err.Error()
	var u *jinja.UndefinedError
	if errors.As(err, &u) && strings.HasSuffix(text, u.Message) {
		_, bare, found := strings.Cut(u.Message, "): ")
		if !found || !strings.HasPrefix(u.Message, "error while evaluating") {
			bare = u.Message
		}
		text += ". " + bare
	}
	return text
}

// plainError is one that is printed without a place.
type plainError struct{ err error }

func (p *plainError) Error() string { return p.err.Error() }
func (p *plainError) Unwrap() error { return p.err }

func (e *executor) attempt(s *scope) (*py.Dict, error) {
	t := e.task
	early := e.keywords(s)
	yes, err := e.conditions(t.When, s)
	if err != nil {
		if e.loopErr != nil {
			return nil, e.loopErr
		}
		return nil, err
	}
	if !yes {
		res := py.DictOf("changed", false, "skipped", true, "skip_reason", "Conditional result was False")
		if e.fields.noLog {
			res.Set("_ansible_no_log", true)
		}
		return res, nil
	}
	if e.loopErr != nil {
		return nil, &plainError{e.loopErr}
	}
	if early != nil {
		return nil, e.undefined(early)
	}
	if t.IsInclude() {
		return e.include(s)
	}
	args, err := e.arguments(s)
	if err != nil {
		return nil, err
	}
	return e.tries(s, args)
}

// undefined says that it is the task's own text that has something undefined.
func (e *executor) undefined(err error) error {
	if jinja.IsUndefined(err) {
		return fmt.Errorf("The task includes an option with an undefined variable. The error was: %w", err)
	}
	return err
}

// keywords resolves what is said of the task beside its arguments.
func (e *executor) keywords(s *scope) error {
	t, p := e.task, e.p
	f := &fields{}
	var all []error
	flag := func(value any, otherwise bool, name string) bool {
		if value == nil {
			return otherwise
		}
		b, err := p.flagIn(value, otherwise, name, s)
		all = append(all, err)
		return b
	}
	set := p.r.opt.Settings
	f.noLog = flag(t.NoLog, set.NoLog, "no_log")
	if f.ignoreErrors = flag(t.IgnoreErrors, false, "ignore_errors"); len(all) > 0 && all[len(all)-1] != nil {
		f.ignoreErrors = true // what is not false
	}
	f.ignoreUnreachable = flag(t.IgnoreUnreachable, false, "ignore_unreachable")
	f.diff = flag(t.Diff, p.r.opt.Diff, "diff")
	f.check = flag(t.CheckMode, p.r.opt.Check, "check_mode")
	f.runOnce = flag(t.RunOnce, false, "run_once")
	if t.DelegateTo != nil {
		v, err := e.env().Value(p.r.ctx, t.DelegateTo, s)
		all = append(all, err)
		if err == nil && v != nil && v != p.r.omit && py.Str(v) != "" {
			f.delegate = py.Str(v)
		}
	}
	if t.Notify != nil {
		v, err := e.env().Value(p.r.ctx, py.NewList(t.Notify...), s)
		all = append(all, err)
		for _, n := range flat(v) {
			f.notify = append(f.notify, py.Str(n))
		}
	}
	f.title = e.shown.Name
	if playbook.IsTemplate(t.Name) && len(s.local) > 0 {
		if v, err := e.env().Value(p.r.ctx, t.Name, s); err == nil {
			f.title = t.TitleOf(py.Str(v))
		}
	}
	f.title = strings.TrimSpace(f.title)
	e.fields = f
	return errors.Join(all...)
}

func flat(v any) []any {
	var out []any
	for _, item := range itemsOf(v) {
		if list, ok := item.(*py.List); ok {
			out = append(out, flat(list)...)
			continue
		}
		out = append(out, item)
	}
	return out
}

// conditions judges a list of conditions; all must hold.
func (e *executor) conditions(list []any, s *scope) (bool, error) {
	for _, c := range list {
		switch v := c.(type) {
		case bool:
			if !v {
				return false, nil
			}
			continue
		case nil:
			continue
		case *py.List:
			ok, err := e.conditions(v.Items, s)
			if err != nil || !ok {
				return ok, err
			}
			continue
		}
		ok, err := e.env().Condition(e.p.r.ctx, c, s)
		if err != nil || !ok {
			return false, err
		}
	}
	return true, nil
}

// include is what the strategy needs for bringing tasks in.
func (e *executor) include(s *scope) (*py.Dict, error) {
	args := e.task.Args.Copy()
	if e.task.Short() == "include_role" {
		return py.DictOf("include_args", args), nil
	}
	raw, _ := args.Get("_raw_params")
	args.Delete("_raw_params")
	v, err := e.env().Value(e.p.r.ctx, raw, s)
	if err != nil {
		return nil, err
	}
	return py.DictOf("include", py.Str(v), "include_args", args), nil
}

// arguments resolves the arguments of the module, with its defaults, and leaves out what is omit.
func (e *executor) arguments(s *scope) (*py.Dict, error) {
	raw := e.task.Args
	args := py.NewDict()
	for key, value := range raw.All() {
		name, _ := key.(string)
		if e.info.local && contains(e.info.kind.Raw, name) {
			args.Set(key, value)
			continue
		}
		resolve := e.env().Value
		if e.info.local && e.info.kind.Facts {
			resolve = e.env().Fact
		}
		v, err := resolve(e.p.r.ctx, value, s)
		if err != nil {
			return nil, e.undefined(err)
		}
		args.Set(key, v)
	}
	if v, ok := args.Get("_variable_params"); ok {
		d, is := v.(*py.Dict)
		if !is {
			return nil, fmt.Errorf("invalid or malformed argument: '%s'", py.Str(v))
		}
		args.Delete("_variable_params")
		merged := d.Copy()
		update(merged, args)
		args = merged
	}
	defaults, err := e.defaults(s)
	if err != nil {
		return nil, e.undefined(err)
	}
	for k, v := range defaults.All() {
		if !args.Has(k) {
			args.Set(k, v)
		}
	}
	return e.without(args).(*py.Dict), nil
}

func contains(list []string, name string) bool {
	for _, s := range list {
		if s == name {
			return true
		}
	}
	return false
}

// defaults are what module_defaults says for the module.
func (e *executor) defaults(s *scope) (*py.Dict, error) {
	out := py.NewDict()
	for _, level := range e.task.ModuleDefaults {
		for key, value := range level.All() {
			name := py.Str(key)
			if group, ok := strings.CutPrefix(name, "group/"); ok {
				if !inActionGroup(group, e.task.Action) {
					continue
				}
			} else if playbook.Short(name) != e.task.Short() {
				continue
			}
			v, err := e.env().Value(e.p.r.ctx, value, s)
			if err != nil {
				return nil, err
			}
			if d, ok := v.(*py.Dict); ok {
				update(out, d)
			}
		}
	}
	return out, nil
}

// inActionGroup knows the groups by the collection that a module is of.
func inActionGroup(group, module string) bool {
	parts := strings.Split(group, ".")
	return len(parts) >= 2 && strings.HasPrefix(module, parts[0]+"."+parts[1]+".")
}

// without leaves out what is omit.
func (e *executor) without(value any) any {
	switch v := value.(type) {
	case *py.Dict:
		out := py.NewDict()
		for k, item := range v.All() {
			if item != e.p.r.omit {
				out.Set(k, e.without(item))
			}
		}
		return out
	case *py.List:
		out := py.NewList()
		for _, item := range v.Items {
			if item != e.p.r.omit {
				out.Items = append(out.Items, e.without(item))
			}
		}
		return out
	}
	return value
}

// tries runs the module until it is as until wants it, or once.
func (e *executor) tries(s *scope, args *py.Dict) (*py.Dict, error) {
	most, delay, err := e.retries(s)
	if err != nil {
		return nil, err
	}
	timeout, err := e.number(e.task.Timeout, s, "timeout", e.p.r.opt.Settings.TaskTimeout)
	if err != nil {
		return nil, err
	}
	local := map[string]any{}
	var res *py.Dict
	for n := 1; n <= most; n++ {
		if res, err = e.module(s, args, time.Duration(timeout)*time.Second); err != nil {
			return nil, err
		}
		if action.Is(res, "unreachable") {
			return res, nil
		}
		if res, err = e.poll(s, res); err != nil {
			return nil, err
		}
		e.judge(s, res, local, n)
		if most == 1 {
			break
		}
		enough, err := e.conditions(e.task.Until, s.with(local))
		if err != nil {
			return nil, err
		}
		if enough {
			break
		}
		if n == most {
			res.Set("attempts", int64(most-1))
			res.Set("failed", true)
			break
		}
		res.Set("_ansible_retry", true)
		res.Set("retries", int64(most))
		e.tell(Retry, res)
		if !e.sleep(delay) {
			return nil, e.p.r.ctx.Err()
		}
	}
	if e.task.Register != "" {
		if !playbook.Identifier(e.task.Register) {
			return nil, &plainError{fmt.Errorf("Invalid variable name in 'register' specified: '%s'", e.task.Register)}
		}
	}
	if len(e.fields.notify) > 0 {
		res.Set("_ansible_notify", texts(e.fields.notify))
	}
	if e.fields.delegate != "" {
		res.Set("_ansible_delegated_vars", py.DictOf("ansible_delegated_host", e.fields.delegate))
	}
	return res, nil
}

func (e *executor) retries(s *scope) (int, time.Duration, error) {
	delay := 5.0
	if e.task.Delay != nil {
		v, err := e.env().Value(e.p.r.ctx, e.task.Delay, s)
		if err != nil {
			return 0, 0, err
		}
		if delay, err = strconv.ParseFloat(py.Str(v), 64); err != nil {
			return 0, 0, fmt.Errorf("the field 'delay' has an invalid value (%s), and could not be converted to an int.", py.Str(v))
		}
		if delay < 0 {
			delay = 1
		}
	}
	if len(e.task.Until) == 0 {
		return 1, 0, nil
	}
	n, err := e.number(e.task.Retries, s, "retries", 3)
	if err != nil {
		return 0, 0, err
	}
	return max(1, n+1), time.Duration(delay * float64(time.Second)), nil
}

// number resolves a keyword that is a whole number.
func (e *executor) number(value any, s *scope, name string, otherwise int) (int, error) {
	if value == nil {
		return otherwise, nil
	}
	v, err := e.env().Value(e.p.r.ctx, value, s)
	if err != nil {
		return 0, err
	}
	if v == e.p.r.omit {
		return otherwise, nil
	}
	n, err := strconv.Atoi(py.Str(v))
	if err != nil {
		return 0, fmt.Errorf("the field '%s' has an invalid value (%s), and could not be converted to an int.The error was: invalid literal for int() with base 10: '%s'", name, py.Str(v), py.Str(v))
	}
	return n, nil
}

// judge lets changed_when and failed_when decide.
func (e *executor) judge(s *scope, res *py.Dict, local map[string]any, attempt int) {
	if !res.Has("failed") {
		rc, has := res.Get("rc")
		res.Set("failed", has && rc != int64(0) && py.Str(rc) != "0")
	}
	if len(e.task.Until) > 0 {
		res.Set("attempts", int64(attempt))
	}
	if !res.Has("changed") {
		res.Set("changed", false)
	}
	if e.task.Register != "" {
		local[e.task.Register] = res
	}
	e.learned(s, res, local)
	if res.Has("skipped") {
		return
	}
	inner := s.with(local)
	if len(e.task.ChangedWhen) > 0 {
		is, err := e.conditions(e.task.ChangedWhen, inner)
		if err != nil {
			res.Set("failed", true)
			res.Set("changed_when_result", py.Unsafe(twice(err)))
			return
		}
		res.Set("changed", is)
	}
	if len(e.task.FailedWhen) > 0 {
		is, err := e.conditions(e.task.FailedWhen, inner)
		if err != nil {
			res.Set("failed", true)
			res.Set("failed_when_result", py.Unsafe(twice(err)))
			return
		}
		res.Set("failed_when_result", is)
		res.Set("failed", is)
	}
}

// learned makes facts of a result known to its own conditions.
func (e *executor) learned(s *scope, res *py.Dict, local map[string]any) {
	v, _ := res.Get("ansible_facts")
	facts, ok := v.(*py.Dict)
	if !ok || e.task.Short() == "debug" || len(e.task.ChangedWhen)+len(e.task.FailedWhen)+len(e.task.Until) == 0 {
		return
	}
	for k, v := range facts.All() {
		local[py.Str(k)] = v
	}
}

// module lets an action or the host do the task.
func (e *executor) module(s *scope, args *py.Dict, timeout time.Duration) (*py.Dict, error) {
	ctx := e.p.r.ctx
	if timeout > 0 {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeout(ctx, timeout)
		defer stop()
	}
	res, err := e.carryOut(ctx, s, args)
	switch {
	case timeout > 0 && ctx.Err() != nil && e.p.r.ctx.Err() == nil:
		return py.DictOf("failed", true, "msg", py.Unsafe(fmt.Sprintf("The %s action failed to execute in the expected time frame (%d) and was terminated", e.task.Action, int(timeout.Seconds())))), nil
	case errors.Is(err, action.ErrSkipped):
		res, err = py.DictOf("skipped", true), nil
	}
	var gone *action.Unreachable
	if errors.As(err, &gone) {
		return py.DictOf("unreachable", true, "msg", py.Unsafe(gone.Error()), "changed", false), nil
	}
	if err != nil {
		var lost *playbook.NotFound
		res = py.DictOf("failed", true, "msg", py.Unsafe(err.Error()))
		if errors.As(err, &lost) {
			res.Set("exception", py.Unsafe(err.Error()))
		}
		err = nil
	}
	if e.fields.noLog {
		res.Set("_ansible_no_log", true)
	}
	return res, err
}

func (e *executor) carryOut(ctx context.Context, s *scope, args *py.Dict) (*py.Dict, error) {
	remote, err := e.remote(s)
	if err != nil {
		return nil, err
	}
	if !e.info.local {
		return remote.task(ctx, e.info.name, args)
	}
	t := &action.Task{
		Name: e.task.Short(), Full: e.task.Action, Title: e.fields.title, Args: args, Unsolved: e.task.Args, Host: e.host.Name, Vars: &variables{e: e, s: s}, Remote: remote,
		Check: e.fields.check, Diff: e.fields.diff, NoLog: e.fields.noLog, Verbose: e.p.r.opt.Verbosity, Path: e.task.Path(), Console: e.p.r.opt.Console,
		Find:    func(kind, name string) (string, error) { return e.task.Find(e.p.play.Dir, kind, name) },
		Decrypt: e.p.r.decrypt, Load: e.p.r.load,
	}
	res, err := e.info.kind.Run(ctx, t)
	if err != nil {
		return nil, err
	}
	if res == nil {
		res = py.NewDict()
	}
	return res, nil
}

// poll waits for a task that runs by itself.
func (e *executor) poll(s *scope, res *py.Dict) (*py.Dict, error) {
	limit, err := e.number(e.task.Async, s, "async", 0)
	if err != nil || limit <= 0 {
		return res, err
	}
	every, err := e.number(e.task.Poll, s, "poll", e.p.r.opt.Settings.PollInterval)
	if err != nil || every <= 0 || action.Is(res, "skipped") || action.Is(res, "failed") {
		return res, err
	}
	id, ok := res.Get("ansible_job_id")
	if !ok {
		return py.DictOf("failed", true, "msg", "No job id was returned by the async task"), nil
	}
	remote, err := e.remote(s)
	if err != nil {
		return nil, err
	}
	remote.async = 0
	var got *py.Dict
	for left := limit; left > 0; left -= every {
		if !e.sleep(time.Duration(every) * time.Second) {
			return nil, e.p.r.ctx.Err()
		}
		if got, err = remote.task(e.p.r.ctx, "async_status", py.DictOf("jid", id, "mode", "status", "_async_dir", e.asyncDir(s))); err != nil {
			continue // a host that is away for a moment may come back
		}
		if action.Is(got, "finished") || action.Is(got, "skipped") || action.Is(got, "failed") {
			break
		}
		e.tell(AsyncPoll, got)
	}
	if err != nil {
		return nil, err
	}
	if !action.Is(got, "finished") {
		res = py.DictOf("failed", true, "msg", py.Unsafe(fmt.Sprintf("async task did not complete within the requested time - %ds", limit)), "async_result", got)
		e.tell(AsyncFailed, res)
		return res, nil
	}
	if _, err := remote.task(e.p.r.ctx, "async_status", py.DictOf("jid", id, "mode", "cleanup", "_async_dir", e.asyncDir(s))); err != nil {
		e.warn(fmt.Sprintf("the record of async job %s on %s stays: %v", py.Str(id), e.host.Name, err))
	}
	if isFailed(got) {
		e.tell(AsyncFailed, got)
	} else {
		e.tell(AsyncOK, got)
	}
	return got, nil
}

// asyncDir is where a host keeps the state of jobs in the background.
func (e *executor) asyncDir(s *scope) any {
	if raw, ok := s.Lookup("ansible_async_dir"); ok {
		if v, err := e.env().Value(e.p.r.ctx, raw, s); err == nil {
			return v
		}
	}
	return "~/.ansible_async"
}
