package action

import (
	"context"

	"goodstate.dev/goodstate/core/py"
)

func init() {
	register(Kind{Name: "async_status", Help: "Ask for a task that runs in the background", Run: runAsyncStatus})
}

// AsyncDir is where hosts keep the state of tasks in the background, unless ansible_async_dir says otherwise.
const AsyncDir = "~/.ansible_async"

func runAsyncStatus(ctx context.Context, t *Task) (*py.Dict, error) {
	if err := t.Only("jid", "mode"); err != nil {
		return nil, err
	}
	jid, mode := t.Text("jid"), t.Text("mode")
	if jid == "" {
		return Failed("missing required arguments: jid"), nil
	}
	if mode == "" {
		mode = "status"
	}
	dir, err := t.variable("ansible_async_dir")
	if err != nil {
		return nil, err
	}
	if dir == "" {
		dir = AsyncDir
	}
	result := py.DictOf("started", int64(0), "finished", int64(0), "stdout", "", "stderr", "", "stdout_lines", py.NewList(), "stderr_lines", py.NewList(), "ansible_job_id", jid)
	if mode != "cleanup" {
		result.Set("started", int64(1))
	}
	got, err := t.Remote.Module(ctx, "async_status", py.DictOf("jid", jid, "mode", mode, "_async_dir", dir))
	if err != nil {
		return nil, err
	}
	if got.Has("stdout") { // its lines are made of it
		result.Delete("stdout_lines")
	}
	if got.Has("stderr") {
		result.Delete("stderr_lines")
	}
	for key, value := range got.All() {
		result.Set(key, value)
	}
	addLines(result)
	return result, nil
}
