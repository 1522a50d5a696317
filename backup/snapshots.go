package backup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"goodstate.dev/goodstate/core/run"
)

// Covers says whether the data of a service is copied: an application names it under services.
func (b *Backups) Covers(service string) bool { return b.applicationOf(service) != "" }

func (b *Backups) applicationOf(service string) string {
	for name, a := range b.Configured().Applications.All() {
		for _, s := range a.Services {
			if s == service {
				return name
			}
		}
	}
	return ""
}

// Snapshot copies the application of a service and returns the name of the restore point. It is what a rollout waits for before a migration that cannot be undone, so
// only a complete copy counts. Asked again for the same rollout, it returns the same point. The whole application is copied, whichever tables are named.
func (b *Backups) Snapshot(ctx context.Context, service, rollout string, _ []string) (string, error) {
	name := b.applicationOf(service)
	if name == "" {
		return "", fmt.Errorf("no application of backup.applications names service %s", service)
	}
	a, err := b.application(name)
	if err != nil {
		return "", err
	}
	q := run.Request{
		ID: "backup-for-" + rollout, Kind: KindCopy, Target: Target(name), Who: "goodstate", Why: "before a migration of " + service + " that cannot be undone",
		Input: input{Application: name, Config: a, Repository: a.Repository, At: time.Now()},
	}
	info, err := b.Engine.Start(ctx, q)
	var taken *run.LeaseError
	for errors.As(err, &taken) { // the copy under way began before this moment: it does not count
		if _, err := b.Engine.Wait(ctx, taken.Holder.ID); err != nil {
			return "", err
		}
		info, err = b.Engine.Start(ctx, q)
	}
	if err == nil {
		info, err = b.Engine.Wait(ctx, info.ID)
	}
	if err != nil {
		return "", fmt.Errorf("restore point of %s: %w", name, err)
	}
	var res Result
	switch {
	case info.State != run.Succeeded:
		return "", fmt.Errorf("restore point of %s: run %s %s: %s", name, info.ID, info.State, info.Error)
	case json.Unmarshal(info.Result, &res) != nil || res.Failed != "":
		return "", fmt.Errorf("restore point of %s: %s", name, res.Failed)
	case !res.Complete:
		return "", fmt.Errorf("restore point of %s is incomplete: %v", name, res.Problems)
	}
	return fmt.Sprintf("backup:%s/%s", name, res.Snapshot), nil
}
