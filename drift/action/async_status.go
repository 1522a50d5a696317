package action

import (
	"context"

	"goodstate.dev/goodstate/core/py"
)

func init() {
	register(Kind{Name: "async_status", Help: "Ask for a task that runs in the background", Run: asyncStatus})
}

func asyncStatus(ctx context.Context, t *Task) (*py.Dict, error) {
	if !t.Args.Has("jid") {
		return Failed("missing required arguments: jid"), nil
	}
	dir := any("~/.ansible_async")
	if v, ok, err := t.Vars.Get("ansible_async_dir"); err != nil {
		return nil, err
	} else if ok {
		dir = v
	}
	args := py.DictOf("jid", t.Text("jid"), "mode", "status", "_async_dir", dir)
	if mode := t.Text("mode"); mode != "" {
		args.Set("mode", mode)
	}
	return t.Remote.Module(ctx, "async_status", args)
}
