package engine

import (
	"fmt"
	"strconv"
	"time"

	"goodstate.dev/goodstate/core/py"
	"goodstate.dev/goodstate/drift/action"
	"goodstate.dev/goodstate/drift/playbook"
)

// tries runs the module until it is as until wants it, or once.
func (e *executor) tries(s *scope, args *py.Dict, remote *reach) (*py.Dict, error) {
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
		if res, err = e.module(s, args, remote, time.Duration(timeout)*time.Second); err != nil {
			return nil, err
		}
		if action.Is(res, "unreachable") {
			return res, nil
		}
		if res, err = e.poll(s, res, remote); err != nil {
			return nil, err
		}
		e.judge(s, res, local, n)
		if most == 1 {
			break
		}
		enough, err := e.conditions(e.task.Until, s.with(local))
		if err != nil {
			return nil, &plainError{err}
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
	e.learned(res, local)
	if res.Has("skipped") {
		return
	}
	inner := s.with(local)
	if len(e.task.ChangedWhen) > 0 {
		is, err := e.conditions(e.task.ChangedWhen, inner)
		if err != nil {
			res.Set("failed", true)
			res.Set("changed_when_result", py.Unsafe(repeated(err)))
			return
		}
		res.Set("changed", is)
	}
	if len(e.task.FailedWhen) > 0 {
		is, err := e.conditions(e.task.FailedWhen, inner)
		if err != nil {
			res.Set("failed", true)
			res.Set("failed_when_result", py.Unsafe(repeated(err)))
			return
		}
		res.Set("failed_when_result", is)
		res.Set("failed", is)
	}
}

// seen makes facts of an item known to the items that follow.
func (e *executor) seen(res *py.Dict, s *scope, into map[string]any) {
	v, _ := res.Get("ansible_facts")
	facts, ok := v.(*py.Dict)
	short := e.task.Short()
	if !ok || short == "debug" {
		return
	}
	said := short == "set_fact" || short == "include_vars"
	named := py.NewDict()
	if known, ok := s.Lookup("ansible_facts"); ok && !said {
		if d, ok := known.(*py.Dict); ok {
			named = d.Copy()
		}
	}
	for k, v := range facts.All() {
		name := py.Str(k)
		named.Set(nameOfFact(name), v)
		if said || e.p.r.opt.Settings.InjectFacts && !restricted(name) {
			into[name] = v
		}
	}
	if !said {
		into["ansible_facts"] = named
	}
}

// learned makes facts of a result known to its own conditions.
func (e *executor) learned(res *py.Dict, local map[string]any) {
	v, _ := res.Get("ansible_facts")
	facts, ok := v.(*py.Dict)
	if !ok || e.task.Short() == "debug" || len(e.task.ChangedWhen)+len(e.task.FailedWhen)+len(e.task.Until) == 0 {
		return
	}
	for k, v := range facts.All() {
		local[py.Str(k)] = v
	}
}
