package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"goodstate.dev/goodstate/backup"
	"goodstate.dev/goodstate/core/run"
	"goodstate.dev/goodstate/web/api"
)

// work does one kind of work on applications, and tells what the journal says.
func work(ctx context.Context, c *api.Client, o Options, kind string, q backup.Request, names ...string) error {
	for _, name := range names {
		info, err := c.StartBackup(ctx, kind, name, "demo", q)
		if err != nil {
			return err
		}
		if kind == backup.KindCopy {
			res, err := followed[backup.Result](ctx, c, o, info)
			if err != nil {
				return err
			}
			if res.Failed != "" || !res.Complete {
				return fmt.Errorf("%s was not copied: %s", name, res.Failed)
			}
			continue
		}
		if _, err := followed[any](ctx, c, o, info); err != nil {
			return err
		}
	}
	return nil
}

// followed tells what the journal says of a run, and returns its result.
func followed[T any](ctx context.Context, c *api.Client, o Options, info run.Info) (res T, err error) {
	for e, err := range c.Follow(ctx, info.ID, 0) {
		if err != nil {
			return res, err
		}
		if e.Event != "started" {
			o.Say(e.At.Local().Format("15:04:05") + "  " + e.Text)
		}
	}
	r, err := c.Run(ctx, info.ID, time.Minute)
	if err != nil {
		return res, err
	}
	if r.State != run.Succeeded {
		return res, fmt.Errorf("run %s %s: %s", r.ID, r.State, r.Error)
	}
	return res, json.Unmarshal(r.Result, &res)
}
