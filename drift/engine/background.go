package engine

import (
	"fmt"
	"time"

	"goodstate.dev/goodstate/core/py"
	"goodstate.dev/goodstate/drift/action"
)

// poll waits for a task that runs by itself.
func (e *executor) poll(s *scope, res *py.Dict, of *reach) (*py.Dict, error) {
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
	remote := *of
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
