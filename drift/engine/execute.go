package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"goodstate.dev/goodstate/core/py"
	"goodstate.dev/goodstate/drift/action"
	"goodstate.dev/goodstate/drift/playbook"
)

// once does the task one time: for the host, or for one item. An error is about what the task says, and ends a loop.
func (e *executor) once(s *scope) (*py.Dict, error) {
	res, err := e.attempt(s)
	if err != nil {
		return nil, e.placed(err)
	}
	if !res.Has("changed") && !res.Has("unreachable") {
		res.Set("changed", false)
	}
	return res, nil
}

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
		return nil, early
	}
	if t.IsInclude() {
		return e.include(s)
	}
	args, err := e.arguments(s)
	if err != nil {
		return nil, err
	}
	remote, err := e.remote(s)
	if err != nil {
		return nil, err
	}
	held := e.hold(args)
	res, err := e.tries(s, args, remote)
	if err == nil {
		e.desired(res, args, remote)
	}
	if held && res != nil {
		res.Set(Held, true)
	}
	return res, err
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
		return nil, &plainError{err}
	}
	return py.DictOf("include", py.Str(v), "include_args", args), nil
}

// module lets an action or the host do the task.
func (e *executor) module(s *scope, args *py.Dict, remote *reach, timeout time.Duration) (*py.Dict, error) {
	ctx := e.p.r.ctx
	if timeout > 0 {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeout(ctx, timeout)
		defer stop()
	}
	res, err := e.carryOut(ctx, s, args, remote)
	switch {
	case timeout > 0 && ctx.Err() != nil && e.p.r.ctx.Err() == nil:
		return py.DictOf("failed", true, "msg", py.Unsafe(fmt.Sprintf("The %s action failed to execute in the expected time frame (%d) and was terminated", e.task.Action, int(timeout.Seconds())))), nil
	case errors.Is(err, action.ErrSkipped):
		res, err = py.DictOf("skipped", true), nil
	}
	var wrong *plainError
	if errors.As(err, &wrong) {
		return nil, wrong
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
		var template *templateError
		if errors.As(err, &template) {
			res.Set("exception", py.Unsafe("ansible.errors."+template.Error()))
		}
		err = nil
	}
	if e.fields.noLog {
		res.Set("_ansible_no_log", true)
	}
	return res, err
}

func (e *executor) carryOut(ctx context.Context, s *scope, args *py.Dict, remote *reach) (*py.Dict, error) {
	if e.info.local && remote.async > 0 && e.task.Short() != "gather_facts" {
		return action.Failed("async is not supported for this task."), nil
	}
	if !e.info.local {
		return remote.task(ctx, e.info.name, args)
	}
	if err := e.p.r.opt.action(e.task.Action); err != nil {
		return nil, err
	}
	t := &action.Task{
		Name: e.task.Short(), Full: e.task.Action, Title: e.fields.title, Args: args, Unsolved: e.task.Args, Host: e.host.Name, Vars: &variables{e: e, s: s}, Remote: remote,
		Check: e.fields.check, Diff: e.fields.diff, NoLog: e.fields.noLog, Verbose: e.p.r.opt.Verbosity, Path: e.task.Path(), Console: e.p.r.opt.Console,
		Find:    func(kind, name string) (string, error) { return e.p.r.opt.find(e.task.Find(e.p.play.Dir, kind, name)) },
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
