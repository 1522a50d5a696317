package cli

import (
	"context"
	"errors"

	"goodstate.dev/goodstate/rollout"
	"goodstate.dev/goodstate/web/api"
)

// lastRun stands for the newest rollout where a command takes the ID of one.
const lastRun = "last"

// runID is the ID that was named, or that of the newest rollout.
func runID(ctx context.Context, client *api.Client, named string) (string, error) {
	if named != lastRun {
		return named, nil
	}
	all, err := client.Runs(ctx, "", "", 50)
	if err != nil {
		return "", err
	}
	for _, r := range all { // newest first
		if r.Kind == rollout.Kind {
			return r.ID, nil
		}
	}
	return "", errors.New("there is no rollout yet")
}
